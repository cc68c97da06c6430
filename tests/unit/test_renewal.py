"""Notary is asked once for everybody, evidence answers while it is fresh, and what is remembered only grows."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.checks import Checks
from proxy.errors import (
    DeadlineExceeded,
    DigestNotSigned,
    Expired,
    Rollback,
    RootNotTrusted,
    TrustStoreUnavailable,
    Undecided,
)
from proxy.names import Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed
from proxy.policy.patterns import RepositoryPattern
from proxy.renewal import Renewal, key_of
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict, Remembered
from proxy.tuf.collection import Stored
from proxy.tuf.pins import Pins, RootPin
from tests.support.resolving import NAME, REPOSITORY, Bench, bench, entry
from tests.unit.registry.material import eventually


async def test_fresh_evidence_answers_without_notary() -> None:
    """Notary is asked again when `fresh_for` has run out, not before."""
    async with bench() as at:
        for passed, asked in ((0, 1), (29, 1), (1, 2), (29, 2), (31, 3)):
            at.clock.pass_by(passed)
            assert isinstance(await at.resolve(), Allowed)
            assert at.asked() == asked


async def test_clock_set_back_does_not_keep_evidence_fresh() -> None:
    """How old evidence is, is not told by the wall clock."""
    async with bench() as at:
        await at.resolve()
        at.clock.pass_by(31)
        at.clock.wall -= timedelta(seconds=200)
        await at.resolve()
        assert at.asked() == 2


async def test_everybody_waits_for_one_flight() -> None:
    """A hundred clients on one cold tag cost one fetch of each file."""
    async with bench() as at:
        at.notary.hold.clear()
        waiting = [asyncio.ensure_future(at.resolve()) for _ in range(100)]  # noqa: TID251  (they are awaited below)
        await asyncio.sleep(0)
        at.notary.hold.set()
        assert all(isinstance(outcome, Allowed) for outcome in await asyncio.gather(*waiting))
        assert [at.asked(name) for name in ("root", "timestamp")] == [1, 1]


async def test_flight_goes_on_when_its_first_client_leaves() -> None:
    """A client that leaves takes nobody else's answer away."""
    async with bench() as at:
        at.notary.hold.clear()
        first = asyncio.ensure_future(at.resolve())  # noqa: TID251  (it is awaited below)
        second = asyncio.ensure_future(at.resolve())  # noqa: TID251  (it is awaited below)
        await eventually(lambda: at.resolver.renewal.waits == 2)
        first.cancel()
        await asyncio.sleep(0)
        at.notary.hold.set()
        assert isinstance(await second, Allowed)
        assert first.cancelled()
        assert at.asked() == 1


async def test_rollback_ends_older_evidence_at_once() -> None:
    """After an answer that does not verify, nothing is served from memory, and nothing is forgotten."""
    async with bench() as at:
        old = dict(at.sim.current)
        at.sim.bump()
        at.sim.publish()
        await at.resolve()
        at.sim.serve_again(old)
        at.clock.pass_by(30)
        assert isinstance(await at.resolve(), Rollback)
        at.clock.monotonic -= 30
        assert isinstance(await at.resolve(), Rollback)


async def test_flight_has_an_end_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flight that hangs is given up, so that the next request starts a new one."""
    async with bench() as at:
        at.notary.hold.clear()
        with monkeypatch.context() as hurried:
            hurried.setattr("proxy.renewal.FLIGHT_SECONDS", 0.05)
            assert isinstance(await at.resolve(), DeadlineExceeded)
        at.notary.hold.set()
        assert isinstance(await at.resolve(), Allowed)


class _ContestedStore(Overlay):
    """A store in which somebody else commits first, some number of times."""

    def __init__(self, times: int) -> None:
        super().__init__(None)
        self.times = times

    async def commit(self, notary: str, gun: Gun, stored: Stored, **rest: Any) -> int:
        generation = await super().commit(notary, gun, stored, **rest)
        if self.times:
            self.times -= 1
            raise Conflict
        return generation


async def test_other_writer_first_means_start_from_what_it_left() -> None:
    """A lost race for the commit is verified again on top of the winner."""
    async with bench(store=_ContestedStore(1)) as at:
        assert isinstance(await at.resolve(), Allowed)
        assert at.asked() == 2


async def test_races_end() -> None:
    """Writers that never stop are no reason to go on for ever: a commit that always loses is undecided."""

    class _NeverMine(Overlay):
        async def commit(self, *_: object, **__: object) -> int:
            raise Conflict

    async with bench(store=_NeverMine(None)) as at:
        refusal = await at.resolve()
        assert isinstance(refusal, Undecided)
        assert "other processes" in refusal.why


async def test_a_defect_in_the_background_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for that check, so nobody else would say why evidence runs out."""

    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    async with bench() as at:
        await at.resolve()
        at.clock.pass_by(20)
        monkeypatch.setattr(Checks, "check", fails)
        with capture_logs() as events:
            assert not await at.resolver.renewal.renew(key_of(entry(), Gun(f"{NAME}/{REPOSITORY}")))
        assert [(each["event"], each["log_level"]) for each in events] == [("unexpected error", "error")]
        assert isinstance(events[0]["exc_info"], ZeroDivisionError)


