"""While Notary or the trust store is away, what was checked before serves for its time, and nothing else does."""

from datetime import datetime, timedelta

import pytest

from proxy.checks import Checks
from proxy.errors import (
    Expired,
    NotaryUnreachable,
    NoTrustData,
    Refusal,
    Rollback,
    TagNotSigned,
    TrustStoreUnavailable,
)
from proxy.names import Gun, Reference, Tag
from proxy.policy.decisions import Allowed, Decision
from proxy.renewal import Renewal, key_of
from proxy.store.overlay import Overlay
from proxy.store.protocol import Remembered
from tests.support.resolving import NAME, NOBODY, REPOSITORY, TAG, Bench, bench, entry
from tests.unit.registry.material import eventually

HOUR = 3600.0
KEY = key_of(entry(), Gun(f"{NAME}/{REPOSITORY}"))


class StoreThatLeaves(Overlay):
    """A trust store that can be away."""

    away = False

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered, while it is there."""
        self._answer()
        return await super().load(notary, gun)

    async def generation(self, notary: str, gun: Gun) -> int | None:
        """The generation, while it is there."""
        self._answer()
        return await super().generation(notary, gun)

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Note a check, while it is there."""
        self._answer()
        await super().touch(notary, gun, generation=generation, checked_at=checked_at)

    def _answer(self) -> None:
        if self.away:
            raise TrustStoreUnavailable("the server is gone")


async def decide(at: Bench, reference: Reference = TAG) -> Decision:
    """A whole decision."""
    return await at.resolver.resolve(reference, NOBODY)


async def landed(at: Bench) -> None:
    """Wait until the check that is under way has ended."""
    assert KEY in at.resolver.renewal._flights
    await eventually(lambda: KEY not in at.resolver.renewal._flights)


async def test_outage_serves_what_was_checked_before() -> None:
    """No pull fails, each says how old its evidence is, and the end of the outage ends that."""
    async with bench() as at:
        await decide(at)
        at.notary.away = True
        for passed, stale in ((29, None), (1, 30), (HOUR, 3630)):
            at.clock.pass_by(passed)
            decision = await decide(at)
            assert isinstance(decision.permission, Allowed)
            assert decision.stale == stale
        at.notary.away = False
        at.clock.pass_by(2)
        await decide(at)  # starts a check, and does not wait for it
        await landed(at)
        assert (await decide(at)).stale is None


async def test_outage_has_an_end() -> None:
    """Evidence serves until its last check plus `outage_for`, not a second longer."""
    async with bench(entry(outage_for=timedelta(hours=1))) as at:
        await decide(at)
        at.notary.away = True
        at.clock.pass_by(HOUR - 1)
        assert isinstance((await decide(at)).permission, Allowed)
        at.clock.pass_by(1)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)


async def test_nothing_known_is_nothing_to_serve() -> None:
    """In an outage a repository that nobody asked for before is refused, and asked for again by the next one."""
    async with bench() as at:
        at.notary.away = True
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        at.notary.away = False
        assert isinstance((await decide(at)).permission, Allowed)


async def test_timestamp_may_run_out_in_an_outage() -> None:
    """Notary signs it again only after it ran out, so a quiet repository must not stop with it."""
    async with bench() as at:
        at.sim.timestamp.expires = "2026-11-21T12:00:10Z"
        at.sim.publish()
        await decide(at)
        at.notary.away = True
        at.clock.pass_by(HOUR)
        decision = await decide(at)
        assert isinstance(decision.permission, Allowed)
        assert decision.stale == HOUR


@pytest.mark.parametrize("role", ["targets", "snapshot"])
async def test_other_roles_may_not_run_out(role: str) -> None:
    """Everything else that a decision rests on ends it when it runs out, outage or not."""
    async with bench() as at:
        getattr(at.sim, role).expires = "2026-11-21T12:00:40Z"
        at.sim.bump()
        at.sim.publish()
        await decide(at)
        at.notary.away = True
        at.clock.pass_by(35)
        assert isinstance((await decide(at)).permission, Allowed)
        at.clock.pass_by(10)
        assert isinstance((await decide(at)).refusal, Expired)


