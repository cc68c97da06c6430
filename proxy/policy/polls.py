"""A poll: all that is said of a tag, and whether it is enough for a rule that names signers.

Which votes count and how many decide: design, Which digest a tag has, 2 to 5. What is refused otherwise, and
in which order: design, Answers, below the table.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from proxy.errors import (
    Blocked,
    Expired,
    MetadataCorrupt,
    Refusal,
    Rollback,
    SignerMissing,
    SignersDisagree,
    TagNotSigned,
    ThresholdNotMet,
    TrustError,
)
from proxy.names import RELEASES, TARGETS, RoleName, Tag
from proxy.policy.release import Release
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Signer
from proxy.policy.votes import Ballot, Vote, is_silent, standing
from proxy.tuf.collection import Collection, Role, Target

_GRAVEST_FIRST: Final = (Blocked, Expired, ThresholdNotMet, Rollback, MetadataCorrupt)


@dataclass(frozen=True, slots=True)
class Poll:
    """One tag, the signers of its rule, their votes, and what is released."""

    tag: Tag
    signers: tuple[Signer, ...]
    ballot: Ballot
    release: Release
    collection: Collection

    def decide(self, signed_by: AnyOf | FirstOf | AllOf | AtLeast) -> list[Vote]:
        """The votes that decide, all for one digest. Raises a `Refusal`."""
        return self._first() if isinstance(signed_by, FirstOf) else self._enough(signed_by.needed)

    def has_enough(self, signed_by: AnyOf | FirstOf | AllOf | AtLeast) -> bool:
        """Whether any digest has enough votes, be it one of two that have."""
        needed = 1 if isinstance(signed_by, FirstOf) else signed_by.needed
        return bool(self._reached(needed))

    def counting(self) -> Ballot:
        """The votes that count: where the release is binding, only those for what it names."""
        return self.ballot.only(self.release.target) if self.release.is_binding else self.ballot

    def _enough(self, needed: int) -> list[Vote]:
        """At least `needed` standing votes for one digest."""
        reached = self._reached(needed)
        if len(reached) > 1:
            raise SignersDisagree(self.tag, tuple(votes[0].target.digest for votes in reached))
        if not reached:
            roles = {signer.name: signer.role for signer in self.signers}
            defects = self.ballot.defects.items()
            telling = [each for name, each in defects if not is_silent(roles[name], self.tag, self.collection)]
            raise self._why_not(needed, telling)
        return reached[0]

    def _reached(self, needed: int) -> list[list[Vote]]:
        """The standing votes of each digest that has at least `needed` of them."""
        groups = self.counting().by_target().values()
        return [votes for group in groups if len(votes := standing(group)) >= needed]

    def _first(self) -> list[Vote]:
        """The vote of the first signer that has one.

        A signer that a defect keeps from voting might have said otherwise, so those after it do not speak for it.
        """
        by_name = {vote.signer.name: vote for vote in self.counting().votes}
        for signer in self.signers:
            if defect := self.ballot.defects.get(signer.name):
                raise self._why_not(1, [defect])
            if signer.name in by_name:
                return [by_name[signer.name]]
        raise self._why_not(1, [])

    def _why_not(self, needed: int, defects: list[TrustError]) -> Refusal:
        """What stops the votes: a defect, an absent tag, a disagreement or a missing signer, in this order.

        `defects` are those of signers that were asked.
        """
        counting, is_signed = self.counting(), len(_most(self.ballot)) >= needed
        if is_signed and self.release.is_binding and not self.release.target:
            defects = []  # enough signers agree, nobody released it: mending the others would change nothing
        if self.release.is_binding and self.release.defect and not is_silent(RELEASES, self.tag, self.collection):
            defects = [*defects, self.release.defect]
        if defects:
            return gravest(defects)
        if not self.release.target and not any(has(signer.role, self.tag, self.collection) for signer in self.signers):
            return TagNotSigned(self.tag, is_unreleased(self.tag, self.collection))
        if len(standing(counting.votes)) >= needed:
            return SignersDisagree(self.tag, tuple(target.digest for target in counting.by_target()))
        signed = names_of(self.tag, None, self.collection)
        if is_signed:
            return SignerMissing(self.tag, signed, 1, (RELEASES.signer,))
        voters = {vote.signer for vote in _most(counting)}
        missing = tuple(signer.name for signer in self.signers if signer not in voters)
        return SignerMissing(self.tag, signed, needed - len(voters), missing)


def gravest(defects: Iterable[TrustError]) -> TrustError:
    """The one to name of several defects that stop a decision; there is at least one.

    It is a copy: one exception that is kept and raised for every request would gather their tracebacks.
    """
    return replace(min(defects, key=_gravity))


def names_of(tag: Tag, target: Target | None, collection: Collection) -> tuple[str, ...]:
    """Who says something of a tag (of this digest, if one is given), as people call them.

    As in `docker trust inspect`: delegations other than `targets/releases`, else the repository's own key.
    """
    roles = [
        role.name
        for role in collection.usable()
        if (said := role.target(tag)) and (target is None or said.digest == target.digest)
    ]
    signers = tuple(name.signer for name in roles if name not in (TARGETS, RELEASES))
    return signers or tuple(name.signer for name in roles)


def is_unreleased(tag: Tag, collection: Collection) -> bool:
    """Whether `targets` has a tag and `targets/releases`, which is declared, has not."""
    return collection.declares_releases and has(TARGETS, tag, collection)


def has(name: RoleName, tag: Tag, collection: Collection) -> bool:
    """Whether a role says anything of a tag."""
    role = collection.roles.get(name)
    return isinstance(role, Role) and role.target(tag) is not None


def _most(ballot: Ballot) -> list[Vote]:
    """The most votes that stand for one digest."""
    return max((standing(group) for group in ballot.by_target().values()), key=len, default=[])


def _gravity(defect: TrustError) -> int:
    ranks = (rank for rank, kind in enumerate(_GRAVEST_FIRST) if isinstance(defect, kind))
    return next(ranks, len(_GRAVEST_FIRST))
