"""What is asked of a whole store: to keep it elsewhere, and to unite it with another.

What is added here only ever adds: to the tags that a collection had, and to what is known of forgettings.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Select, Table, insert, select

from proxy.names import Digest, Gun, Tag
from proxy.store import notes
from proxy.store.protocol import Forgotten
from proxy.store.rows import (
    Fact,
    Hashes,
    Key,
    add,
    change,
    check_notes,
    hashes_of,
    known,
    locked,
    note,
    replace,
    sha256s,
)
from proxy.store.tables import COLLECTIONS, FILES, FORGETTINGS, INDEXES, NOTES, instant, microseconds

_Result = TypeVar("_Result")


class WholeReader:
    """Reads everything. Every method raises `TrustStoreUnavailable` when it cannot answer."""

    async def everything(self) -> tuple[tuple[str, Gun], ...]:
        """Name of the Notary and GUN of every collection that was ever committed, forgotten ones too; sorted."""
        return await self._read(_everything)

    async def tags(self, notary: str, gun: Gun) -> frozenset[Tag]:
        """Every tag that a collection ever had."""
        return await self._read(partial(_tags, key=Key(notary, gun)))

    async def check_notes(self, notary: str, gun: Gun) -> None:
        """See that everything noted of a collection is as it was written, its tags too, which `load` does not read."""
        await self._read(partial(check_notes, key=Key(notary, gun)))

    async def indexes(self) -> tuple[Digest, ...]:
        """All kept indexes, the one not used for longest first."""
        return await self._read(_indexes)

    @abstractmethod
    async def _read(self, work: Callable[[Connection], _Result]) -> _Result: ...


class WholeStore(WholeReader):
    """Adds what another store knows. Every method raises `TrustStoreUnavailable` when it cannot be written."""

    async def keep_tags(self, notary: str, gun: Gun, tags: Iterable[Tag], *, checked_at: datetime) -> None:
        """Add to the tags that a collection ever had.

        One that was never committed stands as if it had been forgotten, last checked at `checked_at` (UTC).
        """
        kept = frozenset(tags)
        await self._insist(partial(_keep_tags, key=Key(notary, gun), tags=kept, checked_at=checked_at), timed=True)

    async def note_forgettings(self, forgettings: Iterable[Forgotten]) -> None:
        """Write down forgettings, as far as they are not yet."""
        await self._insist(partial(_note_forgettings, forgettings=tuple(forgettings)), timed=True)

    @abstractmethod
    async def _insist(self, work: Callable[[Connection], _Result], *, timed: bool) -> _Result: ...


def _everything(connection: Connection) -> tuple[Key, ...]:
    # files without a row are damage, which whoever loads the collection is told
    rows = (row for table in (COLLECTIONS, FILES) for row in connection.execute(_keys(table)))
    return tuple(sorted({Key(row.notary, Gun(row.gun)) for row in rows}))


def _keys(table: Table) -> Select[tuple[str, str]]:
    return select(table.c.notary, table.c.gun).distinct()


def _tags(connection: Connection, key: Key) -> frozenset[Tag]:
    hashes = hashes_of(connection, key)
    known(connection, key, hashes)
    homes = [name for name in hashes.notes if notes.is_home(name)]
    return frozenset(tag for home in homes for tag in notes.tags(note(connection, key, hashes, home)))


def _indexes(connection: Connection) -> tuple[Digest, ...]:
    kept = connection.scalars(select(INDEXES.c.sha256).order_by(INDEXES.c.used))
    return tuple(map(Digest.from_hash, kept))


def _keep_tags(connection: Connection, key: Key, tags: frozenset[Tag], checked_at: datetime) -> None:
    row, before = locked(connection, key)
    written = {name: note(connection, key, before, name) for name in notes.by_home(tags)}
    changed = {name: notes.added(written[name], new) for name, new in notes.by_home(tags).items()}
    after = Hashes(before.files, {**before.notes, **sha256s(changed)})
    if row is None:
        add(connection, Fact(key, 1, microseconds(checked_at), after))
    elif after != before:
        change(connection, [Fact(key, row.generation, row.checked_at, after)])
    replace(connection, NOTES.c.name, key, before.notes, after.notes, changed)


def _note_forgettings(connection: Connection, forgettings: tuple[Forgotten, ...]) -> None:
    rows = connection.execute(select(FORGETTINGS))
    written = {Forgotten(row.notary, Gun(row.gun), instant(row.at), row.by, row.reason) for row in rows}
    for each in dict.fromkeys(forgettings):
        if each not in written:
            told = {"notary": each.notary, "gun": each.gun, "by": each.by, "reason": each.reason}
            connection.execute(insert(FORGETTINGS).values({**told, "at": microseconds(each.at)}))
