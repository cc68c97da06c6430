"""A trust store that writes nothing: what is remembered below, and what this process has seen since.

Commands that only ask (`verify`, `inspect`) decide on it as the proxy would, and leave no trace.
"""

from datetime import datetime

from proxy.names import Gun
from proxy.store.protocol import Conflict, Remembered, TrustReader
from proxy.tuf.collection import Stored


class Overlay:
    """Reads through to a store, or to nothing where there is none; keeps commits in memory."""

    def __init__(self, below: TrustReader | None) -> None:
        self._below = below
        self._seen: dict[tuple[str, Gun], Remembered] = {}

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What this process committed, else what is remembered below. Raises `TrustStoreUnavailable`."""
        seen = self._seen.get((notary, gun))
        if seen or self._below is None:
            return seen
        return await self._below.load(notary, gun)

    async def last_check(self) -> datetime | None:
        """The newest check that is remembered below. Raises `TrustStoreUnavailable`."""
        return await self._below.last_check() if self._below else None

    async def commit(self, notary: str, gun: Gun, stored: Stored, *, expected: int | None, checked_at: datetime) -> int:
        """Keep in memory. Raises `Conflict` if `expected` is not the generation at hand."""
        remembered = await self.load(notary, gun)
        if (remembered.generation if remembered else None) != expected:
            raise Conflict
        generation = (expected or 0) + 1
        self._seen[notary, gun] = Remembered(stored, generation, checked_at)
        return generation

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Nothing to note: it would be forgotten with the process."""

    async def close(self) -> None:
        """Close what is below."""
        if self._below:
            await self._below.close()
