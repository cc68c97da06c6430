"""Damage of a database shows, and nothing writes over it."""

from collections.abc import Callable

import pytest

from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun, Tag
from proxy.store import indexes
from proxy.store.protocol import Remembered
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, digest, files_of, index

OTHER = Gun("registry.example.com/shop/web")
LATER = NOON + MINUTE


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM files WHERE role = 'targets'", id="a file gone"),
        pytest.param("DELETE FROM files", id="all files gone"),
        pytest.param("UPDATE files SET data = 'x', sha256 = sha256('x') WHERE role = 'root'", id="other hash too"),
        pytest.param("UPDATE files SET role = 'targets/x' WHERE role = 'targets'", id="a file renamed"),
        pytest.param("UPDATE collections SET generation = 1", id="the generation"),
        pytest.param("UPDATE collections SET checked_at = checked_at + 1", id="the time of the check"),
        pytest.param("UPDATE collections SET seal = ''", id="the seal"),
        pytest.param("DELETE FROM notes", id="all notes gone"),
        pytest.param("DELETE FROM collections", id="the collection gone"),
    ],
)
async def test_changed_rows_are_damage(
    store: SqlTrustStore, administrator: Callable[[str], str], statement: str
) -> None:
    """A collection that is not as it was committed is an error, never a first use, and stays one."""
    await store.commit(NOTARY, GUN, files_of(2), expected=None, checked_at=NOON, past=b"p", new_tags=[Tag("1.0")])
    await store.commit(NOTARY, GUN, files_of(3), expected=1, checked_at=NOON, past=b"past")
    for table in ("files", "notes"):
        administrator(f"ALTER TABLE {table} DROP CONSTRAINT {table}_notary_gun_fkey")
    administrator(statement)
    with pytest.raises(TrustStoreUnavailable, match="its database is damaged"):
        await store.load(NOTARY, GUN)
    for expected in (None, 1, 2):
        with pytest.raises(TrustStoreUnavailable, match="its database is damaged"):
            await store.commit(NOTARY, GUN, files_of(4), expected=expected, checked_at=LATER)
    with pytest.raises(TrustStoreUnavailable, match="its database is damaged"):
        await store.forget(NOTARY, GUN, reason="because", by="me", at=LATER)
    assert await store.touch_all({(NOTARY, GUN): (2, LATER)}) == {(NOTARY, GUN)}
    assert await store.collections() == ((NOTARY, GUN),)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE files SET data = 'x' WHERE role = 'root'", id="a file"),
        pytest.param("UPDATE notes SET data = '' WHERE name = 'past'", id="the past"),
    ],
)
async def test_changed_bytes_are_damage(
    store: SqlTrustStore, administrator: Callable[[str], str], statement: str
) -> None:
    """Bytes that have another hash than was noted of them are never used."""
    await store.commit(NOTARY, GUN, files_of(3), expected=None, checked_at=NOON, past=b"past")
    administrator(statement)
    with pytest.raises(TrustStoreUnavailable, match="its database is damaged"):
        await store.load(NOTARY, GUN)


async def test_damage_of_one_collection_leaves_the_others_alone(
    store: SqlTrustStore, administrator: Callable[[str], str]
) -> None:
    """What is whole can be used, and its checks are noted together with one that cannot."""
    for gun in (GUN, OTHER):
        await store.commit(NOTARY, gun, files_of(2), expected=None, checked_at=NOON)
    administrator("DELETE FROM files WHERE gun LIKE '%/shop/api'")
    checks = {(NOTARY, gun): (1, LATER) for gun in (GUN, OTHER)}
    assert await store.touch_all(checks) == {(NOTARY, GUN)}
    assert await store.load(NOTARY, OTHER) == Remembered(files_of(2), 1, LATER)


async def test_a_kept_index_of_other_bytes_is_damage(store: SqlTrustStore, administrator: Callable[[str], str]) -> None:
    """What is kept under a digest has that digest, or is refused; its own bytes mend it."""
    data = index([b"child"])
    await store.keep_index(digest(data), data)
    administrator("UPDATE indexes SET data = 'x'")
    with pytest.raises(TrustStoreUnavailable, match="its database is damaged"):
        await store.load_index(digest(data))
    await store.keep_index(digest(data), data)
    assert await store.load_index(digest(data)) == data


async def test_the_indexes_not_used_for_longest_go_first(
    store: SqlTrustStore, administrator: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no more room, an index that was kept again stays, and nothing is left of those that go."""
    several = [index([b"child"], name) for name in "abcd"]
    monkeypatch.setattr(indexes, "STORE_INDEXES_BYTES", 3 * (len(several[0]) + 2 * indexes._ROW_BYTES))
    for each in (*several[:3], several[0], several[3]):
        await store.keep_index(digest(each), each)
    kept = [await store.load_index(digest(each)) is not None for each in several]
    assert kept == [True, False, True, True]
    assert administrator("SELECT count(*) FROM children") == "3"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        pytest.param("DROP TABLE files CASCADE", "its tables are not as this program made them", id="a table"),
        pytest.param(
            "ALTER TABLE collections DROP COLUMN seal", "its tables are not as this program made them", id="a column"
        ),
        pytest.param("REVOKE ALL ON files FROM tagwarden", "this user may not do that in its database", id="rights"),
    ],
)
async def test_what_was_taken_away_is_missed(
    store: SqlTrustStore, administrator: Callable[[str], str], statement: str, why: str
) -> None:
    """A schema that is not ours any more is a reason to refuse, in words."""
    await store.commit(NOTARY, GUN, files_of(2), expected=None, checked_at=NOON)
    administrator(statement)
    with pytest.raises(TrustStoreUnavailable) as refusal:
        await store.load(NOTARY, GUN)
    assert refusal.value.why == why
