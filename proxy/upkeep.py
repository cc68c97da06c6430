"""Keeps evidence renewed in the background, so that nobody who pulls waits for Notary (design: Freshness).

What was asked for within the hour is checked before its evidence runs out, what was asked for within 30 days once an
hour, and what a changefeed names at once. Each Notary has rounds of its own: one that hangs delays no other.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from proxy.decision_cache import EvidenceKey, Standing
from proxy.errors import NameInvalid, NoRule, TrustStoreUnavailable
from proxy.limits import ASKED_NOTED_SECONDS, EVIDENCE_ENTRIES, RENEWED_FOR_DAYS, RENEWED_WHILE_SECONDS
from proxy.names import Gun, Repository
from proxy.renewal import Renewal, key_of
from proxy.rounds import Rounds
from proxy.store.protocol import TrustStore

_log = structlog.get_logger()


class Feed(Protocol):
    """A changefeed that is followed."""

    async def run(self, tell: Callable[[frozenset[Gun] | None], None]) -> None:
        """Tell which collections changed; None where any may have."""
        ...


class Audience(Protocol):
    """Whoever else serves what is kept renewed here."""

    def tell_confirmed(self, key: EvidenceKey, standing: Standing) -> None:
        """Say that a collection was checked, and how it stands with it."""
        ...

    def tell_doubted(self, key: EvidenceKey) -> None:
        """Say that what was known of a collection does not hold any more."""
        ...

    def tell_unconfirmed(self, key: EvidenceKey, seconds: float) -> None:
        """Say that nothing could be found out of a collection then (monotonic seconds), of which others may know."""
        ...

    def tell_hinted(self, notary: str, guns: frozenset[Gun] | None, seconds: float) -> None:
        """Say what a changefeed named then (monotonic seconds); None is all of a Notary."""
        ...


@dataclass(slots=True)
class Upkeep:
    """Renews evidence of every Notary; `feeds` are the changefeeds, by the Notary's name.

    `audience` is told what comes of it, where others serve.
    """

    renewal: Renewal
    store: TrustStore
    feeds: Mapping[str, Feed] = field(default_factory=dict)
    audience: Audience | None = None
    _rounds: dict[str, Rounds] = field(init=False)
    _wanted: set[EvidenceKey] = field(default_factory=set)
    _group: asyncio.TaskGroup | None = None
    _running: "dict[str, tuple[Rounds | Feed, asyncio.Task[None]]]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rounds = {name: self._of(name) for name in self._followed()}

    async def run(self) -> None:
        """Go on until cancelled, or until a defect of ours in any part of it, which is raised."""
        self.renewal.landed, self.renewal.doubted = self._note_landed, self._note_doubted
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                self._go_round()
                await self._note_asked()
            finally:
                self._end()

    async def _go_on_with(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do one part of the work; where it fails, all of it ends, and nothing is begun from that moment on."""
        try:
            await work()
        except Exception:
            self._end()
            raise

    def _end(self) -> None:
        """Begin nothing more: a group that is about to end takes no task, and a reload must not fail for that."""
        self._group = None
        self._running.clear()

    def rebind(self, feeds: Mapping[str, Feed]) -> None:
        """Go on under the policy that `renewal` has now, and with these changefeeds; what is planned stays so.

        Where `run` has ended nothing goes on, and nothing is raised.
        """
        self.feeds = feeds
        for name, rounds in self._rounds.items():
            rounds.rebind(name)
        self._rounds = {name: self._rounds.get(name) or self._of(name) for name in self._followed()}
        self._go_round()

    def _of(self, notary: str) -> Rounds:
        return Rounds.of(self.renewal, notary, self._note_given_up)

    def _followed(self) -> set[str]:
        """The Notaries of which something can be asked for."""
        return {entry.notary for entry in self.renewal.policy.entries}

    def _go_round(self) -> None:
        """Run the rounds and changefeeds of now, and no others; none before `run` and after its end."""
        if self._group is None:
            return
        wanted: dict[str, tuple[Rounds | Feed, Callable[[], Coroutine[None, None, None]]]] = {}
        for name, rounds in self._rounds.items():
            wanted[f"renew collections of {name}"] = rounds, rounds.run
            if feed := self.feeds.get(name):
                wanted[f"changefeed {name}"] = feed, partial(feed.run, partial(self.hint, name))
        for label, (whose, task) in tuple(self._running.items()):
            if label not in wanted or wanted[label][0] is not whose:
                del self._running[label]
                task.cancel()
        for label, (whose, run) in wanted.items():
            if label not in self._running:
                self._running[label] = whose, self._group.create_task(self._go_on_with(run), name=label)

    def hint(self, notary: str, guns: frozenset[Gun] | None) -> None:
        """Check these collections at once, as far as they are in use; None is all of a Notary."""
        self.renewal.forget_refusals(notary, guns)
        if self.audience:
            self.audience.tell_hinted(notary, guns, self.renewal.clock.seconds())
        rounds = self._rounds.get(notary)
        if rounds is None:
            return
        if guns is None:
            rounds.want(self.renewal.keys(notary))
        else:
            keys = ((notary, gun, pins, grace) for gun in guns for pins, grace in rounds.fresh_for)
            rounds.want(filter(self.renewal.is_known, keys))

    def want(self, key: EvidenceKey, generation: int | None) -> None:
        """Keep renewed what was asked for elsewhere and is known there at this generation; None: it fell into doubt."""
        standing, now = self.renewal.cache.standing(key), self.renewal.clock.seconds()
        rounds = self._rounds.get(key[0])
        if rounds is None:
            return  # of a configuration before this one
        if standing is None or standing.generation != generation:
            if len(self._wanted) < EVIDENCE_ENTRIES:
                self._wanted.add(key)
            rounds.want([key])
            return
        was_idle = now - standing.asked >= RENEWED_WHILE_SECONDS
        standing.asked = now
        if was_idle:
            rounds.plan(key)

    def _note_landed(self, key: EvidenceKey) -> None:
        standing = self.renewal.cache.standing(key)
        if standing and key in self._wanted:
            self._wanted.discard(key)
            standing.asked = self.renewal.clock.seconds()
        if rounds := self._rounds.get(key[0]):
            rounds.plan(key)
        if standing and self.audience:
            self.audience.tell_confirmed(key, standing)

    def _note_doubted(self, key: EvidenceKey) -> None:
        self._wanted.discard(key)
        if self.audience:
            self.audience.tell_doubted(key)

    def _note_given_up(self, key: EvidenceKey) -> None:
        if self.audience and not self.renewal.checks.is_contradicted(key):  # what is contradicted was told before
            self.audience.tell_unconfirmed(key, self.renewal.clock.seconds())

    async def _note_asked(self) -> None:
        """Go on with what was in use before a restart, and note what is, for the next one.

        Nobody needs it for anything that counts, so it ends nothing else, whatever goes wrong.
        """
        begun = self.renewal.clock.seconds()
        with _excused("what was in use before is checked when it is asked for"):
            since = self.renewal.clock.now() - timedelta(days=RENEWED_FOR_DAYS)
            self._go_on(await self.store.asked_since(since))
        while True:
            await asyncio.sleep(ASKED_NOTED_SECONDS)
            asked = {
                key[:2]
                for key in self.renewal.cache.keys()  # noqa: SIM118  (it is no mapping)
                if (standing := self.renewal.cache.standing(key)) and standing.asked > begun
            }
            begun = self.renewal.clock.seconds()
            if not asked:
                continue
            with _excused("what is in use could not be noted"):
                await self.store.note_asked(asked, self.renewal.clock.now())

    def _go_on(self, collections: Iterable[tuple[str, Gun]]) -> None:
        """Plan a first check of what was in use before; what no entry names by its usual name waits to be asked for."""
        policy = self.renewal.policy
        for notary, gun in collections:
            _, slash, rest = gun.partition("/")
            try:
                repository = Repository(rest)
                entry = policy.entry_for(repository)
                is_its_own = bool(slash) and entry.notary == notary and entry.gun(policy.name, repository) == gun
            except (NameInvalid, NoRule):
                continue
            if is_its_own:
                self._rounds[notary].begin(key_of(entry, gun))


@contextmanager
def _excused(consequence: str) -> Iterator[None]:
    """Say what follows where something cannot be done, and go on; a defect of ours is told with its traceback."""
    try:
        yield
    except TrustStoreUnavailable as unavailable:
        _log.warning(consequence, why=str(unavailable))
    except Exception as defect:  # noqa: BLE001  (one row that cannot be read must not end renewal and changefeeds)
        _log.exception(consequence, why=repr(defect))
