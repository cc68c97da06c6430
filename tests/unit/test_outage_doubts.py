"""No outage serves what Notary contradicted, nor what it says something new of that nobody could verify yet."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from proxy.checks import Checks
from proxy.errors import (
    NotaryUnreachable,
    NoTrustData,
    RootNotTrusted,
    TagNotSigned,
    TrustStoreUnavailable,
    Undecided,
)
from proxy.names import Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Decision
from proxy.renewal import Fetcher, Renewal, key_of
from proxy.resolver import Resolver
from proxy.store.overlay import Overlay
from proxy.store.protocol import Remembered
from proxy.tuf.messages import Fetch, Reply, Unavailable
from proxy.tuf.pins import Pins, RootPin
from proxy.verification import Job, Verified
from proxy.verifier import Verifier
from tests.support.certificates import certificate, x509_key
from tests.support.keys import key_of_type
from tests.support.resolving import NAME, NOBODY, REPOSITORY, TAG, Bench, RecordingNotary, bench, entry
from tests.unit.registry.material import eventually

GUN = Gun(f"{NAME}/{REPOSITORY}")
KEY = key_of(entry(), GUN)
ELSEWHERE = Pins((RootPin("elsewhere", public_key_ids=frozenset({"0" * 64})),))
OTHER = Reference(Repository("other/api"), Tag("1.0"))


async def decide(at: Bench, reference: Reference = TAG) -> Decision:
    """A whole decision."""
    return await at.resolver.resolve(reference, NOBODY)


def revoke(at: Bench) -> None:
    """Take the tag back, and let Notary say so."""
    at.sim.targets.tags.clear()
    at.sim.bump()
    at.sim.publish()


def deleted(at: Bench) -> None:
    """Notary lost the collection."""
    at.sim.current.clear()


def replica(at: Bench, fetch: Fetcher | None = None) -> Resolver:
    """Another process over the same trust store, or the same one after a restart."""
    checks = Checks(at.resolver.policy, at.store, {"corp": fetch or at.notary.fetch}, at.clock)
    old = at.resolver
    return Resolver(
        policy=old.policy,
        store=at.store,
        renewal=Renewal(checks),
        registry=old.registry,
        closure=old.closure,
        clock=at.clock,
    )


@dataclass
class BusyVerifier(Verifier):
    """A verifier that waits until it may, and then gives up."""

    free: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def verify(self, job: Job, fetch: object) -> Verified:  # noqa: ARG002  (it never gets so far)
        """Give up, once it may."""
        self.asked += 1
        await self.free.wait()
        raise Undecided("its trust data took too long to verify")

    async def begun(self) -> None:
        """Wait until it is asked."""
        await eventually(lambda: self.asked > 0)


class WatchedStore(Overlay):
    """A trust store that counts doubts, and that may be full, or gone."""

    doubts = 0
    full = gone = False

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered, while it is there."""
        if self.gone:
            raise TrustStoreUnavailable("the server is gone")
        return await super().load(notary, gun)

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """Note a check, where there is room."""
        self._write()
        await super().touch(notary, gun, generation=generation, checked_at=checked_at)

    async def doubt(self, notary: str, gun: Gun, *, generation: int, at: datetime) -> None:
        """Note a doubt, where there is room."""
        self._write()
        self.doubts += 1
        await super().doubt(notary, gun, generation=generation, at=at)

    def _write(self) -> None:
        if self.full:
            raise TrustStoreUnavailable("the disk is full")


