"""Opening a trust store: find the file, check it whole, bring it up to date (design: Trust store).

Everything that is wrong with the file at this point is a `UserError` that names the file, says what is
wrong and what to do. What happens to it later is `TrustStoreUnavailable`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Connection, Engine

from proxy.config.settings import IN_MEMORY, TrustStoreSettings
from proxy.errors import UserError
from proxy.store.failures import DAMAGED, FAILURES, FOREIGN, Failure, failure
from proxy.store.memory import Memory
from proxy.store.schema import Schema, schema, upgrade
from proxy.store.sql import SqlTrustReader, SqlTrustStore
from proxy.store.sqlite import WRITING, Access, make_engine

_SCHEME: Final = "sqlite:///"
_MISSING: Final = Failure("its file does not exist", "restore it, or set `must_exist: false` to start without memory")
_EMPTY: Final = Failure("its file is empty", "restore it, or delete it to start without memory")
_NO_DIRECTORY: Final = Failure("its directory does not exist", "create it, writable for this user")
_OLDER: Final = Failure("an older version of this program wrote it", "start the proxy once, which brings it up to date")
_NEWER: Final = Failure("a newer version of this program wrote it", "install that version")

_UNUSABLE: Final = {Schema.EMPTY: _EMPTY, Schema.FOREIGN: FOREIGN, Schema.NEWER: _NEWER}


async def open_store(settings: TrustStoreSettings) -> SqlTrustStore | Memory:
    """Open the store for writing; create it, or bring its schema up to date, where that is due and allowed.

    Its `created` says whether nothing was remembered before, which deserves a loud event. Raises `UserError`.
    """
    if settings.url == IN_MEMORY:
        return Memory()
    path = _path(settings)
    with _for_people(path):
        return await asyncio.to_thread(_open_store, path, must_exist=settings.must_exist)


async def open_reader(settings: TrustStoreSettings) -> SqlTrustReader | None:
    """Open the store for reading; None where there is none yet. Changes nothing. Raises `UserError`."""
    if settings.url == IN_MEMORY:
        return None
    path = _path(settings)
    with _for_people(path):
        return await asyncio.to_thread(_open_reader, path)


def _path(settings: TrustStoreSettings) -> Path:
    return Path(settings.url.removeprefix(_SCHEME)).resolve()


def _open_store(path: Path, *, must_exist: bool) -> SqlTrustStore:
    created = False
    if not path.exists():
        if must_exist:
            raise _Unusable(_MISSING)
        if not path.parent.is_dir():
            raise _Unusable(_NO_DIRECTORY)
        created = _create(path)
    with _checked_engine(path, "rw") as engine:
        with engine.execution_options(**WRITING).begin() as connection:
            if _usable(connection) is Schema.OLDER:
                upgrade(connection)
        return SqlTrustStore(engine, path, created=created)


def _create(path: Path) -> bool:
    """Put a new store there; False if another process was first.

    It appears under its name only when it is complete. So a start that is killed leaves no half of a store,
    and an empty file is always one that lost its content.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as directory:
        draft = Path(directory, path.name)
        draft.touch()
        with _checked_engine(draft, "rw") as engine:
            with engine.execution_options(**WRITING).begin() as connection:
                upgrade(connection)
            engine.dispose()
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return False
    return True


def _open_reader(path: Path) -> SqlTrustReader | None:
    if not path.exists():
        return None
    with _checked_engine(path, "ro") as engine:
        with engine.begin() as connection:
            if _usable(connection) is Schema.OLDER:
                raise _Unusable(_OLDER)
        return SqlTrustReader(engine)


@contextmanager
def _checked_engine(path: Path, access: Access) -> Iterator[Engine]:
    """An engine on a file without damage; it is closed again if anything goes wrong."""
    if not path.is_file():
        raise _Unusable(FOREIGN)
    made = make_engine(path, access)
    try:
        with made.begin() as connection:
            if connection.exec_driver_sql("PRAGMA quick_check(1)").scalars().all() != ["ok"]:
                raise _Unusable(DAMAGED)
        yield made
    except BaseException:
        made.dispose()
        raise


def _usable(connection: Connection) -> Schema:
    found = schema(connection)
    if found in _UNUSABLE:
        raise _Unusable(_UNUSABLE[found])
    return found


class _Unusable(Exception):
    """The file cannot be used, for the reason in `args[0]`."""


@contextmanager
def _for_people(path: Path) -> Iterator[None]:
    """Turn whatever is wrong into one sentence."""
    try:
        yield
    except _Unusable as unusable:
        raise _sentence(path, unusable.args[0]) from None
    except FAILURES as error:
        raise _sentence(path, failure(error)) from error


def _sentence(path: Path, found: Failure) -> UserError:
    return UserError(f"the trust store {path} cannot be used, {found.why}: {found.advice}")
