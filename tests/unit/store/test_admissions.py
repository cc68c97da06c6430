"""What was admitted last under each tag, and that its refusal is answered once."""

import asyncio
from datetime import timedelta

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable
from proxy.names import Digest, Repository, Tag
from proxy.store.memory import Memory
from proxy.store.opening import open_store
from proxy.store.overlay import Overlay
from proxy.store.protocol import Admission, Tagged, TrustStore
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import MINUTE, NOON

HOUR, WEEK = 60 * MINUTE, timedelta(days=7)
ONE, OTHER = Digest(f"sha256:{'1' * 64}"), Digest(f"sha256:{'2' * 64}")


def tagged(tag: str, repository: str = "shop/api", name: str = "registry.example.com") -> Tagged:
    """A tag as it is asked for."""
    return Tagged(name, Repository(repository), Tag(tag))


KEY = tagged("1.0")


@pytest.fixture(params=["database", "memory", "overlay"])
async def each(request: pytest.FixtureRequest, store: SqlTrustStore) -> TrustStore:
    """Every kind of store."""
    kinds: dict[str, TrustStore] = {"database": store, "memory": Memory(), "overlay": Overlay(store)}
    return kinds[request.param]


async def test_a_refusal_is_answered_with_what_was_admitted(each: TrustStore) -> None:
    """By tag, repository and name: others have nothing to do with it."""
    later = NOON + MINUTE
    others = [tagged("2.0"), tagged("1.0", "shop/web"), tagged("1.0", name="mirror.example.com")]
    await each.note_admissions({KEY: Admission(ONE, NOON)})
    assert await each.note_refusals(dict.fromkeys(others, later), later - WEEK) == {}
    assert await each.note_refusals(dict.fromkeys([*others, KEY], later), later - WEEK) == {KEY: Admission(ONE, NOON)}


async def test_it_is_answered_once_until_the_tag_is_admitted_again(each: TrustStore) -> None:
    """However often it is refused; even where it is admitted again with what it had."""
    since = NOON - WEEK
    await each.note_admissions({KEY: Admission(ONE, NOON)})
    assert await each.note_refusals({KEY: NOON + MINUTE}, since)
    assert await each.note_refusals({KEY: NOON + 2 * MINUTE}, since) == {}
    await each.note_admissions({KEY: Admission(ONE, NOON + 3 * MINUTE)})
    ended = await each.note_refusals({KEY: NOON + 4 * MINUTE}, since)
    assert ended == {KEY: Admission(ONE, NOON + 3 * MINUTE)}
    assert await each.note_refusals({KEY: NOON + 5 * MINUTE}, since) == {}


async def test_what_was_admitted_long_ago_is_nothing_new(each: TrustStore) -> None:
    """Nor is what was admitted after it was refused."""
    await each.note_admissions({KEY: Admission(ONE, NOON)})
    assert await each.note_refusals({KEY: NOON + 8 * WEEK}, NOON + MINUTE) == {}
    assert await each.note_refusals({KEY: NOON - MINUTE}, NOON - WEEK) == {}
    assert await each.note_refusals({KEY: NOON + MINUTE}, NOON) == {KEY: Admission(ONE, NOON)}


async def test_nothing_is_nothing_to_note(each: TrustStore) -> None:
    """An empty batch is no mistake."""
    await each.note_admissions({})
    assert await each.note_refusals({}, NOON) == {}


async def test_what_nobody_asks_for_any_more_is_let_go(each: TrustStore) -> None:
    """After thirty days."""
    old = tagged("0.9")
    await each.note_admissions({old: Admission(ONE, NOON), KEY: Admission(ONE, NOON + timedelta(days=2))})
    await each.note_admissions({tagged("2.0"): Admission(ONE, NOON + timedelta(days=31))})
    ended = await each.note_refusals(dict.fromkeys([old, KEY], NOON + timedelta(days=31)), NOON)
    assert ended.keys() == {KEY}


