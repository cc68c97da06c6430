"""Whatever happens to the file, the store never forgets silently: the truth or an error, nothing between."""

import random
import resource
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable, UserError
from proxy.names import ROOT, Gun, Tag
from proxy.store import transactions
from proxy.store.opening import open_store
from proxy.store.protocol import Remembered
from proxy.store.sql import SqlTrustStore
from proxy.tuf.collection import Stored
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, digest, files_of, index

OTHER = Gun("registry.example.com/shop/web")
TAGS = [Tag(f"1.{number}") for number in range(40)]
PAST = b"what roles said before" * 50
TRUTH = Remembered(files_of(2), 2, NOON, PAST)


@pytest.fixture
async def filled(store: SqlTrustStore) -> SqlTrustStore:
    """A store with two collections at their second generation."""
    for gun in (GUN, OTHER):
        await store.commit(NOTARY, gun, files_of(1), expected=None, checked_at=NOON, new_tags=TAGS)
        await store.commit(NOTARY, gun, files_of(2), expected=1, checked_at=NOON, past=PAST)
    return store


@pytest.fixture
async def closed(settings: TrustStoreSettings) -> None:
    """The file of such a store, with nobody using it."""
    store = await open_store(settings)
    for number in range(12):
        await store.commit(NOTARY, Gun(f"filler/{number}"), files_of(number), expected=None, checked_at=NOON)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=TAGS)
    await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON, past=PAST)
    await store.close()


Call = Callable[[SqlTrustStore], Awaitable[object]]
WRITES_OF_A_COLLECTION = [
    pytest.param(
        lambda store: store.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON + MINUTE), id="commit"
    ),
    pytest.param(lambda store: store.touch(NOTARY, GUN, generation=2, checked_at=NOON + MINUTE), id="touch"),
    pytest.param(lambda store: store.forget(NOTARY, GUN, reason="because", by="me", at=NOON), id="forget"),
]
EVERY_CALL = [
    pytest.param(lambda store: store.load(NOTARY, GUN), id="load"),
    pytest.param(lambda store: store.last_check(), id="last_check"),
    pytest.param(lambda store: store.ever_had(NOTARY, GUN, Tag("1.0")), id="ever_had"),
    pytest.param(lambda store: store.load_index(digest(index([]))), id="load_index"),
    pytest.param(lambda store: store.indexes_naming(digest(index([]))), id="indexes_naming"),
    pytest.param(lambda store: store.generation(NOTARY, GUN), id="generation"),
    pytest.param(lambda store: store.collections(), id="collections"),
    pytest.param(lambda store: store.asked_since(NOON), id="asked_since"),
    pytest.param(lambda store: store.forgettings(), id="forgettings"),
    *WRITES_OF_A_COLLECTION,
    pytest.param(lambda store: store.touch_all({(NOTARY, GUN): (2, NOON + MINUTE)}), id="touch_all"),
    pytest.param(lambda store: store.note_asked([(NOTARY, GUN)], NOON), id="note_asked"),
    pytest.param(lambda store: store.keep_index(digest(index([])), index([])), id="keep_index"),
]