async def test_wrong_answer_is_no_outage() -> None:
    """An answer that does not verify ends older evidence at once, also while Notary is away again after it."""
    async with bench() as at:
        old = dict(at.sim.current)
        at.sim.bump()
        at.sim.publish()
        await decide(at)
        at.sim.serve_again(old)
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, Rollback)
        at.notary.away = True
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)


async def test_hanging_notary_keeps_nobody_waiting_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a check that takes too long gets what is known, and after that nobody waits for it at all."""
    async with bench() as at:
        await decide(at)
        at.clock.pass_by(31)
        at.notary.hold.clear()
        monkeypatch.setattr("proxy.renewal.CHECK_PATIENCE_SECONDS", 0.05)
        assert (await decide(at)).stale == 31
        monkeypatch.setattr("proxy.renewal.CHECK_PATIENCE_SECONDS", 60)
        assert (await decide(at)).stale == 31
        at.notary.hold.set()
        await landed(at)
        assert (await decide(at)).stale is None


async def test_restart_in_an_outage_goes_on_with_what_is_remembered() -> None:
    """What is in the trust store is verified once more, and is as old as its last check."""
    async with bench() as at:
        await decide(at)
        at.clock.pass_by(HOUR)
        at.notary.away = True
        at.resolver.renewal = Renewal(Checks(at.resolver.policy, at.store, at.resolver.renewal.notaries, at.clock))
        decision = await decide(at)
        assert isinstance(decision.permission, Allowed)
        assert decision.stale == HOUR
        at.clock.pass_by(86_400 - HOUR)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)


async def test_store_away_while_nothing_changes() -> None:
    """Evidence in memory serves on while Notary says the same, marked as in an outage."""
    async with bench(store=StoreThatLeaves(None)) as at:
        await decide(at)
        assert isinstance(at.store, StoreThatLeaves)
        at.store.away = True
        at.clock.pass_by(31)
        decision = await decide(at)
        assert isinstance(decision.permission, Allowed)
        assert decision.stale == 31


@pytest.mark.parametrize("notary_leaves", [False, True], ids=["notary-stays", "notary-leaves-too"])
async def test_store_away_while_something_changes(*, notary_leaves: bool) -> None:
    """What needs a commit is refused: a revocation is not outrun by an outage of the trust store."""
    async with bench(store=StoreThatLeaves(None)) as at:
        await decide(at)
        assert isinstance(at.store, StoreThatLeaves)
        at.store.away = True
        at.clock.pass_by(31)
        assert (await decide(at)).stale == 31
        at.sim.targets.tags.clear()
        at.sim.bump()
        at.sim.publish()
        at.clock.pass_by(31)
        await decide(at)  # the check that finds it out
        await landed(at)
        assert isinstance((await decide(at)).refusal, TrustStoreUnavailable)
        at.notary.away = notary_leaves
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable if notary_leaves else TrustStoreUnavailable)
        at.store.away = at.notary.away = False
        assert isinstance((await decide(at)).refusal, TagNotSigned)


async def test_definite_refusal_is_remembered_for_a_moment() -> None:
    """A crowd that asks for what Notary does not have does not ask Notary; the moment passes by itself."""
    nothing = Reference(REPOSITORY, Tag("1.0"))
    async with bench() as at:
        signed = dict(at.sim.current)
        at.sim.current.clear()
        for _ in range(10):
            assert isinstance((await decide(at, nothing)).refusal, NoTrustData)
        assert at.asked("root") == 1
        at.sim.current.update(signed)
        at.clock.pass_by(5)
        assert isinstance((await decide(at, nothing)).permission, Allowed)


async def test_hint_ends_a_remembered_refusal() -> None:
    """Who signs for the first time need not wait until the refusal is forgotten."""
    async with bench() as at:
        signed = dict(at.sim.current)
        at.sim.current.clear()
        assert isinstance((await decide(at)).refusal, NoTrustData)
        at.sim.current.update(signed)
        at.resolver.renewal.forget_refusals("corp", frozenset({Gun(f"{NAME}/other")}))
        assert isinstance((await decide(at)).refusal, Refusal)
        at.resolver.renewal.forget_refusals("corp", frozenset({Gun(f"{NAME}/{REPOSITORY}")}))
        assert isinstance((await decide(at)).permission, Allowed)


async def test_unchanged_collection_costs_one_small_file() -> None:
    """Renewing what did not change fetches the timestamp alone, and reads nothing of the trust store's files."""
    async with bench() as at:
        await decide(at)
        before = len(at.sim.requests)
        at.clock.pass_by(31)
        assert (await decide(at)).stale is None
        assert at.sim.requests[before:] == ["timestamp"]


