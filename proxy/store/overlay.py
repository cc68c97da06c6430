"""A trust store that writes nothing: what is remembered below, and what this process has seen since.

Commands that only ask (`verify`, `inspect`) decide on it as the proxy would, and leave no trace.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cachetools import LRUCache

from proxy.limits import ADMISSION_KEPT_DAYS, OVERLAY_INDEXES_BYTES
from proxy.names import Digest, Gun, Tag
from proxy.store.protocol import Admission, Conflict, Forgotten, Remembered, Tagged, TrustReader
from proxy.tuf.collection import Stored


class Overlay:
    """Reads through to a store, or to nothing where there is none; keeps commits in memory."""

    def __init__(self, below: TrustReader | None) -> None:
        self._below = below
        self._seen: dict[tuple[str, Gun], Remembered] = {}
        self._asked: dict[tuple[str, Gun], datetime] = {}
        self._forgettings: list[Forgotten] = []
        self._doubts: dict[tuple[str, Gun], datetime] = {}
        self._tags: dict[tuple[str, Gun], set[Tag]] = {}
        self._indexes: LRUCache[Digest, bytes] = LRUCache(OVERLAY_INDEXES_BYTES, len)
        self._admitted: dict[Tagged, Admission] = {}
        self._refused: set[Tagged] = set()

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What this process committed, else what is remembered below. Raises `TrustStoreUnavailable`."""
        seen = self._seen.get((notary, gun))
        if seen or self._below is None:
            return seen
        return await self._below.load(notary, gun)

    async def generation(self, notary: str, gun: Gun) -> int | None:
        """That of the commit of this process, else that below. Raises `TrustStoreUnavailable`."""
        seen = self._seen.get((notary, gun))
        if seen or self._below is None:
            return seen.generation if seen else None
        return await self._below.generation(notary, gun)

    async def collections(self) -> tuple[tuple[str, Gun], ...]:
        """Those with files here, and those below that were not forgotten here. Raises `TrustStoreUnavailable`."""
        below = await self._below.collections() if self._below else ()
        here = {key for key, seen in self._seen.items() if seen.stored.files}
        return tuple(sorted(here | (set(below) - self._seen.keys())))

    async def asked_since(self, instant: datetime) -> tuple[tuple[str, Gun], ...]:
        """Those noted here, and those below that were not forgotten here. Raises `TrustStoreUnavailable`."""
        below = await self._below.asked_since(instant) if self._below else ()
        forgotten = {key for key, seen in self._seen.items() if not seen.stored.files}
        here = {key for key, at in self._asked.items() if at >= instant}
        return tuple(sorted(here | (set(below) - forgotten)))

    async def forgettings(self) -> tuple[Forgotten, ...]:
        """Those below, and then those of this process. Raises `TrustStoreUnavailable`."""
        below = await self._below.forgettings() if self._below else ()
        return (*below, *self._forgettings)

    async def last_check(self) -> datetime | None:
        """The newest check that is remembered below. Raises `TrustStoreUnavailable`."""
        return await self._below.last_check() if self._below else None

    async def ever_had(self, notary: str, gun: Gun, tag: Tag) -> bool:
        """Whether a commit of this process or one below named the tag. Raises `TrustStoreUnavailable`."""
        if tag in self._tags.get((notary, gun), ()):
            return True
        return self._below is not None and await self._below.ever_had(notary, gun, tag)

    async def is_doubted(self, notary: str, gun: Gun) -> bool:
        """Whether what this process committed is in doubt, else what is below. Raises `TrustStoreUnavailable`."""
        seen = self._seen.get((notary, gun))
        if seen or self._below is None:
            return seen is not None and seen.is_doubted
        return await self._below.is_doubted(notary, gun)

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
        new_tags: Collection[Tag] = (),
        doubted_at: datetime | None = None,
    ) -> int:
        """Keep in memory. Raises `Conflict` if `expected` is not the generation at hand."""
        remembered = await self.load(notary, gun)
        if (remembered.generation if remembered else None) != expected:
            raise Conflict
        generation = (expected or 0) + 1
        is_doubted = self._end_doubt((notary, gun), checked_at)
        if doubted_at is not None:
            self._doubts[notary, gun] = max(doubted_at, checked_at)
            is_doubted = True
        self._seen[notary, gun] = Remembered(stored, generation, checked_at, past, is_doubted)
        self._tags.setdefault((notary, gun), set()).update(new_tags)
        return generation

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Note it of what this process committed; of what is below it would be forgotten with the process."""
        seen = self._seen.get((notary, gun))
        if seen and seen.generation == generation:
            is_doubted = self._end_doubt((notary, gun), checked_at)
            checked_at = max(seen.checked_at, checked_at)
            self._seen[notary, gun] = replace(seen, checked_at=checked_at, is_doubted=is_doubted)

    async def doubt(self, notary: str, gun: Gun, *, generation: int, at: datetime) -> None:
        """Note it in memory. Raises `Conflict` if the collection is at another generation, `TrustStoreUnavailable`."""
        remembered = await self.load(notary, gun)
        if remembered is None or remembered.generation != generation:
            raise Conflict
        self._doubts.setdefault((notary, gun), max(at, remembered.checked_at))
        self._seen[notary, gun] = replace(remembered, is_doubted=True)

    async def touch_all(self, checks: Mapping[tuple[str, Gun], tuple[int, datetime]]) -> frozenset[tuple[str, Gun]]:
        """Note each; answers those at another generation. Raises `TrustStoreUnavailable`."""
        others = set()
        for key, (generation, checked_at) in checks.items():
            if await self.generation(*key) == generation:
                await self.touch(*key, generation=generation, checked_at=checked_at)
            else:
                others.add(key)
        return frozenset(others)

    async def note_asked(self, keys: Iterable[tuple[str, Gun]], at: datetime) -> None:
        """Note it in memory. Raises `TrustStoreUnavailable`."""
        for key in keys:
            if await self.generation(*key) is not None:
                self._asked[key] = max(at, self._asked.get(key, at))

    async def forget(self, notary: str, gun: Gun, *, reason: str, by: str, at: datetime) -> bool:
        """Forget for as long as this process lives. Raises `TrustStoreUnavailable`."""
        remembered = await self.load(notary, gun)
        if remembered is None or not remembered.stored.files:
            return False
        self._seen[notary, gun] = Remembered(Stored({}), remembered.generation + 1, remembered.checked_at)
        self._asked.pop((notary, gun), None)
        self._doubts.pop((notary, gun), None)
        self._forgettings.append(Forgotten(notary, gun, at, by, reason))
        return True

    async def note_admissions(self, admitted: Mapping[Tagged, Admission]) -> None:
        """Note them in memory."""
        self._admitted.update(admitted)
        self._refused.difference_update(admitted)
        newest = max((each.at for each in admitted.values()), default=None)
        if newest is not None:
            forgotten = newest - timedelta(days=ADMISSION_KEPT_DAYS)
            self._admitted = {key: each for key, each in self._admitted.items() if each.at >= forgotten}

    async def note_refusals(self, refusals: Mapping[Tagged, datetime], since: datetime) -> Mapping[Tagged, Admission]:
        """Note them in memory; answers what was admitted here."""
        standing = {key: self._admitted[key] for key in refusals if key in self._admitted and key not in self._refused}
        ended = {key: each for key, each in standing.items() if since <= each.at <= refusals[key]}
        self._refused.update(ended)
        return ended

    async def check_writable(self, *, timed: bool = False) -> None:
        """It is: this memory."""

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """Keep in memory."""
        self._indexes[digest] = data

    async def close(self) -> None:
        """Close what is below."""
        if self._below:
            await self._below.close()

    def _end_doubt(self, key: tuple[str, Gun], asked: datetime) -> bool:
        """Note that Notary was asked then; whether a doubt from later stands."""
        if key in self._doubts and self._doubts[key] <= asked:
            del self._doubts[key]
        return key in self._doubts