def execute(path: Path, *statements: str) -> None:
    """Change the database behind the store's back."""
    database = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE files SET data = CAST(data || '!' AS BLOB) WHERE role = 'targets'", id="bytes of a file"),
        pytest.param("UPDATE files SET data = x'' WHERE role = 'root'", id="an emptied file"),
        pytest.param("DELETE FROM files WHERE role = 'targets/signer1'", id="a file gone"),
        pytest.param("DELETE FROM files", id="all files gone"),
        pytest.param("DELETE FROM collections", id="the collection gone"),
        pytest.param("UPDATE files SET role = 'targets/other' WHERE role = 'targets/signer0'", id="a file renamed"),
        pytest.param(
            "INSERT INTO files SELECT notary, gun, 'targets/more', sha256, data FROM files WHERE role = 'root'",
            id="a file more",
        ),
        pytest.param("UPDATE notes SET data = CAST(data || '!' AS BLOB) WHERE name = 'past'", id="bytes of the past"),
        pytest.param("UPDATE notes SET data = x'', sha256 = x'' WHERE name = 'past'", id="an emptied past"),
        pytest.param("DELETE FROM notes WHERE name = 'past'", id="the past gone"),
        pytest.param("DELETE FROM notes WHERE name = 'tags/4'", id="tags gone"),
        pytest.param("DELETE FROM notes", id="all notes gone"),
        pytest.param("UPDATE notes SET name = 'tags/x' WHERE name = 'past'", id="a note renamed"),
        pytest.param("UPDATE collections SET generation = 1", id="the generation"),
        pytest.param("UPDATE collections SET checked_at = checked_at + 1000000", id="the time of the check"),
        pytest.param("UPDATE collections SET seal = x'00'", id="the seal"),
        pytest.param(
            "UPDATE collections SET gun = CASE gun WHEN 'registry.example.com/shop/api'"
            " THEN 'registry.example.com/shop/web2' ELSE 'registry.example.com/shop/api' END",
            id="the row of another collection",
        ),
    ],
)
async def test_changed_rows_are_damage(filled: SqlTrustStore, path: Path, statement: str) -> None:
    """Rows that are not as they were committed are refused, however plausible they look."""
    execute(path, statement)
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await filled.load(NOTARY, GUN)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM notes WHERE name LIKE 'tags/%'", id="notes gone"),
        pytest.param("UPDATE notes SET data = x'' WHERE name LIKE 'tags/%'", id="notes emptied"),
        pytest.param("UPDATE notes SET data = x'', sha256 = x'' WHERE name LIKE 'tags/%'", id="hashes too"),
        pytest.param("DELETE FROM collections", id="the collection gone"),
        pytest.param("UPDATE collections SET generation = 1", id="the generation"),
    ],
)
async def test_damage_never_lets_a_tag_be_forgotten(filled: SqlTrustStore, path: Path, statement: str) -> None:
    """A tag that was signed once is never said to be new because a row is not as it was written."""
    assert await filled.ever_had(NOTARY, GUN, TAGS[0])
    execute(path, statement)
    for tag in TAGS:
        with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
            await filled.ever_had(NOTARY, GUN, tag)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE notes SET data = CAST(data || '!' AS BLOB) WHERE name = 'tags/4'", id="tags"),
        pytest.param("UPDATE notes SET data = x'' WHERE name LIKE 'tags/%'", id="tags emptied"),
        pytest.param("UPDATE notes SET data = x'00' WHERE name = 'past'", id="the past"),
    ],
)
async def test_what_load_does_not_read_can_be_checked(filled: SqlTrustStore, path: Path, statement: str) -> None:
    """Tags that were damaged are found before somebody asks for one of them; other collections stay whole."""
    await filled.check_notes(NOTARY, GUN)
    execute(path, f"{statement} AND gun = '{GUN}'")
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await filled.check_notes(NOTARY, GUN)
    await filled.check_notes(NOTARY, OTHER)


async def test_a_note_of_doubt_is_checked(filled: SqlTrustStore, path: Path) -> None:
    """It holds nobody's tags, and is a note all the same."""
    await filled.doubt(NOTARY, GUN, generation=2, at=NOON + MINUTE)
    await filled.check_notes(NOTARY, GUN)
    execute(path, "UPDATE notes SET data = x'00' WHERE name = 'doubt'")
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await filled.check_notes(NOTARY, GUN)


async def test_damaged_tags_cannot_stay_remembered(filled: SqlTrustStore, path: Path) -> None:
    """So nobody forgets the rest, and is told that they do; nothing is written."""
    execute(path, "UPDATE notes SET data = x'' WHERE name = 'tags/4'")
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await filled.forget(NOTARY, GUN, reason="because", by="me", at=NOON)
    assert await filled.load(NOTARY, GUN) == TRUTH
    assert await filled.forgettings() == ()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE files SET data = x'00'", id="files"),
        pytest.param("UPDATE notes SET data = x'00' WHERE name = 'past'", id="the past"),
    ],
)
async def test_what_goes_anyway_may_be_damaged(filled: SqlTrustStore, path: Path, statement: str) -> None:
    """Whoever forgets a collection needs none of the bytes that go, and is left with its tags."""
    execute(path, statement)
    assert await filled.forget(NOTARY, GUN, reason="because", by="me", at=NOON)
    assert await filled.load(NOTARY, GUN) == Remembered(Stored({}), 3, NOON)
    assert await filled.tags(NOTARY, GUN) == frozenset(TAGS)


