"""Corruption x role x state of the reader x kind of key: the cases, and how each is set up."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.support.notary_oracle import Listed
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.swizzle import ACCEPTS, FRESH, NEWER, REWRITTEN, SAME, Swizzle, lookup

GUN: Final = "registry.example.com/shop/api"
ROLES: Final = ("targets/alice", "targets/alice/deep", "targets/releases", "targets")
_FIRST_VERSION: Final = 5
_LATER: Final = ("root", "targets/alice")


@cache
def honest(kind: str = "ecdsa") -> NotarySimulator:
    """A published repository with all keys of one kind; clone it before changing anything."""
    sim = NotarySimulator(GUN, kind, root_kind="rsa" if kind == "rsa" else "ecdsa")
    for role in sorted(ROLES):
        if role != "targets":
            sim.delegate(role)
        sim.sign("1.4", role=role)
        sim.sign(f"of-{role.replace('/', '-')}", role=role)
    for role in ("root", "timestamp", "snapshot", *ROLES):
        sim[role].version = _FIRST_VERSION
    sim.publish()
    return sim


def honest_listing(kind: str = "ecdsa", without: str = "") -> Listed:
    """What a reader of the honest repository sees; without what a role and its descendants say, if one is named."""
    tags: dict[str, tuple[str, str, int]] = {}
    for name in ROLES:
        if without and f"{name}/".startswith(f"{without}/"):
            continue
        for tag, entry in honest(kind).targets_role(name).tags.items():
            tags.setdefault(tag, (name, base64.b64decode(entry["hashes"]["sha256"]).hex(), entry["length"]))
    return Listed(tags)


@dataclass(frozen=True)
class Case:
    """One corruption of one role, read in one state."""

    swizzle: Swizzle
    role: str
    state: str
    kind: str

    @property
    def name(self) -> str:
        """For people and test ids."""
        return f"{self.swizzle.name} - {self.role} - {self.state}" + ("" if self.kind == "ecdsa" else f" - {self.kind}")

    @property
    def verdict(self) -> str:
        """What the real client says in this state."""
        return ACCEPTS if self.state == SAME and self.role != "timestamp" else self.swizzle.says(self.role)

    @property
    def difference(self) -> str:
        """The difference by which the proxy decides otherwise than the real client, or nothing."""
        if self.state == SAME and self.role != "timestamp":
            return ""
        named = lookup(self.swizzle.differs, self.role)
        if named:
            return named
        if self.verdict == ACCEPTS:
            return "S5" if self.state == REWRITTEN and self.role != "timestamp" else ""
        own_file = "/" in self.role and not self.swizzle.in_declarer and not self.swizzle.undecided
        return "L2" if own_file and self.swizzle.refuses(self.role) else ""

    @property
    def remembered(self) -> Mapping[str, bytes] | None:
        """The files of the earlier reading, by role."""
        return None if self.state == FRESH else honest(self.kind).current

    def listed_roles(self, sim: NotarySimulator) -> tuple[str, ...]:
        """The roles to list, in order of priority: those that the corruption brought, then the honest ones."""
        return (*(role for role in sim.delegations if role not in ROLES), *ROLES)

    def forge(self) -> NotarySimulator:
        """The repository as the reader now finds it."""
        sim = honest(self.kind).clone()
        if self.state == NEWER:
            sim.bump()
        self.swizzle.apply(sim, self.role)
        if self.state == REWRITTEN:
            sim.bump(*{"timestamp": (), "snapshot": ("timestamp",)}.get(self.role, ("snapshot", "timestamp")))
        sim.publish(*((self.role,) if self.state == SAME else ()))
        return sim


def cases_of(swizzles: list[Swizzle]) -> Iterator[Case]:
    """Cross corruptions with the roles, states and kinds of key that each is made for.

    The full square of roles and states would say the same thing many times over. The first state is played with
    every role; a later one of several with the roles in `_LATER` alone; another kind of key than the first with the
    last of those, in the first state. Corruptions made for one state, or for one role, are played in full.
    """
    for swizzle in swizzles:
        roles = swizzle.applicable()
        later = tuple(role for role in roles if role in _LATER) or roles
        yield from (Case(swizzle, role, swizzle.states[0], swizzle.kinds[0]) for role in roles)
        yield from (Case(swizzle, role, state, swizzle.kinds[0]) for state in swizzle.states[1:] for role in later)
        yield from (Case(swizzle, role, swizzle.states[0], kind) for kind in swizzle.kinds[1:] for role in later[-1:])
