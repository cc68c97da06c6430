"""SQLite as the trust store uses it: how connections are made, and whether they still belong to the file."""

import os
from pathlib import Path
from typing import ClassVar, Final, Literal, TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from proxy.errors import TrustStoreUnavailable
from proxy.limits import STORE_BUSY_SECONDS, STORE_READERS
from proxy.store.database import Database
from proxy.store.failures import REMOVED
from proxy.store.tables import COLLECTIONS

Access: TypeAlias = Literal["rw", "ro"]

# Execution options: a writer takes the lock at once, so that what it reads is what it changes.
READING: Final = {"begin": "BEGIN"}
WRITING: Final = {"begin": "BEGIN IMMEDIATE"}

_PRAGMAS: Final = ("foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON")
# WAL: readers and the writer do not wait for each other. FULL: a commit that returned survives a power cut.
_WRITER_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL")


def make_engine(path: Path, access: Access) -> Engine:
    """A bounded pool of connections, none of which ever creates the file."""
    made = create_engine(
        _url(path, access),
        # No isolation level: the driver must not start transactions of its own, `_begin` does.
        connect_args={"timeout": STORE_BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
        poolclass=QueuePool,
        pool_size=STORE_READERS + 2,  # and the writer, and the one that only keeps the log
        max_overflow=0,
        pool_timeout=STORE_BUSY_SECONDS,
    )
    pragmas = _PRAGMAS + (_WRITER_PRAGMAS if access == "rw" else ())

    def connected(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(made, "connect", connected)
    event.listen(made, "begin", _begin)
    return made


class SqliteDatabase(Database):
    """A file that this user can read."""

    groups: ClassVar = True
    reading: ClassVar = READING
    writing: ClassVar = WRITING


class GuardedFile(SqliteDatabase):
    """A file that is written, and so must stay the one that was opened."""

    def __init__(self, engine: Engine, path: Path) -> None:
        super().__init__(engine)
        # One connection stays, unused: SQLite deletes its log with the last one, and the guard would take
        # that for a removed file.
        self._keeper = engine.connect()
        self._keeper.execute(select(COLLECTIONS.c.generation).limit(1))
        self._keeper.rollback()
        self._guard = FileGuard(path)

    def check(self) -> None:
        """Raise `TrustStoreUnavailable` where the file was removed or replaced."""
        self._guard.check()

    def close(self) -> None:
        """Let go of the file."""
        self._keeper.close()
        super().close()


class FileGuard:
    """Notices that the file was deleted or replaced while it is in use.

    SQLite goes on happily with a file that has no name any more, and everything it writes then is lost at
    the next start: versions would fall. So every use checks that database and write-ahead log are still
    the files that were opened.
    """

    def __init__(self, path: Path) -> None:
        self._paths = str(path), str(_log(path))
        self._opened = self._now()

    def check(self) -> None:
        """Raise `TrustStoreUnavailable` unless the path still leads to the opened files."""
        if self._now() != self._opened:
            raise TrustStoreUnavailable(REMOVED.why)

    def _now(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(map(_inode, self._paths))


def _url(path: Path, access: Access) -> URL:
    query = {"mode": access, "uri": "true"}
    if access == "ro" and not _log(path).exists() and not os.access(path.parent, os.W_OK):
        # Without a log the file is complete, and this user may not make the files that locking needs.
        query["immutable"] = "1"
    return URL.create("sqlite+pysqlite", database=f"file:{quote(str(path))}", query=query)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql((READING | connection.get_execution_options())["begin"])


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  (it is asked twice a transaction, and a `Path` takes twice as long)
    except OSError:
        return None
    return found.st_dev, found.st_ino
