"""What is noted of a collection besides its files: what its roles said before, and every tag it ever had."""

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.names import Gun, Tag
from proxy.store import notes
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Conflict, Remembered
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of

PAST = b"what roles said before"
OTHER = Gun("registry.example.com/shop/web")


async def test_the_past_comes_back_as_it_was_committed(store: SqlTrustStore) -> None:
    """Each commit brings the past that counts from then on, and one without any leaves none."""
    for generation, past in enumerate((b"", PAST, PAST + b" and more", b"", PAST)):
        expected = generation or None
        await store.commit(NOTARY, GUN, files_of(generation), expected=expected, checked_at=NOON, past=past)
        assert await store.load(NOTARY, GUN) == Remembered(files_of(generation), generation + 1, NOON, past)


async def test_a_check_that_changed_nothing_leaves_the_past_alone(store: SqlTrustStore) -> None:
    """A touch moves the time of the check and nothing else."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, past=PAST, new_tags=[Tag("1.0")])
    await store.touch(NOTARY, GUN, generation=1, checked_at=NOON + MINUTE)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON + MINUTE, PAST)
    assert await store.ever_had(NOTARY, GUN, Tag("1.0"))


async def test_a_tag_that_was_ever_there_is_known_for_good(store: SqlTrustStore) -> None:
    """Tags add up over all commits; what a later one does not name stays."""
    tags = [Tag(f"v{number}") for number in range(300)]
    for generation in range(3):
        new = tags[generation * 100 : generation * 100 + 101]
        await store.commit(
            NOTARY, GUN, files_of(generation), expected=generation or None, checked_at=NOON, new_tags=new
        )
    await store.commit(NOTARY, GUN, files_of(4), expected=3, checked_at=NOON)
    assert all([await store.ever_had(NOTARY, GUN, tag) for tag in tags])


async def test_tags_belong_to_one_collection(store: SqlTrustStore) -> None:
    """The same tag of another repository, or at another Notary, is another one; a part of a tag is none."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("1.0.7"), Tag("Latest")])
    await store.commit(NOTARY, OTHER, files_of(1), expected=None, checked_at=NOON)
    asked = [(NOTARY, OTHER, "1.0.7"), ("other", GUN, "1.0.7"), (NOTARY, GUN, "1.0"), (NOTARY, GUN, "0.7")]
    for notary, gun, tag in [*asked, (NOTARY, GUN, "latest"), (NOTARY, GUN, "Latest.")]:
        assert not await store.ever_had(notary, gun, Tag(tag))


async def test_nobody_had_a_tag_before_the_first_commit(store: SqlTrustStore) -> None:
    """Where nothing was ever committed there is nothing to protect."""
    assert not await store.ever_had(NOTARY, GUN, Tag("1.0"))


async def test_a_lost_turn_notes_nothing(store: SqlTrustStore) -> None:
    """A commit that conflicts leaves past and tags as they were."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, past=PAST)
    with pytest.raises(Conflict):
        await store.commit(NOTARY, GUN, files_of(2), expected=7, checked_at=NOON, past=b"x", new_tags=[Tag("1.0")])
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON, PAST)
    assert not await store.ever_had(NOTARY, GUN, Tag("1.0"))


async def test_notes_survive_a_restart(settings: TrustStoreSettings) -> None:
    """Past and tags are there when the program starts again, for commands that only read too."""
    first = await open_store(settings)
    await first.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, past=PAST, new_tags=[Tag("1.0")])
    await first.close()
    reader = await open_reader(settings)
    assert reader is not None
    assert await reader.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON, PAST)
    assert await reader.ever_had(NOTARY, GUN, Tag("1.0"))
    assert not await reader.ever_had(NOTARY, GUN, Tag("1.1"))
    await reader.close()


def test_a_note_that_has_all_the_tags_stays_the_same() -> None:
    """Tags that are known already rewrite nothing; new ones follow in a fixed order."""
    data = notes.added(b"", frozenset({b"b", b"a"}))
    assert data == b"a\nb\n"
    assert notes.added(data, frozenset({b"b"})) == data
    assert notes.added(data, frozenset({b"c", b"b"})) == b"a\nb\nc\n"


def test_tags_are_spread_over_a_few_notes() -> None:
    """Every tag has one home, all of them together are used, and none of them could be taken for another note."""
    tags = [Tag(f"v{number}") for number in range(500)]
    homes = notes.by_home(tags)
    assert len(homes) == 16
    assert notes.PAST not in homes
    assert sorted(tag for home in homes.values() for tag in home) == sorted(tag.encode() for tag in tags)
    assert all(tag.encode() in homes[notes.home(tag)] for tag in tags)