class _Remembering(Overlay):
    """A store whose last check is where a test puts it."""

    last: datetime | None = None

    async def last_check(self) -> datetime | None:
        return self.last


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [pytest.param(299, Allowed, id="a-little"), pytest.param(301, Undecided, id="too-far")],
)
async def test_clock_behind_the_store(ahead: int, kind: type) -> None:
    """A wall clock far behind the last stored check cannot judge expiry."""
    store = _Remembering(None)
    async with bench(store=store) as at:
        store.last = at.clock.wall + timedelta(seconds=ahead)
        assert isinstance(await at.resolve(), kind)


async def test_clock_behind_what_it_reads() -> None:
    """What another replica noted of this very collection counts at once, whenever the store was asked last."""
    store = Overlay(None)
    async with bench(store=store) as one, bench(store=store) as other:
        other.notary.sim = one.sim
        other.clock.wall = one.clock.wall - timedelta(hours=1)
        assert isinstance(await other.resolve(), Allowed)
        await store.commit(
            "corp", Gun(f"{NAME}/{REPOSITORY}"), await _files(store), expected=1, checked_at=one.clock.wall
        )
        other.clock.pass_by(1)
        other.resolver.renewal.cache.drop(*other.resolver.renewal.keys("corp"))
        assert isinstance(await other.resolve(), Undecided)


async def test_clock_behind_what_others_checked_meanwhile() -> None:
    """Also where nothing is new and everything is only confirmed: a replica whose clock stopped notices."""
    store = _Remembering(None)
    async with bench(store=store) as at:
        assert isinstance(await at.resolve(), Allowed)
        store.last = at.clock.wall + timedelta(hours=1)
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(), Undecided)


async def _files(store: Overlay) -> Stored:
    remembered = await store.load("corp", Gun(f"{NAME}/{REPOSITORY}"))
    assert remembered is not None
    return remembered.stored


async def test_store_away_is_no_verdict() -> None:
    """Without its memory the proxy does not verify as if for the first time."""

    class _Away(Overlay):
        async def load(self, *_: object) -> Remembered | None:
            raise TrustStoreUnavailable("disk full")

    async with bench(store=_Away(None)) as at:
        assert isinstance(await at.resolve(), TrustStoreUnavailable)
        assert at.sim.requests == []


async def test_different_pins_never_share_evidence() -> None:
    """What was verified for one entry's pins does not answer for another's of the same GUN."""
    gun, elsewhere = f"{NAME}/{REPOSITORY}", Pins((RootPin("elsewhere", public_key_ids=frozenset({"0" * 64})),))
    tofu = entry(pattern=RepositoryPattern("shop/**"), gun_template=gun)
    pinned = entry(pattern=RepositoryPattern("other/**"), gun_template=gun, pins=elsewhere)
    async with bench(tofu, pinned) as at:
        assert isinstance(await at.resolve(), Allowed)
        assert isinstance(await at.resolve(Reference(Repository("other/api"), Tag("1.0"))), RootNotTrusted)


async def resigned(at: Bench) -> None:
    """Sign another image under the same tag, and let the proxy see it."""
    assert isinstance(await at.resolve(), Allowed)
    at.sim.sign("1.0", b"the next image")
    at.sim.bump()
    at.sim.publish()
    at.clock.pass_by(31)


async def test_superseded_digest_stays_admitted_for_its_time() -> None:
    """A digest that its tag left is served for `superseded_for`, and no longer; the refusal says of which tag."""
    async with bench(entry(superseded_for=timedelta(hours=1))) as at:
        await resigned(at)
        outcome = await at.resolve()
        assert isinstance(outcome, Allowed)
        assert outcome.digest != at.digest
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), Allowed)
        at.clock.pass_by(3599)
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), Allowed)
        at.clock.pass_by(2)
        await at.resolver.evidence_for(REPOSITORY)
        refusal = await at.resolve(Reference(REPOSITORY, at.digest))
        assert isinstance(refusal, DigestNotSigned | Undecided)  # the new image, unread here, might be an index


async def test_superseded_digest_is_known_after_a_restart() -> None:
    """A proxy that starts anew, or another replica, knows from the store what a tag had."""
    store = Overlay(None)
    async with bench(store=store) as at:
        await resigned(at)
        assert isinstance(await at.resolve(), Allowed)
        again = Renewal(Checks(at.resolver.policy, store, at.resolver.renewal.notaries, at.clock))
        at.resolver.renewal = again
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), Allowed)


async def test_change_while_the_proxy_was_away_is_recorded() -> None:
    """What a tag had before a restart is told from the remembered files when the tag has moved meanwhile."""
    store = Overlay(None)
    async with bench(store=store) as at:
        assert isinstance(await at.resolve(), Allowed)
        at.resolver.renewal = Renewal(Checks(at.resolver.policy, store, at.resolver.renewal.notaries, at.clock))
        at.sim.sign("1.0", b"the next image")
        at.sim.bump()
        at.sim.publish()
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), Allowed)


