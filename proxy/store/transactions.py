"""What happens inside one transaction: reading, checking and replacing the rows of a collection."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, insert, select, update

from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun, RoleName
from proxy.store.failures import DAMAGED
from proxy.store.protocol import Conflict, Remembered
from proxy.store.seal import seal
from proxy.store.tables import COLLECTIONS, FILES, instant, microseconds
from proxy.tuf.collection import Stored


class Key(NamedTuple):
    """What a collection is filed under."""

    notary: str
    gun: Gun


def load(connection: Connection, key: Key) -> Remembered | None:
    """See `TrustReader.load`."""
    rows = connection.execute(select(FILES.c.role, FILES.c.data).where(_of(FILES, key)))
    files = {row.role: row.data for row in rows}
    known = _known(connection, key, {role: _sha256(data) for role, data in files.items()})
    if known is None:
        return None
    stored = Stored({RoleName(role): data for role, data in files.items()})
    return Remembered(stored, known.generation, instant(known.checked_at))


def last_check(connection: Connection) -> datetime | None:
    """See `TrustReader.last_check`."""
    newest = connection.scalar(select(func.max(COLLECTIONS.c.checked_at)))
    try:
        return None if newest is None else instant(newest)
    except (TypeError, OverflowError) as error:  # a value that was never written
        raise TrustStoreUnavailable(DAMAGED.why) from error


def commit(connection: Connection, key: Key, stored: Stored, expected: int | None, checked_at: datetime) -> int:
    """See `TrustStore.commit`."""
    before = _hashes(connection, key)
    known = _known(connection, key, before)
    if (known.generation if known else None) != expected:
        raise Conflict
    generation = known.generation + 1 if known else 1
    after = {str(role): _sha256(data) for role, data in stored.files.items()}
    _put_collection(connection, key, known, generation, checked_at, after)
    # Large files that did not change are left alone.
    gone = [role for role in before if after.get(role) != before[role]]
    new = [
        {**key._asdict(), "role": role, "sha256": after[role], "data": data}
        for role, data in stored.files.items()
        if before.get(role) != after[role]
    ]
    if gone:
        connection.execute(delete(FILES).where(_of(FILES, key), FILES.c.role.in_(gone)))
    if new:
        connection.execute(insert(FILES), new)
    return generation


def touch(connection: Connection, key: Key, generation: int, checked_at: datetime) -> None:
    """See `TrustStore.touch`."""
    hashes = _hashes(connection, key)
    known = _known(connection, key, hashes)
    if known is None or known.generation != generation:
        raise Conflict
    _put_collection(connection, key, known, generation, checked_at, hashes)


def _hashes(connection: Connection, key: Key) -> dict[str, bytes]:
    rows = connection.execute(select(FILES.c.role, FILES.c.sha256).where(_of(FILES, key)))
    return {row.role: row.sha256 for row in rows}


def _known(connection: Connection, key: Key, hashes: Mapping[str, bytes]) -> Row[Any] | None:
    """The row of a collection. Raises `TrustStoreUnavailable` if its seal does not fit it and its files."""
    row = connection.execute(select(COLLECTIONS).where(_of(COLLECTIONS, key))).one_or_none()
    if row is None and not hashes:
        return None
    if row is None or not _intact(row, hashes):
        raise TrustStoreUnavailable(DAMAGED.why)
    return row


def _intact(row: Row[Any], hashes: Mapping[str, bytes]) -> bool:
    try:
        return bool(row.seal == seal(row.notary, row.gun, row.generation, row.checked_at, hashes))
    except (TypeError, AttributeError):  # a value of a type that was never written
        return False


def _put_collection(
    connection: Connection,
    key: Key,
    known: Row[Any] | None,
    generation: int,
    checked_at: datetime,
    hashes: Mapping[str, bytes],
) -> None:
    checked = max(known.checked_at if known else 0, microseconds(checked_at))
    row = {"generation": generation, "checked_at": checked, "seal": seal(*key, generation, checked, hashes)}
    if known:
        connection.execute(update(COLLECTIONS).where(_of(COLLECTIONS, key)).values(row))
    else:
        connection.execute(insert(COLLECTIONS).values({**key._asdict(), **row}))


def _of(table: Table, key: Key) -> ColumnElement[bool]:
    return and_(table.c.notary == key.notary, table.c.gun == key.gun)


def _sha256(data: object) -> bytes:
    return hashlib.sha256(data).digest() if isinstance(data, bytes) else b""
