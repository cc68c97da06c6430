"""Transactions on what was admitted last, tag by tag: no evidence, and nothing rests on it.

What needs no writing is found out by reading, so whoever commits trust data seldom waits for this.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row, Text, and_, bindparam, column, delete, insert, select, update, values

from proxy.errors import DigestInvalid
from proxy.limits import ADMISSION_KEPT_DAYS, ADMISSION_NOTED_SECONDS
from proxy.names import Digest
from proxy.store.failures import damaged
from proxy.store.protocol import Admission, Tagged
from proxy.store.tables import ADMISSIONS, instant, microseconds

_AT_ONCE: Final = 200  # tags in one statement
_AGAIN: Final = int(ADMISSION_NOTED_SECONDS * 1_000_000)
_TAGGED: Final = (ADMISSIONS.c.name, ADMISSIONS.c.repository, ADMISSIONS.c.tag)
_ONE: Final = and_(*(each == bindparam(f"of_{each.name}") for each in _TAGGED))


def due(connection: Connection, admissions: Mapping[Tagged, Admission]) -> dict[Tagged, Admission]:
    """Those that say something new: another digest, a refusal that is over, or a time that is an hour later."""
    return _new(admissions, _rows(connection, admissions))


def note(connection: Connection, admissions: Mapping[Tagged, Admission]) -> None:
    """See `TrustStore.note_admissions`."""
    known = _rows(connection, admissions, lock=True)
    added, changed = [], []
    for key, each in sorted(_new(admissions, known).items()):
        said = {"digest": each.digest, "at": microseconds(each.at)}
        if key in known:
            changed.append(_of(key) | said)
        else:
            added.append(key._asdict() | said)
    if added:
        connection.execute(insert(ADMISSIONS), added)
    if changed:
        connection.execute(update(ADMISSIONS).where(_ONE).values(refused_at=None), changed)
    if newest := max((each.at for each in admissions.values()), default=None):
        forgotten = microseconds(newest - timedelta(days=ADMISSION_KEPT_DAYS))
        connection.execute(delete(ADMISSIONS).where(ADMISSIONS.c.at < forgotten))


def ending(connection: Connection, refusals: Mapping[Tagged, datetime], since: datetime) -> dict[Tagged, datetime]:
    """Those refusals that end an admission."""
    known = _rows(connection, refusals)
    return {key: at for key, at in refusals.items() if key in known and _ends(known[key], at, since)}


def refuse(connection: Connection, refusals: Mapping[Tagged, datetime], since: datetime) -> dict[Tagged, Admission]:
    """See `TrustStore.note_refusals`: of all who come with the same refusal one finds it not noted."""
    known = _rows(connection, refusals, lock=True)
    ended = {key: row for key, row in known.items() if _ends(row, refusals[key], since)}
    if ended:
        noted = [_of(key) | {"refused_at": microseconds(refusals[key])} for key in sorted(ended)]
        connection.execute(update(ADMISSIONS).where(_ONE), noted)
    return {key: _admission(connection, row) for key, row in ended.items()}


def _new(admissions: Mapping[Tagged, Admission], known: Mapping[Tagged, Row[Any]]) -> dict[Tagged, Admission]:
    return {key: each for key, each in admissions.items() if key not in known or _is_new(each, known[key])}


def _is_new(admission: Admission, row: Row[Any]) -> bool:
    later = microseconds(admission.at) - row.at
    is_other = row.digest != admission.digest or row.refused_at is not None
    return bool(later >= _AGAIN or (later >= 0 and is_other))


def _ends(row: Row[Any], at: datetime, since: datetime) -> bool:
    return bool(row.refused_at is None and microseconds(since) <= row.at <= microseconds(at))


def _admission(connection: Connection, row: Row[Any]) -> Admission:
    try:
        return Admission(Digest(row.digest), instant(row.at))
    except (DigestInvalid, OverflowError) as error:  # a value that was never written
        raise damaged(connection) from error


def _rows(connection: Connection, keys: Iterable[Tagged], *, lock: bool = False) -> dict[Tagged, Row[Any]]:
    """What is noted of these; locked in the order of their names, so that no two writers ever wait for each other."""
    found = {}
    for some in _portions(sorted(keys)):
        wanted = values(*(column(each.name, Text) for each in _TAGGED), name="wanted").data(some).cte("wanted")
        is_wanted = and_(*(each == wanted.c[each.name] for each in _TAGGED))
        rows = select(ADMISSIONS).join(wanted, is_wanted).order_by(*_TAGGED)
        for row in connection.execute(rows.with_for_update(of=ADMISSIONS) if lock else rows):
            found[Tagged(row.name, row.repository, row.tag)] = row
    return found


def _portions(keys: Iterable[Tagged]) -> Iterator[list[Tagged]]:
    left = iter(keys)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _of(key: Tagged) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in key._asdict().items()}
