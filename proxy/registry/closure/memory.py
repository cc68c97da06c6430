"""What verified manifests name, and the way back from what is named.

A digest names its bytes, so what a manifest says never changes: it is remembered by digest alone, for all
repositories. Whether anything admits the manifest is asked anew each time.
"""

from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from proxy.names import Descriptor, Digest

_HASH_BYTES: Final = 32

# What these take in memory, with their places in the tables; measured, and rounded up.
_MANIFEST_BYTES: Final = 500
_CHILD_BYTES: Final = 700
_BLOB_BYTES: Final = 250


@dataclass(frozen=True, slots=True)
class Content:
    """What is remembered of a manifest: its length in bytes, its children, the raw hashes of its blobs in one piece."""

    length: int
    is_index: bool
    children: tuple[Descriptor, ...] = ()
    blobs: bytes = b""

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        named = len(self.children) * _CHILD_BYTES + len(self.blobs) // _HASH_BYTES * _BLOB_BYTES
        return _MANIFEST_BYTES + named

    def names(self) -> set[bytes]:
        """The raw hashes of all that it names, each once."""
        children = (raw(child.digest) for child in self.children)
        blobs = (self.blobs[start : start + _HASH_BYTES] for start in range(0, len(self.blobs), _HASH_BYTES))
        return {*children, *blobs}


class Memory(LRUCache[Digest, Content]):
    """Contents by digest, within a bound of bytes; those not used for longest are forgotten first.

    `forgotten` counts how often that happened: where it moved on, a search that found nothing proves nothing.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, lambda content: content.weight)
        # Most digests are named once, and a set of one is large.
        self._namers: dict[bytes, Digest | set[Digest]] = {}
        self.forgotten = 0

    def learn(self, digest: Digest, content: Content) -> None:
        """Remember a content; where it is known that is a use of it."""
        if self.get(digest) is not None:
            return
        self[digest] = content
        for named in content.names():
            known = self._namers.setdefault(named, digest)
            if isinstance(known, set):
                known.add(digest)
            elif known != digest:
                self._namers[named] = {known, digest}

    def namers(self, digest: Digest) -> tuple[Digest, ...]:
        """The manifests that name a digest, among those remembered; in any order."""
        known = self._namers.get(raw(digest), ())
        return (known,) if isinstance(known, Digest) else tuple(known)

    def popitem(self) -> tuple[Digest, Content]:
        """Forget the content not used for longest."""
        digest, content = super().popitem()
        self.forgotten += 1
        for named in content.names():
            known = self._namers[named]
            if isinstance(known, set):
                known.discard(digest)
            if not isinstance(known, set) or not known:
                del self._namers[named]
        return digest, content


def raw(digest: Digest) -> bytes:
    """The 32 bytes of a digest."""
    return bytes.fromhex(digest.hex)
