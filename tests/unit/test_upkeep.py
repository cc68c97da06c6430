"""What is in use is renewed before anybody has to wait for it, and what is not costs little."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from proxy.names import Gun
from proxy.rounds import Rounds
from proxy.store.overlay import Overlay
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Reply
from proxy.upkeep import Upkeep
from tests.support.resolving import NAME, REPOSITORY, Bench, bench, entry
from tests.unit.registry.material import eventually

GUN = Gun(f"{NAME}/{REPOSITORY}")
DAY = 86_400.0


@dataclass
class Feed:
    """A changefeed that tells what a test says."""

    tell: Callable[[frozenset[Gun] | None], None] | None = None

    async def run(self, tell: Callable[[frozenset[Gun] | None], None]) -> None:
        """Wait for the test."""
        self.tell = tell
        await asyncio.Event().wait()


class UsedBefore(Overlay):
    """A trust store that knows of use before a restart."""

    async def asked_since(self, instant: datetime) -> tuple[tuple[str, Gun], ...]:
        """What was asked for, among it what this configuration has no entry for."""
        assert instant.year == 2026
        return (("corp", GUN), ("corp", Gun("other.example.com/shop/api")), ("gone", GUN), ("corp", Gun("official")))


@asynccontextmanager
async def kept(at: Bench, feed: Feed | None = None) -> AsyncIterator[Upkeep]:
    """Upkeep that runs."""
    upkeep = Upkeep(at.resolver.renewal, at.store, {"corp": feed} if feed else {})
    running = spawn(upkeep.run(), name="upkeep")
    await asyncio.sleep(0.001)
    try:
        yield upkeep
    finally:
        running.cancel()
        await asyncio.wait([running])


async def turn(at: Bench, seconds: float) -> None:
    """Let time pass, and whoever is due begin and end."""
    at.clock.pass_by(seconds)
    for rounds in _rounds(at):
        rounds.wake()
    await settled(at)


async def settled(at: Bench) -> None:
    """Wait until nothing is checked any more."""
    for _ in range(3):
        await asyncio.sleep(0.001)
        while flights := at.resolver.renewal._flights:
            await asyncio.wait(list(flights.values()))
            await asyncio.sleep(0.001)


def _rounds(at: Bench) -> list["_Wakeable"]:
    planned = at.resolver.renewal.landed
    upkeep: Upkeep = planned.__self__  # type: ignore[attr-defined]  # a bound method of it
    return [_Wakeable(each) for each in upkeep._rounds.values()]


@dataclass
class _Wakeable:
    rounds: Rounds

    def wake(self) -> None:
        """Look at the clock again."""
        self.rounds._more.set()


async def test_what_is_in_use_is_renewed_before_it_runs_out() -> None:
    """A pull never finds evidence that has just run out."""
    async with bench() as at, kept(at):
        await at.resolve()
        for asked in (2, 3, 4):
            await turn(at, 27)
            assert at.asked() == asked
            await at.resolve()
            assert at.asked() == asked


async def test_what_nobody_asks_for_is_checked_hourly_and_then_no_more() -> None:
    """After an hour without a pull one check an hour is enough, after thirty days none."""
    async with bench() as at, kept(at):
        await at.resolve()
        await turn(at, 3700)
        await turn(at, 27)
        asked = at.asked()
        await turn(at, 1800)
        assert at.asked() == asked
        await turn(at, 1900)
        assert at.asked() == asked + 1
        at.sim.timestamp.expires = "2028-01-01T00:00:00Z"
        at.sim.bump()
        at.sim.publish()
        await turn(at, 31 * DAY)
        asked = at.asked()
        await turn(at, DAY)
        assert at.asked() == asked


async def test_hint_is_followed_at_once() -> None:
    """What a changefeed names is checked now, whatever else is fresh."""
    feed = Feed()
    async with bench() as at, kept(at, feed):
        await at.resolve()
        assert feed.tell
        at.sim.targets.tags.clear()
        at.sim.bump()
        at.sim.publish()
        feed.tell(frozenset({GUN, Gun(f"{NAME}/never/seen")}))
        await settled(at)
        asked = at.asked()
        assert asked > 1
        assert type(await at.resolve()).__name__ == "TagNotSigned"
        assert at.asked() == asked


async def test_hint_during_a_check_is_not_lost() -> None:
    """A check that is under way may have asked before the change, so there is another one after it."""
    feed = Feed()
    async with bench() as at, kept(at, feed):
        await at.resolve()
        at.notary.hold.clear()
        assert feed.tell
        feed.tell(frozenset({GUN}))
        await asyncio.sleep(0.001)
        feed.tell(frozenset({GUN}))
        await asyncio.sleep(0.001)
        at.notary.hold.set()
        await settled(at)
        assert at.asked() == 3


async def test_hint_that_could_not_be_followed_is_followed_soon() -> None:
    """A Notary that is away for a moment just then does not make a revocation wait for `fresh_for`."""
    feed = Feed()
    async with bench(entry(fresh_for=timedelta(hours=1))) as at, kept(at, feed):
        await at.resolve()
        assert feed.tell
        at.sim.targets.tags.clear()
        at.sim.bump()
        at.sim.publish()
        at.notary.away = True
        feed.tell(frozenset({GUN}))
        await settled(at)
        await turn(at, 1)
        at.notary.away = False
        await turn(at, 2)
        assert type(await at.resolve()).__name__ == "TagNotSigned"


async def test_hint_during_a_long_outage_is_followed_ever_more_slowly() -> None:
    """What is tried in vain is tried less often, at last as often as anything that is in use."""
    feed = Feed()
    async with bench(entry(fresh_for=timedelta(hours=1))) as at, kept(at, feed):
        await at.resolve()
        assert feed.tell
        fetch, tries = at.notary.fetch, 0
        at.notary.away = True

        async def counted(gun: Gun, wish: Fetch) -> Reply:
            nonlocal tries
            tries += 1
            return await fetch(gun, wish)

        at.resolver.renewal.checks.notaries = {"corp": counted}
        feed.tell(frozenset({GUN}))
        await settled(at)
        for _ in range(1000):
            await turn(at, 1)
        assert 8 < tries < 12


async def test_hint_about_everything_checks_what_is_known() -> None:
    """Where a changefeed began anew nobody can tell what changed, so all is looked at."""
    feed = Feed()
    async with bench() as at, kept(at, feed):
        await at.resolve()
        assert feed.tell
        feed.tell(None)
        await settled(at)
        assert at.asked() == 2


async def test_outage_goes_by_without_a_pull() -> None:
    """While Notary is away it is tried on and on, and the end of the outage needs nobody who asks."""
    async with bench() as at, kept(at):
        await at.resolve()
        at.notary.away = True
        await turn(at, 27)
        at.notary.away = False
        await turn(at, 19)
        assert at.asked() == 2
        decision = await at.resolver.evidence_for(REPOSITORY)
        assert not decision.is_outage


async def test_restart_goes_on_with_what_was_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for within thirty days is checked before the first pull; what no entry names is not."""
    monkeypatch.setattr("proxy.rounds.FIRST_ROUND_SECONDS", 0.001)
    async with bench(store=UsedBefore(None)) as at, kept(at):
        await turn(at, 1)
        assert at.asked("root") == 1
        assert not (await at.resolver.evidence_for(REPOSITORY)).is_outage
        assert at.asked("root") == 1


