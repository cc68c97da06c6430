"""A supervisor's upkeep and some workers over one simulated Notary and one trust store, in one process.

What they say to each other goes through the same lines as between processes, when a test lets it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from proxy.checks import Checks
from proxy.names import Gun
from proxy.policy.decisions import Decision
from proxy.registry.closure import Closure
from proxy.renewal import Renewal
from proxy.resolver import Resolver
from proxy.server.hearsay import Hearsay
from proxy.server.keeper import Keeper
from proxy.server.reports import Reports
from proxy.server.words import FROM_SUPERVISOR, FROM_WORKER, Asked, Greeted, Kinds, Rebind, Word
from proxy.store.overlay import Overlay
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Reply
from proxy.upkeep import Upkeep
from tests.support.resolving import NAME, NOBODY, REPOSITORY, TAG, Bench, bench
from tests.unit.test_upkeep import Feed

GUN = Gun(f"{NAME}/{REPOSITORY}")


@dataclass
class Desk:
    """A process of ours: its own evidence, and how often it asked Notary for something."""

    resolver: Resolver
    renewal: Renewal
    fetched: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, bench_: Bench) -> "Desk":
        """One more process over the same Notary and trust store."""
        policy, fetched = bench_.resolver.policy, list[str]()

        async def fetch(gun: Gun, wish: Fetch) -> Reply:
            fetched.append(wish.name)
            return await bench_.notary.fetch(gun, wish)

        renewal = Renewal(Checks(policy, bench_.store, {"corp": fetch}, bench_.clock))
        registry = bench_.resolver.registry
        resolver = Resolver(
            policy=policy,
            store=bench_.store,
            renewal=renewal,
            registry=registry,
            closure=Closure(registry.get_manifest, bench_.store),
            clock=bench_.clock,
        )
        return cls(resolver, renewal, fetched)

    async def decide(self) -> Decision:
        """What a client of this process is answered."""
        return await self.resolver.resolve(TAG, NOBODY)

    @property
    def key(self) -> Any:
        """Under which it keeps evidence."""
        [key] = self.renewal.cache.keys()
        return key


@dataclass
class Worker(Desk):
    """A process that serves, and what it has heard."""

    hearsay: Hearsay = field(init=False)
    reports: Reports = field(init=False)
    said: list[Word] = field(default_factory=list)

    def wire(self, kinds: Kinds) -> None:
        """Give it ears and a mouth."""
        self.hearsay = Hearsay(self.renewal, kinds)
        self.reports = Reports(self.renewal, kinds, self._say)
        self.renewal.asked = self.renewal.doubted = self.reports._note

    def hear(self, word: Word) -> None:
        """Hear something, as it comes over the line."""
        heard = FROM_SUPERVISOR.validate_json(word.line())
        assert not isinstance(heard, Greeted | Rebind)
        self.hearsay.hear(heard)

    def _say(self, word: Word) -> bool:
        self.said.append(word)
        return True


@dataclass
class House:
    """A supervisor and its workers."""

    bench: Bench
    supervisor: Desk
    upkeep: Upkeep
    keeper: Keeper
    feed: Feed
    workers: list[Worker]

    async def report(self) -> None:
        """A second passes: workers say what was asked for, and what follows from it is done."""
        for worker in self.workers:
            worker.reports.tell()
            for word in worker.said:
                asked = FROM_WORKER.validate_json(word.line())
                assert isinstance(asked, Asked)
                self.keeper.want(asked)
            worker.said.clear()
        await self.settled()

    async def turn(self, seconds: float) -> None:
        """Let time pass, and the supervisor do what is due."""
        self.bench.clock.pass_by(seconds)
        for rounds in self.upkeep._rounds.values():
            rounds._more.set()
        await self.settled()

    async def settled(self) -> None:
        """Wait until nobody is at anything any more."""
        for _ in range(4):
            await asyncio.sleep(0.001)
            everybody = [self.supervisor, *self.workers]
            while flights := [flight for each in everybody for flight in each.renewal._flights.values()]:
                await asyncio.wait(flights)
                await asyncio.sleep(0.001)

    def hint(self, guns: frozenset[Gun] | None = frozenset({GUN})) -> None:
        """Let the changefeed name something."""
        assert self.feed.tell
        self.feed.tell(guns)

    def publish(self) -> None:
        """Let Notary have what was signed."""
        self.bench.sim.bump()
        self.bench.sim.publish()


@asynccontextmanager
async def house(count: int = 2, store: Overlay | None = None) -> AsyncIterator[House]:
    """A supervisor that keeps evidence renewed for so many workers."""
    async with bench(store=store) as at:
        workers = []
        for _ in range(count):
            desk = Desk.at(at)
            workers.append(Worker(desk.resolver, desk.renewal, desk.fetched))
        kinds, supervisor, feed = Kinds(at.resolver.policy), Desk.at(at), Feed()
        for worker in workers:
            worker.wire(kinds)
        upkeep = Upkeep(supervisor.renewal, at.store, {"corp": feed})

        def tell(word: Word) -> None:
            for worker in workers:
                worker.hear(word)

        upkeep.audience = keeper = Keeper(upkeep, kinds, tell)
        running = spawn(upkeep.run(), name="upkeep")
        await asyncio.sleep(0.001)
        try:
            yield House(at, supervisor, upkeep, keeper, feed, workers)
        finally:
            running.cancel()
            await asyncio.wait([running])
