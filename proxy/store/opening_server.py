"""Opening a trust store on a server of PostgreSQL: look what is there, bring it up to date, or make it.

Several proxies start at the same time, of this version and of the next: who changes the schema holds a lock on the
whole database, and looks again once it has it.
"""

from typing import Final

from sqlalchemy import Connection, Engine, func, select

from proxy.config.settings import TrustStoreSettings
from proxy.store.failures import Failure, Unusable
from proxy.store.postgresql import PostgresqlDatabase, make_engine
from proxy.store.schema import Schema, schema, upgrade
from proxy.store.sql import SqlTrustReader, SqlTrustStore

_EMPTY: Final = Failure("its database is empty", "restore it, or run `tagwarden trust init` to start without memory")
_FOREIGN: Final = Failure("its database has other tables", "give it a database of its own")
_OLDER: Final = Failure("an older version of this program made it", "start the proxy once, which brings it up to date")
_NEWER: Final = Failure("a newer version of this program changed it", "install that version")

_UNUSABLE: Final = {Schema.FOREIGN: _FOREIGN, Schema.NEWER: _NEWER}
_LOCK: Final = 0x54675764  # any number that no other program of this database takes


def open_store(settings: TrustStoreSettings, *, create: bool) -> SqlTrustStore:
    """Open for writing. Raises `Unusable`, and what the driver raises."""
    engine = make_engine(settings)
    try:
        with engine.begin() as connection:
            found = _usable(connection)
        if found is Schema.EMPTY and not create:
            raise Unusable(_EMPTY)
        created = found is not Schema.PRESENT and _bring_up_to_date(settings)
    except BaseException:
        engine.dispose()
        raise
    return SqlTrustStore(PostgresqlDatabase(engine), created=created)


def open_reader(settings: TrustStoreSettings) -> SqlTrustReader:
    """Open for reading. Raises `Unusable`, and what the driver raises."""
    engine = make_engine(settings)
    try:
        with engine.begin() as connection:
            found = _usable(connection)
        if found is not Schema.PRESENT:
            raise Unusable(_EMPTY if found is Schema.EMPTY else _OLDER)
    except BaseException:
        engine.dispose()
        raise
    return SqlTrustReader(PostgresqlDatabase(engine))


def _bring_up_to_date(settings: TrustStoreSettings) -> bool:
    """Make or change the tables; whether it was this process that made them."""
    engine: Engine = make_engine(settings, upgrading=True)
    try:
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            found = _usable(connection)
            if found is not Schema.PRESENT:
                upgrade(connection)
            return found is Schema.EMPTY
    finally:
        engine.dispose()


def _usable(connection: Connection) -> Schema:
    found = schema(connection)
    if found in _UNUSABLE:
        raise Unusable(_UNUSABLE[found])
    return found
