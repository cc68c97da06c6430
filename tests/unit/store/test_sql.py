"""What the store remembers, and how writers take turns."""

import asyncio
import contextlib

import pytest
import uvloop

from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable
from proxy.names import ROOT, TIMESTAMP, Gun, RoleName
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Conflict, Remembered, TrustReader, TrustStore
from proxy.store.sql import SqlTrustReader, SqlTrustStore
from proxy.tuf.collection import Stored
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of


async def test_nothing_is_known_of_a_collection_that_was_never_committed(store: SqlTrustStore) -> None:
    """A new store remembers nothing, and says so without an error."""
    assert await store.load(NOTARY, GUN) is None
    assert await store.last_check() is None


async def test_what_was_committed_is_remembered(store: SqlTrustStore) -> None:
    """Files, generation and time of the check come back exactly as they were committed."""
    generation = await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), generation, NOON)


async def test_memory_survives_a_restart(settings: TrustStoreSettings) -> None:
    """After closing and opening again everything is still there, and the store does not count as created."""
    first = await open_store(settings)
    await first.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await first.close()
    second = await open_store(settings)
    remembered = await second.load(NOTARY, GUN)
    await second.close()
    assert not second.created
    assert remembered == Remembered(files_of(1), 1, NOON)


async def test_a_commit_replaces_all_files(store: SqlTrustStore) -> None:
    """Each commit raises the generation and leaves exactly its own files, roles that left included."""
    expected = None
    for generation in range(1, 9):
        expected = await store.commit(NOTARY, GUN, files_of(generation), expected=expected, checked_at=NOON)
        remembered = await store.load(NOTARY, GUN)
        assert remembered == Remembered(files_of(generation), generation, NOON)


async def test_collections_are_apart(store: SqlTrustStore) -> None:
    """The same GUN at another Notary, and another GUN at the same Notary, are other collections."""
    keys = [("corp", Gun("a/b")), ("corp", Gun("a/c")), ("other", Gun("a/b"))]
    for number, (notary, gun) in enumerate(keys):
        await store.commit(notary, gun, files_of(number), expected=None, checked_at=NOON)
    for number, (notary, gun) in enumerate(keys):
        assert await store.load(notary, gun) == Remembered(files_of(number), 1, NOON)


@pytest.mark.parametrize(
    ("notary", "gun"),
    [
        pytest.param("corp", "x';DROP/TABLE--files", id="a quote and a statement"),
        pytest.param("%", "_", id="wildcards of LIKE"),
        pytest.param('"corp"', "a/:notary/:gun_1", id="names of parameters"),
        pytest.param("unicode é \N{SNOWMAN}", "a", id="more than ASCII"),
    ],
)
async def test_names_are_only_ever_data(store: SqlTrustStore, notary: str, gun: str) -> None:
    """Names that look like SQL are stored and found like any other."""
    await store.commit(NOTARY, GUN, files_of(5), expected=None, checked_at=NOON)
    await store.commit(notary, Gun(gun), files_of(6), expected=None, checked_at=NOON)
    assert await store.load(notary, Gun(gun)) == Remembered(files_of(6), 1, NOON)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(5), 1, NOON)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(None, id="thinks nothing is remembered"),
        pytest.param(1, id="a generation behind"),
        pytest.param(3, id="a generation ahead"),
    ],
)
async def test_a_writer_that_verified_against_something_else_conflicts(
    store: SqlTrustStore, expected: int | None
) -> None:
    """A commit counts only against the generation that its files were verified against; otherwise nothing changes."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    with pytest.raises(Conflict):
        await store.commit(NOTARY, GUN, files_of(7), expected=expected, checked_at=NOON + MINUTE)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON)


async def test_a_generation_is_expected_where_nothing_is_remembered(store: SqlTrustStore) -> None:
    """A writer that saw a generation conflicts when the collection is gone."""
    with pytest.raises(Conflict):
        await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    assert await store.load(NOTARY, GUN) is None


async def test_of_many_writers_at_once_one_wins(store: SqlTrustStore) -> None:
    """Sixteen commits against the same generation end in one success and fifteen conflicts."""
    writers = [store.commit(NOTARY, GUN, files_of(number), expected=None, checked_at=NOON) for number in range(16)]
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    won = [number for number, outcome in enumerate(outcomes) if outcome == 1]
    assert len(won) == 1
    assert [type(outcome) for outcome in outcomes].count(Conflict) == 15
    assert await store.load(NOTARY, GUN) == Remembered(files_of(won[0]), 1, NOON)


async def test_the_time_of_the_check_never_goes_back(store: SqlTrustStore) -> None:
    """A commit or a touch with an older time keeps the newer one."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON - MINUTE)
    await store.touch(NOTARY, GUN, generation=2, checked_at=NOON - 2 * MINUTE)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON)


