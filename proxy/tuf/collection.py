"""The trusted collection: everything verified about one GUN, and what of it is remembered."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from heapq import merge
from itertools import groupby

from proxy.errors import TrustError
from proxy.names import RELEASES, TARGETS, Digest, Gun, RoleName, Tag
from proxy.tuf.keys import PublicKey
from proxy.tuf.targets import NOTHING_SAID, PackedTargets, Target

__all__ = [
    "NOTHING_SAID",
    "Collection",
    "PackedTargets",
    "Role",
    "Stored",
    "Target",
    "TopRole",
    "Unpublished",
    "Unusable",
    "covers",
]


@dataclass(frozen=True, slots=True)
class TopRole:
    """Version and expiry of root, timestamp or snapshot; all that is asked of them later."""

    name: RoleName
    version: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Role:
    """`targets` or a delegation whose file was verified.

    `keys` are those that may sign for it now, by key id; `signed_by` the public key ids (dialect 2.5,
    canonical) with a valid signature; `paths` the prefixes that it and all its parents allow.
    """

    name: RoleName
    version: int
    expires: datetime
    threshold: int
    keys: Mapping[str, PublicKey]
    signed_by: frozenset[str]
    paths: tuple[str, ...]
    targets: Mapping[Tag, Target]

    def target(self, tag: Tag) -> Target | None:
        """What the role's own file says of a tag, if its paths cover it."""
        return self.targets.get(tag) if covers(self.paths, tag) else None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A declared delegation that cannot be used, and why (difference L2).

    `keys` and `threshold` are those it is declared with. `claims` is what its file says, where that could be
    read: it proves nothing, and only helps to say what a refusal is due to.
    """

    name: RoleName
    error: TrustError
    keys: Mapping[str, PublicKey]
    threshold: int
    paths: tuple[str, ...]
    claims: Mapping[Tag, Target] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A declared delegation that was never published: nothing is signed by it, and nothing is wrong with it."""

    name: RoleName
    keys: Mapping[str, PublicKey]
    threshold: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """The raw files that an earlier update accepted, by role name: evidence, and the floors of their versions.

    A role that is declared but unusable now keeps the last file that was accepted, as its floor.
    """

    files: Mapping[RoleName, bytes]


@dataclass(frozen=True)
class Collection:
    """All verified trust data of a GUN. `roles` holds `targets` and every declared delegation.

    `skipped` names targets that count for nothing, and why (difference S10), for the log. `hashes` are the SHA-256
    of all `files`: they tell collections apart, also a compact one, which is kept without its files
    (`proxy.tuf.packed`). In an outage the timestamp's expiry does not count (design: Freshness).
    """

    gun: Gun
    root: TopRole
    root_keys: Mapping[str, PublicKey]
    timestamp: TopRole
    snapshot: TopRole
    roles: Mapping[RoleName, Role | Unusable | Unpublished]
    files: Mapping[RoleName, bytes]
    skipped: tuple[str, ...]
    hashes: Mapping[RoleName, bytes] = field(default_factory=dict)
    counts_timestamp: bool = True

    def __post_init__(self) -> None:
        """Take the hashes of the files, where nobody did."""
        if not self.hashes:
            object.__setattr__(self, "hashes", _hashes(self.files))

    @property
    def is_compact(self) -> bool:
        """Whether its files were left out."""
        return bool(self.hashes) and not self.files

    def stored(self) -> Stored:
        """What is to be remembered of it. Raises `TypeError` for a compact one, whose files are elsewhere."""
        if self.is_compact:
            raise TypeError("a compact collection has no files to remember")
        return Stored(self.files)

    def with_files(self, files: Mapping[RoleName, bytes]) -> "Collection":
        """The same with the files that it was made from. Raises `ValueError` for any others."""
        if _hashes(files) != self.hashes:
            raise ValueError("these are not the files of this collection")
        return replace(self, files=files)

    @property
    def targets(self) -> Role:
        """The top-level targets role."""
        role = self.roles[TARGETS]
        if not isinstance(role, Role):
            raise TypeError("an update without targets does not end in a collection")
        return role

    @property
    def declares_releases(self) -> bool:
        """Whether `targets/releases` is declared, usable or not (difference S4)."""
        return RELEASES in self.roles

    def usable(self) -> Iterator[Role]:
        """Every role whose file was verified."""
        return (role for role in self.roles.values() if isinstance(role, Role))

    def tags(self) -> frozenset[Tag]:
        """Every tag that any usable role names."""
        return frozenset(tag for role in self.usable() for tag in role.targets)

    def in_order(self) -> Iterator[Tag]:
        """The same tags by name, one after the other; nothing is done for all of them at once."""
        roles = (
            role.targets if isinstance(role.targets, PackedTargets) else sorted(role.targets) for role in self.usable()
        )
        return (tag for tag, _ in groupby(merge(*roles)))

    def naming(self, digest: Digest) -> frozenset[Tag]:
        """The tags of which any usable role says this digest."""
        return frozenset(self.each_naming(digest))

    def each_naming(self, digest: Digest) -> Iterator[Tag]:
        """The same tags, once for each role that says it; none is read before it is asked for."""
        yield from self._by_digest.get(digest, ())
        for role in self.usable():
            if isinstance(role.targets, PackedTargets):
                yield from role.targets.naming(digest)

    @cached_property
    def _by_digest(self) -> Mapping[Digest, list[Tag]]:
        """Made once, so that it costs nothing to ask for a digest that nobody ever signed."""
        found: dict[Digest, list[Tag]] = {}
        for role in self.usable():
            if not isinstance(role.targets, PackedTargets):
                for tag, target in role.targets.items():
                    found.setdefault(target.digest, []).append(tag)
        return found


def covers(paths: tuple[str, ...], tag: str) -> bool:
    """Whether a role with these path prefixes may speak of a tag: plain prefixes, `""` covers all (dialect 3.8)."""
    return tag.startswith(paths)


def _hashes(files: Mapping[RoleName, bytes]) -> dict[RoleName, bytes]:
    return {role: hashlib.sha256(data).digest() for role, data in files.items()}
