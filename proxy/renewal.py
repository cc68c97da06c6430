"""Keeps evidence: fresh where Notary answers, as old as the outage rule allows where it does not (design: Freshness).

One check per collection goes on for everybody who waits for it, and goes on when they leave; so there is a line for
collections of which nothing is known, and those that leave do not lengthen it. A refusal is remembered for a moment,
so that a crowd does not ask Notary for what it does not have, nor for what cannot be verified now.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

import cachetools
import structlog

from proxy.checks import Away, Checks, Fetcher
from proxy.clock import Clock
from proxy.decision_cache import DecisionCache, Evidence, EvidenceKey, Standing
from proxy.errors import DeadlineExceeded, NotaryUnreachable, Refusal, TrustError, Undecided
from proxy.limits import (
    CHECK_PATIENCE_SECONDS,
    CHECK_PAUSE_SECONDS,
    FIRST_CHECKS,
    FLIGHT_SECONDS,
    REFUSALS_REMEMBERED,
    REFUSED_SECONDS,
    RENEWED_WHILE_SECONDS,
)
from proxy.names import Gun
from proxy.outages import Kind, Left, Outages, longest_spans
from proxy.policy.entries import Entry, Policy
from proxy.tasks import spawn
from proxy.telemetry.metrics import FLIGHT_WAITERS

__all__ = ["Fetcher", "Renewal"]

Landed: TypeAlias = Callable[[EvidenceKey], None]

_log = structlog.get_logger()


def _nobody(_: EvidenceKey) -> None:
    """Nobody wants to know."""


class _Departure(NamedTuple):
    """When a check began (monotonic seconds), and for how long its evidence may serve if it finds an outage."""

    began: float
    outage_for: timedelta


@dataclass(slots=True)
class Renewal:
    """Evidence for whoever decides.

    `landed` is told of every check that brought evidence, `doubted` of every one that took away what was known, and
    `asked` of everything that somebody asks for. `waits` counts those who had to wait for a check.
    """

    checks: Checks
    landed: Landed = _nobody
    doubted: Landed = _nobody
    asked: Landed = _nobody
    outages: Outages = field(default_factory=Outages)
    waits: int = 0
    _flights: dict[EvidenceKey, asyncio.Task[Evidence]] = field(default_factory=dict)
    _departed: dict[EvidenceKey, _Departure] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FIRST_CHECKS))
    _refused: "cachetools.TTLCache[EvidenceKey, Refusal]" = field(init=False)
    _away: dict[EvidenceKey, float] = field(default_factory=dict)
    _longest: dict[Kind, timedelta] = field(init=False)

    def __post_init__(self) -> None:
        self._longest = longest_spans(self.policy)
        self._refused = cachetools.TTLCache(REFUSALS_REMEMBERED, REFUSED_SECONDS, timer=self.clock.seconds)

    @property
    def policy(self) -> Policy:
        """The policy under which collections are verified."""
        return self.checks.policy

    @property
    def clock(self) -> Clock:
        """The clock by which evidence grows old."""
        return self.checks.clock

    @property
    def cache(self) -> DecisionCache:
        """All evidence in memory."""
        return self.checks.cache

    @property
    def notaries(self) -> Mapping[str, Fetcher]:
        """What fetches files of a GUN, by the Notary's name."""
        return self.checks.notaries

    def rebind(self, policy: Policy, notaries: Mapping[str, Fetcher], moved: Collection[str]) -> None:
        """Go on under another policy and with other clients of Notaries; see `Checks.rebind`."""
        for notary in self.checks.rebind(policy, notaries, moved):
            self.forget_refusals(notary, None)
        self._longest = longest_spans(policy)

    async def evidence(self, entry: Entry, gun: Gun) -> Evidence:
        """Verified trust data: fresh enough for the entry, or in an outage not too old for it. Raises a `Refusal`."""
        key = key_of(entry, gun)
        self.asked(key)
        fresh = self._fresh(key, entry.fresh_for)
        if fresh:
            return fresh
        if refusal := self._refused.get(key):
            raise replace(refusal)
        flight = self._flights.get(key)
        if key in self._away and (known := self._in_outage(key, entry)):
            if flight is None and self._is_worth_a_try(key):
                self._depart(key, entry.outage_for)
            return known  # the last check found Notary away: nobody waits for the next one to find out again
        self.waits += 1
        try:
            with FLIGHT_WAITERS:
                return await self._arrival(flight or await self._departure(key, entry.outage_for), key)
        except Away as away:
            known = self._in_outage(key, entry)
            if known is None:
                raise away.refusal from None
            return known

    def serves(self, key: EvidenceKey, standing: Standing, fresh_for: float, utc: float) -> bool:
        """Whether evidence has its place yet and may answer at once: `evidence`, without looking at what it says.

        Args:
            key: of the evidence.
            standing: its place, as it was when something was made of it.
            fresh_for: in seconds.
            utc: the time by the wall clock, in POSIX seconds.
        """
        self.asked(key)
        return self.cache.standing(key) is standing and self._is_fresh(key, standing, fresh_for, utc)

    async def renew(self, key: EvidenceKey) -> bool:
        """Check a collection now, from the beginning: a check that is under way may have asked too early.

        Whether it brought evidence; a refusal is for those who ask later.
        """
        self._refused.pop(key, None)
        if flight := self._flights.get(key):
            await asyncio.wait([flight])
        was_known = self.cache.standing(key) is not None
        flight = self._flights.get(key) or self._depart(key)
        await asyncio.wait([flight])
        standing = self.cache.standing(key)
        if standing and not was_known and standing.asked == standing.checked:
            standing.asked -= RENEWED_WHILE_SECONDS  # nobody asked for it yet
        return not flight.cancelled() and flight.exception() is None

    def forget_refusals(self, notary: str, guns: Collection[Gun] | None) -> None:
        """Let the next one who asks for these ask Notary; None is all of a Notary."""
        for key in tuple(self._refused):
            if key[0] == notary and (guns is None or key[1] in guns):
                self._refused.pop(key, None)

    def is_known(self, key: EvidenceKey) -> bool:
        """Whether something is known of this, or about to be."""
        return key in self._flights or self.cache.standing(key) is not None

    def keys(self, notary: str) -> tuple[EvidenceKey, ...]:
        """All of a Notary of which something is known, or about to be."""
        return tuple(key for key in {*self.cache.keys(), *self._flights} if key[0] == notary)

    def question(self, key: EvidenceKey, seconds: float) -> None:
        """Let no check from before then (monotonic seconds) make this fresh; in an outage it serves, as old as it is.

        The next one who asks begins a check, also where the last one found Notary away.
        """
        self._note_question(key, seconds)
        if flight := self._flights.get(key):
            flight.add_done_callback(lambda _: self._note_question(key, seconds))

    def confirm(self, key: EvidenceKey, checked_at: datetime, checked: float) -> None:
        """Take a check of another process of ours (UTC, monotonic seconds) for one of this one's."""
        self.cache.confirm(key, checked_at, checked)
        self._note_well(key, checked)

    def adopt(self, key: EvidenceKey, evidence: Evidence) -> None:
        """Keep what another process of ours committed and this one verified, unless something newer is known."""
        standing = self.cache.standing(key)
        if standing is None or standing.checked <= evidence.checked:
            self.cache.put(key, evidence)
            self._note_well(key, evidence.checked)

    def doubt(self, key: EvidenceKey) -> None:
        """Let nothing of this serve before a check brought it once more, also where nothing of it is in memory yet."""
        self.cache.drop(key)
        self.checks.contradict(key)

    def _note_well(self, key: EvidenceKey, checked: float) -> None:
        self._refused.pop(key, None)
        self._away.pop(key, None)
        self.checks.believe(key, checked)

    def _is_worth_a_try(self, key: EvidenceKey) -> bool:
        """Whether it is time to find out if an outage is over, or there is a new reason to ask."""
        standing, since = self.cache.standing(key), self._away[key]
        is_new = standing is not None and since < standing.questioned
        return is_new or self.clock.seconds() - since >= CHECK_PAUSE_SECONDS

    def _note_question(self, key: EvidenceKey, seconds: float) -> None:
        if standing := self.cache.standing(key):
            standing.questioned = max(standing.questioned, seconds)

    def _fresh(self, key: EvidenceKey, fresh_for: timedelta) -> Evidence | None:
        standing, utc = self.cache.standing(key), self.clock.now().timestamp()
        if standing is None or not self._is_fresh(key, standing, fresh_for.total_seconds(), utc):
            return None
        return self.cache.get(key)

    def _is_fresh(self, key: EvidenceKey, standing: Standing, fresh_for: float, utc: float) -> bool:
        """Whether the last check is not longer ago than that by either clock: one may have stood still, or been set."""
        seconds = standing.asked = self.clock.seconds()
        standing.want()
        if self.checks.is_contradicted(key) or standing.checked < standing.questioned:
            return False
        if utc >= standing.expires:
            return False  # what has expired is signed again when somebody asks for it
        return seconds - standing.checked < fresh_for and utc - standing.checked_utc < fresh_for

    def _in_outage(self, key: EvidenceKey, entry: Entry) -> Evidence | None:
        """What is known and not too old for an outage; only after a check has found that there is one."""
        standing = self.cache.standing(key)
        if standing is None or not self._is_within(entry.outage_for, standing):
            return None
        if self.checks.is_in_doubt(key):
            return None
        known = self.cache.get(key)
        return known.in_outage() if known else None

    def _is_within(self, span: timedelta, standing: Standing) -> bool:
        """Whether the last check is not longer ago than that by either clock: one may have stood still, or been set."""
        return standing.is_fresh(span, self.clock.seconds()) and self.clock.now() - standing.checked_at < span

    async def _arrival(self, flight: asyncio.Task[Evidence], key: EvidenceKey) -> Evidence:
        """Wait for a check as long as a decision can: a Notary that takes longer is away, whatever it does meanwhile.

        Not so where Notary said something new in time, and it is we who take longer. The flight is everybody's: it does
        not end because one leaves. Raises `Away`, a `Refusal`.
        """
        departure = self._departed[key]
        try:
            async with asyncio.timeout(CHECK_PATIENCE_SECONDS):
                return await asyncio.shield(flight)
        except TimeoutError:
            if self.checks.is_changed(key):
                raise Undecided("Notary has something new, which is not verified yet") from None
            late = NotaryUnreachable(f"no complete answer after {CHECK_PATIENCE_SECONDS:g} s")
            self._note_away(key, late, departure)
            raise Away(late) from None

    async def _departure(self, key: EvidenceKey, outage_for: timedelta) -> asyncio.Task[Evidence]:
        """Start a check; one of what is not known waits in line, and leaves it together with whoever asks.

        Raises `Undecided` where that takes too long.
        """
        if self.cache.standing(key):
            return self._depart(key, outage_for)
        try:
            async with asyncio.timeout(CHECK_PATIENCE_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise Undecided("too many repositories are asked for at once of which nothing is known yet") from None
        if flight := self._flights.get(key):
            self._room.release()  # somebody else was first
            return flight
        flight = self._depart(key, outage_for)
        flight.add_done_callback(lambda _: self._room.release())
        return flight

    def _depart(self, key: EvidenceKey, outage_for: timedelta | None = None) -> asyncio.Task[Evidence]:
        """Start a check; without an entry that it is for, what it finds may serve as long as any of its kind says."""
        if outage_for is None:
            notary, _, pins, grace = key
            outage_for = self._longest.get((notary, pins, grace), timedelta())
        self._departed[key] = _Departure(self.clock.seconds(), outage_for)
        flight = self._flights[key] = spawn(self._fly(key), name=f"renew {key[1]}")
        flight.add_done_callback(lambda landed: self._land(key, landed))
        return flight

    async def _fly(self, key: EvidenceKey) -> Evidence:
        try:
            async with asyncio.timeout(FLIGHT_SECONDS):
                return await self.checks.check(key)
        except TimeoutError:
            late = DeadlineExceeded(int(FLIGHT_SECONDS))
            if self.checks.is_contradicted(key):
                raise late from None  # what Notary has now could not be verified
            raise Away(late) from None

    def _land(self, key: EvidenceKey, flight: asyncio.Task[Evidence]) -> None:
        """Make room for the next flight, and note what came of this one, also where nobody waits any more."""
        del self._flights[key]
        departure = self._departed.pop(key)
        match None if flight.cancelled() else flight.exception():
            case Away(refusal=refusal):
                self._note_away(key, refusal, departure)
            case (TrustError() | Undecided()) as refusal:
                self._away.pop(key, None)
                # a copy: the refusal itself holds on to the frames that it went through, and to the files in them
                self._refused[key] = replace(refusal)
                if isinstance(refusal, TrustError):
                    self.outages.note_back(*key[:2], self.clock.seconds())  # it is an answer, whatever it says
                self._note_doubt(key)
            case Refusal():
                self._away.pop(key, None)
                self._note_doubt(key)
            case Exception() as defect:  # whoever waits is told; in the background nobody does
                self._away.pop(key, None)  # a defect of ours is no outage
                _log.error("unexpected error", gun=key[1], exc_info=defect)
            case None if not flight.cancelled():
                self._away.pop(key, None)
                self.outages.note_back(*key[:2], self.clock.seconds())
                self.landed(key)

    def _note_doubt(self, key: EvidenceKey) -> None:
        if self.checks.is_contradicted(key):
            self.doubted(key)

    def _note_away(self, key: EvidenceKey, refusal: Refusal, departure: _Departure) -> None:
        self._away[key] = self.clock.seconds()
        self.outages.note_away(*key[:2], departure.began, refusal, self._left(key, departure.outage_for))
        if self.cache.standing(key) is None:
            del self._away[key]

    def _left(self, key: EvidenceKey, outage_for: timedelta) -> Left:
        """What becomes of those who ask in an outage."""
        standing = self.cache.standing(key)
        if standing is None or self.checks.is_in_doubt(key):
            return Left.NOTHING
        return Left.SERVES if self._is_within(outage_for, standing) else Left.TOO_OLD


def key_of(entry: Entry, gun: Gun) -> EvidenceKey:
    """Under which evidence for an entry is kept."""
    return entry.notary, gun, entry.pins, entry.expiry_grace
