"""What the rest of the program may ask of a trust store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.errors import TagwardenError
from proxy.names import Gun
from proxy.tuf.collection import Stored


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of a collection: its files, their generation, and when Notary last confirmed them (UTC)."""

    stored: Stored
    generation: int
    checked_at: datetime


class Conflict(TagwardenError):
    """Another writer was first: load again, verify against what it left, and try once more."""


class TrustReader(Protocol):
    """A trust store that can only be read. Every method raises `TrustStoreUnavailable` when it cannot answer."""

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered; None means that nothing was ever committed, and never that something was lost."""
        ...

    async def last_check(self) -> datetime | None:
        """The newest `checked_at` of all collections, which no honest clock is far behind (design: Freshness)."""
        ...

    async def close(self) -> None:
        """Let go of the store; every later call raises `TrustStoreUnavailable`."""
        ...


class TrustStore(TrustReader, Protocol):
    """A trust store that can be written too."""

    async def commit(self, notary: str, gun: Gun, stored: Stored, *, expected: int | None, checked_at: datetime) -> int:
        """Replace the files of a collection, whole or not at all, and return its new generation.

        `expected` is the generation that the files were verified against; None means that nothing was
        remembered. `checked_at` (UTC) is the time of the check and never goes back. A cancelled call may
        still be completed. Raises `Conflict` if the collection is at another generation, and
        `TrustStoreUnavailable`.
        """
        ...

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Note that Notary confirmed this generation at `checked_at` (UTC), which never goes back.

        Raises `Conflict` if the collection is at another generation, and `TrustStoreUnavailable`.
        """
        ...
