"""All that is known of manifests: in memory, in the trust store, and which of them the registry lacks."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from cachetools import LRUCache, TTLCache

from proxy.errors import ManifestAmbiguous
from proxy.limits import (
    CLOSURE_BLOBS_BYTES,
    CLOSURE_CHILDREN_BYTES,
    INDEX_DEPTH,
    INDEX_KEPT_SECONDS,
    INDEXES_KEPT,
    INDEXES_RECALLED,
    MISSING_CACHED,
)
from proxy.manifests import Manifest, parse
from proxy.names import Digest, Repository
from proxy.registry.closure.memory import Content, Memory, raw
from proxy.registry.manifests import VerifiedManifest
from proxy.tasks import spawn
from proxy.telemetry.caches import watch


class Indexes(Protocol):
    """Where the bytes of indexes outlive a restart; a trust store is one."""

    async def load_index(self, digest: Digest) -> bytes | None:
        """See `TrustReader.load_index`."""

    async def indexes_naming(self, digest: Digest) -> tuple[Digest, ...]:
        """See `TrustReader.indexes_naming`."""

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """See `TrustStore.keep_index`."""


class Missing:
    """Manifests that the registry lacks, or that are never served, and when that was seen last."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._seen: LRUCache[tuple[Repository, Digest], float] = LRUCache(MISSING_CACHED)

    def note(self, repository: Repository, digest: Digest) -> None:
        """Remember that a manifest is not there now."""
        self._seen[repository, digest] = self._seconds()

    def age(self, repository: Repository, digest: Digest) -> float | None:
        """How many seconds ago it was seen to be missing; None for never."""
        seen = self._seen.get((repository, digest))
        return None if seen is None else self._seconds() - seen


class Knowledge:
    """What manifests say, wherever it is remembered; one for each registry.

    `children` holds every manifest that was read, `blobs` the images among them: so one does not crowd out the other.
    """

    def __init__(self, indexes: Indexes, seconds: Callable[[], float]) -> None:
        self.children = Memory(CLOSURE_CHILDREN_BYTES)
        self.blobs = Memory(CLOSURE_BLOBS_BYTES)
        watch("indexes", self.children, is_sized=True)
        watch("blobs", self.blobs, is_sized=True)
        self.missing = Missing(seconds)
        self._indexes = indexes
        self._kept: TTLCache[Digest, None] = TTLCache(INDEXES_KEPT, INDEX_KEPT_SECONDS, seconds)
        self._keeping: dict[Digest, asyncio.Task[None]] = {}

    def learn(self, manifest: Manifest) -> None:
        """Remember what verified bytes say."""
        self.children.learn(manifest.digest, Content(manifest.length, manifest.is_index, manifest.children))
        if not manifest.is_index:
            blobs = b"".join(raw(blob) for blob in manifest.blobs)
            self.blobs.learn(manifest.digest, Content(manifest.length, is_index=False, blobs=blobs))

    def has(self, manifest: Manifest) -> bool:
        """Whether all of it is in memory, and an index is kept beyond a restart as well."""
        if self.children.get(manifest.digest) is None:
            return False
        return (manifest.digest in self._kept) if manifest.is_index else self.blobs.get(manifest.digest) is not None

    async def keep(self, verified: VerifiedManifest) -> None:
        """Remember an index beyond a restart; once, however many ask. Raises `TrustStoreUnavailable`."""
        digest = verified.manifest.digest
        if not verified.manifest.is_index or digest in self._kept:
            return
        keeping = self._keeping.get(digest)
        if keeping is None:
            keeping = self._keeping[digest] = spawn(
                self._indexes.keep_index(digest, verified.body), name=f"keep {digest}"
            )
            keeping.add_done_callback(lambda kept: self._note_kept(digest, kept))
        await asyncio.shield(keeping)

    async def recall(self, digest: Digest) -> None:
        """Learn an index again that was kept. Raises `TrustStoreUnavailable`."""
        body = await self._indexes.load_index(digest)
        if body is not None:
            with suppress(ManifestAmbiguous):  # an earlier version of this program was less strict
                self.learn(parse(body, None))

    async def recall_namers(self, wanted: Digest) -> None:
        """Learn the kept indexes that name a digest, those that name them, and so on.

        Raises `TrustStoreUnavailable`.
        """
        level = {wanted}
        recalled: set[Digest] = set()
        for _ in range(INDEX_DEPTH):
            named = [namer for digest in level for namer in await self._indexes.indexes_naming(digest)]
            level = set(named[: INDEXES_RECALLED - len(recalled)]) - recalled
            for digest in level:
                if self.children.get(digest) is None:
                    await self.recall(digest)
            recalled |= level

    def _note_kept(self, digest: Digest, keeping: asyncio.Task[None]) -> None:
        del self._keeping[digest]
        if not keeping.cancelled() and keeping.exception() is None:
            self._kept[digest] = None