async def test_tags_are_not_added_to_damage(filled: SqlTrustStore, path: Path) -> None:
    """A commit with a new tag does not seal notes that are not as they were written."""
    execute(path, "UPDATE notes SET data = x'' WHERE name LIKE 'tags/%'")
    with pytest.raises(TrustStoreUnavailable, match="its file is damaged"):
        await filled.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON, past=PAST, new_tags=TAGS)


@pytest.mark.parametrize("call", WRITES_OF_A_COLLECTION)
async def test_nobody_writes_over_damage(filled: SqlTrustStore, path: Path, call: Call) -> None:
    """A collection with a file gone is not made whole again by the next commit or touch."""
    execute(path, "DELETE FROM files WHERE role = 'targets/signer1'")
    with pytest.raises(TrustStoreUnavailable):
        await call(filled)
    with pytest.raises(TrustStoreUnavailable):
        await filled.load(NOTARY, GUN)


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE files SET data = 'text' WHERE role = 'root'", id="text for bytes"),
        pytest.param("UPDATE files SET role = 7 WHERE role = 'root'", id="a number for a name"),
        pytest.param("UPDATE notes SET data = 'text' WHERE name = 'past'", id="text for the past"),
        pytest.param("UPDATE notes SET sha256 = 7 WHERE name = 'past'", id="a number for a hash"),
        pytest.param("UPDATE collections SET generation = x'02'", id="bytes for a number"),
        pytest.param("UPDATE collections SET seal = 'text', checked_at = 1e300", id="text and infinity"),
    ],
)
async def test_values_of_a_wrong_type_are_damage(settings: TrustStoreSettings, path: Path, statement: str) -> None:
    """A value that the table could never have held is damage, not an internal error."""
    loosen = "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '')"
    execute(path, "PRAGMA writable_schema = ON", loosen, "PRAGMA writable_schema = RESET", statement)
    store = await open_store(settings)
    with pytest.raises(TrustStoreUnavailable):
        await store.load(NOTARY, GUN)
    await store.close()


@pytest.mark.usefixtures("closed")
async def test_an_impossible_time_is_damage(settings: TrustStoreSettings, path: Path) -> None:
    """A time of the check that no calendar has is damage, not an internal error."""
    execute(path, "UPDATE collections SET checked_at = 9223372036854775807")
    store = await open_store(settings)
    with pytest.raises(TrustStoreUnavailable):
        await store.last_check()
    await store.close()


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("seed", range(8))
async def test_flipped_bytes_never_lower_a_floor(settings: TrustStoreSettings, path: Path, seed: int) -> None:
    """Wherever bytes of the file change, what is loaded is the truth, or there is an error."""
    whole = path.read_bytes()
    dice = random.Random(seed)  # noqa: S311 (not for secrets)
    outcomes = set()
    for _ in range(12):
        damaged = bytearray(whole)
        start = dice.randrange(len(whole))
        for position in range(start, min(start + dice.choice([1, 1, 8, 512]), len(whole))):
            damaged[position] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            store = await open_store(settings)
        except UserError:
            outcomes.add("refused at the start")
            continue
        assert not store.created
        try:
            assert await store.load(NOTARY, GUN) == TRUTH
            outcomes.add("the truth")
        except TrustStoreUnavailable:
            outcomes.add("refused later")
        await store.close()
    assert "the truth" in outcomes  # most of the file belongs to other collections or to nobody


async def test_rubbish_over_the_whole_file_while_it_is_used(
    filled: SqlTrustStore, path: Path, settings: TrustStoreSettings
) -> None:
    """A file that is overwritten in place gives the truth from memory or an error; the next start refuses it."""
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(random.Random(1).randbytes(size))  # noqa: S311 (not for secrets)
    for gun in (GUN, OTHER, GUN, OTHER):
        try:
            assert await filled.load(NOTARY, gun) == TRUTH
        except TrustStoreUnavailable as unavailable:
            assert unavailable.why in ("its file is damaged", "it is no trust store")  # noqa: PT017 (one of two ends)
    with pytest.raises(UserError):
        await open_store(settings)


@pytest.mark.parametrize("call", EVERY_CALL)
async def test_an_emptied_file_while_it_is_used(filled: SqlTrustStore, path: Path, call: Call) -> None:
    """A file that is cut to nothing under the running program is an error for every call."""
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.truncate(0)
    with pytest.raises(TrustStoreUnavailable):
        await call(filled)


