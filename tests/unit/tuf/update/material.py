"""What happens to a published repository between two updates, and what an update asks for."""

import hashlib
from dataclasses import dataclass, field
from typing import Final

import pytest

from proxy.errors import Refusal
from proxy.names import RoleName
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Reply
from tests.support.certificates import root_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader

GUN: Final = "example.com/shop/api"
ALICE, DEEP, RELEASES = RoleName("targets/alice"), RoleName("targets/alice/deep"), RoleName("targets/releases")
FIRST, SECOND, THIRD, FOURTH = (root_key(GUN, name) for name in ("root", "second", "third", "fourth"))


@dataclass
class Scripted(Reader):
    """A reader that notes the limits, and gets these timestamps before the current one."""

    timestamps: list[bytes] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)

    def _reply(self, fetch: Fetch) -> Reply:
        self.limits[fetch.name] = fetch.limit
        if fetch.name == "timestamp" and self.timestamps:
            return Fetched(self.timestamps.pop(0))
        return super()._reply(fetch)


def listed(sim: NotarySimulator, role: str) -> str:
    """The address of a role's current file by its hash."""
    return f"{role}.{hashlib.sha256(sim.current[role]).hexdigest()}"


def refused(sim: NotarySimulator, stored: Stored | None = None) -> tuple[Refusal, list[str]]:
    """What a reading ends in, and what it asked for."""
    reader = Reader(sim)
    with pytest.raises(Refusal) as caught:
        reader.read(stored)
    return caught.value, reader.requests
