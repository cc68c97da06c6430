"""What Notary contradicted stays refused: after a restart, in other processes, and where it cannot be written down."""

import pytest

from proxy.errors import (
    NotaryUnreachable,
    NoTrustData,
    Refusal,
    Rollback,
    RootNotTrusted,
    Undecided,
)
from proxy.policy.decisions import Allowed
from proxy.policy.patterns import RepositoryPattern
from proxy.verification import Job, Verified
from proxy.verifier import Verifier
from tests.support.resolving import NAME, NOBODY, REPOSITORY, TAG, Bench, bench, entry
from tests.unit.test_outage_doubts import ELSEWHERE, GUN, KEY, OTHER, WatchedStore, decide, deleted, replica


def rolled_back(at: Bench) -> None:
    """Notary has nothing but a timestamp of before."""
    at.sim.timestamp.version -= 1
    at.sim.publish()


@pytest.mark.parametrize(
    ("happened", "kind"),
    [pytest.param(deleted, NoTrustData, id="deleted"), pytest.param(rolled_back, Rollback, id="rolled-back")],
)
async def test_restart_does_not_undo_a_refusal(happened: object, kind: type[Refusal]) -> None:
    """What ended by an answer of Notary stays ended; what Notary confirms after it serves in an outage as before."""
    assert callable(happened)
    async with bench() as at:
        at.sim.bump()
        at.sim.publish()
        await decide(at)
        signed = dict(at.sim.current)
        happened(at)
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, kind)
        at.notary.away = True
        at.resolver = replica(at)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        at.notary.away = False
        at.sim.serve_again(signed)
        at.clock.pass_by(6)
        assert isinstance((await decide(at)).permission, Allowed)
        at.notary.away = True
        at.resolver = replica(at)
        assert isinstance((await decide(at)).permission, Allowed)


async def test_contradiction_is_written_once() -> None:
    """However often Notary says the same, and by however many processes it is asked."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        await decide(at)
        deleted(at)
        for _ in range(5):
            at.clock.pass_by(31)
            assert isinstance((await decide(at)).refusal, NoTrustData)
        at.resolver = replica(at)
        assert isinstance((await decide(at)).refusal, NoTrustData)
        assert store.doubts == 1


async def test_nothing_is_written_of_what_was_never_known() -> None:
    """Who asks for names that do not exist fills no disk."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        deleted(at)
        assert isinstance((await decide(at)).refusal, NoTrustData)
        assert store.doubts == 0
        assert await store.load("corp", GUN) is None


async def test_contradiction_counts_where_it_cannot_be_written() -> None:
    """It is kept in memory then, and written once there is room."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        await decide(at)
        deleted(at)
        store.full = True
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NoTrustData)
        at.notary.away = True
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        at.notary.away = store.full = False
        assert isinstance((await decide(at)).refusal, NoTrustData)
        assert store.doubts == 1


async def test_pins_that_never_held_contradict_nothing() -> None:
    """A repository with wrong pins does not end what other pins admit of the same collection."""
    gun, store = f"{NAME}/{REPOSITORY}", WatchedStore(None)
    pinned = entry(pattern=RepositoryPattern("other/**"), gun_template=gun, pins=ELSEWHERE)
    async with bench(entry(pattern=RepositoryPattern("shop/**"), gun_template=gun), pinned, store=store) as at:
        await decide(at)
        assert isinstance((await decide(at, OTHER)).refusal, RootNotTrusted)
        assert store.doubts == 0
        at.notary.away = True
        at.resolver = replica(at)
        assert isinstance((await decide(at)).permission, Allowed)


class HastyVerifier(Verifier):
    """A verifier that has no time to look at what is remembered."""

    async def recall(self, job: Job) -> Verified:  # noqa: ARG002  (it is not looked at)
        """Give up."""
        raise Undecided("its trust data took too long to verify")


async def test_contradiction_is_written_where_nobody_knows_whether_it_must_be() -> None:
    """A process that has nothing in memory could not see in time whether what is remembered would serve."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        await decide(at)
        deleted(at)
        at.resolver = replica(at)
        at.resolver.renewal.checks.verifier = HastyVerifier()
        assert isinstance((await decide(at)).refusal, NoTrustData)
        assert store.doubts == 1


@pytest.mark.parametrize("change", [pytest.param(True, id="another generation"), pytest.param(False, id="the same")])
async def test_contradiction_is_written_again_where_another_process_ended_it(*, change: bool) -> None:
    """It was answered well in between, and this one was not."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        await decide(at)
        signed = dict(at.sim.current)
        deleted(at)
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NoTrustData)
        at.sim.serve_again(signed)
        if change:
            at.sim.bump()
            at.sim.publish()
        assert isinstance((await replica(at).resolve(TAG, NOBODY)).permission, Allowed)
        deleted(at)
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NoTrustData)
        assert store.doubts == 2
        at.notary.away = True
        assert isinstance((await replica(at).resolve(TAG, NOBODY)).refusal, NotaryUnreachable)


async def test_check_that_cannot_be_noted_is_no_change() -> None:
    """A full disk and a defect of a role that nothing rests on are two small things also where they meet."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        at.sim.delegate("targets/left").expires = "2021-01-01T00:00:00Z"
        at.sim.bump()
        at.sim.publish()
        await decide(at)
        store.full = True
        at.clock.pass_by(61)
        decision = await decide(at)
        assert isinstance(decision.permission, Allowed)
        assert decision.stale == 61


async def test_doubt_of_another_process_counts_where_nothing_is_in_memory() -> None:
    """What a process is told before anybody asked it is not brought back from the trust store in an outage."""
    async with bench() as at:
        await decide(at)
        at.resolver = replica(at)
        at.resolver.renewal.doubt(KEY)
        at.notary.away = True
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        at.notary.away = False
        assert isinstance((await decide(at)).permission, Allowed)


async def test_doubt_that_came_after_a_check_outlives_it() -> None:
    """What another process found before is no answer to what this one found out since."""
    async with bench() as at:
        await decide(at)
        checks, before = at.resolver.renewal.checks, at.clock.seconds()
        at.clock.pass_by(1)
        checks.contradict(KEY)
        checks.believe(KEY, before)
        assert checks.is_contradicted(KEY)
        checks.believe(KEY, at.clock.seconds())
        assert not checks.is_contradicted(KEY)
