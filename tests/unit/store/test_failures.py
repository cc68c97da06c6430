"""Failures of database and disk, in words for a refusal."""

import errno
import sqlite3

import pytest
from sqlalchemy.exc import InvalidRequestError, OperationalError

from proxy.errors import TrustStoreUnavailable
from proxy.store.failures import explained, may_pass


def sqlite_error(name: str) -> Exception:
    """An error as SQLAlchemy raises it for one of SQLite's codes."""
    inner = sqlite3.OperationalError("SELECT secret FROM somewhere")
    inner.sqlite_errorname = name
    return OperationalError("SELECT secret FROM somewhere", {"gun": "secret"}, inner)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        pytest.param(sqlite_error("SQLITE_BUSY"), "another process keeps it locked", id="busy"),
        pytest.param(sqlite_error("SQLITE_BUSY_SNAPSHOT"), "another process keeps it locked", id="busy, extended"),
        pytest.param(sqlite_error("SQLITE_FULL"), "the disk is full", id="full"),
        pytest.param(sqlite_error("SQLITE_IOERR_WRITE"), "the disk reports an error", id="input and output"),
        pytest.param(sqlite_error("SQLITE_CORRUPT"), "its file is damaged", id="corrupt"),
        pytest.param(sqlite_error("SQLITE_NOTADB"), "it is no trust store", id="overwritten"),
        pytest.param(sqlite_error("SQLITE_READONLY"), "its file cannot be written", id="read-only"),
        pytest.param(sqlite_error("SQLITE_CANTOPEN"), "its file cannot be opened", id="cannot open"),
        pytest.param(sqlite_error("SQLITE_TOOBIG"), "SQLite reports SQLITE_TOOBIG", id="any other code"),
        pytest.param(
            OperationalError("SELECT", {}, sqlite3.ProgrammingError()), "SQLite reports ProgrammingError", id="no code"
        ),
        pytest.param(OSError(errno.ENOSPC, "SELECT"), "no space left on device", id="system"),
        pytest.param(UnicodeDecodeError("utf-8", b"SELECT", 0, 1, ""), "its file is damaged", id="undecodable"),
        pytest.param(OSError("SELECT"), "unexpected OSError", id="system, no number"),
        pytest.param(InvalidRequestError("SELECT"), "unexpected InvalidRequestError", id="SQLAlchemy's own"),
    ],
)
def test_each_failure_has_its_words(error: Exception, why: str) -> None:
    """The reason is short, plain ASCII, and shows neither SQL nor values."""
    with pytest.raises(TrustStoreUnavailable) as raised, explained():
        raise error
    assert raised.value.why == why
    assert raised.value.why.isascii()
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("why", "may"),
    [
        pytest.param("its database server cannot be reached", True, id="away"),
        pytest.param("another process keeps it locked", True, id="locked"),
        pytest.param("this proxy's clock is 7 minutes behind its database's", True, id="clock"),
        pytest.param("its database server does not let this user in", False, id="stranger"),
        pytest.param("the disk is full", False, id="full"),
        pytest.param("its file is damaged", False, id="damaged"),
    ],
)
def test_what_may_pass_by_itself_is_known(why: str, *, may: bool) -> None:
    """Whoever waits for it need not change anything here; all else is somebody's mistake, or broken."""
    assert may_pass(why) is may


def test_a_defect_of_ours_is_not_explained_away() -> None:
    """What is no failure of database or disk goes on as it is, and is refused as an internal error."""
    with pytest.raises(KeyError), explained():
        raise KeyError
