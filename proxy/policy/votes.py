"""Votes: what each named signer's own role says of a tag, and by which keys (design: Which digest a tag has)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import Blocked, Expired, TrustError
from proxy.names import TARGETS, RoleName, Tag
from proxy.policy.signers import Signer
from proxy.tuf.collection import Collection, Role, Target, Unusable


@dataclass(frozen=True, slots=True)
class Vote:
    """One signer's statement, and the public key ids that may each stand behind it."""

    signer: Signer
    target: Target
    keys: frozenset[str]

    @property
    def until(self) -> datetime | None:
        """When the first of the keys behind it stops counting; None for never."""
        listed = [key for key in self.signer.keys or () if key.public_key_id in self.keys]
        return min((key.until for key in listed if key.until), default=None)


@dataclass(frozen=True, slots=True)
class Ballot:
    """All votes on a tag by the signers of one rule, and why others have none that a defect keeps from voting."""

    votes: tuple[Vote, ...]
    defects: Mapping[str, TrustError]

    def only(self, target: Target | None) -> "Ballot":
        """The votes for one digest and length alone; none where there is no such."""
        return Ballot(tuple(vote for vote in self.votes if vote.target == target), self.defects)

    def by_target(self) -> dict[Target, list[Vote]]:
        """The votes grouped by what they are for, in the order of the signers."""
        groups: dict[Target, list[Vote]] = {}
        for vote in self.votes:
            groups.setdefault(vote.target, []).append(vote)
        return groups


def cast(signers: Iterable[Signer], tag: Tag, collection: Collection, now: datetime) -> Ballot:
    """Collect the vote of each signer, at most one each."""
    votes: list[Vote] = []
    defects: dict[str, TrustError] = {}
    for signer in {signer.name: signer for signer in signers}.values():
        defect = defect_of(signer.role, collection, now)
        if defect:
            defects[signer.name] = defect
            continue
        role = collection.roles.get(signer.role)
        target = role.target(tag) if isinstance(role, Role) else None
        keys = _standing_behind(signer, role, now) if isinstance(role, Role) else frozenset()
        if target and keys:
            votes.append(Vote(signer, target, keys))
    return Ballot(tuple(votes), defects)


def standing(votes: Iterable[Vote]) -> list[Vote]:
    """The largest set of votes in which each has a public key of its own (maximum bipartite matching)."""
    owner: dict[str, Vote] = {}

    def place(vote: Vote, tried: set[str]) -> bool:
        for key in sorted(vote.keys - tried):
            tried.add(key)
            if key not in owner or place(owner[key], tried):
                owner[key] = vote
                return True
        return False

    return [vote for vote in votes if place(vote, set())]


def defect_of(name: RoleName, collection: Collection, now: datetime) -> TrustError | None:
    """Why a delegation cannot be used: its own defect, or that of the nearest role above it.

    A collection is verified when it is fetched and asked for a while longer, so a role may have run out since.
    """
    while name != TARGETS:
        role = collection.roles.get(name)
        if isinstance(role, Unusable):
            return role.error
        if isinstance(role, Role) and role.expires < now:
            return Expired(name, role.expires)
        name = name.parent
    return None


def is_silent(name: RoleName, tag: Tag, collection: Collection) -> bool:
    """Whether a blocked key alone makes a role unusable, and its file says nothing of a tag anyway.

    Then the block is not what a refusal of that tag is due to. It is for the words of a refusal alone.
    """
    role = collection.roles.get(name)
    return isinstance(role, Unusable) and isinstance(role.error, Blocked) and tag not in role.claims


def _standing_behind(signer: Signer, role: Role, now: datetime) -> frozenset[str]:
    """Valid signatures by keys that are delegated now and, where policy lists keys, listed there."""
    if signer.keys is None:
        return role.signed_by
    listed = {key.public_key_id for key in signer.keys if key.until is None or now < key.until}
    return role.signed_by & listed
