"""A simulated Notary with many repositories, each of them one signer's work."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.names import Gun
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, Unavailable
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import NAME


@dataclass
class Office:
    """A Notary with many repositories; `hold` keeps every answer back until it is set, `at_once` counts the waiting.

    `asked` is set once it was asked anything. GUNs in `broken` are a defect of this program.
    """

    sims: Mapping[str, NotarySimulator]
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    broken: frozenset[str] = frozenset()
    waiting: Counter[str] = field(default_factory=Counter)
    at_once: int = 0

    def __post_init__(self) -> None:
        self.hold.set()

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Answer as the repository's simulator does, once it may."""
        self.asked.set()
        self.waiting[gun] += 1
        self.at_once = max(self.at_once, self.waiting.total())
        try:
            await self.hold.wait()
            await asyncio.sleep(0)
        finally:
            self.waiting[gun] -= 1
        if gun in self.broken:
            raise ZeroDivisionError
        sim = self.sims.get(gun)
        answer = sim.answer(wish.name) if sim else None
        if answer is None or answer.status == 404:
            return Missing()
        return Fetched(answer.body) if answer.status == 200 else Unavailable(f"status {answer.status}")


def signed(repository: str) -> NotarySimulator:
    """A repository's trust data with one signed tag."""
    sim = NotarySimulator(f"{NAME}/{repository}")
    sim.sign("1.0")
    sim.publish()
    return sim


def office(*repositories: str) -> Office:
    """A Notary with these repositories."""
    sims = [signed(each) for each in repositories]
    return Office({sim.gun: sim for sim in sims})
