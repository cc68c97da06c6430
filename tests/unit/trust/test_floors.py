"""No delegation goes back behind what either of two stores has seen of it, whatever is above it now."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from yarl import URL

from proxy.checks import Checks
from proxy.config.settings import RegistrySettings
from proxy.errors import Rollback
from proxy.names import Digest, RoleName
from proxy.policy.decisions import Allowed
from proxy.policy.entries import Policy
from proxy.policy.past import Past
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.renewal import Renewal
from proxy.resolver import Resolver
from proxy.store.sql import SqlTrustStore
from proxy.trust.holding import Held
from proxy.tuf.collection import Unusable
from proxy.tuf.metadata import version_in
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.resolving import NAME, NOBODY, TAG, HeldClock, RecordingNotary, entry
from tests.support.signed_roles import NOW
from tests.unit.trust.material import API, NOTARY, everything, loaded, remember, repository, sign_more, unite

HOUR = timedelta(hours=1)
ALICE, QA, NESTED = RoleName("targets/alice"), RoleName("targets/qa"), RoleName("targets/qa/nested")


def rolled_back(sim: NotarySimulator) -> NotarySimulator:
    """The same collection in the hands of somebody who has the online keys: newer on top, unchanged below."""
    hostile = sim.clone()
    for _ in range(9):
        hostile.bump("snapshot", "timestamp")
    hostile.publish()
    return hostile


async def floor_of(store: SqlTrustStore, role: RoleName) -> int | None:
    """The version that a store remembers of a role."""
    data = (await loaded(store)).stored.files.get(role)
    return None if data is None else version_in(role, data)


@pytest.mark.parametrize(
    "hides", [pytest.param(False, id="rolled-back"), pytest.param(True, id="withheld and then rolled back")]
)
async def test_a_delegation_that_went_back_gets_its_floor_again(
    old: SqlTrustStore, new: SqlTrustStore, *, hides: bool
) -> None:
    """A lost store believed a hostile Notary; the backup knows better of one signer, and that is not thrown away."""
    sim = repository()
    hostile = rolled_back(sim)
    for tag in ("2.0", "3.0", "4.0", "5.0"):
        sign_more(sim, tag)
    await remember(old, sim, NOW - HOUR)
    if hides:
        hidden = hostile.clone()
        hidden.delegations["targets/alice"].published = False
        del hidden.current["targets/alice"]
        hidden.bump("snapshot", "timestamp")
        hidden.publish()
        await remember(new, hidden, NOW)
        hostile.bump("snapshot", "timestamp")
        hostile.bump("snapshot", "timestamp")
        hostile.publish()
    else:
        await remember(new, hostile, NOW)
    before = (await loaded(new)).stored.files
    taken = await unite(new, await everything(old))
    assert taken.became == {API: "raised"}
    had = f"{ALICE} of {API} had a newer version there"
    assert taken.why == {API: f"{had}: an older one is refused here from now on"}
    after = await loaded(new)
    assert await floor_of(new, ALICE) == 5
    assert {role for role, data in after.stored.files.items() if data != before.get(role)} == {ALICE}
    seen = read(hostile, after.stored).roles[ALICE]
    assert isinstance(seen, Unusable)
    assert isinstance(seen.error, Rollback)
    assert (await unite(new, await everything(old))).became == {API: "older than here"}
    assert (await loaded(new)).generation == after.generation


async def test_what_a_hostile_notary_said_is_no_past(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """What the delegation said that went back was revoked long ago: it is not served as what the tag had before."""
    sim = repository()
    hostile = rolled_back(sim)
    sim.sign("1.0", b"repaired", role="targets/alice")
    sign_more(sim, "2.0")
    await remember(old, sim, NOW - HOUR)
    await remember(new, hostile, NOW)
    await unite(new, await everything(old))
    assert Past.decode((await loaded(new)).past).records == ()


async def test_what_notary_contradicted_stays_in_doubt(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A floor that is raised confirms nothing, nor does a newer version that somebody brings."""
    sim = repository()
    hostile = rolled_back(sim)
    sign_more(sim, "2.0")
    await remember(old, sim, NOW - HOUR)
    known = await remember(new, hostile, NOW - HOUR)
    await new.doubt(NOTARY, API, generation=known.generation, at=NOW)
    assert (await unite(new, await everything(old))).became == {API: "raised"}
    assert (await loaded(new)).is_doubted
    for _ in range(9):
        sign_more(sim, "3.0")
    await remember(old, sim, NOW)
    assert (await unite(new, await everything(old))).became == {API: "raised"}
    assert (await loaded(new)).is_doubted


