"""Trust data is exported into a directory, and imported from it: verified on both sides, and only ever upwards."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from proxy.config.settings import BundleSettings
from proxy.drive import drive
from proxy.errors import NoRule, NoTrustData, Refusal, RootNotTrusted, Undecided, UserError
from proxy.names import Gun, RoleName
from proxy.notary.directory import DirectorySource, collections, file_of
from proxy.store.sql import SqlTrustStore
from proxy.trust.bundles import Written
from proxy.trust.exporting import Export
from proxy.trust.importing import Import
from proxy.trust.outcomes import Outcome
from proxy.trust.verifying import Judge
from proxy.tuf.collection import Collection
from proxy.tuf.pins import Pins, RootPin
from proxy.tuf.update import update
from tests.support.certificates import root_key
from tests.support.notary_office import Office
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import NAME, HeldClock, entry
from tests.support.signed_roles import NOW
from tests.unit.trust.material import API, NOTARY, has, judge_under, loaded, opened, remember, repository, sign_more

HOUR = timedelta(hours=1)
SOON = "2026-11-25T00:00:00Z"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """A trust store."""
    async with opened(tmp_path / "trust.db") as made:
        yield made


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Where things are exported to."""
    return tmp_path / "bundle"


async def export(store: SqlTrustStore, bundle: Path, judge: Judge | None = None, gun: Gun = API) -> Written:
    """Export what a store remembers."""
    known = await store.load(NOTARY, gun)
    return Export(NOTARY, bundle, judge or judge_under(), HeldClock()).remembered(gun, known)


class Served(Office):
    """A Notary as `Source` has it."""

    name = NOTARY

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""


async def export_live(
    sim: NotarySimulator, bundle: Path, judge: Judge | None = None, store: SqlTrustStore | None = None
) -> Written:
    """Export what Notary serves now."""
    known = await store.load(NOTARY, API) if store else None
    served = Served({sim.gun: sim})
    return await Export(NOTARY, bundle, judge or judge_under(), HeldClock()).served(API, served, known)


async def bring(
    store: SqlTrustStore, bundle: Path, judge: Judge | None = None, clock: HeldClock | None = None
) -> Outcome:
    """Import the collection."""
    source = DirectorySource(BundleSettings(NOTARY, bundle))
    return await Import(NOTARY, source, store, judge or judge_under(), clock or HeldClock()).bring(API)


async def read(bundle: Path, now: datetime = NOW) -> Collection:
    """Read the directory as the proxy does."""
    source = DirectorySource(BundleSettings(NOTARY, bundle))
    return await drive(update(API, Pins.tofu(), None, now), partial(source.fetch, API))


async def test_what_is_exported_is_what_notary_served(store: SqlTrustStore, bundle: Path) -> None:
    """Every file by hash, the plain ones, and the root by version; a proxy reads it like a server."""
    sim = repository()
    kept = await remember(store, sim)
    written = await export(store, bundle)
    assert (await read(bundle)).files == kept.stored.files
    names = {each.relative_to(bundle / API / "_trust/tuf").as_posix() for each in (bundle / API).rglob("*.json")}
    assert {"1.root.json", "root.json", "timestamp.json", "snapshot.json", "targets.json", "targets/alice.json"} < names
    assert written.files == len(names)
    assert all(sim.answer(name.removesuffix(".json")).status == 200 for name in names)
    assert list(collections(bundle)) == [API]
    assert (bundle / file_of(API, "timestamp")).stat().st_mode & 0o777 == 0o644


async def test_it_says_how_long_it_is_good(store: SqlTrustStore, bundle: Path) -> None:
    """Nobody signs a timestamp anew in a directory."""
    sim = repository()
    sim.timestamp.expires = SOON
    sim.publish()
    await remember(store, sim)
    written = await export(store, bundle)
    assert (written.until, written.role) == (datetime(2026, 11, 25, tzinfo=UTC), "timestamp")
    assert written.as_json()["until"] == SOON


