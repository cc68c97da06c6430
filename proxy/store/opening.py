"""Opening a trust store: find the file, check it whole, bring it up to date (design: Trust store).

Everything that is wrong with the file at this point is a `UserError` that names the file, says what is
wrong and what to do; `OutOfReach` where it may pass, such as a server that is away. What happens to it
later is `TrustStoreUnavailable`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final

from sqlalchemy import Connection, Engine

from proxy.config.settings import IN_MEMORY, TrustStoreSettings
from proxy.errors import OutOfReach, UserError
from proxy.store.failures import DAMAGED, FAILURES, FOREIGN, Failure, Unusable, failure, may_pass
from proxy.store.memory import Memory
from proxy.store.schema import Schema, schema, upgrade
from proxy.store.sql import SqlTrustReader, SqlTrustStore
from proxy.store.sqlite import WRITING, Access, GuardedFile, SqliteDatabase, make_engine

_SCHEME: Final = "sqlite:///"
_MISSING: Final = Failure("its file does not exist", "restore it, or run `tagwarden trust init` if there never was one")
_EMPTY: Final = Failure("its file is empty", "restore it, or delete it to start without memory")
_NO_DIRECTORY: Final = Failure("its directory does not exist", "create it, writable for this user")
_OLDER: Final = Failure("an older version of this program wrote it", "start the proxy once, which brings it up to date")
_NEWER: Final = Failure("a newer version of this program wrote it", "install that version")

_NO_DRIVER: Final = Failure(
    "the driver for PostgreSQL is not installed",
    "run `pip install --require-hashes -r requirements.lock` in the source of this version",
)

_UNUSABLE: Final = {Schema.EMPTY: _EMPTY, Schema.FOREIGN: FOREIGN, Schema.NEWER: _NEWER}


async def open_store(settings: TrustStoreSettings, *, create: bool = False) -> SqlTrustStore | Memory:
    """Open the store for writing; create it, or bring its schema up to date, where that is due and allowed.

    A file is created where `must_exist` does not forbid it, tables on a server only with `create`, which always may.
    Its `created` says whether nothing was remembered before, which deserves a loud event. Raises `UserError`.
    """
    if settings.url == IN_MEMORY:
        return Memory()
    if settings.is_server:
        with _for_people(settings.url):
            return await asyncio.to_thread(_server().open_store, settings, create=create)
    path = _path(settings)
    with _for_people(path):
        return await asyncio.to_thread(_open_store, path, must_exist=settings.must_exist and not create)


async def open_reader(settings: TrustStoreSettings) -> SqlTrustReader | None:
    """Open the store for reading; None where there is none yet. Changes nothing. Raises `UserError`."""
    if settings.url == IN_MEMORY:
        return None
    if settings.is_server:
        with _for_people(settings.url):
            return await asyncio.to_thread(_server().open_reader, settings)
    path = _path(settings)
    with _for_people(path):
        return await asyncio.to_thread(_open_reader, path)


def _server() -> ModuleType:
    """What opens a store on a server; its driver is an extra."""
    try:
        return import_module("proxy.store.opening_server")
    except ImportError as error:
        raise Unusable(_NO_DRIVER) from error


def _path(settings: TrustStoreSettings) -> Path:
    return Path(settings.url.removeprefix(_SCHEME)).resolve()


def _open_store(path: Path, *, must_exist: bool) -> SqlTrustStore:
    created = False
    if not path.exists():
        if must_exist:
            raise Unusable(_MISSING)
        if not path.parent.is_dir():
            raise Unusable(_NO_DIRECTORY)
        created = _create(path)
    with _checked_engine(path, "rw") as engine:
        with engine.execution_options(**WRITING).begin() as connection:
            if _usable(connection) is Schema.OLDER:
                upgrade(connection)
        return SqlTrustStore(GuardedFile(engine, path), created=created)


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
                raise Unusable(_OLDER)
        return SqlTrustReader(SqliteDatabase(engine))


@contextmanager
def _checked_engine(path: Path, access: Access) -> Iterator[Engine]:
    """An engine on a file without damage; it is closed again if anything goes wrong."""
    if not path.is_file():
        raise Unusable(FOREIGN)
    made = make_engine(path, access)
    try:
        with made.begin() as connection:
            if connection.exec_driver_sql("PRAGMA quick_check(1)").scalars().all() != ["ok"]:
                raise Unusable(DAMAGED)
        yield made
    except BaseException:
        made.dispose()
        raise


def _usable(connection: Connection) -> Schema:
    found = schema(connection)
    if found in _UNUSABLE:
        raise Unusable(_UNUSABLE[found])
    return found


@contextmanager
def _for_people(name: object) -> Iterator[None]:
    """Turn whatever is wrong into one sentence."""
    try:
        yield
    except Unusable as unusable:
        raise _sentence(name, unusable.args[0]) from None
    except FAILURES as error:
        raise _sentence(name, failure(error)) from error


def _sentence(name: object, found: Failure) -> UserError:
    kind = OutOfReach if may_pass(found.why) else UserError
    return kind(f"the trust store {name} cannot be used, {found.why}: {found.advice}")
