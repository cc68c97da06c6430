"""What the rest of the program may ask of a trust store."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.errors import TagwardenError
from proxy.names import Digest, Gun, Tag
from proxy.tuf.collection import Stored


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of a collection: its files, their generation, and when Notary last confirmed them (UTC).

    `past` is what its roles said of tags before, as `proxy.policy.past` encodes it; empty where that is nothing.
    """

    stored: Stored
    generation: int
    checked_at: datetime
    past: bytes = b""


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

    async def ever_had(self, notary: str, gun: Gun, tag: Tag) -> bool:
        """Whether any commit of a collection named this tag as one of its own (design: Configuration, Modes)."""
        ...

    async def load_index(self, digest: Digest) -> bytes | None:
        """The bytes of an index that was kept, checked against their digest; None where it is not, or not any more."""
        ...

    async def indexes_naming(self, digest: Digest) -> tuple[Digest, ...]:
        """Kept indexes that list this digest among their children: a hint where to look, which proves nothing."""
        ...

    async def close(self) -> None:
        """Let go of the store; every later call raises `TrustStoreUnavailable`."""
        ...


class TrustStore(TrustReader, Protocol):
    """A trust store that can be written too."""

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
        """Replace files and past of a collection, whole or not at all, and return its new generation.

        A cancelled call may still be completed.

        Args:
            notary: name of the Notary.
            gun: of the collection.
            stored: its files.
            expected: the generation that the files were verified against; None means that nothing was remembered.
            checked_at: the time of the check (UTC), which never goes back.
            past: takes the place of the one before; empty for none.
            new_tags: are added to the tags that the collection ever had; those that it has had already may be among
                them.

        Raises:
            Conflict: the collection is at another generation.
            TrustStoreUnavailable: it cannot be written.
        """
        ...

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Note that Notary confirmed this generation at `checked_at` (UTC), which never goes back.

        Raises `Conflict` if the collection is at another generation, and `TrustStoreUnavailable`.
        """
        ...

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """Keep the bytes of an index until many others were kept or used since; keeping it again is using it.

        `data` has been verified against `digest`, and parsed. Raises `TrustStoreUnavailable`.
        """
        ...
