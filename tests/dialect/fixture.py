"""The repository of Notary's own tests, and its three columns: a reader that is new, up to date, or one version behind.

Source: dialect 5. `targets/a`, `targets/a/b` and `targets/b` have files; `targets/a/b/c` and `targets/b/c` are
declared and have none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from proxy.errors import Refusal, TrustError
from proxy.names import RoleName, Tag
from proxy.tuf.collection import Collection, Role, Stored, Unusable
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered
from tests.support.swizzler.swizzle import FRESH, NEWER, SAME

GUN: Final = "docker.com/notary"
COLUMNS: Final = (FRESH, SAME, NEWER)
TOP: Final = ("root", "timestamp", "snapshot", "targets")
DELEGATIONS: Final = ("targets/a", "targets/a/b", "targets/b")
WRITTEN: Final = ("targets", *DELEGATIONS)
FIRST_CONTACT: Final = None  # nothing is remembered yet


@cache
def fixture() -> NotarySimulator:
    """The published repository; clone it before changing anything."""
    sim = NotarySimulator(GUN)
    for role in DELEGATIONS:
        sim.delegate(role)
    for role in ("targets/a/b/c", "targets/b/c"):
        sim.delegate(role, published=False)
    for role in WRITTEN:
        sim.sign(f"of-{role.replace('/', '-')}", role=role)
    for role in ("root", "timestamp", "snapshot", *WRITTEN):
        sim[role].version = 5
    sim.publish()
    return sim


@cache
def memory() -> Stored:
    """What a reader remembers of it."""
    return remembered(fixture())


@dataclass(frozen=True)
class Situation:
    """What a reader finds, and what it remembers."""

    sim: NotarySimulator
    stored: Stored | None

    def read(self) -> Collection:
        """Read it once. Raises what the update raises."""
        return read(self.sim, self.stored)

    def refusal(self) -> type[Refusal] | None:
        """The kind of refusal that reading ends in, if it does."""
        try:
            self.read()
        except Refusal as refusal:
            return type(refusal)
        return None


def situation(column: str, change: Callable[[NotarySimulator, str], object], role: str) -> Situation:
    """The repository with one role changed, as one of the columns finds it.

    In the column `same` the role's file is changed and nothing else; in the others, everything above it describes
    the changed file.
    """
    sim = fixture().clone()
    if column == NEWER:
        sim.bump()
    change(sim, role)
    sim.publish(*((role,) if column == SAME else ()))
    return Situation(sim, None if column == FRESH else memory())


def unchanged(_sim: NotarySimulator, _role: str) -> None:
    """Leave everything as it is."""


def is_complete(collection: Collection, without: str = "") -> bool:
    """Whether every role says what it was signed to say; without one role and its descendants, if it is named."""
    expected = {role for role in WRITTEN if not without or not f"{role}/".startswith(f"{without}/")}
    usable = {str(role.name): role for role in collection.usable()}
    return usable.keys() == expected and all(
        usable[role].target(Tag(f"of-{role.replace('/', '-')}")) for role in expected
    )


def defect(collection: Collection, role: str) -> type[TrustError] | None:
    """Why a declared delegation cannot be used, if it cannot."""
    found = collection.roles.get(RoleName(role))
    assert not isinstance(found, Role), f"{role} is usable"
    return type(found.error) if isinstance(found, Unusable) else None
