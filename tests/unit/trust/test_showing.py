"""What a person is shown of a remembered collection, also where it is not as it should be."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.errors import TrustStoreUnavailable
from proxy.names import ROOT, SNAPSHOT, TARGETS, Gun, RoleName
from proxy.store.sql import SqlTrustStore
from proxy.trust.showing import listed, shown
from proxy.tuf.collection import Stored
from tests.support.signed_roles import NOW
from tests.unit.trust.material import API, NOTARY, everything, opened, remember, repository


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """A trust store."""
    async with opened(tmp_path / "trust.db") as made:
        yield made


async def test_roles_stand_in_their_order(store: SqlTrustStore) -> None:
    """First those that every collection has, then delegations by name."""
    sim = repository()
    sim.delegate("targets/aaron")
    sim.publish()
    await remember(store, sim)
    line = await listed(store, NOTARY, API)
    assert list(line.versions) == ["root", "timestamp", "snapshot", "targets", "targets/aaron", "targets/alice"]
    found = await shown(store, NOTARY, API)
    assert found is not None
    assert [each.name for each in found.roles] == list(line.versions)
    assert not any(each.note for each in found.roles)
    assert found.root_keys == (sim.root.signers[0].public_key_id,)


async def test_nothing_is_shown_of_what_was_never_seen(store: SqlTrustStore) -> None:
    """Not even that it does not exist."""
    assert await shown(store, NOTARY, API) is None


async def test_files_that_cannot_be_read_are_shown_as_such(store: SqlTrustStore) -> None:
    """They could not have been committed by a proxy, and break nothing here."""
    files = {ROOT: b"{", SNAPSHOT: b"{", TARGETS: b"{", RoleName("targets/alice"): b"{"}
    await store.commit(NOTARY, API, Stored(files), expected=None, checked_at=NOW, past=b"rubbish")
    found = await shown(store, NOTARY, API)
    assert found is not None
    assert [each.note for each in found.roles] == ["cannot be read"] * 4
    assert (found.root_keys, found.earlier) == ((), 0)
    assert (await listed(store, NOTARY, API)).versions == dict.fromkeys(map(str, files), 0)


async def test_files_without_their_row_are_damage(store: SqlTrustStore, tmp_path: Path) -> None:
    """Half of a collection is none, and it is named."""
    await remember(store, repository())
    with closing(sqlite3.connect(tmp_path / "trust.db")) as connection, connection:
        connection.execute("DELETE FROM collections")
    assert await store.everything() == ((NOTARY, API),)
    assert (await listed(store, NOTARY, API)).trouble == "damaged"
    assert len(await everything(store)) == 1


async def test_a_store_that_cannot_be_read_is_another_matter(store: SqlTrustStore) -> None:
    """Nothing is said of the collection."""
    await store.close()
    with pytest.raises(TrustStoreUnavailable):
        await listed(store, NOTARY, Gun("x"))


async def test_tags_alone_are_not_called_forgotten(store: SqlTrustStore) -> None:
    """Only what somebody forgot was forgotten; a collection that was refused left its tags behind."""
    web = Gun(f"{API}/web")
    await store.keep_tags(NOTARY, API, (), checked_at=NOW)
    await remember(store, repository(web))
    await store.forget(NOTARY, web, reason="made anew", by="root@here", at=NOW)
    forgotten = frozenset((each.notary, each.gun) for each in await store.forgettings())
    lines = [await listed(store, NOTARY, gun, forgotten=forgotten) for gun in (API, web)]
    assert [line.trouble for line in lines] == ["tags alone", "forgotten"]