async def test_another_digest_is_noted_at_once_and_the_same_once_an_hour(store: SqlTrustStore) -> None:
    """A store is not written for what it knows."""

    async def last() -> Admission:
        [noted] = (await store.note_refusals({KEY: NOON + WEEK}, NOON)).values()
        return noted

    async def admitted(digest: Digest, minutes: int) -> None:
        await store.note_admissions({KEY: Admission(digest, NOON + minutes * MINUTE)})

    await admitted(ONE, 0)
    await admitted(OTHER, 5)
    await admitted(OTHER, 64)
    assert await last() == Admission(OTHER, NOON + 5 * MINUTE)
    await admitted(OTHER, 66)
    assert await last() == Admission(OTHER, NOON + 66 * MINUTE)
    await admitted(ONE, 126)
    await admitted(ONE, 186)
    assert await last() == Admission(ONE, NOON + 186 * MINUTE)


async def test_an_older_admission_takes_nothing_back(store: SqlTrustStore) -> None:
    """Whoever was slow to write knows less."""
    await store.note_admissions({KEY: Admission(ONE, NOON)})
    await store.note_refusals({KEY: NOON + MINUTE}, NOON)
    await store.note_admissions({KEY: Admission(OTHER, NOON - MINUTE)})
    assert await store.note_refusals({KEY: NOON + 2 * MINUTE}, NOON) == {}


async def test_what_is_known_is_not_written(store: SqlTrustStore) -> None:
    """Neither what was noted within the hour, nor a refusal of what was never admitted."""
    await store.note_admissions({KEY: Admission(ONE, NOON)})
    store._written = 0.0
    await store.note_admissions({KEY: Admission(ONE, NOON + MINUTE)})
    await store.note_refusals({tagged("2.0"): NOON}, NOON)
    assert store._written == 0.0


async def test_many_are_noted_at_once(store: SqlTrustStore) -> None:
    """More than fit into a statement."""
    admitted = {tagged(f"v{number}", f"shop/{number % 7}"): Admission(ONE, NOON) for number in range(501)}
    await store.note_admissions(admitted)
    assert await store.note_refusals(dict.fromkeys(admitted, NOON), NOON) == admitted


async def test_of_many_who_refuse_at_once_one_is_answered(settings: TrustStoreSettings, store: SqlTrustStore) -> None:
    """Workers and replicas share a store, and whoever looks at it is woken once."""
    keys = [tagged(f"v{number}") for number in range(20)]
    stores = [store, *[await open_store(settings) for _ in range(3)]]
    await asyncio.gather(*[each.note_admissions(dict.fromkeys(keys, Admission(ONE, NOON))) for each in stores])
    refusals = dict.fromkeys(keys, NOON + MINUTE)
    answers = await asyncio.gather(*[each.note_refusals(refusals, NOON) for each in stores for _ in range(3)])
    assert sorted(key for answer in answers for key in answer) == sorted(keys)
    for each in stores[1:]:
        await each.close()


async def test_they_are_remembered_over_a_restart(settings: TrustStoreSettings) -> None:
    """A change of rules often comes with one."""
    first = await open_store(settings)
    await first.note_admissions({KEY: Admission(ONE, NOON)})
    await first.close()
    second = await open_store(settings)
    assert await second.note_refusals({KEY: NOON + MINUTE}, NOON) == {KEY: Admission(ONE, NOON)}
    await second.close()


async def test_damage_is_an_error(store: SqlTrustStore) -> None:
    """What was never written is not told as if somebody had admitted it; it stays as it is."""
    await store.note_admissions({KEY: Admission(ONE, NOON)})
    with store._database.engine.execution_options(**store._database.writing).begin() as connection:
        connection.exec_driver_sql("UPDATE admissions SET digest = 'sha256:short'")
    for _ in range(2):
        with pytest.raises(TrustStoreUnavailable, match="is damaged"):
            await store.note_refusals({KEY: NOON + MINUTE}, NOON)
