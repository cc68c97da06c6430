"""Commands decide on the store without changing it."""

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.names import Tag
from proxy.store.opening import open_reader
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict, Remembered, TrustStore
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, digest, files_of, index


async def test_it_reads_what_is_below_and_keeps_what_it_is_told(
    settings: TrustStoreSettings, store: SqlTrustStore
) -> None:
    """A commit is seen by this process alone; the store below stays as it was."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    overlay: TrustStore = Overlay(await open_reader(settings))
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    assert await overlay.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON + MINUTE) == 2
    await overlay.touch(NOTARY, GUN, generation=2, checked_at=NOON + MINUTE)
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON + MINUTE)
    assert await overlay.last_check() == NOON
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await overlay.close()


async def test_without_a_store_it_starts_from_nothing() -> None:
    """Where nothing is remembered, it remembers for as long as the command runs."""
    overlay = Overlay(None)
    assert await overlay.load(NOTARY, GUN) is None
    assert await overlay.last_check() is None
    await overlay.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    with pytest.raises(Conflict):
        await overlay.commit(NOTARY, GUN, files_of(2), expected=None, checked_at=NOON)
    await overlay.close()
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)


async def test_it_knows_tags_and_past_of_both(settings: TrustStoreSettings, store: SqlTrustStore) -> None:
    """What the store below noted counts, and what this process commits counts too, for this process alone."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, past=b"old", new_tags=[Tag("1.0")])
    overlay: TrustStore = Overlay(await open_reader(settings))
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON, b"old")
    await overlay.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON, past=b"new", new_tags=[Tag("2.0")])
    await overlay.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON, new_tags=[Tag("3.0")])
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(3), 3, NOON)
    assert [await overlay.ever_had(NOTARY, GUN, Tag(f"{number}.0")) for number in range(5)] == [0, 1, 1, 1, 0]
    assert not await store.ever_had(NOTARY, GUN, Tag("2.0"))
    await overlay.close()


async def test_it_keeps_indexes_in_memory(settings: TrustStoreSettings, store: SqlTrustStore) -> None:
    """Indexes below are found, and those of this process beside them, without a trace below."""
    below, here = index([b"child"], "below"), index([b"child"], "here")
    await store.keep_index(digest(below), below)
    overlay: TrustStore = Overlay(await open_reader(settings))
    await overlay.keep_index(digest(here), here)
    assert [await overlay.load_index(digest(each)) for each in (below, here, b"none")] == [below, here, None]
    assert set(await overlay.indexes_naming(digest(b"child"))) == {digest(below), digest(here)}
    assert await store.load_index(digest(here)) is None
    await overlay.close()


async def test_without_a_store_it_remembers_for_as_long_as_it_runs() -> None:
    """Nothing below is nothing known, not an error."""
    overlay = Overlay(None)
    assert not await overlay.ever_had(NOTARY, GUN, Tag("1.0"))
    assert await overlay.load_index(digest(b"none")) is None
    assert await overlay.indexes_naming(digest(b"child")) == ()
    data = index([b"child"])
    await overlay.keep_index(digest(data), data)
    assert await overlay.indexes_naming(digest(b"child")) == (digest(data),)
    await overlay.close()
