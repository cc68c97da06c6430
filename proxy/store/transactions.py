"""What happens inside one transaction: reading, checking and replacing the rows of a collection."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, and_, delete, func, insert, select, update

from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun, RoleName, Tag
from proxy.store import notes
from proxy.store.failures import DAMAGED
from proxy.store.protocol import Conflict, Remembered
from proxy.store.seal import seal
from proxy.store.tables import COLLECTIONS, FILES, NOTES, instant, microseconds
from proxy.tuf.collection import Stored


class Key(NamedTuple):
    """What a collection is filed under."""

    notary: str
    gun: Gun


def load(connection: Connection, key: Key) -> Remembered | None:
    """See `TrustReader.load`."""
    files = {row.role: row.data for row in connection.execute(select(FILES).where(_of(FILES, key)))}
    hashes = _Hashes.of(connection, key)
    past = _note(connection, key, hashes, notes.PAST)
    known = _known(connection, key, _Hashes({role: _sha256(data) for role, data in files.items()}, hashes.notes))
    if known is None:
        return None
    stored = Stored({RoleName(role): data for role, data in files.items()})
    return Remembered(stored, known.generation, instant(known.checked_at), past)


def last_check(connection: Connection) -> datetime | None:
    """See `TrustReader.last_check`."""
    newest = connection.scalar(select(func.max(COLLECTIONS.c.checked_at)))
    try:
        return None if newest is None else instant(newest)
    except (TypeError, OverflowError) as error:  # a value that was never written
        raise TrustStoreUnavailable(DAMAGED.why) from error


def ever_had(connection: Connection, key: Key, tag: Tag) -> bool:
    """See `TrustReader.ever_had`."""
    hashes = _Hashes.of(connection, key)
    _known(connection, key, hashes)
    return notes.names(_note(connection, key, hashes, notes.home(tag)), tag)


def commit(
    connection: Connection,
    key: Key,
    stored: Stored,
    expected: int | None,
    checked_at: datetime,
    past: bytes,
    new_tags: Iterable[Tag],
) -> int:
    """See `TrustStore.commit`."""
    before = _Hashes.of(connection, key)
    known = _known(connection, key, before)
    if (known.generation if known else None) != expected:
        raise Conflict
    generation = known.generation + 1 if known else 1
    files = {str(role): data for role, data in stored.files.items()}
    changed = {
        name: notes.added(_note(connection, key, before, name), tags) for name, tags in notes.by_home(new_tags).items()
    }
    kept = {name: sha256 for name, sha256 in before.notes.items() if name != notes.PAST}
    changed |= {notes.PAST: past} if past else {}
    after = _Hashes(_sha256s(files), kept | _sha256s(changed))
    _put_collection(connection, key, known, generation, checked_at, after)
    _replace(connection, FILES.c.role, key, before.files, after.files, files)
    _replace(connection, NOTES.c.name, key, before.notes, after.notes, changed)
    return generation


def touch(connection: Connection, key: Key, generation: int, checked_at: datetime) -> None:
    """See `TrustStore.touch`."""
    hashes = _Hashes.of(connection, key)
    known = _known(connection, key, hashes)
    if known is None or known.generation != generation:
        raise Conflict
    _put_collection(connection, key, known, generation, checked_at, hashes)


@dataclass(frozen=True, slots=True)
class _Hashes:
    """The SHA-256 of everything that belongs to a collection, by name."""

    files: Mapping[str, bytes]
    notes: Mapping[str, bytes]

    @classmethod
    def of(cls, connection: Connection, key: Key) -> Self:
        """Those that were noted when it was written."""
        files = connection.execute(select(FILES.c.role, FILES.c.sha256).where(_of(FILES, key)))
        noted = connection.execute(select(NOTES.c.name, NOTES.c.sha256).where(_of(NOTES, key)))
        return cls({row.role: row.sha256 for row in files}, {row.name: row.sha256 for row in noted})


def _known(connection: Connection, key: Key, hashes: _Hashes) -> Row[Any] | None:
    """The row of a collection. Raises `TrustStoreUnavailable` if its seal does not fit it and what belongs to it."""
    row = connection.execute(select(COLLECTIONS).where(_of(COLLECTIONS, key))).one_or_none()
    if row is None and not hashes.files and not hashes.notes:
        return None
    if row is None or not _intact(row, hashes):
        raise TrustStoreUnavailable(DAMAGED.why)
    return row


def _intact(row: Row[Any], hashes: _Hashes) -> bool:
    try:
        facts = seal(row.notary, row.gun, row.generation, row.checked_at, hashes.files, hashes.notes)
        return bool(row.seal == facts)
    except (TypeError, AttributeError):  # a value of a type that was never written
        return False


def _note(connection: Connection, key: Key, hashes: _Hashes, name: str) -> bytes:
    """The bytes of a note, checked against its hash; empty where there is none. Raises `TrustStoreUnavailable`."""
    if name not in hashes.notes:
        return b""
    data = connection.scalar(select(NOTES.c.data).where(_of(NOTES, key), NOTES.c.name == name))
    if not isinstance(data, bytes) or _sha256(data) != hashes.notes[name]:
        raise TrustStoreUnavailable(DAMAGED.why)
    return data


def _put_collection(
    connection: Connection,
    key: Key,
    known: Row[Any] | None,
    generation: int,
    checked_at: datetime,
    hashes: _Hashes,
) -> None:
    checked = max(known.checked_at if known else 0, microseconds(checked_at))
    sealed = seal(*key, generation, checked, hashes.files, hashes.notes)
    row = {"generation": generation, "checked_at": checked, "seal": sealed}
    if known:
        connection.execute(update(COLLECTIONS).where(_of(COLLECTIONS, key)).values(row))
    else:
        connection.execute(insert(COLLECTIONS).values({**key._asdict(), **row}))


def _replace(
    connection: Connection,
    name: Column[str],
    key: Key,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    data: Mapping[str, bytes],
) -> None:
    """Write what changed. Large rows that did not are left alone."""
    table = name.table
    gone = [each for each in before if after.get(each) != before[each]]
    new = [
        {**key._asdict(), name.name: each, "sha256": sha256, "data": data[each]}
        for each, sha256 in after.items()
        if before.get(each) != sha256
    ]
    if gone:
        connection.execute(delete(table).where(_of(table, key), name.in_(gone)))
    if new:
        connection.execute(insert(table), new)


def _of(table: Table, key: Key) -> ColumnElement[bool]:
    return and_(table.c.notary == key.notary, table.c.gun == key.gun)


def _sha256s(data: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: _sha256(each) for name, each in data.items()}


def _sha256(data: object) -> bytes:
    return hashlib.sha256(data).digest() if isinstance(data, bytes) else b""
