"""One store is united with another: nothing that either knows is lost, and nothing is believed for having been kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from proxy.errors import TrustStoreUnavailable, Undecided
from proxy.names import TIMESTAMP, Digest, Gun, RoleName, Tag
from proxy.policy.past import Earlier, Past, Statement
from proxy.store.protocol import Forgotten
from proxy.store.sql import SqlTrustStore
from proxy.trust.holding import Damaged, Held, KeptIndex
from proxy.trust.showing import shown
from proxy.tuf.canonical import encode
from proxy.tuf.collection import Target
from proxy.tuf.metadata import version_in
from proxy.tuf.pins import Pins, RootPin
from tests.support.certificates import root_key
from tests.support.keys import ecdsa_key
from tests.support.reading import read
from tests.support.resolving import NAME, HeldClock, entry
from tests.support.signed_roles import NOW
from tests.unit.store.material import digest, index
from tests.unit.trust.material import (
    API,
    NOTARY,
    everything,
    has,
    judge_under,
    loaded,
    remember,
    repository,
    sign_more,
    unite,
)

HOUR = timedelta(hours=1)


async def test_an_empty_store_becomes_the_same(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """Files, the time of the check, tags, indexes and forgettings all arrive."""
    sim = repository(API, "1.0", "1.1")
    kept = await remember(old, sim, NOW - HOUR)
    data = index([b"child"])
    await old.keep_index(digest(data), data)
    await remember(old, repository(f"{NAME}/shop/gone"))
    gone = Gun(f"{NAME}/shop/gone")
    await old.forget(NOTARY, gone, reason="made anew", by="root@here", at=NOW)
    taken = await unite(new, await everything(old))
    assert taken.became == {API: "new", gone: "forgotten"}
    known = await loaded(new)
    assert (known.stored, known.checked_at) == (kept.stored, NOW - HOUR)
    assert await new.tags(NOTARY, API) == await old.tags(NOTARY, API) == {"1.0", "1.1"}
    assert await new.load_index(digest(data)) == data
    assert await new.forgettings() == await old.forgettings()
    assert await new.everything() == await old.everything()
    assert await new.collections() == ((NOTARY, API),)
    assert await has(new, "1.0", gone)


async def test_doing_it_twice_changes_nothing(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A second restore of the same backup finds everything there."""
    await remember(old, repository())
    await old.forget(NOTARY, API, reason="x", by="y", at=NOW)
    await remember(old, repository(), NOW + HOUR)
    clock = HeldClock(NOW + 2 * HOUR)
    await unite(new, await everything(old), clock=clock)
    before = await everything(new)
    generation = (await loaded(new)).generation
    assert (await unite(new, await everything(old), clock=clock)).became == {API: "the same"}
    assert await everything(new) == before
    assert (await loaded(new)).generation == generation


