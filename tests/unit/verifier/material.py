"""A repository to verify, and a source that a test may hold back."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from proxy.names import Gun
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.pins import Pins
from proxy.verification import Job, Verified
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW

GUN: Final = Gun("registry.example.com/shop/api")


def published() -> NotarySimulator:
    """A repository with a signer."""
    sim = NotarySimulator(GUN)
    sim.delegate("targets/alice")
    for number in range(40):
        sim.sign(f"1.{number}", role="targets/alice")
    sim.publish()
    return sim


@dataclass
class Source:
    """Fetches from a simulator; `hold` keeps every answer back until it is set, `reached` says that one is wanted."""

    sim: NotarySimulator
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    async def fetch(self, wish: Fetch) -> Reply:
        """Answer as the simulator does, once it may."""
        self.reached.set()
        await self.hold.wait()
        answer = self.sim.answer(wish.name)
        return Fetched(answer.body) if answer.status == 200 else Missing()


def job(verified: Verified | None = None, **changes: Any) -> Job:
    """A job, from nothing or from what came of an earlier one."""
    known = Remembered(Stored(verified.files), 1, NOW, verified.past.encode()) if verified else None
    facts: dict[str, Any] = {
        "gun": GUN,
        "pins": Pins.tofu(),
        "remembered": known,
        "now": NOW,
        "grace": timedelta(),
        "blocked": {},
        "keep_for": timedelta(days=1),
    }
    return Job(**(facts | changes))


def told(verified: Verified) -> tuple[object, ...]:
    """All that a verification comes to, to be compared."""
    collection = verified.collection
    said = {name: dict(role.targets) for name, role in ((each.name, each) for each in collection.usable())}
    return (
        said,
        collection.hashes,
        verified.files,
        verified.past.records,
        tuple(verified.new_tags),
        verified.is_new,
        verified.lost,
        verified.skipped,
    )
