"""From a digest up to a root, in memory alone: what names it, and what admits that."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from proxy.errors import Blocked
from proxy.limits import INDEX_DEPTH
from proxy.manifests import INDEX_TYPES
from proxy.names import Descriptor, Digest
from proxy.policy.decisions import Allowed, admit_child
from proxy.registry.closure.knowledge import Knowledge
from proxy.registry.closure.memory import Memory
from proxy.registry.closure.roots import Roots

Climb: TypeAlias = Callable[[Knowledge, Digest, Roots], Allowed | None]


def admit(knowledge: Knowledge, wanted: Digest, roots: Roots) -> Allowed | None:
    """The permission that the nearest root above gives a manifest; None where no way leads up."""
    at_once = roots.by_digest.get(wanted)
    if at_once:
        return at_once[0]
    if not knowledge.children.namers(wanted):
        return None
    ascent = _Ascent(knowledge.children, roots.by_digest)
    ways = (ascent.through_parents(wanted, above) for above in range(1, INDEX_DEPTH + 1))
    return next((found for found in ways if found is not None), None)


def admit_blob(knowledge: Knowledge, wanted: Digest, roots: Roots) -> Allowed | None:
    """The permission of an admitted image that names a blob; None where no such image is known."""
    for image in knowledge.blobs.namers(wanted):
        content = knowledge.blobs.get(image)
        allowed = admit(knowledge, image, roots)
        if allowed is not None and content is not None and allowed.length in (None, content.length):
            return allowed
    return None


@dataclass(frozen=True, slots=True)
class _Ascent:
    """One way up from one digest, and what was found out about those above it, by how many levels were left."""

    memory: Memory
    roots: Mapping[Digest, Sequence[Allowed]]
    known: dict[tuple[Digest, int], Allowed | None] = field(default_factory=dict)

    def through_parents(self, digest: Digest, above: int, *, as_index: bool = False) -> Allowed | None:
        """The permission that an index gives which itself has one, at most so many levels up.

        With `as_index` the digest's own children shall count: then it must be listed as an index of its true length.
        """
        for parent in self.memory.namers(digest):
            allowed = self._of_index(parent, above - 1)
            content = self.memory.get(parent)
            if allowed is None or content is None:
                continue
            for child in content.children:
                if child.digest == digest and (not as_index or self._leads_on(child)):
                    with suppress(Blocked):
                        return admit_child(allowed, child)
        return None

    def _of_index(self, digest: Digest, above: int) -> Allowed | None:
        """The permission of an index whose children count."""
        if (digest, above) not in self.known:
            fitting = (root for root in self.roots.get(digest, ()) if self._fits(digest, root.length))
            found = next(fitting, None)
            if found is None and above:
                found = self.through_parents(digest, above, as_index=True)
            self.known[digest, above] = found
        return self.known[digest, above]

    def _leads_on(self, child: Descriptor) -> bool:
        return child.media_type in INDEX_TYPES and self._fits(child.digest, child.length)

    def _fits(self, digest: Digest, length: int | None) -> bool:
        """Whether an index has the length that it is signed or listed with; otherwise it is never served."""
        content = self.memory.get(digest)
        return content is not None and length in (None, content.length)
