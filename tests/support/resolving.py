"""A resolver and everything around it that a test may want to turn: clock, Notary, store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from yarl import URL

from proxy.checks import Checks
from proxy.clock import Clock
from proxy.config.settings import RegistrySettings
from proxy.errors import Refusal
from proxy.names import Digest, Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Unenforced
from proxy.policy.entries import Entry, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import Released
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.renewal import Renewal
from proxy.resolver import Resolver
from proxy.store.overlay import Overlay
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, Unavailable
from proxy.tuf.pins import Pins
from tests.support.notary_simulator import NotarySimulator

NAME, REPOSITORY = "registry.example.com", Repository("shop/api")
NOBODY = ClientCredentials(None)
TAG = Reference(REPOSITORY, Tag("1.0"))


@dataclass
class HeldClock(Clock):
    """A clock that moves when a test says so."""

    wall: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    monotonic: float = 0.0

    def now(self) -> datetime:
        """The instant that a test chose."""
        return self.wall

    def seconds(self) -> float:
        """The seconds that a test chose."""
        return self.monotonic

    def pass_by(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


@dataclass
class RecordingNotary:
    """A simulated Notary behind an awaitable; `hold` keeps every answer back until it is set."""

    sim: NotarySimulator
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    def __post_init__(self) -> None:
        self.hold.set()

    async def fetch(self, _gun: Gun, wish: Fetch) -> Reply:
        """Answer as the simulator does, once it may."""
        await self.hold.wait()
        if self.away:
            return Unavailable("connection refused")
        answer = self.sim.answer(wish.name)
        return Fetched(answer.body) if answer.status == 200 else Missing()


@dataclass
class Bench:
    """A resolver and everything around it that a test may want to turn."""

    sim: NotarySimulator
    notary: RecordingNotary
    clock: HeldClock
    store: Overlay
    resolver: Resolver
    digest: Digest

    async def resolve(self, reference: Reference = TAG) -> Allowed | Unenforced | Refusal | None:
        """Decide, and return whichever of permission and refusal there is."""
        decision = await self.resolver.resolve(reference, NOBODY)
        return decision.refusal or decision.permission

    def asked(self, name: str = "timestamp") -> int:
        """How often Notary was asked for a file."""
        return self.sim.requests.count(name)


def entry(**changes: object) -> Entry:
    """An entry for everything, by Docker's own rule."""
    fields: dict[str, object] = {
        "pattern": RepositoryPattern("**"),
        "signed_by": Released(),
        "tags": (),
        "notary": "corp",
        "gun_template": "{name}/{repository}",
        "pins": Pins.tofu(),
        "any_digest": None,
        "fresh_for": timedelta(seconds=30),
        "released_required": True,
        "fallback_to_targets": False,
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]  # names are checked by the class itself


@asynccontextmanager
async def bench(
    *entries: Entry, rollout: tuple[Relaxation, ...] = (), store: Overlay | None = None, **changes: Any
) -> AsyncIterator[Bench]:
    """A resolver over a simulated Notary that has signed `1.0`."""
    sim = NotarySimulator(f"{NAME}/{REPOSITORY}")
    digest = Digest(sim.sign("1.0"))
    sim.publish()
    notary, clock, memory = RecordingNotary(sim), HeldClock(), store or Overlay(None)
    policy = Policy(NAME, entries or (entry(),), rollout, **changes)
    async with connect(RegistrySettings(URL("http://127.0.0.1:9"), None, None)) as registry:
        resolver = Resolver(
            policy=policy,
            store=memory,
            renewal=Renewal(Checks(policy, memory, {"corp": notary.fetch}, clock)),
            registry=registry,
            closure=Closure(registry.get_manifest, memory),
            clock=clock,
        )
        yield Bench(sim, notary, clock, memory, resolver, digest)
