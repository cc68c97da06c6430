"""From a reference to a decision: the entry, the evidence, the verdict.

One flight per collection goes on for everybody who waits for it, and goes on when they leave. A decision
waits for at most `DECISION_SECONDS`; evidence answers for `fresh_for` after Notary last confirmed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import structlog

from proxy.clock import Clock
from proxy.decision_cache import DecisionCache, Evidence, EvidenceKey
from proxy.drive import drive
from proxy.errors import (
    DeadlineExceeded,
    DigestNotSigned,
    Refusal,
    SignerMissing,
    TrustError,
    Undecided,
)
from proxy.limits import CLOCK_BEHIND_SECONDS, COMMIT_ATTEMPTS, DECISION_SECONDS, FLIGHT_SECONDS
from proxy.names import Digest, Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Decision, Unenforced, admit_any_digest, relax
from proxy.policy.entries import Entry, Policy
from proxy.policy.evaluation import admit_digest, evidence, resolve_tag
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Absent, Closure, Found
from proxy.registry.headers import ClientCredentials
from proxy.store.protocol import Conflict, Remembered, TrustStore
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Reply
from proxy.tuf.update import update

_log = structlog.get_logger()

Fetcher: TypeAlias = Callable[[Gun, Fetch], Awaitable[Reply]]


@dataclass(slots=True)
class Resolver:
    """Decides about references under one policy. `notaries` fetch files of a GUN, by the Notary's name."""

    policy: Policy
    store: TrustStore
    notaries: Mapping[str, Fetcher]
    registry: RegistryClient
    closure: Closure
    clock: Clock = field(default_factory=Clock)
    cache: DecisionCache = field(default_factory=DecisionCache)
    _flights: dict[EvidenceKey, asyncio.Task[Evidence]] = field(default_factory=dict)

    def relaxed(self, repository: Repository) -> Unenforced | None:
        """The permission that `rollout` gives a repository now; None under `enforce`."""
        return relax(self.policy, repository, self.clock.now())

    async def resolve(self, reference: Reference, credentials: ClientCredentials) -> Decision:
        """Decide as under `enforce`; the decision carries a permission or a refusal and never raises one.

        `credentials` are the asking client's, for the walk of indexes where the proxy has none of its own.
        """
        mode = self.policy.mode_for(reference.repository, self.clock.now())
        progress = _Progress(Decision(reference, mode))
        try:
            async with asyncio.timeout(DECISION_SECONDS):
                permission = await self._decide(reference, credentials, progress)
        except TimeoutError:
            return replace(progress.decision, refusal=DeadlineExceeded(int(DECISION_SECONDS)))
        except Refusal as refusal:
            missing = refusal.missing if isinstance(refusal, SignerMissing) else ()
            return replace(progress.decision, refusal=refusal, missing=missing)
        return replace(progress.decision, permission=permission)

    async def evidence_for(self, repository: Repository) -> Evidence:
        """Verified trust data of a repository, fresh enough for its entry. Raises a `Refusal`."""
        entry = self.policy.entry_for(repository)
        return await self._evidence(entry, entry.gun(self.policy.name, repository))

    async def _decide(
        self, reference: Reference, credentials: ClientCredentials, progress: "_Progress"
    ) -> Allowed | Unenforced:
        entry = self.policy.entry_for(reference.repository)
        gun = entry.gun(self.policy.name, reference.repository)
        tag = reference.target if isinstance(reference.target, Tag) else None
        rule = entry.rule_for(tag)[0] if tag else str(entry.pattern)
        progress.note(rule=rule, gun=gun, notary=entry.notary)
        if tag is None and (unenforced := admit_any_digest(entry, self.clock.now())):
            return unenforced
        found = await self._evidence(entry, gun)
        progress.note(roles=evidence(entry, tag, found.collection), checked_at=found.checked_at)
        if isinstance(reference.target, Tag):
            return resolve_tag(entry, reference.target, found.collection, self.clock.now())
        return await self._admit(entry, reference.repository, reference.target, found, credentials)

    async def _admit(
        self,
        entry: Entry,
        repository: Repository,
        digest: Digest,
        found: Evidence,
        credentials: ClientCredentials,
    ) -> Allowed:
        """Admit a digest that a tag has, or that an admitted index names (design: Which digests are admitted)."""
        now = self.clock.now()
        direct = admit_digest(entry, digest, found.collection, now)
        if direct:
            return direct
        walker = self.registry.walker(credentials)
        match await self.closure.find(repository, digest, found.admitted(entry, now), walker):
            case Found(allowed):
                return allowed
            case Absent():
                raise DigestNotSigned(digest)

    async def _evidence(self, entry: Entry, gun: Gun) -> Evidence:
        key = (entry.notary, gun, entry.pins)
        known = self.cache.get(key)
        if known and known.is_fresh(entry.fresh_for, self.clock.seconds()):
            return known
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = spawn(self._renew(key), name=f"renew {gun}")
            flight.add_done_callback(lambda landed: self._land(key, landed))
        return await asyncio.shield(flight)  # the flight is everybody's: it does not end because one leaves

    def _land(self, key: EvidenceKey, flight: asyncio.Task[Evidence]) -> None:
        """Make room for the next flight; a failure that nobody waits for any more has been looked at."""
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()

    async def _renew(self, key: EvidenceKey) -> Evidence:
        """Verify a collection anew and remember it. Raises a `Refusal`."""
        try:
            async with asyncio.timeout(FLIGHT_SECONDS):
                renewed = await self._verify(key)
        except TimeoutError:
            raise DeadlineExceeded(int(FLIGHT_SECONDS)) from None
        except TrustError:
            self.cache.drop(key)  # an answer that does not verify ends older evidence at once
            raise
        self.cache.put(key, renewed)
        return renewed

    async def _verify(self, key: EvidenceKey) -> Evidence:
        """Fetch, verify and commit; where another process was first, start from what it left."""
        notary, gun, pins = key
        fetch = self.notaries[notary]
        for _ in range(COMMIT_ATTEMPTS):
            remembered = await self.store.load(notary, gun)
            await self._check_clock()
            now, seconds = self.clock.now(), self.clock.seconds()
            stored = remembered.stored if remembered else None
            collection = await drive(update(gun, pins, stored, now), partial(fetch, gun))
            renewed = Evidence(collection, now, seconds)
            try:
                await self._remember(key, remembered, renewed)
            except Conflict:
                continue
            for what in collection.skipped:
                _log.warning("target skipped", gun=gun, what=what)
            return renewed
        raise Undecided("other processes keep changing the trust store")

    async def _remember(self, key: EvidenceKey, remembered: Remembered | None, renewed: Evidence) -> None:
        notary, gun, _ = key
        stored = renewed.collection.stored()
        if remembered and remembered.stored == stored:
            await self.store.touch(notary, gun, generation=remembered.generation, checked_at=renewed.checked_at)
            return
        expected = remembered.generation if remembered else None
        await self.store.commit(notary, gun, stored, expected=expected, checked_at=renewed.checked_at)

    async def _check_clock(self) -> None:
        """Refuse to believe a wall clock that is far behind the last check: expiry could not be judged."""
        last = await self.store.last_check()
        if last and last - self.clock.now() > timedelta(seconds=CLOCK_BEHIND_SECONDS):
            raise Undecided("this proxy's clock is behind the last check of its trust store")


@dataclass(slots=True)
class _Progress:
    """What is known of a decision so far, so that a refusal can say it."""

    decision: Decision

    def note(self, **facts: object) -> None:
        self.decision = replace(self.decision, **facts)  # type: ignore[arg-type]  # the names are Decision's own
