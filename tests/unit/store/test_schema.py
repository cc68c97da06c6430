"""The revisions and the tables say the same, and travel with the package."""

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable, UserError
from proxy.names import Tag
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Conflict, Remembered
from proxy.store.schema import REVISIONS
from proxy.store.sql import SqlTrustStore
from proxy.store.tables import METADATA
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of

# A store as the first version of this program left it: one collection, at its second generation.
FIRST_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA application_id = 0x54675764;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE collections (
    notary TEXT NOT NULL, gun TEXT NOT NULL, generation INTEGER NOT NULL, checked_at INTEGER NOT NULL,
    seal BLOB NOT NULL, PRIMARY KEY (notary, gun)
) STRICT;
CREATE INDEX collections_by_check ON collections (checked_at);
CREATE TABLE files (
    notary TEXT NOT NULL, gun TEXT NOT NULL, role TEXT NOT NULL, sha256 BLOB NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (notary, gun, role), FOREIGN KEY(notary, gun) REFERENCES collections (notary, gun)
) STRICT;
"""


def of_the_first_schema(path: Path) -> None:
    """Write such a store, sealed as it was then."""
    database = sqlite3.connect(path)
    database.executescript(FIRST_SCHEMA)
    hashes = {role: hashlib.sha256(data) for role, data in files_of(2).files.items()}
    checked = 1_780_315_200_123_456  # NOON
    facts = [NOTARY, GUN, 2, checked, sorted((role, sha256.hexdigest()) for role, sha256 in hashes.items())]
    seal = hashlib.sha256(json.dumps(facts).encode()).digest()
    database.execute("INSERT INTO collections VALUES (?, ?, 2, ?, ?)", (NOTARY, GUN, checked, seal))
    for role, data in files_of(2).files.items():
        database.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?)", (NOTARY, GUN, role, hashes[role].digest(), data))
    database.commit()
    database.close()


async def test_a_store_of_the_first_schema_keeps_its_collections(settings: TrustStoreSettings, path: Path) -> None:
    """After an update of the program everything is remembered, floors included, and new things are noted with it."""
    of_the_first_schema(path)
    with pytest.raises(UserError, match="an older version of this program wrote it: start the proxy once"):
        await open_reader(settings)
    store = await open_store(settings)
    assert not store.created
    assert await store.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON)
    assert not await store.ever_had(NOTARY, GUN, Tag("1.0"))
    await store.touch(NOTARY, GUN, generation=2, checked_at=NOON + MINUTE)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON + MINUTE)
    with pytest.raises(Conflict):
        await store.commit(NOTARY, GUN, files_of(3), expected=None, checked_at=NOON)
    tags = [Tag("1.0")]
    await store.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON + MINUTE, past=b"past", new_tags=tags)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(3), 3, NOON + MINUTE, b"past")
    assert await store.ever_had(NOTARY, GUN, Tag("1.0"))
    await store.close()


async def test_damage_of_the_first_schema_survives_the_upgrade(settings: TrustStoreSettings, path: Path) -> None:
    """An upgrade seals nothing anew, so it hides nothing."""
    of_the_first_schema(path)
    database = sqlite3.connect(path)
    database.execute("DELETE FROM files WHERE role = 'targets'")
    database.commit()
    database.close()
    store = await open_store(settings)
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await store.load(NOTARY, GUN)
    await store.close()


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
    assert rows == [
        ("admissions",),
        ("children",),
        ("collections",),
        ("compatibility",),
        ("files",),
        ("forgettings",),
        ("indexes",),
        ("notes",),
    ]


async def test_the_log_is_written_ahead_and_synced(settings: TrustStoreSettings) -> None:
    """A commit that returned survives a power cut: WAL, and a full sync with each commit."""
    store = await open_store(settings)
    assert isinstance(store, SqlTrustStore)
    with store._database.engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")
        ]
    await store.close()
    assert pragmas == ["wal", 2]


def test_all_revisions_are_known_without_alembic() -> None:
    """What is there is told by their names alone, oldest first."""
    config = Config()
    config.set_main_option("script_location", "proxy:store")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(reversed([each.revision for each in scripts])) == REVISIONS
