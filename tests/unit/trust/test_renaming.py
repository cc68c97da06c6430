"""A Notary has another name in the configuration, and what is remembered of it goes along."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.names import Gun
from proxy.store.sql import SqlTrustStore
from proxy.store.strangers import Stranger, strangers
from proxy.trust.renaming import Renaming
from proxy.trust.uniting import Union
from proxy.tuf.pins import Pins, RootPin
from tests.support.reading import read
from tests.support.resolving import NAME, HeldClock, entry
from tests.support.signed_roles import NOW
from tests.unit.trust.material import API, NOTARY, everything, judge_under, opened, remember, repository, sign_more

NEW = "main"
WEB = Gun(f"{NAME}/shop/web")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """Remembers two collections of a Notary."""
    async with opened(tmp_path / "trust.db") as made:
        await remember(made, repository(API, "0.9", "1.0"))
        await remember(made, repository(WEB))
        yield made


async def carried(store: SqlTrustStore, *, pins: Pins | None = None) -> Mapping[Gun, str]:
    """What became of each collection."""
    judge = judge_under(entry(notary=NEW, pins=pins or Pins.tofu()))
    union = Union(store, judge, HeldClock(NOW + timedelta(hours=1)))
    await union.begin()
    counted: list[int] = []
    renaming = Renaming(union, NOTARY, NEW, "ada")
    became = {outcome.gun: outcome.became.value async for outcome in renaming.carry(counted.append)}
    assert counted == [len([key for key in await store.everything() if key[0] == NOTARY])]
    return became


async def test_everything_goes_along(store: SqlTrustStore) -> None:
    """Files, time of the check and tags are there under the new name; the old one is written down as renamed."""
    assert await strangers(store, [NEW]) == (Stranger(NOTARY, 2),)
    before = await store.load(NOTARY, API)
    assert await carried(store) == {API: "new", WEB: "new"}
    after = await store.load(NEW, API)
    assert before is not None
    assert after is not None
    assert (after.stored, after.checked_at) == (before.stored, before.checked_at)
    assert await store.tags(NEW, API) == {"0.9", "1.0"}
    assert await strangers(store, [NEW]) == ()
    assert [(each.notary, each.by, each.reason) for each in await store.forgettings()] == [
        (NOTARY, "ada", "renamed to main")
    ] * 2


async def test_doing_it_twice_changes_nothing(store: SqlTrustStore) -> None:
    """Nothing is left under the old name, which has tags alone."""
    await carried(store)
    there = await everything(store)
    assert await carried(store) == {API: "forgotten", WEB: "forgotten"}
    assert await everything(store) == there


async def test_what_was_believed_meanwhile_is_raised(store: SqlTrustStore) -> None:
    """A proxy served under the new name without memory, and believed an older version."""
    older, newer = repository(), repository()
    sign_more(newer, "2.0")
    await remember(store, newer)
    await store.commit(NEW, API, read(older).stored(), expected=None, checked_at=NOW)
    assert await carried(store) == {API: "raised", WEB: "new"}
    after = await store.load(NEW, API)
    assert after is not None
    assert after.stored == read(newer).stored()


async def test_what_is_not_pinned_stays_where_it_is(store: SqlTrustStore) -> None:
    """Under the new name today's pins count; what they refuse is not forgotten under the old one."""
    nobody = Pins((RootPin("corp", public_key_ids=frozenset({"0" * 64})),))
    assert await carried(store, pins=nobody) == {API: "refused", WEB: "refused"}
    assert await store.forgettings() == ()
    assert await strangers(store, [NEW]) == (Stranger(NOTARY, 2),)


@pytest.mark.parametrize(
    ("number", "said"), [pytest.param(1, "1 collection", id="one"), pytest.param(2, "2 collections", id="several")]
)
def test_what_is_said_of_it(number: int, said: str) -> None:
    """How much counts for nobody, and what brings it back."""
    assert str(Stranger("corp", number)) == f"corp is remembered for {said}, but is no Notary of this configuration"
    assert Stranger("corp", number).remedy.endswith(": tagwarden trust rename corp NAME")