async def test_floors_are_not_exported(store: SqlTrustStore, bundle: Path) -> None:
    """A file that Notary does not list any more is what this store remembers, and nothing that Notary serves."""
    sim = repository()
    sim.delegate("targets/bob")
    sim.publish()
    await remember(store, sim)
    sim.delegations["targets/bob"].published = False
    sim.bump("snapshot", "timestamp")
    sim.publish()
    assert RoleName("targets/bob") in (await remember(store, sim)).stored.files
    await export(store, bundle)
    assert not list((bundle / API).rglob("*bob*"))


async def test_an_export_is_renewed_in_place(store: SqlTrustStore, bundle: Path) -> None:
    """Whoever reads it meanwhile finds the files that the old timestamp leads to; nothing is taken away."""
    sim = repository()
    await remember(store, sim)
    await export(store, bundle)
    before = {path: path.read_bytes() for path in bundle.rglob("*.*.json")}
    sign_more(sim, "2.0")
    await remember(store, sim)
    await export(store, bundle)
    assert {path: path.read_bytes() for path in before} == before
    assert "2.0" in (await read(bundle)).tags()
    assert not [path for path in bundle.rglob(".*") if path.is_file()]


async def test_what_does_not_verify_is_not_exported(store: SqlTrustStore, bundle: Path) -> None:
    """Pins of today, entries of today, and something to export."""
    await remember(store, repository())
    pinned = entry(pins=Pins((RootPin("corp", public_key_ids=frozenset({"f" * 64})),)))
    for judge, refusal in ((judge_under(pinned), RootNotTrusted), (judge_under(entry(notary="other")), NoRule)):
        with pytest.raises(refusal):
            await export(store, bundle, judge)
    with pytest.raises(NoTrustData):
        await export(store, bundle, gun=Gun(f"{NAME}/shop/web"))
    assert not bundle.exists()


async def test_a_directory_that_cannot_be_written_is_named(store: SqlTrustStore, bundle: Path) -> None:
    """A file stands where the directory would have to be."""
    await remember(store, repository())
    bundle.write_text("")
    with pytest.raises(UserError, match=r"cannot be written .not a directory.: check the directory and its space"):
        await export(store, bundle)


async def test_notary_is_exported_with_the_roots_between(store: SqlTrustStore, bundle: Path) -> None:
    """Whoever remembers the first root finds the way to the third."""
    sim = repository()
    await remember(store, sim)
    for name in ("second", "third"):
        previous = sim.root.signers
        sim.root.roles["root"].keys = [root_key(API, name)]
        sim.root.signers = [*sim.root.roles["root"].keys, *previous[:1]]
        sim.bump("root", "snapshot", "timestamp")
        sim.publish()
    await export_live(sim, bundle, store=store)
    assert {path.name for path in bundle.rglob("*.root.json")} == {"1.root.json", "2.root.json", "3.root.json"}
    assert (await bring(store, bundle)).became == "raised"


async def test_a_notary_that_went_back_is_not_exported(store: SqlTrustStore, bundle: Path) -> None:
    """The store remembers more."""
    sim = repository()
    old = dict(sim.current)
    sign_more(sim, "2.0")
    await remember(store, sim)
    sim.serve_again(old)
    with pytest.raises(Refusal, match="from version 2 to 1"):
        await export_live(sim, bundle, store=store)


async def test_nobody_is_exported_on_first_use(store: SqlTrustStore, bundle: Path) -> None:
    """Without a pin and without memory there is nothing to verify against."""
    sim = repository()
    with pytest.raises(Undecided, match="nobody is trusted on first use"):
        await export_live(sim, bundle)
    await remember(store, sim)
    assert (await export_live(sim, bundle, store=store)).gun == API
    with pytest.raises(NoRule):
        await export_live(sim, bundle, judge_under(entry(notary="other")))


