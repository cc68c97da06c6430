"""A whole store can be read, and added to, piece by piece."""

import pytest

from proxy.errors import TrustStoreUnavailable
from proxy.names import Tag
from proxy.store.protocol import Forgotten
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, digest, files_of, index


async def test_every_tag_can_be_listed(store: SqlTrustStore) -> None:
    """Those of all commits, also when the files are forgotten."""
    assert await store.tags(NOTARY, GUN) == frozenset()
    tags = [Tag(f"v{number}") for number in range(100)]
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=tags)
    assert await store.tags(NOTARY, GUN) == frozenset(tags)
    await store.forget(NOTARY, GUN, reason="x", by="y", at=NOON)
    assert await store.tags(NOTARY, GUN) == frozenset(tags)
    assert await store.everything() == ((NOTARY, GUN),)
    assert await store.collections() == ()


async def test_tags_are_added_beside_the_files(store: SqlTrustStore) -> None:
    """Nobody who has verified against these files has to do so again."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("a")])
    await store.keep_tags(NOTARY, GUN, [Tag("a"), Tag("b")], checked_at=NOON + MINUTE)
    known = await store.load(NOTARY, GUN)
    assert known is not None
    assert (known.generation, known.checked_at, known.stored) == (1, NOON, files_of(1))
    assert await store.tags(NOTARY, GUN) == {"a", "b"}
    assert await store.ever_had(NOTARY, GUN, Tag("b"))
    assert await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON) == 2
    assert await store.tags(NOTARY, GUN) == {"a", "b"}


async def test_a_collection_of_which_only_tags_are_known_is_a_forgotten_one(store: SqlTrustStore) -> None:
    """Notary's next answer is a first contact, committed against the generation that is there."""
    await store.keep_tags(NOTARY, GUN, [Tag("a")], checked_at=NOON)
    await store.keep_tags(NOTARY, GUN, [Tag("a")], checked_at=NOON + MINUTE)
    known = await store.load(NOTARY, GUN)
    assert known is not None
    assert (known.stored.files, known.generation, known.checked_at) == ({}, 1, NOON)
    assert await store.collections() == ()
    assert await store.commit(NOTARY, GUN, files_of(1), expected=1, checked_at=NOON) == 2
    assert await store.ever_had(NOTARY, GUN, Tag("a"))


async def test_indexes_are_listed_by_use(store: SqlTrustStore) -> None:
    """So that kept in this order elsewhere, they are let go in this order there."""
    first, second = index([b"a"]), index([b"b"])
    for data in (first, second, first):
        await store.keep_index(digest(data), data)
    assert await store.indexes() == (digest(second), digest(first))


async def test_forgettings_are_written_down_once(store: SqlTrustStore) -> None:
    """Whoever brings them may bring them again."""
    told = [Forgotten(NOTARY, GUN, NOON + each * MINUTE, "root@here", "made anew") for each in range(2)]
    await store.note_forgettings([*told, told[0]])
    await store.note_forgettings(told)
    assert await store.forgettings() == tuple(told)


async def test_damage_is_an_error(store: SqlTrustStore) -> None:
    """Tags of a collection whose seal does not fit are not read, and none are added."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("a")])
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE collections SET generation = 9")
    with pytest.raises(TrustStoreUnavailable):
        await store.tags(NOTARY, GUN)
    with pytest.raises(TrustStoreUnavailable):
        await store.keep_tags(NOTARY, GUN, [Tag("b")], checked_at=NOON)
