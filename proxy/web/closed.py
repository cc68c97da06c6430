"""Digests that were refused as manifests and are some: nobody reads them as blobs instead (design: Manifests).

Some clients ask for a refused manifest as blob, and whoever uploaded it as one too would have it served there
(clients 2). Best effort: it is known from the first refusal on, for as long as there is room for it.
"""

from collections.abc import Awaitable
from typing import TypeAlias

from cachetools import LRUCache, TTLCache

from proxy.limits import CLOSED_DIGESTS, NO_MANIFEST_SECONDS
from proxy.names import Digest, Repository

_Key: TypeAlias = tuple[Repository, Digest]


class ClosedDigests:
    """What is closed; the one noted longest ago goes first. A listener for candidates shares it with the main one."""

    def __init__(self) -> None:
        """Begin with nothing closed."""
        self._closed: LRUCache[_Key, None] = LRUCache(CLOSED_DIGESTS)
        self._no_manifests: TTLCache[_Key, None] = TTLCache(CLOSED_DIGESTS, NO_MANIFEST_SECONDS)

    def __contains__(self, key: _Key) -> bool:
        return key in self._closed

    def knows(self, repository: Repository, digest: Digest) -> bool:
        """Whether it need not be asked about again: it is closed, or was no manifest a moment ago."""
        key = repository, digest
        return key in self._closed or key in self._no_manifests

    def doubt(self) -> None:
        """Ask anew about what was no manifest: another registry answers. What is closed stays so."""
        self._no_manifests.clear()

    async def learn(self, repository: Repository, digest: Digest, is_manifest: Awaitable[bool]) -> None:
        """Close a refused digest if it is a manifest; a layer that is asked for as one stays open.

        Raises whatever `is_manifest` raises; then nothing was learnt.
        """
        (self._closed if await is_manifest else self._no_manifests)[repository, digest] = None
