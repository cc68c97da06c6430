"""What is asked and noted of many collections at once, and what is forgotten."""

from datetime import timedelta

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.names import ROOT, Gun, Tag
from proxy.store.memory import Memory
from proxy.store.opening import open_store
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict, Forgotten, Remembered, TrustStore
from proxy.store.sql import SqlTrustStore
from proxy.tuf.collection import Stored
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of

OTHER, THIRD = Gun("registry.example.com/shop/web"), Gun("registry.example.com/shop/zoo")
KEY, OTHER_KEY, THIRD_KEY = (NOTARY, GUN), (NOTARY, OTHER), (NOTARY, THIRD)


async def forget(store: TrustStore, key: tuple[str, Gun]) -> bool:
    """Have a collection forgotten by somebody, for some reason."""
    return await store.forget(*key, reason="OPS-7: made anew", by="alice", at=NOON + MINUTE)


@pytest.fixture(params=["database", "memory", "overlay"])
async def each(request: pytest.FixtureRequest, store: SqlTrustStore) -> TrustStore:
    """Every kind of store: whatever stands in for the database keeps the same promises."""
    kinds: dict[str, TrustStore] = {"database": store, "memory": Memory(), "overlay": Overlay(store)}
    return kinds[request.param]


async def test_the_generation_can_be_asked_alone(each: TrustStore) -> None:
    """It rises with each commit, stays with a check, and where nothing was committed there is none."""
    assert await each.generation(*KEY) is None
    await each.commit(*KEY, files_of(1), expected=None, checked_at=NOON)
    await each.commit(*KEY, files_of(2), expected=1, checked_at=NOON)
    await each.touch(*KEY, generation=2, checked_at=NOON + MINUTE)
    assert (await each.generation(*KEY), await each.generation(*OTHER_KEY)) == (2, None)


async def test_collections_are_listed_in_order(each: TrustStore) -> None:
    """By Notary, and then by GUN."""
    keys = [("other", Gun("a")), ("corp", Gun("b")), ("corp", Gun("a/z")), ("corp", Gun("a"))]
    for key in keys:
        await each.commit(*key, files_of(1), expected=None, checked_at=NOON)
    assert list(await each.collections()) == sorted(keys)


async def test_many_checks_are_noted_at_once(store: SqlTrustStore) -> None:
    """Each collection gets its own time, which never goes back, and nothing else changes."""
    for number, key in enumerate((KEY, OTHER_KEY, THIRD_KEY)):
        await store.commit(*key, files_of(number), expected=None, checked_at=NOON)
    checks = {KEY: (1, NOON + MINUTE), OTHER_KEY: (1, NOON + 2 * MINUTE), THIRD_KEY: (1, NOON - MINUTE)}
    assert await store.touch_all(checks) == frozenset()
    assert [await store.load(*key) for key in checks] == [
        Remembered(files_of(0), 1, NOON + MINUTE),
        Remembered(files_of(1), 1, NOON + 2 * MINUTE),
        Remembered(files_of(2), 1, NOON),
    ]
    assert await store.last_check() == NOON + 2 * MINUTE


async def test_many_more_checks_than_fit_into_a_statement_are_noted(store: SqlTrustStore) -> None:
    """Of more collections at one Notary than a statement names, and some at another, each has its time."""
    keys = [(notary, Gun(f"shop/{number}")) for notary, count in (("a", 501), ("b", 3)) for number in range(count)]
    for key in keys:
        await store.commit(*key, Stored({ROOT: b"root"}), expected=None, checked_at=NOON)
    checks = {key: (1, NOON + timedelta(seconds=number)) for number, key in enumerate(keys)}
    assert await store.touch_all(checks) == frozenset()
    await store.note_asked(keys, NOON)
    assert set(await store.asked_since(NOON)) == set(keys)
    for number in (0, 499, 500, 501, 503):
        assert await store.load(*keys[number]) == Remembered(
            Stored({ROOT: b"root"}), 1, NOON + timedelta(seconds=number)
        )


async def test_checks_of_other_generations_are_told_apart(each: TrustStore) -> None:
    """Those that were replaced, or never were, are answered; the others are noted all the same."""
    await each.commit(*KEY, files_of(1), expected=None, checked_at=NOON)
    await each.commit(*OTHER_KEY, files_of(1), expected=None, checked_at=NOON)
    await each.commit(*OTHER_KEY, files_of(2), expected=1, checked_at=NOON)
    later = NOON + MINUTE
    others = await each.touch_all({KEY: (1, later), OTHER_KEY: (1, later), THIRD_KEY: (1, later)})
    assert others == {OTHER_KEY, THIRD_KEY}


async def test_no_checks_are_nothing_to_note(each: TrustStore) -> None:
    """An empty batch is no mistake."""
    assert await each.touch_all({}) == frozenset()
    await each.note_asked([], NOON)
    assert await each.asked_since(NOON) == ()