async def test_impatient_entry_is_renewed_no_more_than_once_a_second() -> None:
    """`fresh_for: 0s` asks Notary at every pull, and not in a circle."""
    async with bench(entry(fresh_for=timedelta())) as at, kept(at):
        await at.resolve()
        await settled(at)
        assert at.asked() == 1


class Spoilt(UsedBefore):
    """A trust store with a row that cannot be read."""

    async def asked_since(self, instant: datetime) -> tuple[tuple[str, Gun], ...]:
        """Fail in a way that nobody expects."""
        raise ValueError(f"no collection since {instant}")

    async def note_asked(self, asked: object, now: datetime) -> None:
        """Fail like that once more."""
        raise ValueError(f"{asked} at {now}")


async def test_defect_in_what_was_in_use_ends_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds and changefeed go on: what was in use before is only a beginning."""
    monkeypatch.setattr("proxy.upkeep.ASKED_NOTED_SECONDS", 0.001)
    feed = Feed()
    async with bench(store=Spoilt(None)) as at, kept(at, feed):
        with capture_logs() as events:
            at.clock.pass_by(1)
            await at.resolve()
            await asyncio.sleep(0.01)
            at.clock.pass_by(1)
            await at.resolve()
            await asyncio.sleep(0.01)
        told = [each["event"] for each in events]
        assert "what is in use could not be noted" in told
        await turn(at, 27)
        assert at.asked() == 2
        assert feed.tell
        feed.tell(frozenset({GUN}))
        await settled(at)
        assert at.asked() == 3


async def test_defect_at_the_start_is_told() -> None:
    """With its traceback, because it is one."""
    with capture_logs() as events:
        async with bench(store=Spoilt(None)) as at, kept(at):
            await settled(at)
    [told] = [each for each in events if each["event"] == "what was in use before is checked when it is asked for"]
    assert told["exc_info"]


async def test_hint_during_a_first_check_is_not_lost() -> None:
    """It may have asked before the change, also where nothing was known before it."""
    feed = Feed()
    async with bench(entry(fresh_for=timedelta(hours=1))) as at, kept(at, feed):
        at.notary.hold.clear()
        asking = spawn(at.resolve(), name="ask")
        await asyncio.sleep(0.001)
        assert feed.tell
        feed.tell(frozenset({GUN}))
        at.notary.hold.set()
        await asking
        await settled(at)
        assert at.asked() == 2


@dataclass
class Spoiling(Feed):
    """A changefeed that fails by a defect of ours once a test says so."""

    fail: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, tell: Callable[[frozenset[Gun] | None], None]) -> None:
        """Fail in a way that nobody expects."""
        await self.fail.wait()
        raise ValueError(tell)


async def test_reload_after_upkeep_has_ended_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload that names another changefeed must not fail half way: nothing of it is followed, as before."""

    async def defect(_: Upkeep) -> None:
        raise ValueError

    monkeypatch.setattr(Upkeep, "_note_asked", defect)
    async with bench() as at:
        upkeep, feed = Upkeep(at.resolver.renewal, at.store), Feed()
        running = spawn(upkeep.run(), name="upkeep")
        await asyncio.wait([running])
        assert isinstance(running.exception(), ExceptionGroup)
        upkeep.rebind({"corp": feed})
        assert feed.tell is None


