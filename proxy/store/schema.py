"""Which database this is, and its way to the present schema."""

from enum import Enum, auto
from threading import Lock
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, column, inspect, select, table

from proxy.store.tables import COMPATIBILITY

if TYPE_CHECKING:
    from alembic.config import Config

# The row in `compatibility` that tells a trust store on a server from any other database.
_APPLICATION: Final = "tagwarden"
# «TgWd»: in the header of every trust store in a file, so that no other database is ever taken for one.
_APPLICATION_ID: Final = 0x54675764

# All revisions, oldest first, as `versions` has them. Alembic, which knows them too, is imported where something is to
# be migrated: that is rare, and it takes as long as the rest of the database's library.
REVISIONS: Final = ("0001", "0002", "0003", "0004")
_MIGRATED_TO: Final = table("alembic_version", column("version_num"))

# Alembic keeps the migration that runs in module globals.
_MIGRATING: Final = Lock()


class Schema(Enum):
    """What a database turns out to be."""

    EMPTY = auto()
    FOREIGN = auto()
    OLDER = auto()
    PRESENT = auto()
    NEWER = auto()


def schema(connection: Connection) -> Schema:
    """Tell what the database is, changing nothing."""
    found = _identity(connection)
    if found is not Schema.PRESENT:
        return found
    revision = _revision(connection)
    if revision == REVISIONS[-1]:
        return Schema.PRESENT
    if revision in REVISIONS:
        return Schema.OLDER
    return Schema.PRESENT if _oldest(connection) in REVISIONS else Schema.NEWER


def _revision(connection: Connection) -> str | None:
    """What it was migrated to last; None where it does not say, or says several."""
    if not inspect(connection).has_table(_MIGRATED_TO.name):
        return None
    revisions = connection.scalars(select(_MIGRATED_TO.c.version_num)).all()
    return revisions[0] if len(revisions) == 1 else None


def _identity(connection: Connection) -> Schema:
    """Whether this is a trust store at all, of whatever revision."""
    if connection.dialect.name == "sqlite":
        application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        if application_id == _APPLICATION_ID:
            return Schema.PRESENT
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
        return Schema.FOREIGN if application_id or tables else Schema.EMPTY
    if not inspect(connection).get_table_names():
        return Schema.EMPTY
    return Schema.FOREIGN if _oldest(connection) is None else Schema.PRESENT


def _oldest(connection: Connection) -> str | None:
    """The oldest revision whose programs may share the store, whatever was added to it since; None if none."""
    if not inspect(connection).has_table(COMPATIBILITY.name):
        return None
    ours = select(COMPATIBILITY.c.oldest).where(COMPATIBILITY.c.application == _APPLICATION)
    oldest: str | None = connection.scalar(ours)
    return oldest


def upgrade(connection: Connection) -> None:
    """Bring an empty or older store to the present schema, within the caller's transaction."""
    from alembic import command  # noqa: PLC0415  (see `REVISIONS`)

    config = _config()
    config.attributes["connection"] = connection
    with _MIGRATING:
        command.upgrade(config, "head")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415  (see `REVISIONS`)

    config = Config()
    config.set_main_option("script_location", "proxy:store")
    return config
