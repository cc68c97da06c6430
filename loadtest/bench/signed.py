"""Collections to verify, signed in memory: each with keys of its own, as no two in earnest share theirs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from proxy.drive import drive_in_turn
from proxy.names import Gun
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.pins import Pins
from proxy.verification import Job, Verified, verification
from tests.support.keys import Key
from tests.support.notary_simulator import NotarySimulator
from tests.support.wire import hashes

_DELEGATED: Final = ("targets/releases", "targets/alice")
_ROLES: Final = ("root", "targets", *_DELEGATED, "snapshot", "timestamp")
_numbers = count()


class Signed(NotarySimulator):
    """A collection with keys that no other one has, but for the owner's root key."""

    def __init__(self, gun: str = "") -> None:
        super().__init__(gun or f"registry.example.com/shop/service-{next(_numbers)}")

    def key(self, name: str) -> Key:
        """The key of that name, of this collection alone."""
        return super().key(f"{self.gun} {name}")

    @property
    def signatures(self) -> int:
        """How many its files have together."""
        return sum(len(json.loads(self.current[role])["signatures"]) for role in _ROLES if role in self.current)


def usual() -> Signed:
    """As `docker trust` leaves it: six files, ten tags in a signer's role and in that of releases."""
    sim = Signed()
    for role in _DELEGATED:
        sim.delegate(role)
        for number in range(10):
            sim.sign(f"1.{number}", b"x" * number, role)
    sim.publish()
    return sim


def with_tags(tags: int) -> Signed:
    """Four files, and so many tags in one of them."""
    sim = Signed()
    for number in range(tags):
        content = f"manifest {number}".encode()
        sim.targets.tags[f"v{number}"] = {"hashes": hashes(content), "length": 1500 + number % 1000}
    sim.publish()
    return sim


def verified(sim: Signed, before: Verified | None = None) -> Verified:
    """Verify what a collection has now, on first contact or where something is remembered already."""
    now = datetime.now(UTC)
    remembered = Remembered(Stored(dict(before.files)), 1, now, before.past.encode()) if before else None
    job = Job(Gun(sim.gun), Pins.tofu(), remembered, now, timedelta(), {}, timedelta(days=1))
    return drive_in_turn(verification(job), source(sim))


def source(sim: NotarySimulator) -> Callable[[Fetch], Reply]:
    """Its Notary, as a verification sees it."""

    def answer(wish: Fetch) -> Reply:
        given = sim.answer(wish.name)
        return Fetched(given.body) if given.status == 200 else Missing()

    return answer
