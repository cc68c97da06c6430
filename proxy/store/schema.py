"""Which database this is, and its way to the present schema."""

from enum import Enum, auto
from threading import Lock
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

# «TgWd»: in the header of every trust store, so that no other database is ever taken for one.
_APPLICATION_ID: Final = 0x54675764

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
    application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if application_id == 0 and not connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one():
        return Schema.EMPTY
    if application_id != _APPLICATION_ID:
        return Schema.FOREIGN
    revision = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(_config())
    if revision == script.get_current_head():
        return Schema.PRESENT
    known = {each.revision for each in script.walk_revisions()}
    return Schema.OLDER if revision in known else Schema.NEWER


def upgrade(connection: Connection) -> None:
    """Bring an empty or older store to the present schema, within the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    with _MIGRATING:
        command.upgrade(config, "head")
    connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "proxy:store")
    return config
