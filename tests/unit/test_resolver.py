"""The resolver asks Notary once for everybody, answers while evidence is fresh, and refuses when in doubt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from yarl import URL

from proxy.clock import Clock
from proxy.config.settings import RegistrySettings
from proxy.errors import (
    DeadlineExceeded,
    DigestNotSigned,
    NoRule,
    NotaryUnreachable,
    Refusal,
    Rollback,
    RootNotTrusted,
    TagNotSigned,
    TrustStoreUnavailable,
    Undecided,
)
from proxy.names import Digest, Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Unenforced
from proxy.policy.entries import AnyDigest, Entry, Mode, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import Released
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.resolver import Resolver
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict, Remembered
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, Unavailable
from proxy.tuf.pins import Pins, RootPin
from tests.support.notary_simulator import NotarySimulator

NAME, REPOSITORY = "registry.example.com", Repository("shop/api")
NOBODY = ClientCredentials(None)
TAG = Reference(REPOSITORY, Tag("1.0"))


@dataclass
class HeldClock(Clock):
    """A clock that moves when a test says so."""

    wall: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    monotonic: float = 0.0

    def now(self) -> datetime:
        """The instant that a test chose."""
        return self.wall

    def seconds(self) -> float:
        """The seconds that a test chose."""
        return self.monotonic

    def pass_by(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


@dataclass
class RecordingNotary:
    """A simulated Notary behind an awaitable; `hold` keeps every answer back until it is set."""

    sim: NotarySimulator
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    def __post_init__(self) -> None:
        self.hold.set()

    async def fetch(self, _gun: Gun, wish: Fetch) -> Reply:
        """Answer as the simulator does, once it may."""
        await self.hold.wait()
        if self.away:
            return Unavailable("connection refused")
        answer = self.sim.answer(wish.name)
        return Fetched(answer.body) if answer.status == 200 else Missing()


@dataclass
class Bench:
    """A resolver and everything around it that a test may want to turn."""

    sim: NotarySimulator
    notary: RecordingNotary
    clock: HeldClock
    store: Overlay
    resolver: Resolver
    digest: Digest

    async def resolve(self, reference: Reference = TAG) -> Allowed | Unenforced | Refusal | None:
        """Decide, and return whichever of permission and refusal there is."""
        decision = await self.resolver.resolve(reference, NOBODY)
        return decision.refusal or decision.permission

    def asked(self, name: str = "timestamp") -> int:
        """How often Notary was asked for a file."""
        return self.sim.requests.count(name)


def entry(**changes: object) -> Entry:
    """An entry for everything, by Docker's own rule."""
    fields: dict[str, object] = {
        "pattern": RepositoryPattern("**"),
        "signed_by": Released(),
        "tags": (),
        "notary": "corp",
        "gun_template": "{name}/{repository}",
        "pins": Pins.tofu(),
        "any_digest": None,
        "fresh_for": timedelta(seconds=30),
        "released_required": True,
        "fallback_to_targets": False,
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]  # names are checked by the class itself


@asynccontextmanager
async def bench(
    *entries: Entry, rollout: tuple[Relaxation, ...] = (), store: Overlay | None = None
) -> AsyncIterator[Bench]:
    """A resolver over a simulated Notary that has signed `1.0`."""
    sim = NotarySimulator(f"{NAME}/{REPOSITORY}")
    digest = Digest(sim.sign("1.0"))
    sim.publish()
    notary, clock, memory = RecordingNotary(sim), HeldClock(), store or Overlay(None)
    async with connect(RegistrySettings(URL("http://127.0.0.1:9"), None, None)) as registry:
        resolver = Resolver(
            policy=Policy(NAME, entries or (entry(),), rollout),
            store=memory,
            notaries={"corp": notary.fetch},
            registry=registry,
            closure=Closure(registry.get_manifest),
            clock=clock,
        )
        yield Bench(sim, notary, clock, memory, resolver, digest)


async def test_signed_tag_is_allowed_as_its_digest() -> None:
    """A decision about a signed tag carries the digest, the rule and the evidence."""
    async with bench() as at:
        decision = await at.resolver.resolve(TAG, NOBODY)
    assert isinstance(decision.permission, Allowed)
    assert decision.permission.digest == at.digest
    assert (decision.rule, decision.gun, decision.notary) == ("**", f"{NAME}/{REPOSITORY}", "corp")
    assert set(decision.roles) == {"root", "timestamp", "snapshot", "targets"}
    assert decision.checked_at == at.clock.wall


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
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        at.notary.hold.set()
        assert isinstance(await second, Allowed)
        assert first.cancelled()
        assert at.asked() == 1


async def test_revoked_tag_ends_with_the_next_check() -> None:
    """What is taken back is refused once `fresh_for` has run out."""
    async with bench() as at:
        assert isinstance(await at.resolve(), Allowed)
        del at.sim.targets.tags["1.0"]
        at.sim.bump()
        at.sim.publish()
        at.clock.pass_by(30)
        assert isinstance(await at.resolve(), TagNotSigned)


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


async def test_notary_away_is_no_verdict() -> None:
    """An unreachable Notary is told from one that has nothing, and the next request asks again."""
    async with bench() as at:
        at.notary.away = True
        assert isinstance(await at.resolve(), NotaryUnreachable)
        at.notary.away = False
        assert isinstance(await at.resolve(), Allowed)


