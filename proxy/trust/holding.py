"""Everything that a store holds, piece by piece: what goes into a backup, or into another store."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from proxy.errors import TrustStoreUnavailable
from proxy.names import Digest, Gun, RoleName, Tag
from proxy.store.failures import is_damage
from proxy.store.protocol import Forgotten
from proxy.store.sql import SqlTrustReader


@dataclass(frozen=True, slots=True)
class Held:
    """One collection: its files (none where it was forgotten), when Notary last confirmed them (UTC), and the rest.

    `past` is what its roles said before, `tags` is every tag that it ever had; `is_doubted` where Notary said something
    else since, which did not verify.
    """

    notary: str
    gun: Gun
    files: Mapping[RoleName, bytes]
    checked_at: datetime
    past: bytes
    tags: frozenset[Tag]
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class KeptIndex:
    """An index of images, so that its children are known."""

    digest: Digest
    data: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """A collection, or an index, that the store cannot give any more."""

    what: str


Piece: TypeAlias = Held | KeptIndex | Forgotten | Damaged


async def pieces(reader: SqlTrustReader, begin: Callable[[int], object]) -> AsyncIterator[Piece]:
    """Everything in a store, also while others write to it: each collection as it was at one moment.

    Forgettings come first, then collections, then indexes, the one not used for longest first. `begin` is told how
    many pieces there will be. Raises `TrustStoreUnavailable`.
    """
    forgettings, keys, indexes = await reader.forgettings(), await reader.everything(), await reader.indexes()
    begin(len(forgettings) + len(keys) + len(indexes))
    for forgotten in forgettings:
        yield forgotten
    for notary, gun in keys:
        yield await held(reader, notary, gun)
    for digest in indexes:
        if (index := await _index(reader, digest)) is not None:  # others may have taken its place meanwhile
            yield index


async def held(reader: SqlTrustReader, notary: str, gun: Gun) -> Held | Damaged:
    """All of one collection that is there. Raises `TrustStoreUnavailable` where more than that is out of reach."""
    try:
        remembered = await reader.load(notary, gun)
        # afterwards, because tags only ever come: so none that the files name can be missing
        tags = await reader.tags(notary, gun)
    except TrustStoreUnavailable as unavailable:
        return _damaged(f"{gun} in Notary {notary}", unavailable)
    if remembered is None:  # files without the row that belongs to them
        return Damaged(f"{gun} in Notary {notary}")
    files, checked_at = remembered.stored.files, remembered.checked_at
    return Held(notary, gun, files, checked_at, remembered.past, tags, remembered.is_doubted)


async def _index(reader: SqlTrustReader, digest: Digest) -> KeptIndex | Damaged | None:
    try:
        data = await reader.load_index(digest)
    except TrustStoreUnavailable as unavailable:
        return _damaged(f"index {digest}", unavailable)
    return None if data is None else KeptIndex(digest, data)


def _damaged(what: str, unavailable: TrustStoreUnavailable) -> Damaged:
    """What is damaged alone is told; anything else is a matter of the whole store."""
    if not is_damage(unavailable):
        raise unavailable
    return Damaged(what)
