"""What the rest of the program may ask of a trust store."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from proxy.errors import TagwardenError
from proxy.names import Digest, Gun, Repository, Tag
from proxy.tuf.collection import Stored


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of a collection: its files, their generation, and when Notary last confirmed them (UTC).

    A collection that was forgotten has no files, and a generation that goes on counting: what Notary says of it next is
    verified as on first contact, and committed against that generation.

    `past` is what its roles said of tags before, as `proxy.policy.past` encodes it; empty where that is nothing.
    `is_doubted` where Notary said something else since, which did not verify (design: Freshness).
    """

    stored: Stored
    generation: int
    checked_at: datetime
    past: bytes = b""
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who had a collection forgotten, when (UTC) and why."""

    notary: str
    gun: Gun
    at: datetime
    by: str
    reason: str


class Tagged(NamedTuple):
    """A tag as clients ask for it: of the registry with this name, which `?ns=` may have chosen."""

    name: str
    repository: Repository
    tag: Tag


@dataclass(frozen=True, slots=True)
class Admission:
    """What was admitted under a tag, and when (UTC)."""

    digest: Digest
    at: datetime


class Conflict(TagwardenError):
    """Another writer was first: load again, verify against what it left, and try once more."""


class TrustReader(Protocol):
    """A trust store that can only be read. Every method raises `TrustStoreUnavailable` when it cannot answer."""

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered; None means that nothing was ever committed, and never that something was lost."""
        ...

    async def generation(self, notary: str, gun: Gun) -> int | None:
        """The generation at hand, without a look at any file; None where nothing was ever committed."""
        ...

    async def collections(self) -> tuple[tuple[str, Gun], ...]:
        """Name of the Notary and GUN of every collection that has files, sorted."""
        ...

    async def asked_since(self, instant: datetime) -> tuple[tuple[str, Gun], ...]:
        """Collections that somebody asked for at `instant` (UTC) or later, as far as that was noted; sorted."""
        ...

    async def forgettings(self) -> tuple[Forgotten, ...]:
        """Everything that was ever forgotten, in that order."""
        ...

    async def last_check(self) -> datetime | None:
        """The newest `checked_at` of all collections, which no honest clock is far behind (design: Freshness)."""
        ...

    async def ever_had(self, notary: str, gun: Gun, tag: Tag) -> bool:
        """Whether any commit of a collection named this tag as one of its own (design: Configuration, Modes)."""
        ...

    async def is_doubted(self, notary: str, gun: Gun) -> bool:
        """What `load` says of that, without a look at any file; False where nothing was ever committed."""
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

    async def check_writable(self, *, timed: bool = False) -> None:
        """See that something can be written, on its disk too; raises `TrustStoreUnavailable` where nothing can.

        What was written within the last `STORE_WRITTEN_SECONDS` is proof enough. `timed` where it is to be something
        with a time, for which our clock has to be believed.
        """
        ...

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
        """Replace files and past of a collection, whole or not at all, and return its new generation.

        A cancelled call may still be completed.

        Args:
            notary: name of the Notary.
            gun: of the collection.
            stored: its files.
            expected: the generation that the files were verified against; None means that nothing was remembered.
            checked_at: when Notary was asked (UTC), which never goes back; a doubt from later goes on.
            past: takes the place of the one before; empty for none.
            new_tags: are added to the tags that the collection ever had; those that it has had already may be among
                them.
            doubted_at: since when (UTC) Notary says something else than these files; None where it does not.

        Raises:
            Conflict: the collection is at another generation.
            TrustStoreUnavailable: it cannot be written.
        """
        ...

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Note that Notary, asked at `checked_at` (UTC), confirmed this generation; that time never goes back.

        It ends a doubt, unless that is from later.
        Raises `Conflict` if the collection is at another generation, and `TrustStoreUnavailable`.
        """
        ...

    async def doubt(self, notary: str, gun: Gun, *, generation: int, at: datetime) -> None:
        """Note that Notary said something else than this generation at `at` (UTC), which did not verify.

        The next commit of a later check ends that, and so does the next note of one.
        Raises `Conflict` if the collection is at another generation, and `TrustStoreUnavailable`.
        """
        ...

    async def touch_all(self, checks: Mapping[tuple[str, Gun], tuple[int, datetime]]) -> frozenset[tuple[str, Gun]]:
        """Note many checks at once: the generation that Notary confirmed of each collection, and when (UTC).

        Answers those that are at another generation, or damaged: they want to be loaded and verified; all others are
        noted. Raises `TrustStoreUnavailable`; then none is.
        """
        ...

    async def note_asked(self, keys: Iterable[tuple[str, Gun]], at: datetime) -> None:
        """Note that somebody asked for these collections at `at` (UTC), which never goes back.

        A hint what to renew first; nothing rests on it. What was never committed is not noted.
        Raises `TrustStoreUnavailable`.
        """
        ...

    async def forget(self, notary: str, gun: Gun, *, reason: str, by: str, at: datetime) -> bool:
        """Let go of a collection's files and of what its roles said before: Notary's next answer is a first one.

        Its tags stay (what `protect` protects, it protects for good), its generation rises, and who did it when (UTC)
        and why is written down in the same transaction. False where there was nothing to forget.
        Raises `TrustStoreUnavailable`, also where those tags cannot be read.
        """
        ...

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """Keep the bytes of an index until many others were kept or used since; keeping it again is using it.

        `data` has been verified against `digest`, and parsed. Raises `TrustStoreUnavailable`.
        """
        ...

    async def note_admissions(self, admissions: Mapping[Tagged, Admission]) -> None:
        """Note what was admitted last, for people to be told when it is refused one day.

        The time of one digest is noted once an hour at most; what is older than `ADMISSION_KEPT_DAYS` goes. Raises
        `TrustStoreUnavailable`.
        """
        ...

    async def note_refusals(self, refusals: Mapping[Tagged, datetime], since: datetime) -> Mapping[Tagged, Admission]:
        """Note that these tags were refused then (UTC), and answer what was admitted under them `since` some instant.

        Each is answered once, whoever asks, until it is admitted again. Raises `TrustStoreUnavailable`.
        """
        ...