async def test_who_was_asked_for_is_noted(each: TrustStore) -> None:
    """The newest time counts, whichever is told last; what was never committed is not noted."""
    for key in (KEY, OTHER_KEY):
        await each.commit(*key, files_of(1), expected=None, checked_at=NOON)
    await each.note_asked([OTHER_KEY, KEY, THIRD_KEY], NOON)
    assert await each.asked_since(NOON) == (KEY, OTHER_KEY)
    await each.note_asked([OTHER_KEY, OTHER_KEY], NOON + MINUTE)
    await each.note_asked([OTHER_KEY], NOON - MINUTE)
    assert await each.asked_since(NOON + MINUTE) == (OTHER_KEY,)
    assert await each.asked_since(NOON + 2 * MINUTE) == ()


async def test_a_note_of_who_asked_leaves_what_is_remembered_alone(store: SqlTrustStore) -> None:
    """It stands under no seal, and a commit or check does not lose it."""
    await store.commit(*KEY, files_of(1), expected=None, checked_at=NOON)
    await store.note_asked([KEY], NOON)
    assert await store.load(*KEY) == Remembered(files_of(1), 1, NOON)
    await store.touch(*KEY, generation=1, checked_at=NOON + MINUTE)
    await store.commit(*KEY, files_of(2), expected=1, checked_at=NOON + MINUTE)
    assert await store.asked_since(NOON) == (KEY,)


async def test_a_forgotten_collection_has_no_files_and_a_generation_that_goes_on(each: TrustStore) -> None:
    """So the next answer of Notary is a first one, and whoever verified against the old files conflicts."""
    await each.commit(*KEY, files_of(1), expected=None, checked_at=NOON, past=b"before")
    await each.commit(*OTHER_KEY, files_of(1), expected=None, checked_at=NOON)
    assert await forget(each, KEY)
    assert await each.load(*KEY) == Remembered(Stored({}), 2, NOON)
    assert (await each.generation(*KEY), await each.collections()) == (2, (OTHER_KEY,))
    with pytest.raises(Conflict):
        await each.commit(*KEY, files_of(2), expected=1, checked_at=NOON)
    with pytest.raises(Conflict):
        await each.commit(*KEY, files_of(2), expected=None, checked_at=NOON)
    assert await each.commit(*KEY, files_of(9), expected=2, checked_at=NOON) == 3
    assert await each.load(*KEY) == Remembered(files_of(9), 3, NOON)
    assert await each.collections() == (KEY, OTHER_KEY)


async def test_a_forgotten_collection_keeps_its_tags(each: TrustStore) -> None:
    """What `protect` protects, it protects for good."""
    await each.commit(*KEY, files_of(1), expected=None, checked_at=NOON, past=b"before", new_tags=[Tag("1.0")])
    await forget(each, KEY)
    assert await each.ever_had(*KEY, Tag("1.0"))
    await each.commit(*KEY, files_of(1), expected=2, checked_at=NOON, new_tags=[Tag("2.0")])
    assert [await each.ever_had(*KEY, Tag(f"{number}.0")) for number in range(4)] == [False, True, True, False]


async def test_who_forgot_what_and_why_is_written_down(each: TrustStore) -> None:
    """In the order in which it happened; and a collection that nobody knows is nothing to forget."""
    for key in (KEY, OTHER_KEY):
        await each.commit(*key, files_of(1), expected=None, checked_at=NOON)
    assert not await forget(each, THIRD_KEY)
    assert await each.forgettings() == ()
    assert await forget(each, OTHER_KEY)
    assert await each.forget(*KEY, reason="again: é", by="bob", at=NOON)
    assert not await forget(each, KEY)
    assert await each.forgettings() == (
        Forgotten(*OTHER_KEY, NOON + MINUTE, "alice", "OPS-7: made anew"),
        Forgotten(*KEY, NOON, "bob", "again: é"),
    )


async def test_nobody_asks_for_what_was_forgotten(each: TrustStore) -> None:
    """Only a pull makes it known again, never the work in the background."""
    await each.commit(*KEY, files_of(1), expected=None, checked_at=NOON)
    await each.note_asked([KEY], NOON)
    await forget(each, KEY)
    assert await each.asked_since(NOON - MINUTE) == ()


async def test_forgetting_survives_a_restart(settings: TrustStoreSettings) -> None:
    """It is as lasting as what it ends."""
    first = await open_store(settings)
    await first.commit(*KEY, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("1.0")])
    await forget(first, KEY)
    await first.close()
    second = await open_store(settings)
    assert await second.load(*KEY) == Remembered(Stored({}), 2, NOON)
    assert await second.ever_had(*KEY, Tag("1.0"))
    assert len(await second.forgettings()) == 1
    await second.close()


async def test_what_is_forgotten_above_is_still_known_below(store: SqlTrustStore) -> None:
    """An overlay writes nothing through."""
    await store.commit(*KEY, files_of(1), expected=None, checked_at=NOON)
    await store.note_asked([KEY], NOON)
    overlay = Overlay(store)
    assert await overlay.asked_since(NOON) == (KEY,)
    assert await forget(overlay, KEY)
    assert (await overlay.collections(), await overlay.asked_since(NOON)) == ((), ())
    assert (await store.collections(), await store.forgettings()) == ((KEY,), ())
