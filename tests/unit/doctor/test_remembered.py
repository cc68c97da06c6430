"""What Notary serves is held against what the trust store remembers, as the proxy holds it."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.doctor import repositories
from proxy.doctor.findings import Hop, Name
from proxy.drive import drive
from proxy.names import Gun, Repository
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustReader, SqlTrustStore
from proxy.tuf.pins import Pins
from proxy.tuf.update import update
from tests.support.certificates import root_key
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW
from tests.unit.doctor.material import ROOT_ID, HeldClock, Notary, seen, settings, signed
from tests.unit.doctor.reading import read

Remember: TypeAlias = Callable[[NotarySimulator], Awaitable[None]]

AUDIT = "{'shop/**': {mode: audit, until: '2100-01-01T00:00:00Z', reason: trial}}"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """A trust store, open for as long as the test lasts."""
    opened = await open_store(TrustStoreSettings(f"sqlite:///{tmp_path}/trust.db", must_exist=False))
    assert isinstance(opened, SqlTrustStore)
    yield opened
    await opened.close()


@pytest.fixture
def remember(store: SqlTrustStore) -> Remember:
    """Verifies what a Notary serves now, and remembers it as the proxy does."""

    async def work(sim: NotarySimulator) -> None:
        gun, notary = Gun(sim.gun), Notary({sim.gun: sim})
        collection = await drive(update(gun, Pins.tofu(), None, NOW), partial(notary.fetch, gun))
        before = await store.generation("corp", gun)
        await store.commit("corp", gun, collection.stored(), expected=before, checked_at=NOW)

    return work


def published(repository: str = "shop/app", *, times: int = 1) -> NotarySimulator:
    """A collection that was published so often, each time in a newer version."""
    sim = signed(repository)
    sim.publish()
    for _ in range(times - 1):
        sim.bump()
        sim.publish()
    return sim


async def restored(remember: Remember, repository: str = "shop/app", *, times: int = 2) -> NotarySimulator:
    """A Notary that came back from an older database, after the newest version was remembered."""
    sim = published(repository)
    before = dict(sim.current)
    for _ in range(times - 1):
        sim.bump()
        sim.publish()
    await remember(sim)
    sim.serve_again(before)
    return sim


async def troubles(
    directory: Path, store: SqlTrustReader | None, *sims: NotarySimulator, looked_at: str = "shop/app", **sections: str
) -> dict[str, str]:
    """What is not ok about repositories, by name: the level and what is said."""
    configured = settings(directory, **sections)
    return await seen(configured, Notary({sim.gun: sim for sim in sims}), looked_at, reader=store)


async def test_nothing_changed(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """What is served as it is remembered gives no trouble."""
    sim = published()
    await remember(sim)
    assert await troubles(tmp_path, store, sim) == {}


async def test_something_newer(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """Neither does what follows from it; and nothing of it is noted, which is for the proxy to do."""
    sim = published()
    await remember(sim)
    sim.bump()
    sim.publish()
    known = await store.load("corp", Gun(sim.gun))
    assert await troubles(tmp_path, store, sim) == {}
    assert await store.load("corp", Gun(sim.gun)) == known


async def test_notary_was_restored(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """A rollback is a failure, with the page that helps, and what to look at before anything is forgotten."""
    found = await troubles(tmp_path, store, await restored(remember))
    assert list(found) == ["rollback"]
    line = found["rollback"]
    assert line.startswith("failed shop/app: timestamp went back (from version 2 to 1), so pulls are refused: ")
    assert "docs/runbooks.md, TagwardenRollbackSeen" in line
    assert "tagwarden trust forget" in line
    assert line.endswith("tagwarden trust show shop/app")


async def test_all_of_a_notary_was_restored(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """Where every collection went back there is one line, whatever their versions are."""
    sims = [await restored(remember, "shop/app", times=2), await restored(remember, "shop/web", times=5)]
    found = await troubles(tmp_path, store, *sims, looked_at="shop/app shop/web")
    assert list(found) == ["rollback"]
    assert found["rollback"].startswith("failed shop/app and shop/web: timestamp went back, so pulls are refused: ")


async def test_rollback_under_audit(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """Where nothing is refused yet, the same is a warning."""
    found = await troubles(tmp_path, store, await restored(remember), rollout=AUDIT)
    assert found["rollback"].startswith(
        "warning shop/app: timestamp went back (from version 2 to 1), so pulls would be refused under enforce: "
    )


async def test_an_older_export(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """In the place of a server a newer export is what helps."""
    (tmp_path / "export").mkdir()
    notaries = f"{{corp: {{dir: '{tmp_path}/export', roots: [corp]}}}}"
    found = await troubles(tmp_path, store, await restored(remember), notaries=notaries)
    assert "bring an export that is not older (docs/runbooks.md" in found["rollback"]


async def test_one_role_went_back(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """A signer's role that is older under a newer snapshot is found as well."""
    sim = published(times=2)
    await remember(sim)
    sim.bump()
    sim["targets/alice"].version = 1
    sim.publish()
    found = await troubles(tmp_path, store, sim)
    assert list(found) == ["rollback"]
    assert found["rollback"].startswith("failed shop/app: targets/alice went back (from version 2 to 1), ")


