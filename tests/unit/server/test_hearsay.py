"""What the supervisor finds out counts in every worker, and nothing that it says is ever evidence."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest

from proxy.errors import NotaryUnreachable, NoTrustData, Rollback, TagNotSigned, TrustStoreUnavailable
from proxy.names import Gun
from proxy.policy.decisions import Allowed
from proxy.server.channel import Broken
from proxy.server.words import Asked, Confirmed, Doubted, Hinted, Unconfirmed
from proxy.store.overlay import Overlay
from proxy.store.protocol import Remembered
from tests.support.resolving import NAME
from tests.unit.server.wired import GUN, House, house


async def begun(at: House) -> None:
    """Both workers have been asked, and the supervisor keeps it renewed."""
    for worker in at.workers:
        assert isinstance((await worker.decide()).permission, Allowed)
    await at.report()
    for each in (at.supervisor, *at.workers):
        each.fetched.clear()


async def unwritable(*_: object, **__: object) -> None:
    """Nothing can be noted."""
    raise TrustStoreUnavailable("the disk is full")


def confirmed(at: House, **others: Any) -> Confirmed:
    """What the supervisor says of what it knows, but for some of it."""
    standing = at.supervisor.renewal.cache.standing(at.supervisor.key)
    assert standing
    assert standing.generation
    said: dict[str, Any] = {
        "kind": 0,
        "gun": GUN,
        "generation": standing.generation,
        "timestamp": standing.timestamp.hex(),
        "is_whole": standing.is_whole,
        "checked_at": standing.checked_at,
        "checked": standing.checked,
    }
    return Confirmed(**{**said, **others})


async def test_notary_is_asked_once_for_all() -> None:
    """As long as clients ask, the supervisor alone asks Notary, and nobody who pulls waits for it."""
    async with house() as at:
        await begun(at)
        for asked in (1, 2, 3, 4):
            await at.turn(27)
            assert at.supervisor.fetched == ["timestamp"] * asked
            for worker in at.workers:
                assert (await worker.decide()).stale is None
            await at.report()
        assert [worker.fetched for worker in at.workers] == [[], []]


async def test_one_pull_is_enough_to_be_kept_renewed() -> None:
    """What a client asked for counts as asked for, also where the supervisor had never heard of it."""
    async with house(1) as at:
        [worker] = at.workers
        await worker.decide()
        at.bench.notary.hold.clear()
        at.keeper.want(Asked(of=[(0, GUN, 1)]))
        await asyncio.sleep(0.01)
        at.bench.clock.pass_by(0.5)  # a check takes a moment
        at.bench.notary.hold.set()
        await at.settled()
        at.supervisor.fetched.clear()
        for asked in (1, 2, 3):
            await at.turn(27)
            assert at.supervisor.fetched == ["timestamp"] * asked


async def test_what_no_client_asks_for_any_more_is_let_go() -> None:
    """After an hour without a pull one check an hour is enough; the next pull begins it again."""
    async with house(1) as at:
        await begun(at)
        await at.turn(3700)
        await at.turn(27)
        at.supervisor.fetched.clear()
        await at.turn(1800)
        assert at.supervisor.fetched == []
        await at.workers[0].decide()
        await at.report()
        assert at.supervisor.fetched == ["timestamp"]
        await at.turn(27)
        assert at.supervisor.fetched == ["timestamp"] * 2


async def test_change_is_read_from_the_store_by_everybody() -> None:
    """The supervisor verifies and commits it; workers verify what was committed, and ask nobody."""
    async with house() as at:
        await begun(at)
        before = await at.workers[0].decide()
        at.bench.sim.sign("1.0", b"the next image")
        at.publish()
        at.hint()
        await at.settled()
        for worker in at.workers:
            after = await worker.decide()
            assert isinstance(after.permission, Allowed)
            assert before.permission != after.permission
            assert worker.fetched == []
        at.bench.sim.targets.tags.clear()
        at.publish()
        at.hint()
        await at.settled()
        for worker in at.workers:
            assert isinstance((await worker.decide()).refusal, TagNotSigned)
            assert worker.fetched == []


async def test_what_one_worker_finds_out_counts_for_the_other() -> None:
    """A new version that a worker met first is committed by it, and everybody knows after its next report."""
    async with house() as at:
        await begun(at)
        at.bench.clock.pass_by(31)
        at.bench.sim.targets.tags.clear()
        at.publish()
        first, second = at.workers
        assert isinstance((await first.decide()).refusal, TagNotSigned)
        second.fetched.clear()
        await at.report()
        assert isinstance((await second.decide()).refusal, TagNotSigned)
        assert second.fetched == []


async def test_version_that_one_worker_saw_is_a_floor_for_the_other_at_once() -> None:
    """Not even a second passes in which Notary could go back for the other: the trust store is one."""
    async with house() as at:
        await begun(at)
        old = dict(at.bench.sim.current)
        at.publish()
        at.bench.clock.pass_by(31)
        first, second = at.workers
        assert isinstance((await first.decide()).permission, Allowed)
        at.bench.sim.serve_again(old)
        assert isinstance((await second.decide()).refusal, Rollback)


async def test_answer_that_does_not_verify_ends_evidence_everywhere() -> None:
    """Whoever finds it out, nobody serves from memory after that, also while Notary is away again."""
    async with house() as at:
        await begun(at)
        old = dict(at.bench.sim.current)
        at.publish()
        at.hint()
        await at.settled()
        at.bench.sim.serve_again(old)
        at.hint()
        await at.settled()
        at.bench.notary.away = True
        for worker in at.workers:
            assert isinstance((await worker.decide()).refusal, NotaryUnreachable)
        at.bench.notary.away = False
        for worker in at.workers:
            assert isinstance((await worker.decide()).refusal, Rollback)
        at.publish()
        at.bench.clock.pass_by(6)
        for worker in at.workers:
            assert isinstance((await worker.decide()).permission, Allowed)


async def test_doubt_of_one_worker_is_looked_into() -> None:
    """What a worker refused by what Notary told it, the supervisor checks for everybody."""
    async with house() as at:
        await begun(at)
        at.publish()
        old = dict(at.bench.sim.current)
        at.publish()
        at.hint()
        await at.settled()
        at.bench.sim.serve_again(old)
        at.bench.clock.pass_by(31)
        first, second = at.workers
        assert isinstance((await first.decide()).refusal, Rollback)
        await at.report()
        assert at.supervisor.renewal.cache.keys() == second.renewal.cache.keys() == ()


async def test_first_signature_counts_at_once() -> None:
    """A hint ends the refusal that each worker remembers."""
    async with house() as at:
        signed = dict(at.bench.sim.current)
        at.bench.sim.current.clear()
        for worker in at.workers:
            assert isinstance((await worker.decide()).refusal, NoTrustData)
        await at.report()
        assert at.supervisor.fetched == []
        at.bench.sim.current.update(signed)
        at.hint(frozenset({Gun(f"{NAME}/other")}))
        assert isinstance((await at.workers[0].decide()).refusal, NoTrustData)
        at.hint()
        assert isinstance((await at.workers[0].decide()).permission, Allowed)
        at.hint(None)
        assert isinstance((await at.workers[1].decide()).permission, Allowed)


async def test_confirmed_evidence_ends_when_it_expires() -> None:
    """No confirmation outlives what it rests on."""
    async with house(1) as at:
        at.bench.sim.timestamp.expires = "2026-11-21T12:00:20Z"
        at.publish()
        await begun(at)
        at.bench.clock.pass_by(25)
        [worker] = at.workers
        worker.hear(confirmed(at, checked=at.bench.clock.seconds(), checked_at=at.bench.clock.now()))
        await worker.decide()
        assert worker.fetched[:1] == ["timestamp"]


class Leaving(Overlay):
    """A trust store that can be away."""

    away = False

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered, while it is there."""
        if self.away:
            raise TrustStoreUnavailable("the server is gone")
        return await super().load(notary, gun)