async def test_evidence_that_expired_since_is_refused() -> None:
    """A role that runs out while its collection is fresh in memory stops the decision."""
    async with bench() as at:
        at.sim.timestamp.expires = "2026-11-21T12:00:10Z"
        at.sim.publish()
        assert isinstance(await at.resolve(), Allowed)
        at.clock.pass_by(11)
        refusal = await at.resolve()
        assert (type(refusal).__name__, getattr(refusal, "role", "")) == ("Expired", "timestamp")


async def test_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Notary that never answers costs a request no more than its deadline."""
    monkeypatch.setattr("proxy.resolver.DECISION_SECONDS", 0.05)
    async with bench() as at:
        at.notary.hold.clear()
        assert isinstance(await at.resolve(), DeadlineExceeded)
        at.notary.hold.set()
        assert isinstance(await at.resolve(), Allowed)


async def test_flight_has_an_end_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flight that hangs is given up, so that the next request starts a new one."""
    monkeypatch.setattr("proxy.resolver.FLIGHT_SECONDS", 0.05)
    async with bench() as at:
        at.notary.hold.clear()
        assert isinstance(await at.resolve(), DeadlineExceeded)
        at.notary.hold.set()
        assert isinstance(await at.resolve(), Allowed)


class _ContestedStore(Overlay):
    """A store in which somebody else commits first, some number of times."""

    def __init__(self, times: int) -> None:
        super().__init__(None)
        self.times = times

    async def commit(self, notary: str, gun: Gun, stored: Stored, *, expected: int | None, checked_at: datetime) -> int:
        if self.times:
            self.times -= 1
            await super().commit(notary, gun, stored, expected=expected, checked_at=checked_at)
            raise Conflict
        return await super().commit(notary, gun, stored, expected=expected, checked_at=checked_at)


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


async def test_store_away_is_no_verdict() -> None:
    """Without its memory the proxy does not verify as if for the first time."""

    class _Away(Overlay):
        async def load(self, *_: object) -> Remembered | None:
            raise TrustStoreUnavailable("disk full")

    async with bench(store=_Away(None)) as at:
        assert isinstance(await at.resolve(), TrustStoreUnavailable)
        assert at.sim.requests == []


async def test_no_entry_no_question() -> None:
    """A repository without an entry is refused before anybody is asked."""
    async with bench(entry(pattern=RepositoryPattern("other/**"))) as at:
        assert isinstance(await at.resolve(), NoRule)
        assert at.sim.requests == []


async def test_signed_digest_is_admitted() -> None:
    """The digest that a tag has now is admitted without asking the registry."""
    async with bench() as at:
        outcome = await at.resolve(Reference(REPOSITORY, at.digest))
        assert isinstance(outcome, Allowed)
        assert outcome.digest == at.digest


async def test_unknown_digest_without_registry_is_undecided() -> None:
    """While a signed index might name it and cannot be read, a digest is neither admitted nor refused for good."""
    async with bench() as at:
        assert isinstance(await at.resolve(Reference(REPOSITORY, Digest(f"sha256:{'7' * 64}"))), Undecided)


async def test_unknown_digest_with_nothing_signed_is_refused() -> None:
    """Where no tag is signed, no index can name a digest."""
    async with bench() as at:
        at.sim.targets.tags.clear()
        at.sim.publish()
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), DigestNotSigned)


@pytest.mark.parametrize(
    ("until", "kind"),
    [
        pytest.param(datetime(2026, 11, 21, 12, 1, tzinfo=UTC), Unenforced, id="before-its-end"),
        pytest.param(datetime(2026, 11, 21, 12, tzinfo=UTC), Allowed, id="at-its-end"),
    ],
)
async def test_any_digest_ends_by_itself(until: datetime, kind: type) -> None:
    """`digest_pull: any` relays digests until its instant, and never tags."""
    async with bench(entry(any_digest=AnyDigest(until, "migration"))) as at:
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), kind)
        assert isinstance(await at.resolve(), Allowed)


@pytest.mark.parametrize(
    ("passed", "mode"),
    [pytest.param(0, Mode.AUDIT, id="relaxed"), pytest.param(60, None, id="run-out")],
)
async def test_relaxation_ends_without_a_reload(passed: int, mode: Mode | None) -> None:
    """`rollout` relaxes a repository until its instant."""
    until = datetime(2026, 11, 21, 12, 1, tzinfo=UTC)
    relaxation = Relaxation(RepositoryPattern("shop/**"), Mode.AUDIT, until, "first weeks")
    async with bench(rollout=(relaxation,)) as at:
        at.clock.pass_by(passed)
        relaxed = at.resolver.relaxed(REPOSITORY)
        assert (relaxed.mode if relaxed else None) == mode


async def test_different_pins_never_share_evidence() -> None:
    """What was verified for one entry's pins does not answer for another's of the same GUN."""
    gun, elsewhere = f"{NAME}/{REPOSITORY}", Pins((RootPin("elsewhere", public_key_ids=frozenset({"0" * 64})),))
    tofu = entry(pattern=RepositoryPattern("shop/**"), gun_template=gun)
    pinned = entry(pattern=RepositoryPattern("other/**"), gun_template=gun, pins=elsewhere)
    async with bench(tofu, pinned) as at:
        assert isinstance(await at.resolve(), Allowed)
        assert isinstance(await at.resolve(Reference(Repository("other/api"), Tag("1.0"))), RootNotTrusted)