async def test_revoked_tag_takes_its_superseded_digests_along() -> None:
    """Once a tag has no digest any more, neither its last nor its earlier digests are admitted by it."""
    async with bench() as at:
        await resigned(at)
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), Allowed)
        del at.sim.targets.tags["1.0"]
        at.sim.bump()
        at.sim.publish()
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), DigestNotSigned)


async def test_damaged_past_is_no_past() -> None:
    """Where the store's memory of earlier tags cannot be read, nothing is decided on it."""
    store = Overlay(None)
    async with bench(store=store) as at:
        await resigned(at)
        assert isinstance(await at.resolve(), Allowed)
        kept = await store.load("corp", Gun(f"{NAME}/{REPOSITORY}"))
        assert kept is not None
        await store.commit(
            "corp",
            Gun(f"{NAME}/{REPOSITORY}"),
            kept.stored,
            expected=kept.generation,
            checked_at=kept.checked_at,
            past=b"no past",
        )
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(), TrustStoreUnavailable)


async def test_unchanged_collection_keeps_its_survey() -> None:
    """What all tags come to is found out once, and again only when something was signed or taken back."""
    async with bench() as at:
        one, policy = at.resolver.policy.entries[0], at.resolver.policy
        first = await (await at.resolver.evidence_for(REPOSITORY)).survey(one, policy.blocked, at.clock.now())
        at.clock.pass_by(31)
        again = await (await at.resolver.evidence_for(REPOSITORY)).survey(one, policy.blocked, at.clock.now())
        assert again is first
        at.sim.sign("2.0")
        at.sim.bump()
        at.sim.publish()
        at.clock.pass_by(31)
        changed = await (await at.resolver.evidence_for(REPOSITORY)).survey(one, policy.blocked, at.clock.now())
        assert first.tags == {Tag("1.0")}
        assert changed.tags == {Tag("1.0"), Tag("2.0")}


async def test_survey_is_made_anew_when_its_first_permission_has_run_out() -> None:
    """A survey is believed no longer than the first of its permissions, and a defect for as long as its evidence."""
    async with bench() as at:
        at.sim.timestamp.expires = "2026-11-21T12:00:10Z"
        at.sim.publish()
        found = await at.resolver.evidence_for(REPOSITORY)
        one, policy = at.resolver.policy.entries[0], at.resolver.policy
        assert (await found.survey(one, policy.blocked, at.clock.now())).tags == {"1.0"}
        at.clock.pass_by(11)
        for _ in range(2):
            with pytest.raises(Expired):
                await found.survey(one, policy.blocked, at.clock.now())


def _api(number: int) -> Reference:
    return Reference(Repository(f"shop/api-{number}"), Tag("1.0"))


async def _under_way(renewal: Renewal, flights: int) -> None:
    await eventually(lambda: len(renewal._flights) == flights)


async def test_line_of_those_who_ask_for_what_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for ever more names and leaves has so many looked up, and keeps nobody from what is known."""
    monkeypatch.setattr("proxy.renewal.FIRST_CHECKS", 2)
    async with bench() as at:
        renewal = at.resolver.renewal
        assert isinstance(await at.resolve(), Allowed)
        at.notary.hold.clear()
        asking = [asyncio.ensure_future(at.resolve(_api(number))) for number in range(20)]  # noqa: TID251  (they are cancelled below)
        await _under_way(renewal, 2)
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
        assert len(renewal._flights) == 2
        with monkeypatch.context() as patched:
            patched.setattr("proxy.renewal.CHECK_PATIENCE_SECONDS", 0.01)
            refusal = await at.resolve(_api(20))
        assert isinstance(refusal, Undecided)
        assert "too many repositories" in refusal.why
        at.clock.pass_by(31)
        known = asyncio.ensure_future(at.resolve())  # noqa: TID251  (it is awaited below)
        await _under_way(renewal, 3)
        at.notary.hold.set()
        assert isinstance(await known, Allowed)
        assert not isinstance(await at.resolve(_api(20)), Undecided)
        assert not renewal._flights


async def test_crowd_in_line_costs_one_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who waited for the same collection are answered together, and leave room for others."""
    monkeypatch.setattr("proxy.renewal.FIRST_CHECKS", 1)
    async with bench() as at:
        at.notary.hold.clear()
        first = asyncio.ensure_future(at.resolve(_api(1)))  # noqa: TID251  (it is awaited below)
        await _under_way(at.resolver.renewal, 1)
        crowd = [asyncio.ensure_future(at.resolve()) for _ in range(50)]  # noqa: TID251  (they are awaited below)
        await asyncio.sleep(0.01)
        assert len(at.resolver.renewal._flights) == 1
        at.notary.hold.set()
        await first
        asked = at.asked("root")
        assert all(isinstance(outcome, Allowed) for outcome in await asyncio.gather(*crowd))
        assert at.asked("root") <= asked + 1
        assert not isinstance(await at.resolve(_api(2)), Undecided)
