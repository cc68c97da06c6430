"""What admits, and what the answer can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from proxy.names import Digest
from proxy.policy.decisions import Allowed


@dataclass(frozen=True, eq=False)
class Roots:
    """What one piece of evidence admits by itself under one entry, in the order in which it shall count.

    Make one and keep it as long as the evidence: complete answers are remembered with the object, and go with it.
    """

    allowed: tuple[Allowed, ...]

    @cached_property
    def by_digest(self) -> Mapping[Digest, Sequence[Allowed]]:
        """The permissions of each digest."""
        found: dict[Digest, list[Allowed]] = {}
        for allowed in self.allowed:
            found.setdefault(allowed.digest, []).append(allowed)
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """The digest is admitted: it is a root or a descendant of one; or, of a blob, `allowed` is a manifest's with it."""

    allowed: Allowed


@dataclass(frozen=True, slots=True)
class Absent:
    """No root admits the digest, and every manifest that could was looked at."""
