"""Failures of the store in a few words, without SQL and without data."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from proxy.errors import TrustStoreUnavailable
from proxy.store import sqlstates
from proxy.store.protocol import Conflict


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong, for anybody, and what to do about it, for the person who starts the program."""

    why: str
    advice: str


class Unusable(Exception):
    """The store cannot be opened, for the `Failure` in `args[0]`."""


_RIGHTS: Final = "give this user the right to read and write the file and its directory"
_BACKUP: Final = "restore it from a backup"

DAMAGED: Final = Failure("its file is damaged", _BACKUP)
REMOVED: Final = Failure("its file was removed or replaced", "start again")
_DAMAGED_ROWS: Final = Failure("its database is damaged", _BACKUP)
_BUSY: Final = Failure("another process keeps it locked", "stop that process")
_CLOCK: Final = "this proxy's clock is "
FOREIGN: Final = Failure("it is no trust store", "give the path of a trust store, or of a file that does not exist yet")

# By the names of SQLite's result codes; an extended code starts with its primary one.
_BY_CODE: Final[Mapping[str, Failure]] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_CANTOPEN": Failure("its file cannot be opened", _RIGHTS),
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_FULL": Failure("the disk is full", "make room on it"),
    "SQLITE_IOERR": Failure("the disk reports an error", "check the disk"),
    "SQLITE_NOTADB": FOREIGN,
    "SQLITE_PERM": Failure("its file may not be used", _RIGHTS),
    "SQLITE_READONLY": Failure("its file cannot be written", _RIGHTS),
}


# The driver raises `UnicodeError` where it cannot decode a damaged schema or value.
FAILURES: Final = (SQLAlchemyError, OSError, UnicodeError)


def is_damage(unavailable: TrustStoreUnavailable) -> bool:
    """Whether what was asked for is damaged, and not the store as a whole out of reach."""
    return unavailable.why in (DAMAGED.why, _DAMAGED_ROWS.why)


def may_pass(why: str) -> bool:
    """Whether a store that cannot be used for this reason may be used later, with nothing changed at this end."""
    return why in sqlstates.PASSING or why == _BUSY.why or why.startswith(_CLOCK)


@contextmanager
def explained() -> Iterator[None]:
    """Turn every failure of database and disk into `TrustStoreUnavailable`, and a lost turn into `Conflict`."""
    try:
        yield
    except FAILURES as error:
        if isinstance(error, DBAPIError) and sqlstates.is_turn_lost(error.orig):
            raise Conflict from error
        raise TrustStoreUnavailable(failure(error).why) from error


def damaged(connection: Connection) -> TrustStoreUnavailable:
    """What is read there was never written so."""
    return TrustStoreUnavailable((DAMAGED if connection.dialect.name == "sqlite" else _DAMAGED_ROWS).why)


def failure(error: BaseException) -> Failure:
    """Say in a few ASCII words what went wrong."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if hasattr(error, "sqlstate"):
        return Failure(*sqlstates.words(error.sqlstate, str(error)))
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        known = (found for code, found in _BY_CODE.items() if name.startswith(code))
        return next(known, Failure(f"SQLite reports {name}", _BACKUP))
    if isinstance(error, UnicodeError):
        return DAMAGED
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(os.strerror(error.errno).lower(), _RIGHTS)
    return Failure(f"unexpected {type(error).__name__}", _BACKUP)
