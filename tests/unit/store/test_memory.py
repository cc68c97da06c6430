"""A trust store in memory keeps its promises for as long as the process lives, and leaves nothing behind."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.config.settings import IN_MEMORY, TrustStoreSettings
from proxy.names import Gun
from proxy.store.memory import Memory
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Conflict
from proxy.tuf.collection import Stored

SETTINGS = TrustStoreSettings(IN_MEMORY, must_exist=False)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GUN, OTHER = Gun("registry.example.com/shop/api"), Gun("registry.example.com/shop/web")


async def test_it_opens_empty_and_says_so() -> None:
    """Every start is a first start."""
    store = await open_store(SETTINGS)
    assert (store.created, await store.load("corp", GUN), await store.last_check()) == (True, None, None)
    await store.close()


async def test_there_is_nothing_to_read_for_another_process() -> None:
    """A command beside the proxy starts without memory."""
    assert await open_reader(SETTINGS) is None


async def test_a_check_is_noted_and_never_goes_back() -> None:
    """So evidence is as old as the last time that Notary confirmed it."""
    store = Memory()
    generation = await store.commit("corp", GUN, Stored({}), expected=None, checked_at=NOW)
    await store.commit("corp", OTHER, Stored({}), expected=None, checked_at=NOW - HOUR)
    await store.touch("corp", GUN, generation=generation, checked_at=NOW + HOUR)
    await store.touch("corp", GUN, generation=generation, checked_at=NOW)
    remembered = await store.load("corp", GUN)
    assert remembered is not None
    assert (remembered.generation, remembered.checked_at) == (generation, NOW + HOUR)
    assert await store.last_check() == NOW + HOUR


@pytest.mark.parametrize(
    ("gun", "generation"), [pytest.param(GUN, 7, id="another-generation"), pytest.param(OTHER, 1, id="never-committed")]
)
async def test_a_check_of_something_else_is_a_conflict(gun: Gun, generation: int) -> None:
    """As with any trust store, who was second loads again."""
    store = Memory()
    await store.commit("corp", GUN, Stored({}), expected=None, checked_at=NOW)
    with pytest.raises(Conflict):
        await store.touch("corp", gun, generation=generation, checked_at=NOW)
