"""The rows of a collection: reading them, checking their seal, locking and replacing them.

Who writes locks the row of the collection first, before reading anything that belongs to it: so it reads what it
changes, also where other processes write to other rows at the same time.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from proxy.names import Gun
from proxy.store import notes
from proxy.store.failures import damaged
from proxy.store.protocol import Conflict
from proxy.store.seal import seal
from proxy.store.tables import COLLECTIONS, FILES, NOTES


class Key(NamedTuple):
    """What a collection is filed under."""

    notary: str
    gun: Gun


@dataclass(frozen=True, slots=True)
class Hashes:
    """The SHA-256 of everything that belongs to a collection, by name."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """What the row of a collection is to say; `checked` in microseconds."""

    key: Key
    generation: int
    checked: int
    hashes: Hashes


def of_one(table: Table) -> ColumnElement[bool]:
    """The rows of a table that belong to the collection that a statement is executed for, with `key_of`."""
    return and_(table.c.notary == bindparam("of_notary"), table.c.gun == bindparam("of_gun"))


def key_of(key: Key) -> dict[str, object]:
    """The parameters of a statement on one collection."""
    return {"of_notary": key.notary, "of_gun": key.gun}


def of_some(table: Table, notary: str, guns: Collection[Gun]) -> ColumnElement[bool]:
    """The rows of a table that belong to some collections of one Notary."""
    return and_(table.c.notary == notary, table.c.gun.in_(guns))


def _locking(chosen: ColumnElement[bool]) -> Select[tuple[int]]:
    rows = select(COLLECTIONS.c.generation).where(chosen).order_by(COLLECTIONS.c.notary, COLLECTIONS.c.gun)
    return rows.with_for_update(key_share=True)


# Statements on one collection are built once: building one costs more than SQLite takes to answer it.
_LOCKING: Final = _locking(of_one(COLLECTIONS))
_ROW: Final = select(COLLECTIONS).where(of_one(COLLECTIONS))
_HASHES: Final = tuple(
    select(name, name.table.c.sha256).where(of_one(name.table)) for name in (FILES.c.role, NOTES.c.name)
)
_NOTE: Final = select(NOTES.c.data).where(of_one(NOTES), NOTES.c.name == bindparam("of_name"))
_NOTES: Final = select(NOTES.c.sha256, NOTES.c.data).where(of_one(NOTES))
_CHANGING: Final = update(COLLECTIONS).where(of_one(COLLECTIONS))
_ADDING: Final = {table: insert(table) for table in (COLLECTIONS, FILES, NOTES)}


def lock(connection: Connection, chosen: ColumnElement[bool]) -> None:
    """Make other writers wait for the end of the transaction, as SQLite has done at its beginning.

    Rows are locked in the order of their names, so that no two writers ever wait for each other.
    """
    connection.execute(_locking(chosen)).all()


def _lock_one(connection: Connection, key: Key) -> bool:
    """The same for one collection; whether it has a row."""
    return bool(connection.execute(_LOCKING, key_of(key)).all())


def locked(connection: Connection, key: Key) -> tuple[Row[Any] | None, Hashes]:
    """The row of a collection that is to be written, and what belongs to it.

    Raises `TrustStoreUnavailable` if its seal does not fit, and `Conflict` if another writer makes it just now.
    """
    if _lock_one(connection, key):
        hashes = hashes_of(connection, key)
        return known(connection, key, hashes), hashes
    # No row, so no lock: another writer may come in between. What it writes appears together with its row.
    hashes = hashes_of(connection, key)
    if _lock_one(connection, key):
        raise Conflict
    if hashes != Hashes():
        raise damaged(connection)
    return None, hashes


def hashes_of(connection: Connection, key: Key) -> Hashes:
    """Those that were noted when the collection was written."""
    files, named = (dict(connection.execute(hashes, key_of(key)).all()) for hashes in _HASHES)
    return Hashes(files, named)


def hashes_of_notes(connection: Connection, key: Key) -> dict[str, bytes]:
    """The same of its notes alone."""
    return dict(connection.execute(_HASHES[1], key_of(key)).all())


def hashes_of_some(connection: Connection, notary: str, guns: Collection[Gun]) -> Mapping[Key, Hashes]:
    """The same of some collections of one Notary, as far as anything belongs to them."""
    found: defaultdict[Key, tuple[dict[str, bytes], dict[str, bytes]]] = defaultdict(lambda: ({}, {}))
    for part, name in enumerate((FILES.c.role, NOTES.c.name)):
        rows = select(name.table.c.gun, name, name.table.c.sha256).where(of_some(name.table, notary, guns))
        for gun, named, sha256 in connection.execute(rows):
            found[Key(notary, gun)][part][named] = sha256
    return {key: Hashes(*both) for key, both in found.items()}


def known(connection: Connection, key: Key, hashes: Hashes) -> Row[Any] | None:
    """The row of a collection. Raises `TrustStoreUnavailable` if its seal does not fit it and what belongs to it."""
    row = connection.execute(_ROW, key_of(key)).one_or_none()
    if row is None and not hashes.files and not hashes.notes:
        return None
    if row is None or not intact(row, hashes):
        raise damaged(connection)
    return row


def intact(row: Row[Any], hashes: Hashes) -> bool:
    """Whether the seal in a row of `collections` fits it and what belongs to it."""
    try:
        facts = seal(row.notary, row.gun, row.generation, row.checked_at, hashes.files, hashes.notes)
        return bool(row.seal == facts)
    except (TypeError, AttributeError):  # a value of a type that was never written
        return False


def note(connection: Connection, key: Key, hashes: Hashes, name: str) -> bytes:
    """The bytes of a note, checked against its hash; empty where there is none. Raises `TrustStoreUnavailable`."""
    if name not in hashes.notes:
        return b""
    data = connection.scalar(_NOTE, {**key_of(key), "of_name": name})
    if not isinstance(data, bytes) or sha256(data) != hashes.notes[name]:
        raise damaged(connection)
    return data


def check_notes(connection: Connection, key: Key) -> None:
    """See that all notes have the bytes whose hashes stand beside them. Raises `TrustStoreUnavailable`.

    Whether those hashes are the ones that were written tells the seal, which `load` holds them against.
    """
    for noted, data in connection.execute(_NOTES, key_of(key)):
        if not isinstance(data, bytes) or sha256(data) != noted:
            raise damaged(connection)


def doubted_after(connection: Connection, key: Key, hashes: Hashes, row: Row[Any], asked: int) -> int | None:
    """When Notary said something else than what is known, if that was after `asked`; both in microseconds."""
    data = note(connection, key, hashes, notes.DOUBT)
    return notes.doubted_after(data, row.generation, row.checked_at, asked)


def after_check(connection: Connection, key: Key, hashes: Hashes, row: Row[Any], asked: int) -> Hashes:
    """What belongs to a collection once Notary, asked then (microseconds), has confirmed what is known."""
    is_late = doubted_after(connection, key, hashes, row, asked) is not None
    return hashes if is_late else Hashes(hashes.files, without_doubt(hashes.notes))


def without_past(hashes: Mapping[str, bytes]) -> dict[str, bytes]:
    """The notes that outlive every commit: the tags that a collection ever had."""
    return {name: each for name, each in without_doubt(hashes).items() if name != notes.PAST}


def without_doubt(hashes: Mapping[str, bytes]) -> dict[str, bytes]:
    """The notes that outlive every check from after them that Notary confirmed."""
    return {name: each for name, each in hashes.items() if name != notes.DOUBT}


def add(connection: Connection, fact: Fact) -> None:
    """Write the row of a collection that has none."""
    connection.execute(_ADDING[COLLECTIONS], {**fact.key._asdict(), **_sealed(fact)})


def change(connection: Connection, facts: Sequence[Fact]) -> None:
    """Write the rows of collections anew, under new seals."""
    connection.execute(_CHANGING, [{**key_of(fact.key), **_sealed(fact)} for fact in facts])


def _sealed(fact: Fact) -> dict[str, object]:
    sealed = seal(*fact.key, fact.generation, fact.checked, fact.hashes.files, fact.hashes.notes)
    return {"generation": fact.generation, "checked_at": fact.checked, "seal": sealed}


def replace(
    connection: Connection,
    name: Column[str],
    key: Key,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    data: Mapping[str, bytes],
) -> None:
    """Write what changed of the table to which the column `name` belongs. Large rows that did not are left alone."""
    table = name.table
    gone = [each for each in before if after.get(each) != before[each]]
    new = [
        {**key._asdict(), name.name: each, "sha256": sha256, "data": data[each]}
        for each, sha256 in after.items()
        if before.get(each) != sha256
    ]
    if gone:
        connection.execute(delete(table).where(of_one(table), name.in_(gone)), key_of(key))
    if new:
        connection.execute(_ADDING[table], new)


def sha256s(data: Mapping[str, bytes]) -> dict[str, bytes]:
    """The SHA-256 of each."""
    return {name: sha256(each) for name, each in data.items()}


def sha256(data: object) -> bytes:
    """The SHA-256 of bytes; empty for what was never written."""
    return hashlib.sha256(data).digest() if isinstance(data, bytes) else b""
