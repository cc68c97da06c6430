"""A contradiction of Notary is remembered beyond a restart, until a check confirms or changes what is known."""

from collections.abc import Iterator, Mapping
from threading import current_thread

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun, Tag
from proxy.store import notes, rows, transactions
from proxy.store.opening import open_reader, open_store
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict, Remembered, TrustStore
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of

PAST = b"what roles said before"
OTHER = Gun("registry.example.com/shop/web")


async def doubted(store: TrustStore, gun: Gun = GUN) -> bool:
    """Whether a collection that is remembered is in doubt."""
    remembered = await store.load(NOTARY, gun)
    assert remembered is not None
    return remembered.is_doubted


@pytest.fixture(params=["file", "memory"])
def each(request: pytest.FixtureRequest, store: SqlTrustStore) -> TrustStore:
    """Every kind of trust store that this process writes."""
    return store if request.param == "file" else Overlay(None)


async def test_a_doubt_survives_a_restart(settings: TrustStoreSettings, store: SqlTrustStore) -> None:
    """It changes nothing else of what is remembered, and is nobody else's."""
    for gun in (GUN, OTHER):
        await store.commit(NOTARY, gun, files_of(1), expected=None, checked_at=NOON, past=PAST, new_tags=[Tag("1.0")])
    await store.doubt(NOTARY, GUN, generation=1, at=NOON + MINUTE)
    reader = await open_reader(settings)
    assert reader is not None
    assert await reader.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON, PAST, is_doubted=True)
    assert await reader.load(NOTARY, OTHER) == Remembered(files_of(1), 1, NOON, PAST)
    assert await reader.ever_had(NOTARY, GUN, Tag("1.0"))
    assert await reader.last_check() == NOON
    await reader.close()


async def test_a_commit_may_be_in_doubt_at_once(each: TrustStore) -> None:
    """What is brought from elsewhere was contradicted there, whichever of the two clocks was ahead."""
    await each.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, doubted_at=NOON - MINUTE)
    assert await doubted(each)
    await each.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON, doubted_at=NOON + MINUTE)
    assert await doubted(each)
    await each.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON + MINUTE)
    assert not await doubted(each)


async def test_a_check_ends_it(each: TrustStore) -> None:
    """Notary confirmed what is known, so it is in doubt no more; the next doubt counts again."""
    await each.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, past=PAST)
    for minutes in (1, 2):
        await each.doubt(NOTARY, GUN, generation=1, at=NOON + minutes * MINUTE)
        assert await doubted(each)
        await each.touch(NOTARY, GUN, generation=1, checked_at=NOON + minutes * MINUTE)
        assert not await doubted(each)
        await each.doubt(NOTARY, GUN, generation=1, at=NOON + minutes * MINUTE)
        assert await each.touch_all({(NOTARY, GUN): (1, NOON + minutes * MINUTE)}) == frozenset()
        assert not await doubted(each)


@pytest.mark.parametrize("how", ["touch", "touch all", "commit"])
async def test_a_check_from_before_ends_no_doubt(each: TrustStore, how: str) -> None:
    """Notary was asked, then it said something else to somebody else, and only then its first answer is noted."""
    await each.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await each.doubt(NOTARY, GUN, generation=1, at=NOON + 2 * MINUTE)
    for minutes, stands in ((1, True), (2, False)):
        asked = NOON + minutes * MINUTE
        match how:
            case "touch":
                await each.touch(NOTARY, GUN, generation=1, checked_at=asked)
            case "touch all":
                assert await each.touch_all({(NOTARY, GUN): (1, asked)}) == frozenset()
            case _:
                await each.commit(NOTARY, GUN, files_of(minutes), expected=minutes, checked_at=asked)
        assert await doubted(each) == await each.is_doubted(NOTARY, GUN) == stands


async def test_what_nobody_knows_is_in_no_doubt(each: TrustStore) -> None:
    """Nothing was ever committed."""
    assert not await each.is_doubted(NOTARY, GUN)


async def test_a_commit_ends_it(each: TrustStore) -> None:
    """What is committed was verified; and a collection that was forgotten is in no doubt."""
    await each.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("1.0")])
    await each.doubt(NOTARY, GUN, generation=1, at=NOON)
    await each.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    assert not await doubted(each)
    assert await each.ever_had(NOTARY, GUN, Tag("1.0"))
    await each.doubt(NOTARY, GUN, generation=2, at=NOON)
    await each.forget(NOTARY, GUN, reason="moved", by="alice", at=NOON)
    assert not await doubted(each)