@pytest.mark.parametrize("call", EVERY_CALL)
async def test_a_deleted_file_while_it_is_used(filled: SqlTrustStore, path: Path, call: Call) -> None:
    """SQLite would go on in a file without a name; the store notices that its memory is gone."""
    for each in path.parent.glob("trust.db*"):
        each.unlink()
    with pytest.raises(TrustStoreUnavailable, match="its file was removed or replaced"):
        await call(filled)


async def test_a_deleted_file_before_it_is_used(store: SqlTrustStore, path: Path) -> None:
    """The reason is the same where SQLite itself would only say that it cannot open the file."""
    path.unlink()
    with pytest.raises(TrustStoreUnavailable, match="its file was removed or replaced"):
        await store.load(NOTARY, GUN)


async def test_a_file_that_is_deleted_during_a_commit(
    filled: SqlTrustStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit into a file that lost its name meanwhile is not reported as safe."""
    commit = transactions.commit

    def interrupted(connection: Connection, **facts: Any) -> int:
        generation = commit(connection, **facts)
        path.unlink()
        return generation

    monkeypatch.setattr(transactions, "commit", interrupted)
    with pytest.raises(TrustStoreUnavailable, match="its file was removed or replaced"):
        await filled.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON)


async def test_connections_may_come_and_go(filled: SqlTrustStore) -> None:
    """When all connections in use are closed, as after an error, the log stays, and nothing looks removed."""
    filled._database.engine.dispose()
    assert await filled.load(NOTARY, GUN) == TRUTH
    assert await filled.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON) == 3


@pytest.mark.parametrize("call", EVERY_CALL)
async def test_a_deleted_log_while_it_is_used(filled: SqlTrustStore, path: Path, call: Call) -> None:
    """Commits that are only in the write-ahead log would be lost with it."""
    path.with_name("trust.db-wal").unlink()
    with pytest.raises(TrustStoreUnavailable, match="its file was removed or replaced"):
        await call(filled)


async def test_an_older_copy_put_in_its_place(filled: SqlTrustStore, path: Path, tmp_path: Path) -> None:
    """A backup that is moved over the running store is refused; with the right file back, the store goes on."""
    kept = tmp_path / "kept.db"
    shutil.copy(path, tmp_path / "backup.db")
    path.rename(kept)
    (tmp_path / "backup.db").rename(path)
    with pytest.raises(TrustStoreUnavailable):
        await filled.load(NOTARY, GUN)
    kept.rename(path)
    assert await filled.load(NOTARY, GUN) == TRUTH


async def test_a_full_disk_loses_nothing(filled: SqlTrustStore, path: Path) -> None:
    """A commit that does not fit is an error and leaves everything as it was; with room again, it works."""
    large = Stored({ROOT: random.Random(1).randbytes(1 << 20)})  # noqa: S311 (not for secrets)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100_000, hard))
    try:
        with pytest.raises(TrustStoreUnavailable, match=r"the disk is full|the disk reports an error"):
            await filled.commit(NOTARY, GUN, large, expected=2, checked_at=NOON + MINUTE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await filled.load(NOTARY, GUN) == TRUTH
    assert await filled.commit(NOTARY, GUN, large, expected=2, checked_at=NOON + MINUTE) == 3
    assert await filled.load(NOTARY, GUN) == Remembered(large, 3, NOON + MINUTE)


async def test_a_lock_held_for_long_is_an_error(
    settings: TrustStoreSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process keeps the lock nothing is written, and reading goes on."""
    monkeypatch.setattr("proxy.store.sqlite.STORE_BUSY_SECONDS", 0.05)
    store = await open_store(settings)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TrustStoreUnavailable, match="another process keeps it locked"):
        await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    other.close()
    assert await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON) == 2
    await store.close()


async def test_damage_of_one_collection_keeps_no_check_of_the_others(filled: SqlTrustStore, path: Path) -> None:
    """Of many checks at once the damaged one is answered, to be loaded and told of; the others are noted."""
    execute(path, "DELETE FROM files WHERE gun LIKE '%/shop/api'")
    later = NOON + MINUTE
    assert await filled.touch_all({(NOTARY, gun): (2, later) for gun in (GUN, OTHER)}) == {(NOTARY, GUN)}
    assert await filled.load(NOTARY, OTHER) == Remembered(files_of(2), 2, later, PAST)
    assert await filled.collections() == ((NOTARY, GUN), (NOTARY, OTHER))