async def test_something_new_that_takes_long_to_verify_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notary answers, so what it may have revoked is not served on because we are slow."""
    async with bench() as at:
        await decide(at)
        revoke(at)
        checks = at.resolver.renewal.checks
        verifier, checks.verifier = checks.verifier, (busy := BusyVerifier())
        checking = asyncio.ensure_future(at.resolver.renewal.renew(KEY))  # noqa: TID251  (it is awaited below)
        await busy.begun()
        with monkeypatch.context() as patched:
            patched.setattr("proxy.renewal.CHECK_PATIENCE_SECONDS", 0.01)
            for _ in range(3):
                at.clock.pass_by(3600)
                assert isinstance((await decide(at)).refusal, Undecided)
        busy.free.set()
        await checking
        at.notary.away = True
        at.clock.pass_by(6)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        at.notary.away, checks.verifier = False, verifier
        assert isinstance((await decide(at)).refusal, TagNotSigned)


class EndlessVerifier(Verifier):
    """A verifier that is still at it when the check is given up."""

    async def verify(self, job: Job, fetch: object) -> Verified:  # noqa: ARG002  (it never gets so far)
        """Go on until nobody waits any more, which comes at once here."""
        raise TimeoutError


async def test_check_that_is_given_up_while_something_new_is_verified() -> None:
    """A verification that never ends leaves nothing to serve."""
    async with bench() as at:
        await decide(at)
        revoke(at)
        at.resolver.renewal.checks.verifier = EndlessVerifier()
        at.clock.pass_by(31)
        assert (await decide(at)).permission is None
        at.notary.away = True
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)


async def test_what_is_fresh_serves_until_it_is_known_what_is_new() -> None:
    """A hint costs nobody a wait: most changes are signatures of something else."""
    async with bench() as at:
        await decide(at)
        revoke(at)
        verifier = at.resolver.renewal.checks.verifier = BusyVerifier()
        checking = asyncio.ensure_future(at.resolver.renewal.renew(KEY))  # noqa: TID251  (it is awaited below)
        await verifier.begun()
        assert isinstance((await decide(at)).permission, Allowed)
        verifier.free.set()
        await checking
        assert isinstance((await decide(at)).refusal, Undecided)


async def test_notary_that_leaves_half_way_is_away() -> None:
    """A timestamp alone is no answer: while the rest cannot be fetched, that is an outage like any other."""
    async with bench() as at:
        await decide(at)
        revoke(at)

        async def fetch(gun: Gun, wish: Fetch) -> Reply:
            return await at.notary.fetch(gun, wish) if wish.name == "timestamp" else Unavailable("time-out")

        notaries = at.resolver.renewal.checks.notaries = {"corp": fetch}
        at.clock.pass_by(31)
        decision = await decide(at)
        assert isinstance(decision.permission, Allowed)
        assert decision.stale == 31
        notaries["corp"] = at.notary.fetch
        at.clock.pass_by(31)
        assert await at.resolver.renewal.renew(KEY)
        assert isinstance((await decide(at)).refusal, TagNotSigned)


async def test_what_cannot_be_verified_now_is_not_tried_again_for_everybody() -> None:
    """A heavy verification that was given up is not begun anew by each request of the next seconds."""
    async with bench() as at:
        verifier = at.resolver.renewal.checks.verifier = BusyVerifier()
        verifier.free.set()
        for _ in range(10):
            assert isinstance((await decide(at)).refusal, Undecided)
        assert verifier.asked == 1
        at.clock.pass_by(5)
        await decide(at)
        assert verifier.asked == 2


@pytest.mark.parametrize("is_readable", [pytest.param(True, id="readable"), pytest.param(False, id="unreadable")])
async def test_what_another_replica_committed_counts_in_an_outage(*, is_readable: bool) -> None:
    """A replica that cannot reach Notary serves nothing that another one knows to be revoked."""
    store = WatchedStore(None)
    async with bench(store=store) as at:
        cut_off = RecordingNotary(at.sim)
        other = replica(at, cut_off.fetch)
        await decide(at)
        assert isinstance((await other.resolve(TAG, NOBODY)).permission, Allowed)
        cut_off.away = True
        revoke(at)
        at.clock.pass_by(31)
        assert isinstance((await decide(at)).refusal, TagNotSigned)
        store.gone = not is_readable
        refusal = (await other.resolve(TAG, NOBODY)).refusal
        assert isinstance(refusal, TagNotSigned if is_readable else NotaryUnreachable)


class StoreThatTells(Overlay):
    """A trust store during whose answer something else comes in."""

    meanwhile: Callable[[], None] | None = None

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered, after something else."""
        if self.meanwhile:
            self.meanwhile()
        return await super().load(notary, gun)


async def test_doubt_that_comes_while_the_store_is_read_wins() -> None:
    """What was on its way from the trust store does not serve after it was put in doubt."""
    store = StoreThatTells(None)
    async with bench(store=store) as at:
        await decide(at)
        at.resolver, at.notary.away = replica(at), True
        renewal = at.resolver.renewal
        store.meanwhile = lambda: renewal.doubt(KEY)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        store.meanwhile = None
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)
        assert renewal.cache.keys() == ()


async def test_replica_whose_clock_is_behind_cannot_tell_how_old_a_commit_is() -> None:
    """A clock that was set back would make what another one committed serve for longer."""
    async with bench() as at:
        cut_off = RecordingNotary(at.sim)
        other = replica(at, cut_off.fetch)
        await other.resolve(TAG, NOBODY)
        at.clock.pass_by(3600)
        at.sim.bump()
        at.sim.publish()
        await decide(at)
        at.clock.wall -= timedelta(minutes=30)
        cut_off.away = True
        assert isinstance((await other.resolve(TAG, NOBODY)).refusal, Undecided)


async def test_machine_that_slept_does_not_wake_up_with_fresh_evidence() -> None:
    """Where one clock stood still the other one counts, for an outage too."""
    async with bench(entry(outage_for=timedelta(hours=1))) as at:
        await decide(at)
        at.clock.wall += timedelta(minutes=30)
        asked = at.asked()
        assert isinstance((await decide(at)).permission, Allowed)
        assert at.asked() == asked + 1
        at.notary.away = True
        at.clock.wall += timedelta(hours=1)
        assert isinstance((await decide(at)).refusal, NotaryUnreachable)


async def test_remembered_refusal_keeps_nothing_else() -> None:
    """However often it is told, it holds on to no frame, and so to no file."""
    async with bench() as at:
        deleted(at)
        for _ in range(3):
            assert isinstance((await decide(at)).refusal, NoTrustData)
        [kept] = at.resolver.renewal._refused.values()
        assert (kept.__traceback__, kept.__context__, kept.__cause__) == (None, None, None)


async def test_certificate_of_the_root_runs_out_while_nothing_changes() -> None:
    """No file says so, so everything is verified anew once a day."""
    plain = key_of_type("ecdsa", "root")
    async with bench() as at:
        until = at.clock.now() + timedelta(hours=10)
        at.sim.root.signers = [x509_key(plain, certificate(GUN, plain, not_after=until))]
        at.sim.root.roles["root"].keys[:] = at.sim.root.signers
        at.sim.publish()
        assert isinstance((await decide(at)).permission, Allowed)
        at.clock.pass_by(23 * 3600)
        await decide(at)
        at.clock.pass_by(3600)
        assert isinstance((await decide(at)).refusal, RootNotTrusted)


async def test_target_that_counts_for_nothing_is_told_once() -> None:
    """A check that finds nothing new has nothing new to say."""
    async with bench() as at:
        at.sim.delegate("targets/left").expires = "2021-01-01T00:00:00Z"  # so each check is a whole one
        at.sim.targets.tags["no/tag"] = at.sim.targets.tags["1.0"]
        at.sim.bump()
        at.sim.publish()
        with capture_logs() as lines:
            for _ in range(3):
                await decide(at)
                at.clock.pass_by(31)
        assert [each["event"] for each in lines].count("target skipped") == 1