@pytest.mark.parametrize("generation", [pytest.param(1, id="earlier"), pytest.param(3, id="later")])
async def test_another_generation_is_not_put_in_doubt(each: TrustStore, generation: int) -> None:
    """Whoever was contradicted knew something else."""
    for expected in (None, 1):
        await each.commit(NOTARY, GUN, files_of(1), expected=expected, checked_at=NOON)
    with pytest.raises(Conflict):
        await each.doubt(NOTARY, GUN, generation=generation, at=NOON)
    with pytest.raises(Conflict):
        await each.doubt(NOTARY, OTHER, generation=1, at=NOON)
    assert not await doubted(each)
    assert await each.load(NOTARY, OTHER) is None


async def test_a_clock_that_is_behind_puts_in_doubt_all_the_same(store: SqlTrustStore) -> None:
    """The last check may have been noted by another machine, whose clock is ahead."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.doubt(NOTARY, GUN, generation=1, at=NOON - MINUTE)
    assert await doubted(store)


async def test_a_doubt_that_stands_is_not_written_again(store: SqlTrustStore) -> None:
    """Many processes that are contradicted alike cost one write."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    for minutes in (1, 2, 3):
        await store.doubt(NOTARY, GUN, generation=1, at=NOON + minutes * MINUTE)
    with store._database.engine.connect() as connection:
        [data] = connection.exec_driver_sql("SELECT data FROM notes WHERE name = 'doubt'").scalars()
    assert data == notes.doubt(1, 1_780_315_260_123_456)


@pytest.mark.parametrize("how", ["commit", "touch"])
async def test_a_program_that_knows_no_doubts_ends_one(
    settings: TrustStoreSettings, store: SqlTrustStore, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """An older program shares the store: it keeps notes that it does not know, and its checks count all the same."""

    def keep(hashes: Mapping[str, bytes]) -> dict[str, bytes]:
        return dict(hashes)

    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.doubt(NOTARY, GUN, generation=1, at=NOON + MINUTE)
    with monkeypatch.context() as patched:
        patched.setattr(transactions, "without_past", keep)
        patched.setattr(transactions, "doubted_after", lambda *_: None)
        patched.setattr(rows, "without_doubt", keep)
        older = await open_store(settings)
        if how == "commit":
            await older.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
        else:
            await older.touch(NOTARY, GUN, generation=1, checked_at=NOON + 2 * MINUTE)
        await older.close()
    assert not await doubted(store)
    generation = 2 if how == "commit" else 1
    await store.doubt(NOTARY, GUN, generation=generation, at=NOON + 3 * MINUTE)
    assert await doubted(store)


@pytest.mark.parametrize(
    ("data", "stands"),
    [
        pytest.param(b"", False, id="none"),
        pytest.param(b"7 100", True, id="ours"),
        pytest.param(b"7 99", False, id="checked-since"),
        pytest.param(b"6 100", False, id="committed-since"),
        pytest.param(b"7", True, id="half"),
        pytest.param(b"7 100 later", True, id="of-a-later-program"),
    ],
)
def test_a_note_of_doubt_is_read_with_care(data: bytes, stands: bool) -> None:  # noqa: FBT001 (a case)
    """What cannot be read stands, rather than pass for nothing."""
    assert notes.is_doubted(data, 7, 100) == stands


@pytest.mark.parametrize(
    ("data", "later"),
    [
        pytest.param(b"", None, id="none"),
        pytest.param(b"7 101", 101, id="later"),
        pytest.param(b"7 100", None, id="at-that-moment"),
        pytest.param(b"6 101", None, id="of-another-generation"),
        pytest.param(b"7 101 later", None, id="of-a-later-program"),
    ],
)
def test_a_doubt_from_after_a_check_is_told_apart(data: bytes, later: int | None) -> None:
    """By the instants that both are noted with; of what cannot be read nobody knows that it is later."""
    assert notes.doubted_after(data, 7, 90, 100) == later


async def test_damage_is_no_end_of_a_doubt(store: SqlTrustStore) -> None:
    """It is under the seal like everything else, so it cannot vanish."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.doubt(NOTARY, GUN, generation=1, at=NOON)
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM notes WHERE name = 'doubt'")
    with pytest.raises(TrustStoreUnavailable, match="damaged"):
        await store.load(NOTARY, GUN)


async def test_tags_of_a_commit_may_come_as_they_are_made(store: SqlTrustStore) -> None:
    """They are gone through beside the event loop, which half a million of them would hold up."""
    threads = []

    class Tags(frozenset[Tag]):
        def __iter__(self) -> Iterator[Tag]:
            threads.append(current_thread().name)
            return super().__iter__()

    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=Tags([Tag("1.0")]))
    assert await store.ever_had(NOTARY, GUN, Tag("1.0"))
    assert all(name.startswith("trust-store-writer") for name in threads)
    assert threads
