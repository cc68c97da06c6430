"""Indexes outlive a restart, so that their children are known again; their number is bounded."""

import sqlite3
from pathlib import Path

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.errors import ManifestAmbiguous, TrustStoreUnavailable
from proxy.store import indexes
from proxy.store.opening import open_reader, open_store
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import digest, index

CHILD, SIBLING = b"child", b"sibling"
INDEX = index([CHILD, SIBLING])


async def test_an_index_survives_a_restart(settings: TrustStoreSettings) -> None:
    """What was kept is there when the program starts again, for commands that only read too."""
    first = await open_store(settings)
    await first.keep_index(digest(INDEX), INDEX)
    await first.close()
    reader = await open_reader(settings)
    assert reader is not None
    assert await reader.load_index(digest(INDEX)) == INDEX
    assert await reader.indexes_naming(digest(CHILD)) == (digest(INDEX),)
    await reader.close()


async def test_what_was_not_kept_is_not_there(store: SqlTrustStore) -> None:
    """An index that is not kept is no error: it can be read from the registry."""
    assert await store.load_index(digest(INDEX)) is None
    assert await store.indexes_naming(digest(CHILD)) == ()


async def test_keeping_again_changes_nothing(store: SqlTrustStore) -> None:
    """However often an index is kept, it is there once, and so are its children."""
    for _ in range(3):
        await store.keep_index(digest(INDEX), INDEX)
    assert await store.load_index(digest(INDEX)) == INDEX
    assert await store.indexes_naming(digest(SIBLING)) == (digest(INDEX),)


async def test_a_child_listed_twice_is_named_once(store: SqlTrustStore) -> None:
    """An index may name the same manifest for two platforms."""
    twice = index([CHILD, CHILD])
    await store.keep_index(digest(twice), twice)
    assert await store.indexes_naming(digest(CHILD)) == (digest(twice),)


async def test_an_index_without_children_is_kept_too(store: SqlTrustStore) -> None:
    """An empty index admits nothing, and that is worth knowing."""
    await store.keep_index(digest(index([])), index([]))
    assert await store.load_index(digest(index([]))) == index([])


async def test_of_many_indexes_those_used_last_are_named(store: SqlTrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of very many indexes is looked for in those that were used last."""
    monkeypatch.setattr(indexes, "STORE_NAMERS", 2)
    several = [index([CHILD], name) for name in "abc"]
    for each in (*several, several[0]):
        await store.keep_index(digest(each), each)
    assert await store.indexes_naming(digest(CHILD)) == (digest(several[0]), digest(several[2]))


async def test_the_indexes_not_used_for_longest_go_first(
    store: SqlTrustStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no more room, an index that was kept again stays, and nothing is left of those that go."""
    several = [index([CHILD], name) for name in "abcd"]
    size = len(several[0]) + 2 * indexes._ROW_BYTES
    monkeypatch.setattr(indexes, "STORE_INDEXES_BYTES", 3 * size)
    for each in (*several[:3], several[0], several[3]):
        await store.keep_index(digest(each), each)
    kept = [await store.load_index(digest(each)) is not None for each in several]
    assert kept == [True, False, True, True]
    database = sqlite3.connect(path)
    assert database.execute("SELECT count(*) FROM children").fetchone() == (3,)
    database.close()
    large = index([CHILD], "x" * 3 * size)
    await store.keep_index(digest(large), large)
    assert [await store.load_index(digest(each)) for each in (*several, large)] == [None] * 5


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE indexes SET data = CAST(data || ' ' AS BLOB)", id="a byte more"),
        pytest.param("UPDATE indexes SET data = x''", id="emptied"),
        pytest.param("UPDATE indexes SET sha256 = zeroblob(32)", id="filed under another digest"),
    ],
)
async def test_bytes_of_another_digest_are_damage(store: SqlTrustStore, path: Path, statement: str) -> None:
    """What is kept under a digest has that digest, or is refused."""
    await store.keep_index(digest(INDEX), INDEX)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(statement)
    (filed,) = database.execute("SELECT sha256 FROM indexes").fetchone()
    database.close()
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await store.load_index(type(digest(INDEX)).from_hash(filed))


async def test_an_index_of_a_wrong_type_is_damage(settings: TrustStoreSettings, path: Path) -> None:
    """A value that the table could never have held is damage, not an internal error."""
    store = await open_store(settings)
    await store.keep_index(digest(INDEX), INDEX)
    await store.close()
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA writable_schema = ON")
    database.execute("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '')")
    database.execute("PRAGMA writable_schema = RESET")
    database.execute("UPDATE indexes SET data = 'text', sha256 = sha256")
    database.close()
    store = await open_store(settings)
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await store.load_index(digest(INDEX))
    await store.close()


async def test_a_damaged_index_is_mended_by_its_own_bytes(store: SqlTrustStore, path: Path) -> None:
    """An index proves itself, so the registry's copy may take the place of a damaged one."""
    await store.keep_index(digest(INDEX), INDEX)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("UPDATE indexes SET data = x'00'")
    database.close()
    await store.keep_index(digest(INDEX), INDEX)
    assert await store.load_index(digest(INDEX)) == INDEX


async def test_only_manifests_are_kept(store: SqlTrustStore) -> None:
    """Bytes that are no manifest are a mistake of the caller, and nothing is written."""
    with pytest.raises(ManifestAmbiguous):
        await store.keep_index(digest(b"{}"), b"{}")
    assert await store.load_index(digest(b"{}")) is None
