"""A trust store that writes nothing: what is remembered below, and what this process has seen since.

Commands that only ask (`verify`, `inspect`) decide on it as the proxy would, and leave no trace.
"""

from collections.abc import Iterable
from datetime import datetime

from cachetools import LRUCache

from proxy.limits import OVERLAY_INDEXES_BYTES
from proxy.names import Digest, Gun, Tag
from proxy.store.protocol import Conflict, Remembered, TrustReader
from proxy.tuf.collection import Stored


class Overlay:
    """Reads through to a store, or to nothing where there is none; keeps commits in memory."""

    def __init__(self, below: TrustReader | None) -> None:
        self._below = below
        self._seen: dict[tuple[str, Gun], Remembered] = {}
        self._tags: dict[tuple[str, Gun], set[Tag]] = {}
        self._indexes: LRUCache[Digest, bytes] = LRUCache(OVERLAY_INDEXES_BYTES, len)

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What this process committed, else what is remembered below. Raises `TrustStoreUnavailable`."""
        seen = self._seen.get((notary, gun))
        if seen or self._below is None:
            return seen
        return await self._below.load(notary, gun)

    async def last_check(self) -> datetime | None:
        """The newest check that is remembered below. Raises `TrustStoreUnavailable`."""
        return await self._below.last_check() if self._below else None

    async def ever_had(self, notary: str, gun: Gun, tag: Tag) -> bool:
        """Whether a commit of this process or one below named the tag. Raises `TrustStoreUnavailable`."""
        if tag in self._tags.get((notary, gun), ()):
            return True
        return self._below is not None and await self._below.ever_had(notary, gun, tag)

    async def load_index(self, digest: Digest) -> bytes | None:
        """An index that was kept here or below. Raises `TrustStoreUnavailable`."""
        kept = self._indexes.get(digest)
        if kept is not None or self._below is None:
            return kept
        return await self._below.load_index(digest)

    async def indexes_naming(self, digest: Digest) -> tuple[Digest, ...]:
        """Indexes here and below that list a digest. Raises `TrustStoreUnavailable`."""
        below = await self._below.indexes_naming(digest) if self._below else ()
        here = (kept for kept, data in self._indexes.items() if digest.encode() in data)
        return tuple(dict.fromkeys((*here, *below)))

    async def commit(
        self,
        notary: str,
        gun: Gun,
        stored: Stored,
        *,
        expected: int | None,
        checked_at: datetime,
        past: bytes = b"",
        new_tags: Iterable[Tag] = (),
    ) -> int:
        """Keep in memory. Raises `Conflict` if `expected` is not the generation at hand."""
        remembered = await self.load(notary, gun)
        if (remembered.generation if remembered else None) != expected:
            raise Conflict
        generation = (expected or 0) + 1
        self._seen[notary, gun] = Remembered(stored, generation, checked_at, past)
        self._tags.setdefault((notary, gun), set()).update(new_tags)
        return generation

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Nothing to note: it would be forgotten with the process."""

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """Keep in memory."""
        self._indexes[digest] = data

    async def close(self) -> None:
        """Close what is below."""
        if self._below:
            await self._below.close()
