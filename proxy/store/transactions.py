"""What happens inside one transaction on one collection: reading, checking and replacing what is remembered of it."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from proxy.names import RoleName, Tag
from proxy.store import notes
from proxy.store.failures import damaged
from proxy.store.protocol import Conflict, Remembered
from proxy.store.rows import (
    Fact,
    Hashes,
    Key,
    add,
    after_check,
    change,
    doubted_after,
    hashes_of,
    hashes_of_notes,
    key_of,
    known,
    locked,
    note,
    of_one,
    replace,
    sha256s,
    without_past,
)
from proxy.store.tables import COLLECTIONS, COMPATIBILITY, FILES, FORGETTINGS, NOTES, instant, microseconds
from proxy.tuf.collection import Stored

_GENERATION: Final = select(COLLECTIONS.c.generation).where(of_one(COLLECTIONS))
_FILES: Final = select(FILES.c.role, FILES.c.data).where(of_one(FILES))


def generation(connection: Connection, key: Key) -> int | None:
    """See `TrustReader.generation`."""
    found: int | None = connection.scalar(_GENERATION, key_of(key))
    return found


def load(connection: Connection, key: Key) -> Remembered | None:
    """See `TrustReader.load`."""
    files = dict(connection.execute(_FILES, key_of(key)).all())
    hashes = Hashes(sha256s(files), hashes_of_notes(connection, key))
    past, doubt = (note(connection, key, hashes, name) for name in (notes.PAST, notes.DOUBT))
    row = known(connection, key, hashes)
    if row is None:
        return None
    stored = Stored({RoleName(role): data for role, data in files.items()})
    is_doubted = notes.is_doubted(doubt, row.generation, row.checked_at)
    return Remembered(stored, row.generation, instant(row.checked_at), past, is_doubted)


def last_check(connection: Connection) -> datetime | None:
    """See `TrustReader.last_check`."""
    newest = connection.scalar(select(func.max(COLLECTIONS.c.checked_at)))
    try:
        return None if newest is None else instant(newest)
    except (TypeError, OverflowError) as error:  # a value that was never written
        raise damaged(connection) from error


def ever_had(connection: Connection, key: Key, tag: Tag) -> bool:
    """See `TrustReader.ever_had`."""
    hashes = hashes_of(connection, key)
    known(connection, key, hashes)
    return notes.names(note(connection, key, hashes, notes.home(tag)), tag)


def is_doubted(connection: Connection, key: Key) -> bool:
    """See `TrustReader.is_doubted`."""
    hashes = hashes_of(connection, key)
    row = known(connection, key, hashes)
    data = note(connection, key, hashes, notes.DOUBT)
    return row is not None and notes.is_doubted(data, row.generation, row.checked_at)


def commit(
    connection: Connection,
    key: Key,
    stored: Stored,
    expected: int | None,
    checked_at: datetime,
    past: bytes,
    new_tags: Collection[Tag],
    doubted_at: datetime | None = None,
) -> int:
    """See `TrustStore.commit`."""
    row, before = locked(connection, key)
    if (row.generation if row else None) != expected:
        raise Conflict
    files = {str(role): data for role, data in stored.files.items()}
    changed = {
        name: notes.added(note(connection, key, before, name), tags) for name, tags in notes.by_home(new_tags).items()
    }
    changed |= {notes.PAST: past} if past else {}
    following = row.generation + 1 if row else 1
    asked = microseconds(checked_at)
    checked = max(row.checked_at if row else 0, asked)
    doubts = (
        None if doubted_at is None else microseconds(doubted_at),
        doubted_after(connection, key, before, row, asked) if row else None,
    )
    if since := max((each for each in doubts if each is not None), default=None):
        changed[notes.DOUBT] = notes.doubt(following, max(checked, since))
    after = Hashes(sha256s(files), without_past(before.notes) | sha256s(changed))
    fact = Fact(key, following, checked, after)
    if row:
        change(connection, [fact])
    else:
        add(connection, fact)
    replace(connection, FILES.c.role, key, before.files, after.files, files)
    replace(connection, NOTES.c.name, key, before.notes, after.notes, changed)
    return fact.generation


def touch(connection: Connection, key: Key, generation: int, checked_at: datetime) -> None:
    """See `TrustStore.touch`."""
    row, before = locked(connection, key)
    if row is None or row.generation != generation:
        raise Conflict
    asked = microseconds(checked_at)
    after = after_check(connection, key, before, row, asked)
    change(connection, [Fact(key, generation, max(row.checked_at, asked), after)])
    replace(connection, NOTES.c.name, key, before.notes, after.notes, {})


def doubt(connection: Connection, key: Key, generation: int, at: datetime) -> None:
    """See `TrustStore.doubt`."""
    row, before = locked(connection, key)
    if row is None or row.generation != generation:
        raise Conflict
    if notes.is_doubted(note(connection, key, before, notes.DOUBT), row.generation, row.checked_at):
        return
    # no earlier than the last check, whose clock may have been ahead of ours
    changed = {notes.DOUBT: notes.doubt(generation, max(row.checked_at, microseconds(at)))}
    after = Hashes(before.files, {**before.notes, **sha256s(changed)})
    change(connection, [Fact(key, generation, row.checked_at, after)])
    replace(connection, NOTES.c.name, key, before.notes, after.notes, changed)


def try_to_write(connection: Connection) -> None:
    """Write something and take it back: only that shows whether a disk takes more. See `TrustStore.check_writable`."""
    name = f"probe {uuid.uuid4().hex}"
    connection.execute(insert(COMPATIBILITY).values(application=name, oldest=""))
    connection.execute(delete(COMPATIBILITY).where(COMPATIBILITY.c.application == name))


def forget(connection: Connection, key: Key, reason: str, by: str, at: datetime) -> bool:
    """See `TrustStore.forget`."""
    row, before = locked(connection, key)
    if row is None or not before.files:
        return False
    after = Hashes({}, without_past(before.notes))
    for name in after.notes:
        note(connection, key, before, name)  # what cannot be read does not stay remembered: nobody is told that it does
    change(connection, [Fact(key, row.generation + 1, row.checked_at, after)])
    replace(connection, FILES.c.role, key, before.files, after.files, {})
    replace(connection, NOTES.c.name, key, before.notes, after.notes, {})
    connection.execute(update(COLLECTIONS).where(of_one(COLLECTIONS)), {**key_of(key), "asked_at": None})
    written = {**key._asdict(), "at": microseconds(at), "by": by, "reason": reason}
    connection.execute(insert(FORGETTINGS).values(written))
    return True