async def test_collection_made_anew(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """Another root under the same name, which the one before did not sign, is what the proxy refuses too."""
    await remember(published())
    anew = signed("shop/app")
    other = root_key(anew.gun, "another root")
    anew.root.roles["root"].keys = anew.root.signers = [other]
    anew.bump()
    anew.publish()
    pins = f"{{corp: {{public_key_ids: ['{ROOT_ID}', '{ecdsa_key('another root').key_id}']}}}}"
    found = await troubles(tmp_path, store, anew, roots=pins)
    assert list(found) == ["root-remembered"]
    assert found["root-remembered"].startswith("failed shop/app: the root that Notary serves does not follow from ")
    assert "docs/trust-store.md, Forgetting" in found["root-remembered"]
    assert found["root-remembered"].endswith("tagwarden pin shop/app")


async def test_pins_that_the_remembered_root_does_not_meet(
    tmp_path: Path, store: SqlTrustStore, remember: Remember
) -> None:
    """After a rotation the old root may be gone from the pins before the proxy has seen the new one."""
    sim = published()
    await remember(sim)
    old, new = root_key(sim.gun), root_key(sim.gun, "another root")
    sim.bump("root", "snapshot", "timestamp")
    sim.root.roles["root"].keys, sim.root.signers = [new], [old, new]
    sim.publish()
    pins = f"{{corp: {{public_key_ids: ['{ecdsa_key('another root').key_id}']}}}}"
    found = await troubles(tmp_path, store, sim, roots=pins)
    assert list(found) == ["root-remembered"]
    assert found["root-remembered"].startswith(
        "failed shop/app: the root that is remembered is not one that `roots` pins ("
    )


async def test_root_that_is_not_pinned_is_said_once(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """Where the pins trust nothing that is served, what is remembered changes nothing."""
    sim = await restored(remember)
    pins = f"{{corp: {{public_key_ids: ['{'ab' * 32}']}}}}"
    assert list(await troubles(tmp_path, store, sim, roots=pins)) == ["root-not-pinned"]


async def test_collection_is_gone(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """What a restored Notary does not know yet, or what was deleted, was signed once: its pulls are refused."""
    await remember(published())
    found = await troubles(tmp_path, store)
    assert list(found) == ["trust-data-missing"]
    line = found["trust-data-missing"]
    assert line.startswith("failed shop/app: Notary corp has nothing any more under ")
    assert line.endswith("tagwarden trust show shop/app")


async def test_collection_is_gone_from_an_export(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """What an export had once, another one may have again."""
    await remember(published())
    (tmp_path / "export").mkdir()
    found = await troubles(tmp_path, store, notaries=f"{{corp: {{dir: '{tmp_path}/export', roots: [corp]}}}}")
    assert list(found) == ["trust-data-missing"]
    line = found["trust-data-missing"]
    assert line.startswith("failed shop/app: the directory of Notary corp has nothing any more under ")
    assert "bring an export that has it (docs/air-gap.md); only if it is to begin anew, forget each with " in line
    assert line.endswith("tagwarden trust show shop/app")


async def test_what_was_forgotten(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """Once a collection is forgotten, what Notary serves is a first contact."""
    sim = await restored(remember)
    await store.forget("corp", Gun(sim.gun), reason="restored", by="ada", at=NOW)
    assert await troubles(tmp_path, store, sim) == {}
    assert (await troubles(tmp_path, store))["trust-data-missing"].startswith("warning shop/app: nothing was ever ")


async def test_notary_goes_on_meanwhile(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """A proxy that runs may have noted something newer since the doctor read it: Notary is asked once more."""
    sim = published()
    earlier = dict(sim.current)
    sim.bump()
    sim.publish()
    await remember(sim)
    for role in ("root", "timestamp"):
        sim.fault(role, 200, earlier[role], times=1)
    assert await troubles(tmp_path, store, sim) == {}
    assert sim.requests.count("timestamp") == 3


async def test_damaged(tmp_path: Path, store: SqlTrustStore, remember: Remember) -> None:
    """What cannot be read of one collection is said of its repository alone."""
    sims = [published(), published("shop/web")]
    for sim in sims:
        await remember(sim)
    with closing(sqlite3.connect(tmp_path / "trust.db", isolation_level=None)) as database:
        database.execute("UPDATE collections SET generation = generation + 1 WHERE gun = ?", [sims[0].gun])
    found = await troubles(tmp_path, store, *sims, looked_at="shop/app shop/web")
    assert list(found) == ["store-damaged"]
    assert found["store-damaged"].startswith("failed shop/app: what is remembered of it cannot be read (its file is ")


async def test_store_that_cannot_be_read(tmp_path: Path) -> None:
    """Without the trust store nobody can tell whether Notary went back, which is said once."""
    hop = Hop("repositories")
    await repositories.examine(hop, settings(tmp_path), [Repository("shop/app")], frozenset(), HeldClock(), reader=None)
    read(hop.findings)
    assert [each.sentence for each in hop.findings if each.name is Name.ROLLBACK] == [
        "whether Notary went back, because the trust store cannot be read"
    ]


async def test_blocked_key(tmp_path: Path) -> None:
    """A key that the configuration blocks is refused by the proxy, so it is no trust data that holds together."""
    sim = published()
    key = ecdsa_key("targets").key_id
    found = await troubles(tmp_path, None, sim, blocked=f"[{{key: '{key}', reason: lost}}]")
    assert list(found) == ["trust-data"]
    assert found["trust-data"].startswith("failed shop/app: ")
    assert "is blocked (lost)" in found["trust-data"]