async def test_version_that_a_replica_saw_is_a_floor_here() -> None:
    """A Notary that is rolled back to what this process knows is refused where another process knows more."""
    async with bench() as at:
        await decide(at)
        old = dict(at.sim.current)
        at.sim.bump()
        at.sim.publish()
        other = Renewal(Checks(at.resolver.policy, at.store, at.resolver.renewal.notaries, at.clock))
        await other.evidence(at.resolver.policy.entries[0], Gun(f"{NAME}/{REPOSITORY}"))
        at.sim.serve_again(old)
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, Rollback)


async def test_fresh_evidence_ends_where_a_change_could_not_be_kept() -> None:
    """Once it is known that Notary says something else, `fresh_for` is no reason to serve what it said before."""
    async with bench(store=StoreThatLeaves(None)) as at:
        await decide(at)
        assert isinstance(at.store, StoreThatLeaves)
        at.store.away = True
        at.sim.targets.tags.clear()
        at.sim.bump()
        at.sim.publish()
        assert not await at.resolver.renewal.renew(KEY)  # as a hint does
        assert isinstance((await decide(at)).refusal, TrustStoreUnavailable)
        at.store.away = False
        assert isinstance((await decide(at)).refusal, TagNotSigned)


@pytest.mark.parametrize("notary_leaves", [False, True], ids=["notary-stays", "notary-leaves-too"])
async def test_store_away_where_a_role_is_unusable(*, notary_leaves: bool) -> None:
    """A defect of a role that nothing rests on is no change, so it does not turn that outage into refusals."""
    async with bench(store=StoreThatLeaves(None)) as at:
        at.sim.delegate("targets/left").expires = "2021-01-01T00:00:00Z"
        at.sim.bump()
        at.sim.publish()
        await decide(at)
        assert isinstance(at.store, StoreThatLeaves)
        at.store.away, at.notary.away = True, notary_leaves
        for passed in (31, 62):
            at.clock.pass_by(31)
            decision = await decide(at)
            assert isinstance(decision.permission, Allowed)
            assert decision.stale == passed


@pytest.mark.parametrize("notary_leaves", [False, True], ids=["notary-stays", "notary-leaves-too"])
async def test_timestamp_runs_out_while_the_store_is_away(*, notary_leaves: bool) -> None:
    """While nobody can sign it anew, it may have run out; a Notary that answers has to have signed it anew."""
    async with bench(store=StoreThatLeaves(None)) as at:
        at.sim.timestamp.expires = "2026-11-21T12:00:10Z"
        at.sim.publish()
        await decide(at)
        assert isinstance(at.store, StoreThatLeaves)
        at.store.away, at.notary.away = True, notary_leaves
        at.clock.pass_by(31)
        decision = await decide(at)
        if notary_leaves:
            assert isinstance(decision.permission, Allowed)
            assert decision.stale == 31
        else:
            assert isinstance(decision.refusal, TrustStoreUnavailable)


@pytest.mark.parametrize("was_away", [pytest.param(False, id="out of the blue"), pytest.param(True, id="after one")])
async def test_a_defect_is_no_outage(monkeypatch: pytest.MonkeyPatch, *, was_away: bool) -> None:
    """Whatever Notary said cannot be known, so nothing serves on, also where it had been away before."""

    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    async with bench() as at:
        await at.resolve()
        at.clock.pass_by(31)
        if was_away:
            at.notary.away = True
            assert isinstance(await at.resolve(), Allowed)
            at.notary.away = False
        monkeypatch.setattr(Checks, "_check", fails)
        at.clock.pass_by(600)
        assert not await at.resolver.renewal.renew(KEY)
        for _ in range(3):
            at.clock.pass_by(600)
            with pytest.raises(ZeroDivisionError):
                await at.resolver.resolve(TAG, NOBODY)
