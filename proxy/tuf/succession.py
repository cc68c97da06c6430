"""What changed from one trusted collection to the next: its root, and whose keys sign for which role."""

from dataclasses import dataclass
from typing import Self, TypeAlias

from proxy.tuf.collection import Collection, Role

Use: TypeAlias = tuple[str, str]
"""A role, and the public key id (dialect 2.5, canonical) of a key that signed it."""


@dataclass(frozen=True, slots=True)
class Succession:
    """From the collection that was remembered, if there was one, to the one that takes its place.

    `roots` are the versions before and after, the first None where nothing was remembered; key ids are those of the
    keys that may sign the root. `begun` are the uses of keys that are new, `ended` those that are no more; a role that
    cannot be used (any more) says nothing of either.
    """

    roots: tuple[int | None, int]
    root_keys: tuple[str, ...]
    root_keys_gone: tuple[str, ...]
    begun: tuple[Use, ...]
    ended: tuple[Use, ...]

    @classmethod
    def of(cls, before: Collection | None, after: Collection) -> Self:
        """Compare two collections of the same GUN, both with their keys."""
        keys = {key.public_key_id for key in after.root_keys.values()}
        gone = {key.public_key_id for key in before.root_keys.values()} - keys if before else set()
        then, now = _uses(before) if before else set(), _uses(after)
        usable = {role for role, _ in now}
        return cls(
            roots=(before.root.version if before else None, after.root.version),
            root_keys=tuple(sorted(keys)),
            root_keys_gone=tuple(sorted(gone)),
            begun=tuple(sorted(now - then)),
            ended=tuple(sorted(use for use in then - now if use[0] in usable or use[0] not in after.roles)),
        )

    @property
    def is_first(self) -> bool:
        """Whether nothing was remembered."""
        return self.roots[0] is None

    @property
    def has_other_root(self) -> bool:
        """Whether the root is another one than before."""
        return not self.is_first and self.roots[0] != self.roots[1]


def _uses(collection: Collection) -> set[Use]:
    roles = (role for role in collection.roles.values() if isinstance(role, Role))
    return {(str(role.name), key) for role in roles for key in role.signed_by}