async def test_a_newer_backup_raises(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """Versions go up, the tags of both are there, and what a tag had before is recorded as the proxy does."""
    sim = repository()
    await remember(new, sim, NOW - HOUR)
    sim.sign("1.0", b"another", role="targets/alice")
    sign_more(sim, "2.0")
    newer = await remember(old, sim, NOW - HOUR / 2)
    taken = await unite(new, await everything(old))
    assert taken.became == {API: "raised"}
    known = await loaded(new)
    assert known.stored == newer.stored
    assert [record.tag for record in Past.decode(known.past).records] == ["1.0"]
    assert await has(new, "2.0")


async def test_an_older_backup_changes_no_version(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """What is remembered is newer, and stays; a tag that was revoked since is remembered all the same."""
    sim = repository(API, "0.9", "1.0")
    await remember(old, sim, NOW - HOUR)
    del sim.delegations["targets/alice"].tags["0.9"]
    sign_more(sim, "2.0")
    known = await remember(new, sim, NOW)
    taken = await unite(new, await everything(old))
    assert taken.became == {API: "older than here"}
    assert (await loaded(new)).stored == known.stored
    assert await new.tags(NOTARY, API) == {"0.9", "1.0", "2.0"}


async def test_a_collection_that_was_made_anew_is_refused(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """Neither follows from the other: the store stays as it is, and says so."""
    await remember(new, repository())
    other = repository()
    other.root.roles["root"].keys = other.root.signers = [root_key(API, "another root")]
    sign_more(other, "evil")
    await remember(old, other)
    before = (await loaded(new)).stored
    taken = await unite(new, await everything(old))
    assert taken.became == {API: "refused"}
    assert "root_rotation_broken" in taken.why[API] or "rollback" in taken.why[API]
    assert (await loaded(new)).stored == before


async def test_pins_of_today_count(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A root that `roots` does not pin any more is not brought back by a backup; its tags are."""
    await remember(old, repository())
    pinned = entry(pins=Pins((RootPin("corp", public_key_ids=frozenset({"f" * 64})),)))
    taken = await unite(new, await everything(old), judge_under(pinned))
    assert taken.became == {API: "refused"}
    assert taken.why[API].endswith("[root_not_trusted]")
    assert await new.collections() == ()
    assert await has(new, "1.0")


async def test_blocked_keys_of_today_count(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A key that was stolen since signs nothing in a backup either."""
    sim = repository()
    await remember(old, sim)
    stolen = sim.root.roles["targets"].keys[0].key_id
    taken = await unite(new, await everything(old), judge_under(blocked={stolen: "laptop stolen"}))
    assert taken.became == {API: "refused"}
    assert taken.why[API].endswith("[blocked]")


async def test_what_no_entry_speaks_of_is_kept_if_it_holds_together(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A floor is not lost because its repository is in no entry today; a forged file is."""
    gun = Gun("elsewhere.example.com/tools")
    await remember(old, repository(gun))
    held = [piece for piece in await everything(old) if isinstance(piece, Held)]
    forged = replace(held[0], files={**held[0].files, TIMESTAMP: b"{}"})
    assert (await unite(new, [forged])).became == {gun: "refused"}
    assert (await unite(new, held)).became == {gun: "new"}


async def test_expired_files_are_floors_all_the_same(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A backup of last month is verified as of then, and refuses a Notary that went back."""
    sim = repository()
    sim.timestamp.expires = "2026-12-01T00:00:00Z"
    sim.timestamp.version = 7
    sim.publish()
    await remember(old, sim, NOW)
    later = HeldClock(NOW + timedelta(days=60))
    assert (await unite(new, await everything(old), clock=later)).became == {API: "new"}
    known = await loaded(new)
    assert known.checked_at == NOW
    assert version_in(TIMESTAMP, known.stored.files[TIMESTAMP]) == 7


async def test_a_check_in_the_future_is_none(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A backup cannot say that it was confirmed tomorrow."""
    await remember(old, repository(), NOW + 24 * HOUR)
    await unite(new, await everything(old))
    assert (await loaded(new)).checked_at == NOW


async def test_what_was_forgotten_on_purpose_stays_forgotten(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A backup from before does not bring the old root back; one from after does count."""
    sim = repository()
    await remember(old, sim, NOW - 2 * HOUR)
    before = await everything(old)
    await remember(new, sim, NOW - 2 * HOUR)
    await new.forget(NOTARY, API, reason="made anew", by="root@here", at=NOW - HOUR)
    taken = await unite(new, before)
    assert taken.became == {API: "forgotten"}
    why = "was forgotten here at 2026-11-21 11:00 UTC, and what was brought is not clearly newer"
    assert taken.why[API] == f"{API} {why} (last checked at 2026-11-21 10:00 UTC): its tags alone are taken"
    assert (await loaded(new)).stored.files == {}
    sign_more(sim, "2.0")
    await remember(old, sim, NOW)
    assert (await unite(new, await everything(old))).became == {API: "new"}


async def test_what_was_forgotten_by_mistake_comes_back(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A new store takes the backup first, then everything else, and is not in want of anything from then on."""
    await remember(old, repository(), NOW - 2 * HOUR)
    backup = await everything(old)
    await old.forget(NOTARY, API, reason="the wrong one", by="root@here", at=NOW - HOUR)
    await remember(old, repository(f"{NAME}/shop/web"), NOW)
    assert (await unite(new, backup)).became == {API: "new"}
    assert (await unite(new, await everything(old))).became == {API: "forgotten", f"{NAME}/shop/web": "new"}
    assert (await loaded(new)).stored.files == read(repository()).files
    assert [each.reason for each in await new.forgettings()] == ["the wrong one"]
    again = await unite(new, backup)
    assert (again.became, again.why) == ({API: "the same"}, {})


async def test_floors_of_withheld_roles_arrive(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A delegation that Notary withholds keeps the version that it had; one that nobody signed sets no floor."""
    sim = repository()
    sim.delegate("targets/bob")
    sim.publish()
    await remember(old, sim)
    sim.delegations["targets/bob"].published = False
    sim.bump("snapshot", "timestamp")
    sim.publish()
    kept = await remember(old, sim)
    bob = RoleName("targets/bob")
    assert bob in kept.stored.files
    held = [piece for piece in await everything(old) if isinstance(piece, Held)]
    stranger = repository(API)
    stranger.delegate("targets/bob", [ecdsa_key("stranger")]).version = 99
    stranger.publish()
    forged = replace(held[0], files={**held[0].files, bob: stranger.current["targets/bob"]})
    assert (await unite(new, [forged])).became == {API: "new"}
    assert bob not in (await loaded(new)).stored.files
    await new.forget(NOTARY, API, reason="x", by="y", at=NOW - HOUR)
    assert (await unite(new, held)).became == {API: "new"}
    assert (await loaded(new)).stored.files[bob] == kept.stored.files[bob]


async def test_what_tags_had_before_comes_along(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A store that knew nothing takes it from the one that did; what cannot be read admits nothing."""
    said = Statement(RoleName("targets/alice"), Target(digest(b"before"), 6), frozenset({"a" * 64}))
    past = Past((Earlier(Tag("1.0"), NOW - HOUR, (said,)),)).encode()
    await remember(old, repository(), past=past)
    [held] = [piece for piece in await everything(old) if isinstance(piece, Held)]
    elsewhere = replace(held, notary="other", past=b"rubbish")
    await unite(new, [held, elsewhere])
    assert (await loaded(new)).past == past
    unread = await new.load("other", API)
    assert unread is not None
    assert unread.past == b""


async def test_a_clock_that_is_behind_decides_nothing(new: SqlTrustStore) -> None:
    """What has expired could not be told."""
    await remember(new, repository(), NOW)
    with pytest.raises(Undecided, match="clock is behind"):
        await unite(new, [], clock=HeldClock(NOW - HOUR))


async def test_damage_is_told_and_the_rest_is_taken(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A damaged collection or index is named; a store that cannot be read at all is another matter."""
    await remember(old, repository())
    other = Gun(f"{NAME}/shop/web")
    await remember(old, repository(other))
    with old._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE collections SET generation = 9 WHERE gun LIKE '%/api'")
        connection.exec_driver_sql("INSERT INTO indexes VALUES (zeroblob(32), 1, 1, X'00')")
    taken = await unite(new, await everything(old))
    assert taken.became == {other: "new"}
    assert taken.damaged == [f"{API} in Notary {NOTARY}", f"index sha256:{'0' * 64}"]
    await old.close()
    with pytest.raises(TrustStoreUnavailable):
        await everything(old)


async def test_indexes_that_are_none_are_left_out(new: SqlTrustStore) -> None:
    """Other bytes than the digest says, and bytes that are no manifest."""
    data = index([b"child"])
    wrong = KeptIndex(Digest(f"sha256:{'1' * 64}"), data)
    rubbish = KeptIndex(digest(b"rubbish"), b"rubbish")
    await unite(new, [wrong, rubbish, Damaged("an index")])
    assert await new.indexes() == ()


async def test_forgettings_are_written_once(new: SqlTrustStore) -> None:
    """They come from several stores that share a past, and from none that knows the future."""
    told = Forgotten(NOTARY, API, NOW, "root@here", "made anew")
    await unite(new, [told, told, replace(told, at=NOW + 24 * HOUR)])
    await unite(new, [told])
    assert await new.forgettings() == (told,)


async def test_the_latest_forgetting_counts(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """An earlier one that another store tells of later does not bring back what was forgotten since."""
    sim = repository()
    await remember(old, sim, NOW - 3 * HOUR)
    before = await everything(old)
    await remember(new, sim, NOW - 5 * HOUR)
    await new.forget(NOTARY, API, reason="root key stolen", by="ada", at=NOW - HOUR)
    await unite(new, [Forgotten(NOTARY, API, NOW - 4 * HOUR, "bob", "made anew once")])
    assert (await unite(new, before)).became == {API: "forgotten"}
    assert (await loaded(new)).stored.files == {}


@pytest.mark.parametrize(
    ("later", "became"),
    [pytest.param(5, "forgotten", id="within-the-margin"), pytest.param(6, "new", id="clearly-later")],
)
async def test_a_check_counts_if_it_was_clearly_later(
    old: SqlTrustStore, new: SqlTrustStore, later: int, became: str
) -> None:
    """Two machines tell the time: a check some minutes after a forgetting may have been before it."""
    await remember(old, repository(), NOW - HOUR + timedelta(minutes=later))
    await remember(new, repository(), NOW - 2 * HOUR)
    await new.forget(NOTARY, API, reason="root key stolen", by="ada", at=NOW - HOUR)
    assert (await unite(new, await everything(old))).became == {API: became}


async def test_the_first_instant_there_is_breaks_nothing(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A crafted check of two thousand years ago is before any forgetting."""
    await remember(new, repository())
    await new.forget(NOTARY, API, reason="made anew", by="ada", at=NOW)
    await remember(old, repository())
    [held] = [piece for piece in await everything(old) if isinstance(piece, Held)]
    ancient = replace(held, checked_at=datetime.min.replace(tzinfo=UTC))
    assert (await unite(new, [ancient])).became == {API: "forgotten"}


async def test_what_tags_had_before_has_an_end(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A record that ends in the future would admit a digest for as long; the clocks may differ by minutes."""
    said = Statement(RoleName("targets/alice"), Target(digest(b"before"), 6), frozenset({"a" * 64}))
    ends = (NOW - HOUR, NOW + timedelta(minutes=5), NOW + timedelta(minutes=6), datetime(2200, 1, 1, tzinfo=UTC))
    past = Past(tuple(Earlier(Tag("1.0"), end, (said,)) for end in ends))
    await remember(old, repository(), past=past.encode())
    await unite(new, await everything(old))
    assert Past.decode((await loaded(new)).past).records == past.records[:2]


async def test_a_past_beyond_all_time_is_none(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A number that is no instant breaks nothing, and admits nothing."""
    past = encode({"records": [["1.0", 10**18, [[0, "ab" * 32, 5]]]], "voices": [["targets/alice", ["k"]]]})
    await remember(old, repository(), past=past)
    found = await shown(old, NOTARY, API)
    assert found is not None
    assert found.earlier == 0
    assert (await unite(new, await everything(old))).became == {API: "new"}
    assert (await loaded(new)).past == b""


async def test_damage_here_is_told_and_the_rest_is_taken(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """What cannot be read here is named and stays as it is; everything else arrives, forgettings too."""
    other = Gun(f"{NAME}/shop/web")
    for gun in (API, other):
        await remember(old, repository(gun), NOW - HOUR)
    data = index([b"child"])
    for store in (old, new):
        await store.keep_index(digest(data), data)
    forgotten = Forgotten(NOTARY, Gun(f"{NAME}/shop/gone"), NOW - HOUR, "ada", "made anew")
    await remember(new, repository(), NOW - 2 * HOUR)
    with new._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE collections SET generation = 9")
        connection.exec_driver_sql("UPDATE indexes SET data = X'00'")
    taken = await unite(new, [forgotten, *await everything(old)])
    assert taken.became == {API: "refused", other: "new"}
    assert taken.why == {API: f"{API} in Notary {NOTARY} is damaged in this trust store"}
    assert taken.damaged == [f"index {digest(data)}"]
    assert await new.forgettings() == (forgotten,)
    await new.close()
    with pytest.raises(TrustStoreUnavailable):
        await unite(new, await everything(old))