async def test_a_check_that_changed_nothing_is_remembered(store: SqlTrustStore) -> None:
    """A touch moves the time of the check and nothing else."""
    await store.commit(NOTARY, GUN, files_of(3), expected=None, checked_at=NOON)
    await store.touch(NOTARY, GUN, generation=1, checked_at=NOON + MINUTE)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(3), 1, NOON + MINUTE)


@pytest.mark.parametrize("generation", [pytest.param(1, id="replaced meanwhile"), pytest.param(3, id="unknown")])
async def test_a_check_of_other_files_confirms_nothing(store: SqlTrustStore, generation: int) -> None:
    """A touch for files that are not the stored ones conflicts and leaves the time alone."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    with pytest.raises(Conflict):
        await store.touch(NOTARY, GUN, generation=generation, checked_at=NOON + MINUTE)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON)


async def test_nothing_can_be_touched_where_nothing_is_remembered(store: SqlTrustStore) -> None:
    """A touch never makes a collection."""
    with pytest.raises(Conflict):
        await store.touch(NOTARY, GUN, generation=1, checked_at=NOON)
    assert await store.load(NOTARY, GUN) is None


async def test_the_last_check_is_the_newest_of_all_collections(store: SqlTrustStore) -> None:
    """The clock is held against the newest check, whichever collection it was."""
    await store.commit(NOTARY, Gun("a"), files_of(1), expected=None, checked_at=NOON)
    await store.commit(NOTARY, Gun("b"), files_of(1), expected=None, checked_at=NOON + 2 * MINUTE)
    await store.commit(NOTARY, Gun("c"), files_of(1), expected=None, checked_at=NOON + MINUTE)
    assert await store.last_check() == NOON + 2 * MINUTE


async def test_a_naive_time_is_a_mistake(store: SqlTrustStore) -> None:
    """A time without zone is refused before anything is written."""
    with pytest.raises(TypeError):
        await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON.replace(tzinfo=None))
    assert await store.load(NOTARY, GUN) is None


async def test_a_large_file_comes_back_whole(store: SqlTrustStore) -> None:
    """Metadata of many megabytes is stored like any other."""
    large = Stored({ROOT: bytes(range(256)) * 40_000, RoleName("targets/" + "x" * 247): b""})
    await store.commit(NOTARY, GUN, large, expected=None, checked_at=NOON)
    assert await store.load(NOTARY, GUN) == Remembered(large, 1, NOON)


async def test_a_cancelled_commit_is_whole_or_not_at_all(store: SqlTrustStore) -> None:
    """Wherever a commit is cancelled, the old files or the new ones are there, and the next writer can go on."""
    generation = await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    for delay in range(40):
        commit = store.commit(NOTARY, GUN, files_of(generation + 1), expected=generation, checked_at=NOON)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(commit, delay / 10_000)
        with pytest.raises(Conflict):  # stands in line behind what was cancelled
            await store.touch(NOTARY, GUN, generation=0, checked_at=NOON)
        remembered = await store.load(NOTARY, GUN)
        assert remembered in [Remembered(files_of(each), each, NOON) for each in (generation, generation + 1)]
        assert remembered is not None
        generation = remembered.generation
    assert await store.commit(NOTARY, GUN, files_of(7), expected=generation, checked_at=NOON) == generation + 1


async def test_a_closed_store_answers_nothing(settings: TrustStoreSettings) -> None:
    """After closing, no call opens the file again behind anybody's back."""
    store = await open_store(settings)
    await store.close()
    with pytest.raises(TrustStoreUnavailable, match="closed"):
        await store.load(NOTARY, GUN)
    with pytest.raises(TrustStoreUnavailable, match="closed"):
        await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)


async def test_a_reader_sees_what_a_writer_commits(settings: TrustStoreSettings, store: SqlTrustStore) -> None:
    """A command that reads sees the running proxy's state, and its later commits too."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    reader = await open_reader(settings)
    assert reader is not None
    assert await reader.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    assert await reader.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON)
    await reader.close()


def test_it_works_on_the_loop_that_serves(settings: TrustStoreSettings) -> None:
    """The proxy runs on uvloop, so the store does too."""

    async def remember() -> Remembered | None:
        store = await open_store(settings)
        try:
            await store.commit(NOTARY, GUN, Stored({TIMESTAMP: b"{}"}), expected=None, checked_at=NOON)
            return await store.load(NOTARY, GUN)
        finally:
            await store.close()

    assert uvloop.run(remember()) == Remembered(Stored({TIMESTAMP: b"{}"}), 1, NOON)


async def test_the_implementation_fits_the_protocols(store: SqlTrustStore, settings: TrustStoreSettings) -> None:
    """The type checker holds the classes against the protocols here; a reader has no way to write."""
    writes: TrustStore = store
    reader = await open_reader(settings)
    assert reader is not None
    reads: TrustReader = reader
    await reads.close()
    assert isinstance(writes, SqlTrustReader)
    assert not hasattr(reads, "commit")
