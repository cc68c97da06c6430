"""Two proxies at one store at the same time: one wins each turn, and nothing is ever taken for damage."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.names import Gun, Tag
from proxy.store.opening import open_store
from proxy.store.protocol import Conflict, Remembered, TrustStore
from tests.unit.store.material import GUN, NOON, NOTARY, digest, files_of, index

Two = tuple[TrustStore, TrustStore]
ROUNDS = 25


@pytest.fixture
async def two(settings: TrustStoreSettings) -> AsyncIterator[Two]:
    """Two proxies that opened the same store."""
    one, other = await open_store(settings), await open_store(settings)
    yield one, other
    await one.close()
    await other.close()


async def test_of_two_first_commits_one_wins(two: Two) -> None:
    """There is nothing to lock yet, so each may find the other's rows half way: that is a conflict, never damage."""
    for number in range(ROUNDS):
        gun = Gun(f"shop/{number}")
        commits = [store.commit(NOTARY, gun, files_of(3), expected=None, checked_at=NOON) for store in two]
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, Conflict)] == [1]
        assert await two[0].load(NOTARY, gun) == Remembered(files_of(3), 1, NOON)


async def test_commits_checks_and_hints_do_not_stop_each_other(two: Two) -> None:
    """One commits while the other notes checks of the same collections, and who was asked for; all come through."""
    guns = [Gun(f"shop/{number}") for number in range(4)]
    for gun in guns:
        await two[0].commit(NOTARY, gun, files_of(1), expected=None, checked_at=NOON)

    async def commit_on(gun: Gun) -> None:
        for generation in range(1, ROUNDS):
            tags = [Tag(f"v{generation}")]
            await two[0].commit(
                NOTARY, gun, files_of(generation + 1), expected=generation, checked_at=NOON, past=b"p", new_tags=tags
            )

    async def check_on() -> None:
        for number in range(ROUNDS):
            keys = [(NOTARY, gun) for gun in guns]
            generations = [await two[1].generation(*key) or 0 for key in keys]
            at = NOON + timedelta(seconds=number)
            others = await two[1].touch_all({key: (each, at) for key, each in zip(keys, generations, strict=True)})
            assert others <= set(keys)
            await two[1].note_asked(reversed(keys), at)

    await asyncio.gather(*map(commit_on, guns), check_on())
    for gun in guns:
        found = await two[1].load(NOTARY, gun)
        assert found is not None
        assert (found.stored, found.generation) == (files_of(ROUNDS), ROUNDS)


async def test_of_two_who_forget_one_does(two: Two) -> None:
    """The other is told that there was nothing left, and one line is written."""
    await two[0].commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    forgetting = [store.forget(NOTARY, GUN, reason="because", by="me", at=NOON) for store in two]
    assert sorted(await asyncio.gather(*forgetting)) == [False, True]
    assert await two[0].generation(NOTARY, GUN) == 2
    assert len(await two[0].forgettings()) == 1


async def test_an_index_that_two_keep_is_kept_once(two: Two) -> None:
    """Neither is told of the other."""
    for number in range(ROUNDS):
        data = index([b"child"], str(number))
        await asyncio.gather(*(store.keep_index(digest(data), data) for store in two))
        assert await two[0].load_index(digest(data)) == data