async def test_a_delegation_that_went_on_keeps_its_version(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """The floor here is the higher one, though Notary withholds the role now: nothing is changed."""
    sim = repository()
    await remember(old, sim, NOW - HOUR)
    sign_more(sim, "2.0")
    await remember(new, sim, NOW - HOUR)
    sim.delegations["targets/alice"].published = False
    sim.bump("snapshot", "timestamp")
    sim.publish()
    known = await remember(new, sim, NOW)
    assert (await unite(new, await everything(old))).became == {API: "older than here"}
    assert await loaded(new) == known
    assert await floor_of(new, ALICE) == 2


async def test_a_floor_that_nobody_signed_is_none(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """A crafted backup cannot lock a signer out with a version that was never reached."""
    await remember(old, repository(), NOW - HOUR)
    stranger = repository()
    stranger.delegate("targets/alice", [ecdsa_key("stranger")]).version = 99
    stranger.publish()
    await remember(new, rolled_back(repository()), NOW)
    before = await loaded(new)
    [held] = [piece for piece in await everything(old) if isinstance(piece, Held)]
    forged = replace(held, files={**held.files, ALICE: stranger.current["targets/alice"]})
    assert (await unite(new, [forged])).became == {API: "older than here"}
    assert await loaded(new) == before


async def nested(store: SqlTrustStore, *, expires: bool) -> NotarySimulator:
    """A store that has seen version 5 below a delegation that cannot be used any more; Notary before that."""
    sim = NotarySimulator(API)
    sim.delegate("targets/qa")
    sim.delegate("targets/qa/nested")
    sim.sign("1.0", role="targets/qa/nested")
    sim.publish()
    earlier = sim.clone()
    for _ in range(4):
        sim.bump("targets/qa/nested", "snapshot", "timestamp")
    sim.publish()
    await remember(store, sim, NOW - 2 * HOUR)
    if expires:
        sim.delegations["targets/qa"].expires = "2020-01-01T00:00:00Z"
        sim.bump("targets/qa")
    else:
        sim.delegations["targets/qa"].published = False
    sim.bump("snapshot", "timestamp")
    sim.publish()
    await remember(store, sim, NOW - HOUR)
    assert await floor_of(store, NESTED) == 5
    return earlier


@pytest.mark.parametrize("expires", [pytest.param(True, id="expired"), pytest.param(False, id="withheld")])
async def test_floors_below_what_cannot_be_used_arrive(
    old: SqlTrustStore, new: SqlTrustStore, *, expires: bool
) -> None:
    """Nothing is known of what is still declared there, so nothing is forgotten, also on the way through a backup."""
    await nested(old, expires=expires)
    kept = await loaded(old)
    assert (await unite(new, await everything(old))).became == {API: "new"}
    assert (await loaded(new)).stored == kept.stored


async def test_floors_below_what_cannot_be_used_are_raised(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """The same where the store went on with a Notary that went back."""
    earlier = await nested(old, expires=True)
    for _ in range(9):
        earlier.bump("targets/qa", "snapshot", "timestamp")
    earlier.delegations["targets/qa"].expires = "2020-01-01T00:00:00Z"
    earlier.publish()
    await remember(new, earlier, NOW)
    assert await floor_of(new, NESTED) is None
    assert (await unite(new, await everything(old))).became == {API: "raised"}
    assert await floor_of(new, NESTED) == 5


async def test_what_has_no_version_is_no_floor(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """Below what cannot be used nothing tells who may sign, but a file that is none would refuse for ever."""
    await nested(old, expires=True)
    [held] = [piece for piece in await everything(old) if isinstance(piece, Held)]
    other = RoleName("targets/qa/other")
    rubbish = replace(held, files={**held.files, other: b"{}", RoleName("targets/bob"): held.files[NESTED]})
    assert (await unite(new, [rubbish])).became == {API: "new"}
    assert set((await loaded(new)).stored.files) == set(held.files)


@asynccontextmanager
async def proxy_over(store: SqlTrustStore, notary: RecordingNotary, clock: HeldClock) -> AsyncIterator[Resolver]:
    """What decides about pulls, over a store that it writes."""
    policy = Policy(NAME, (entry(),), ())
    async with connect(RegistrySettings(URL("http://127.0.0.1:9"), None, None)) as registry:
        yield Resolver(
            policy=policy,
            store=store,
            renewal=Renewal(Checks(policy, store, {NOTARY: notary.fetch}, clock)),
            registry=registry,
            closure=Closure(registry.get_manifest, store),
            clock=clock,
        )


async def test_a_pull_is_refused_after_the_restore(old: SqlTrustStore, new: SqlTrustStore) -> None:
    """From a lost store to the restored one: the image that was revoked is served, and then not any more."""
    sim = NotarySimulator(API)
    sim.delegate("targets/releases")
    revoked = Digest(sim.sign("1.0", b"vulnerable", role="targets/releases"))
    sim.publish()
    hostile = rolled_back(sim)
    sim.sign("1.0", b"repaired", role="targets/releases")
    sim.bump("targets/releases", "snapshot", "timestamp")
    sim.publish()
    clock = HeldClock(NOW)
    async with proxy_over(old, RecordingNotary(sim), clock) as proxy:
        honest = (await proxy.resolve(TAG, NOBODY)).permission
        assert isinstance(honest, Allowed)
        assert honest.digest != revoked
    clock.pass_by(3600)
    async with proxy_over(new, RecordingNotary(hostile), clock) as running:
        believed = (await running.resolve(TAG, NOBODY)).permission
        assert isinstance(believed, Allowed)
        assert believed.digest == revoked
        assert (await unite(new, await everything(old), clock=clock)).became == {API: "raised"}
        clock.pass_by(31)
        decision = await running.resolve(TAG, NOBODY)
        assert (decision.permission, type(decision.refusal)) == (None, Rollback)
    async with proxy_over(new, RecordingNotary(hostile), clock) as restarted:
        decision = await restarted.resolve(TAG, NOBODY)
        assert (decision.permission, type(decision.refusal)) == (None, Rollback)
