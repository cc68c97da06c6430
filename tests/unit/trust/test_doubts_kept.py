"""What Notary contradicted is in doubt wherever it is brought, until Notary confirms or changes it."""

from datetime import timedelta
from pathlib import Path

import pytest

from proxy.names import Gun
from proxy.store.protocol import Remembered
from proxy.store.sql import SqlTrustStore
from proxy.trust import backups
from proxy.trust.exporting import Contradicted, Export
from proxy.trust.holding import pieces
from proxy.trust.renaming import Renaming
from proxy.trust.uniting import Union
from tests.support.resolving import HeldClock, entry
from tests.support.signed_roles import NOW
from tests.unit.trust.material import (
    API,
    NOTARY,
    everything,
    judge_under,
    loaded,
    remember,
    repository,
    sign_more,
    unite,
)

HOUR = timedelta(hours=1)


async def doubted(store: SqlTrustStore) -> SqlTrustStore:
    """Notary contradicts what a store remembers."""
    await store.doubt(NOTARY, API, generation=(await loaded(store)).generation, at=NOW)
    return store


async def test_a_copy_is_in_doubt(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """Else a proxy that is started on it while Notary is away would serve what Notary took back."""
    await remember(old, repository(), NOW - HOUR)
    assert (await unite(new, await everything(await doubted(old)))).became == {API: "new"}
    assert (await loaded(new)).is_doubted


async def test_a_backup_is_in_doubt(old: SqlTrustStore, new: SqlTrustStore, tmp_path: Path) -> None:
    """It has everything that the store has."""
    await remember(old, repository(), NOW - HOUR)
    path = tmp_path / "trust.backup"
    await backups.write(path, pieces(await doubted(old), lambda _: None), NOW, lambda: None)
    await unite(new, backups.read(path))
    assert (await loaded(new)).is_doubted


async def test_another_name_ends_no_doubt(old: SqlTrustStore) -> None:
    """The Notary is the same, whatever it is called."""
    await remember(old, repository(), NOW - HOUR)
    union = Union(await doubted(old), judge_under(entry(notary="main")), HeldClock())
    await union.begin()
    assert [each.became.value async for each in Renaming(union, NOTARY, "main", "ada").carry(lambda _: None)] == ["new"]
    known = await old.load("main", API)
    assert known is not None
    assert known.is_doubted


@pytest.mark.parametrize(
    ("more_there", "more_here", "became"),
    [
        pytest.param(False, False, "the same", id="the same here"),
        pytest.param(True, False, "raised", id="newer there"),
        pytest.param(False, True, "older than here", id="newer here"),
    ],
)
async def test_a_doubt_arrives(
    old: SqlTrustStore, new: SqlTrustStore, *, more_there: bool, more_here: bool, became: str
) -> None:
    """Whichever of the two knows more: Notary has confirmed nothing since, as far as anybody knows."""
    sim = repository()
    for store, more in sorted(((old, more_there), (new, more_here)), key=lambda each: each[1]):
        if more:
            sign_more(sim, "2.0")
        await remember(store, sim, NOW - HOUR)
    assert (await unite(new, await everything(await doubted(old)))).became == {API: became}
    assert (await loaded(new)).is_doubted


async def test_a_check_ends_a_doubt_that_was_brought(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """Notary is asked, and confirms what is known."""
    await remember(old, repository(), NOW - HOUR)
    await unite(new, await everything(await doubted(old)))
    await new.touch(NOTARY, API, generation=1, checked_at=NOW + HOUR)
    assert not (await loaded(new)).is_doubted


async def test_a_later_check_is_not_taken(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """To note a check ends a doubt, and Notary may have said something else meanwhile: an outage counts from ours."""
    sim = repository()
    await remember(old, sim, NOW - HOUR)
    await remember(new, sim, NOW - 2 * HOUR)
    assert (await unite(new, await everything(old))).became == {API: "the same"}
    assert (await loaded(new)).checked_at == NOW - 2 * HOUR
    assert (await unite(await doubted(new), await everything(old))).became == {API: "the same"}
    assert (await loaded(new)).is_doubted


async def of_two_versions(first: SqlTrustStore, second: SqlTrustStore) -> None:
    """The first one knows the first version, from a check just now; the second one a newer one, from yesterday."""
    sim = repository()
    await remember(first, sim, NOW)
    sign_more(sim, "2.0")
    await remember(second, sim, NOW - 23 * HOUR)


async def test_what_is_raised_is_in_doubt_where_notary_said_less_here_since(
    old: SqlTrustStore, new: SqlTrustStore
) -> None:
    """Neither of the two could see that Notary went back; united they know."""
    await of_two_versions(new, old)
    assert (await unite(new, await everything(old))).became == {API: "raised"}
    assert (await loaded(new)).is_doubted


async def test_what_is_kept_is_in_doubt_where_notary_said_less_there_since(
    old: SqlTrustStore, new: SqlTrustStore
) -> None:
    """The same, seen from the other side."""
    await of_two_versions(old, new)
    assert (await unite(new, await everything(old))).became == {API: "older than here"}
    assert (await loaded(new)).is_doubted


async def test_a_doubt_that_comes_meanwhile_stays(
    old: SqlTrustStore, new: SqlTrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy that runs is contradicted after a restore has read what is known."""
    sim = repository()
    await remember(new, sim, NOW - 2 * HOUR)
    sign_more(sim, "2.0")
    await remember(old, sim, NOW - HOUR)
    brought, load = await everything(old), new.load

    async def loaded_before(notary: str, gun: Gun) -> Remembered | None:
        known = await load(notary, gun)
        await new.doubt(notary, gun, generation=1, at=NOW)
        return known

    with monkeypatch.context() as patched:
        patched.setattr(new, "load", loaded_before)
        assert (await unite(new, brought)).became == {API: "raised"}
    assert (await loaded(new)).is_doubted


async def test_what_is_in_doubt_is_not_exported(old: SqlTrustStore, tmp_path: Path) -> None:
    """Who reads a directory takes it for Notary's word."""
    await remember(old, repository(), NOW - HOUR)
    known = await loaded(await doubted(old))
    with pytest.raises(Contradicted):
        Export(NOTARY, tmp_path, judge_under(), HeldClock()).remembered(API, known)
    assert not list(tmp_path.glob("*.json"))