async def test_an_import_is_a_check(store: SqlTrustStore, bundle: Path, tmp_path: Path) -> None:
    """What is new is remembered, what is known confirmed, both as of now."""
    async with opened(tmp_path / "there.db") as there:
        sim = repository()
        await remember(there, sim, NOW - HOUR)
        await export(there, bundle)
        assert (await bring(store, bundle)).became == "new"
        assert (await loaded(store)).checked_at == NOW
        assert await has(store, "1.0")
        assert (await bring(store, bundle, clock=HeldClock(NOW + HOUR))).became == "the same"
        known = await loaded(store)
        assert (known.checked_at, known.generation) == (NOW + HOUR, 1)
        sign_more(sim, "2.0")
        await remember(there, sim)
        await export(there, bundle)
        assert (await bring(store, bundle, clock=HeldClock(NOW + HOUR))).became == "raised"
        assert await has(store, "2.0")


async def test_an_older_export_is_refused(store: SqlTrustStore, bundle: Path) -> None:
    """The store has seen newer versions, from wherever."""
    sim = repository()
    await remember(store, sim)
    await export(store, bundle)
    sign_more(sim, "2.0")
    newer = await remember(store, sim)
    outcome = await bring(store, bundle)
    assert (outcome.became, outcome.code) == ("refused", "rollback")
    assert (await loaded(store)).stored == newer.stored


async def test_an_expired_export_is_for_expiry_grace(store: SqlTrustStore, bundle: Path) -> None:
    """As of now, not as of when it was exported; how far is the entry's matter."""
    sim = repository()
    sim.timestamp.expires = SOON
    sim.publish()
    await remember(store, sim)
    await export(store, bundle)
    late = HeldClock(datetime(2026, 11, 28, tzinfo=UTC))
    assert (await bring(store, bundle, clock=late)).code == "expired"
    lenient = judge_under(entry(expiry_grace=timedelta(days=7)))
    assert (await bring(store, bundle, lenient, late)).became == "the same"


async def test_today_s_configuration_counts(store: SqlTrustStore, bundle: Path, tmp_path: Path) -> None:
    """Pins, blocked keys, and whether there is an entry at all."""
    sim = repository()
    async with opened(tmp_path / "there.db") as there:
        await remember(there, sim)
        await export(there, bundle)
    pinned = entry(pins=Pins((RootPin("corp", public_key_ids=frozenset({"f" * 64})),)))
    stolen = sim.root.roles["targets"].keys[0].key_id
    judges = (judge_under(pinned), judge_under(blocked={stolen: "stolen"}), judge_under(entry(notary="other")))
    codes = [(await bring(store, bundle, judge)).code for judge in judges]
    assert codes == ["root_not_trusted", "blocked", "no_rule"]
    assert await store.everything() == ()


async def test_a_changed_file_is_refused(store: SqlTrustStore, bundle: Path) -> None:
    """Somebody was at it on the way."""
    await remember(store, repository())
    await export(store, bundle)
    before = (await loaded(store)).stored
    timestamp = bundle / file_of(API, "timestamp")
    timestamp.write_bytes(timestamp.read_bytes().replace(b'"version":1', b'"version":2'))
    assert (await bring(store, bundle)).became == "refused"
    assert (await loaded(store)).stored == before


async def test_a_directory_that_is_away_decides_nothing(store: SqlTrustStore, bundle: Path) -> None:
    """Nothing is refused for good."""
    outcome = await bring(store, bundle)
    assert (outcome.became, outcome.code) == ("undecided", "notary_unreachable")


async def test_a_forgotten_collection_may_begin_anew(store: SqlTrustStore, bundle: Path) -> None:
    """An import is then a first contact, in whatever version."""
    sim = repository()
    await remember(store, sim)
    await export(store, bundle)
    sign_more(sim, "2.0")
    await remember(store, sim)
    await store.forget(NOTARY, API, reason="Notary was restored", by="root@here", at=NOW)
    assert (await bring(store, bundle)).became == "new"
    assert await has(store, "2.0")
