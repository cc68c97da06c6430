"""What happens inside one transaction on many collections at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, or_, select, update

from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun
from proxy.store.protocol import Forgotten
from proxy.store.rows import (
    Fact,
    Hashes,
    Key,
    after_check,
    change,
    hashes_of,
    hashes_of_some,
    intact,
    known,
    lock,
    of_some,
    replace,
)
from proxy.store.tables import COLLECTIONS, FILES, FORGETTINGS, NOTES, instant, microseconds

_AT_ONCE: Final = 500  # names in one statement


def touch_all(connection: Connection, checks: Mapping[Key, tuple[int, datetime]]) -> frozenset[Key]:
    """See `TrustStore.touch_all`."""
    noted: set[Key] = set()
    for notary, guns in _parts(checks):
        chosen = of_some(COLLECTIONS, notary, guns)
        lock(connection, chosen)
        hashes = hashes_of_some(connection, notary, guns)
        facts = []
        for row in connection.execute(select(COLLECTIONS).where(chosen)):
            key = Key(notary, row.gun)
            generation, checked_at = checks[key]
            if row.generation == generation and intact(row, before := hashes.get(key, Hashes())):
                asked = microseconds(checked_at)
                after = after_check(connection, key, before, row, asked)
                facts.append(Fact(key, generation, max(row.checked_at, asked), after))
        if facts:
            change(connection, facts)
        for fact in facts:
            before = hashes.get(fact.key, Hashes())
            replace(connection, NOTES.c.name, fact.key, before.notes, fact.hashes.notes, {})
        noted.update(fact.key for fact in facts)
    return frozenset(checks.keys() - noted)


def note_asked(connection: Connection, keys: Iterable[Key], at: datetime) -> None:
    """See `TrustStore.note_asked`."""
    earlier = or_(COLLECTIONS.c.asked_at.is_(None), COLLECTIONS.c.asked_at < microseconds(at))
    for notary, guns in _parts(keys):
        chosen = of_some(COLLECTIONS, notary, guns)
        lock(connection, chosen)
        connection.execute(update(COLLECTIONS).where(chosen, earlier).values(asked_at=microseconds(at)))


def asked_since(connection: Connection, since: datetime) -> tuple[Key, ...]:
    """See `TrustReader.asked_since`."""
    asked = select(COLLECTIONS.c.notary, COLLECTIONS.c.gun).where(COLLECTIONS.c.asked_at >= microseconds(since))
    return _sorted(connection.execute(asked))


def collections(connection: Connection) -> tuple[Key, ...]:
    """See `TrustReader.collections`."""
    with_files = set(connection.execute(select(FILES.c.notary, FILES.c.gun).distinct()))
    rows = set(connection.execute(select(COLLECTIONS.c.notary, COLLECTIONS.c.gun)))
    # One that was not forgotten has lost its files: it is listed, and whoever loads it is told.
    lost = (each for each in rows - with_files if not _is_forgotten(connection, Key(each[0], Gun(each[1]))))
    return _sorted(with_files.union(lost))


def forgettings(connection: Connection) -> tuple[Forgotten, ...]:
    """See `TrustReader.forgettings`."""
    rows = connection.execute(select(FORGETTINGS).order_by(FORGETTINGS.c.number))
    return tuple(Forgotten(row.notary, Gun(row.gun), instant(row.at), row.by, row.reason) for row in rows)


def _is_forgotten(connection: Connection, key: Key) -> bool:
    try:
        return known(connection, key, hashes_of(connection, key)) is not None
    except TrustStoreUnavailable:
        return False


def _parts(keys: Iterable[Key]) -> Iterator[tuple[str, Sequence[Gun]]]:
    """The keys by Notary, in order, in parts that fit into a statement."""
    for notary, those in groupby(sorted(set(keys)), key=lambda key: key.notary):
        guns = [key.gun for key in those]
        yield from ((notary, guns[start : start + _AT_ONCE]) for start in range(0, len(guns), _AT_ONCE))


def _sorted(pairs: Iterable[tuple[str, str]]) -> tuple[Key, ...]:
    return tuple(sorted(Key(notary, Gun(gun)) for notary, gun in pairs))
