"""The revisions and the tables say the same, and travel with the package."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

import proxy.store
from proxy.config.settings import TrustStoreSettings
from proxy.errors import UserError
from proxy.store import schema
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Remembered
from proxy.store.tables import METADATA
from tests.unit.store.material import GUN, NOON, NOTARY, files_of

NEXT_REVISION = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE TABLE later (anything TEXT)")
"""


async def test_the_revisions_build_the_tables(settings: TrustStoreSettings, path: Path) -> None:
    """A store made by the revisions has exactly the tables, columns and indexes that the program uses."""
    await (await open_store(settings)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert differences == []


async def test_the_tables_are_strict(settings: TrustStoreSettings, path: Path) -> None:
    """SQLite itself refuses a value of another type than the column's."""
    await (await open_store(settings)).close()
    database = sqlite3.connect(path)
    rows = database.execute("SELECT name FROM pragma_table_list WHERE strict ORDER BY name").fetchall()
    database.close()
    assert rows == [("collections",), ("files",)]


async def test_the_log_is_written_ahead_and_synced(settings: TrustStoreSettings) -> None:
    """A commit that returned survives a power cut: WAL, and a full sync with each commit."""
    store = await open_store(settings)
    with store._engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")
        ]
    await store.close()
    assert pragmas == ["wal", 2]


async def test_a_later_revision_keeps_what_is_remembered(
    settings: TrustStoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next version of the program upgrades the store at its start, and this one then leaves it alone."""
    store = await open_store(settings)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.close()
    config = schema._config()
    revisions = tmp_path / "versions"
    revisions.mkdir()
    (revisions / "0002_later.py").write_text(NEXT_REVISION)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{Path(*proxy.store.__path__) / 'versions'}\n{revisions}")
    with monkeypatch.context() as later:
        later.setattr(schema, "_config", lambda: config)
        with pytest.raises(UserError, match="an older version of this program wrote it: start the proxy once"):
            await open_reader(settings)
        store = await open_store(settings)
        assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
        assert not store.created
        await store.close()
    with pytest.raises(UserError, match="a newer version of this program wrote it"):
        await open_store(settings)
