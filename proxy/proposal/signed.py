"""Who signed what of a repository now, in the terms of rules: for each tag its digest and the votes for it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.errors import Refusal
from proxy.names import RELEASES, TARGETS, Digest, Repository, RoleName, Tag
from proxy.policy.entries import Entry
from proxy.policy.evaluation import resolve_tag
from proxy.policy.signers import Released, SignedBy, Signer
from proxy.tuf.collection import Collection, Role


@dataclass(frozen=True, slots=True)
class SignedTag:
    """A tag and the digest that a rule has to give it.

    `votes` are the signers whose own role says the same; `released` is False where Docker's own rule gives the tag no
    digest, and signers alone do.
    """

    repository: Repository
    tag: Tag
    digest: Digest
    votes: frozenset[str]
    released: bool

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Survey:
    """What is signed in one repository. `entry` is any entry that applies to it; its rule is not looked at."""

    repository: Repository
    collection: Collection
    entry: Entry
    now: datetime
    signed: tuple[SignedTag, ...]

    def meets(self, rule: SignedBy) -> bool:
        """Whether a rule gives every signed tag the digest that it has, by the code that will decide (policy)."""
        return all(self.resolves(rule, each.tag) == each.digest for each in self.signed)

    def resolves(self, rule: SignedBy, tag: Tag) -> Digest | None:
        """The digest that a rule gives a tag, None where it refuses."""
        return resolved(replace(self.entry, signed_by=rule, tags=()), tag, self.collection, self.now)


def survey(repository: Repository, collection: Collection, entry: Entry, now: datetime) -> Survey:
    """Read what is signed.

    1. What Docker's own rule releases: `targets/releases` where that is declared, else `targets`.
    2. Where nothing is declared: a tag that `targets` lacks and all signers who name it agree about. A rule that names
       signers admits it, so it counts unless a tag of (1) has no signer at all: then only `released` fits.
    """
    released = tuple(_released(repository, collection, entry, now))
    signed_alone = () if collection.declares_releases else tuple(_signed_alone(repository, collection))
    if signed_alone and all(each.votes for each in released):
        released = (*released, *signed_alone)
    return Survey(repository, collection, entry, now, tuple(sorted(released, key=lambda each: each.tag)))


def signer_roles(collection: Collection) -> Iterator[RoleName]:
    """Every delegation but `targets/releases`, whether it can be used or not."""
    return (name for name in sorted(collection.roles) if name not in (TARGETS, RELEASES))


def signers(names: frozenset[str]) -> tuple[Signer, ...]:
    """Signers by name, in order; whatever keys are delegated count, because all of them get listed."""
    return tuple(Signer(name, None) for name in sorted(names))


def resolved(entry: Entry, tag: Tag, collection: Collection, now: datetime) -> Digest | None:
    """The digest that an entry gives a tag, None where it refuses."""
    try:
        return resolve_tag(entry, tag, collection, now).digest
    except Refusal:
        return None


def _released(repository: Repository, collection: Collection, entry: Entry, now: datetime) -> Iterator[SignedTag]:
    dockers = replace(entry, signed_by=Released(), tags=())
    for tag in collection.tags():
        digest = resolved(dockers, tag, collection, now)
        if digest:
            says = _says(collection, tag)
            votes = frozenset(name for name, said in says.items() if said == digest)
            yield SignedTag(repository, tag, digest, votes, released=True)


def _signed_alone(repository: Repository, collection: Collection) -> Iterator[SignedTag]:
    for tag in collection.tags():
        says = _says(collection, tag)
        if collection.targets.target(tag) is None and len(set(says.values())) == 1:
            yield SignedTag(repository, tag, min(says.values()), frozenset(says), released=False)


def _says(collection: Collection, tag: Tag) -> dict[str, Digest]:
    """The digest that each signer's own file says, where the role can be used and its paths cover the tag."""
    roles = ((name, collection.roles[name]) for name in signer_roles(collection))
    return {
        name.signer: target.digest
        for name, role in roles
        if isinstance(role, Role) and role.signed_by and (target := role.target(tag))
    }