async def test_reload_in_the_moment_in_which_upkeep_ends_is_taken() -> None:
    """The group of tasks takes none any more as soon as one has failed, though it goes on until all have ended."""
    spoiling, feed = Spoiling(), Feed()
    async with bench() as at:
        upkeep = Upkeep(at.resolver.renewal, at.store, {"corp": spoiling})
        running = spawn(upkeep.run(), name="upkeep")
        await asyncio.sleep(0)
        reloaded: list[bool] = []

        def reload(_: object) -> None:
            upkeep.rebind({"corp": feed})
            reloaded.append(running.done())

        upkeep._running["changefeed corp"][1].add_done_callback(reload)
        spoiling.fail.set()
        await asyncio.wait([running])
        assert isinstance(running.exception(), ExceptionGroup)
        assert (reloaded, feed.tell) == ([False], None)


async def test_reload_while_upkeep_is_being_ended_is_taken() -> None:
    """The proxy stops, and a changed configuration is found just then."""
    feed = Feed()
    async with bench() as at:
        upkeep = Upkeep(at.resolver.renewal, at.store)
        running = spawn(upkeep.run(), name="upkeep")
        await asyncio.sleep(0)
        reloaded: list[bool] = []

        def reload(_: object) -> None:
            upkeep.rebind({"corp": feed})
            reloaded.append(running.done())

        [(_, rounds)] = upkeep._running.values()
        rounds.add_done_callback(reload)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert (reloaded, feed.tell) == ([False], None)


async def test_upkeep_may_be_begun_anew() -> None:
    """After its end, with all that it has to follow."""
    feed = Feed()
    async with bench() as at:
        upkeep = Upkeep(at.resolver.renewal, at.store, {"corp": feed})
        for _ in range(2):
            feed.tell = None
            running = spawn(upkeep.run(), name="upkeep")
            await eventually(lambda: feed.tell is not None)
            running.cancel()
            await asyncio.wait([running])