async def test_what_cannot_be_read_is_forgotten(events: list[Any]) -> None:
    """Nothing older serves in its place: whoever asks next has it checked."""
    store = Leaving(None)
    async with house(1, store) as at:
        await begun(at)
        store.away = True
        [worker] = at.workers
        worker.hear(confirmed(at, generation=7))
        await at.settled()
        assert worker.renewal.cache.keys() == ()
        assert isinstance((await worker.decide()).refusal, TrustStoreUnavailable)
        store.away = False
        assert isinstance((await worker.decide()).permission, Allowed)
    assert [each["event"] for each in events].count("what another process committed cannot be read") == 1


async def test_a_defect_leaves_nothing_older(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was withdrawn meanwhile is not served until its time has run out."""
    async with house(1) as at:
        await begun(at)
        [worker] = at.workers
        with monkeypatch.context() as patched:
            patched.setattr(type(worker.renewal.checks), "recall", AsyncMock(side_effect=RuntimeError))
            worker.hear(confirmed(at, generation=7))
            await at.settled()
        assert worker.renewal.cache.keys() == ()
        assert isinstance((await worker.decide()).permission, Allowed)
    assert [each["event"] for each in events].count("what another process committed cannot be read") == 1


@pytest.mark.parametrize(
    "others",
    [
        pytest.param({"generation": 7}, id="generation-that-is-not-there"),
        pytest.param({"timestamp": "ab" * 32}, id="timestamp-of-something-else"),
        pytest.param({"timestamp": "ab" * 32, "is_whole": False}, id="role-that-is-withheld"),
    ],
)
async def test_words_that_do_not_fit_only_cost_a_check(others: dict[str, Any]) -> None:
    """Whatever a supervisor says, evidence is what this process verified."""
    async with house(1) as at:
        await begun(at)
        [worker] = at.workers
        worker.hear(confirmed(at, **others))
        await at.settled()
        assert worker.renewal.cache.keys() == ()
        assert isinstance((await worker.decide()).permission, Allowed)
        assert worker.fetched[:1] == ["timestamp"]


async def test_role_that_is_withheld_is_not_read_from_the_store() -> None:
    """What is missing in Notary shows in its answer alone, so whoever asks next has it checked."""
    async with house(1) as at:
        await begun(at)
        at.publish()
        at.upkeep.audience = None
        await at.supervisor.renewal.renew(at.supervisor.key)
        [worker] = at.workers
        worker.hear(confirmed(at, is_whole=False))
        await at.settled()
        assert worker.renewal.cache.keys() == ()
        assert isinstance((await worker.decide()).permission, Allowed)


async def test_older_check_says_nothing_new() -> None:
    """A worker that asked Notary itself meanwhile knows better."""
    async with house(1) as at:
        await begun(at)
        said = confirmed(at, generation=7)
        at.bench.clock.pass_by(31)
        [worker] = at.workers
        await worker.decide()
        worker.hear(said)
        await at.settled()
        assert len(worker.renewal.cache.keys()) == 1


async def test_what_nobody_asks_for_here_is_not_read() -> None:
    """A worker holds what its own clients want."""
    async with house(2) as at:
        await at.workers[0].decide()
        await at.report()
        at.workers[1].hear(confirmed(at))
        await at.settled()
        assert at.workers[1].renewal.cache.keys() == ()


class Slow(Overlay):
    """A trust store that takes its time when a test wants it."""

    def __init__(self) -> None:
        super().__init__(None)
        self.free = asyncio.Event()
        self.free.set()
        self.loads = 0

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered, once it may be said."""
        self.loads += 1
        await self.free.wait()
        return await super().load(notary, gun)


@pytest.mark.parametrize("doubted", [pytest.param(True, id="doubt"), pytest.param(False, id="none")])
async def test_doubt_that_comes_while_something_is_read_wins(*, doubted: bool) -> None:
    """What was on its way does not come back after it was taken away."""
    store = Slow()
    async with house(1, store) as at:
        await begun(at)
        at.bench.sim.sign("1.0", b"the next image")
        at.publish()
        at.upkeep.audience = None
        await at.supervisor.renewal.renew(at.supervisor.key)
        store.free.clear()
        loads, [worker] = store.loads, at.workers
        worker.hear(confirmed(at))
        await at.settled()
        assert store.loads == loads + 1
        if doubted:
            worker.hear(Doubted(kind=0, gun=GUN))
        store.free.set()
        await at.settled()
        assert len(worker.renewal.cache.keys()) == (0 if doubted else 1)


@pytest.mark.parametrize(
    "others",
    [pytest.param({"kind": 1}, id="no-such-kind"), pytest.param({"checked": 1e9}, id="check-that-is-yet-to-come")],
)
async def test_what_cannot_be_meant_is_broken(others: dict[str, Any]) -> None:
    """No worker lets evidence be fresh for longer than from now on."""
    async with house(1) as at:
        await begun(at)
        with pytest.raises(Broken):
            at.workers[0].hear(confirmed(at, **others))
        with pytest.raises(Broken):
            at.workers[0].hear(Doubted(kind=1, gun=GUN))
        with pytest.raises(Broken):
            at.workers[0].hear(Unconfirmed(kind=1, gun=GUN, at=0.0))
        with pytest.raises(Broken):
            at.workers[0].hear(Hinted(notary="corp", guns=[GUN], at=1e9))
        assert len(at.workers[0].renewal.cache.keys()) == 1


@pytest.mark.parametrize("is_greeted", [pytest.param(False, id="told"), pytest.param(True, id="told-at-its-start")])
async def test_doubt_counts_where_nobody_asked_yet(*, is_greeted: bool) -> None:
    """A worker without anything in memory brings nothing back that Notary contradicted, until that is over."""
    async with house(2) as at:
        first, second = at.workers
        await first.decide()
        await at.report()
        signed = dict(at.bench.sim.current)
        at.bench.sim.current.clear()
        at.bench.clock.pass_by(31)
        at.bench.store.doubt = unwritable  # type: ignore[method-assign]  # as on a full disk
        if is_greeted:
            at.upkeep.audience = None
        key = first.key
        await at.supervisor.renewal.renew(key)
        for word in at.keeper.news(1) if is_greeted else ():
            second.hear(word)
        at.bench.notary.away = True
        assert isinstance((await second.decide()).refusal, NotaryUnreachable)
        at.upkeep.audience, at.bench.notary.away = at.keeper, False
        at.bench.sim.current.update(signed)
        at.bench.clock.pass_by(6)
        await at.supervisor.renewal.renew(key)
        at.bench.notary.away = True
        assert isinstance((await second.decide()).permission, Allowed)
