"""Workers are replaced when they end, ended when they fail, and drained together."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, cast

import pytest
import uvloop

from proxy.config.settings import Address, Settings
from proxy.errors import Undecided, UserError
from proxy.limits import DRAIN_SECONDS, WORKER_STOP_SECONDS
from proxy.names import Gun
from proxy.server.channel import Broken, Channel
from proxy.server.crew import Crew
from proxy.server.handing import Handed
from proxy.server.listeners import bind
from proxy.server.sockets import Place
from proxy.server.words import FROM_SUPERVISOR, FROM_WORKER, Asked, Doubted, Serving
from proxy.tasks import spawn
from tests.support.resolving import HeldClock
from tests.unit.registry.material import eventually, pass_by
from tests.unit.server import actors

NOTHING = Handed(cast("Settings", None), ())  # actors need no configuration
DOUBTED = Doubted(kind=0, gun=Gun("registry.example.com/shop/api"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long here."""
    for name in ("WORKER_PAUSE_SECONDS", "WORKER_LONGEST_SECONDS"):
        monkeypatch.setattr(f"proxy.server.crew.{name}", 0.001)
    monkeypatch.setattr("proxy.server.child.WORKER_TICK_SECONDS", 0.01)


def crew(monkeypatch: pytest.MonkeyPatch, *scripts: str, count: int = 1) -> Crew:
    """Workers that do what scripts say."""
    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(*scripts))
    return Crew(NOTHING, (), count, HeldClock())


def named(events: list[Any], event: str) -> list[Any]:
    """The events of one name."""
    return [each for each in events if each["event"] == event]


ENDED = "a worker ended: another one takes its place"


async def test_ready_when_all_serve(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Nobody is sent here before everybody serves, nor once they drain."""
    workers = crew(monkeypatch, actors.POLITE, count=2)
    with pytest.raises(Undecided):
        workers.check_ready()
    async with workers.at_work():
        workers.check_ready()
        assert sorted(each["worker"] for each in named(events, "worker serving")) == [1, 2]
    with pytest.raises(Undecided):
        workers.check_ready()
    assert named(events, ENDED) == []


async def test_new_one_is_told_what_it_should_know(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Each one before it serves, and nothing comes after that which it had to know."""
    workers = crew(monkeypatch, actors.GREETED_AND_CRASHES, actors.GREETED)
    workers.news = lambda _: iter([DOUBTED])
    async with workers.at_work():
        await eventually(lambda: len(named(events, "worker serving")) == 2)
    assert [each["how"] for each in named(events, ENDED)] == ["signal 9"]


async def test_one_that_crashes_is_replaced(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Again and again, and it is said how each ended."""
    workers = crew(monkeypatch, actors.CRASHES, actors.CANNOT, actors.POLITE)
    async with workers.at_work():
        await eventually(lambda: len(named(events, "worker serving")) == 2)
        workers.check_ready()
    assert [each["how"] for each in named(events, ENDED)] == ["signal 9", "status 2"]


async def test_pause_grows_while_workers_keep_ending(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """What crashes at once does not take the whole machine, and one that served for a while begins anew."""
    monkeypatch.setattr("proxy.server.crew.WORKER_LONGEST_SECONDS", 0.004)
    workers = crew(monkeypatch, actors.CRASHES)
    async with workers.at_work():
        await eventually(lambda: len(named(events, ENDED)) >= 4)
    assert [each["pause"] for each in named(events, ENDED)][:4] == [0.001, 0.002, 0.004, 0.004]
    monkeypatch.setattr("proxy.server.crew.WORKER_SETTLED_SECONDS", 0.0)
    events.clear()
    workers = crew(monkeypatch, actors.CRASHES)
    async with workers.at_work():
        await eventually(lambda: len(named(events, ENDED)) >= 2)
    assert {each["pause"] for each in named(events, ENDED)} == {0.001}


async def test_not_ready_while_nobody_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last worker is gone, clients are better sent elsewhere."""
    workers = crew(monkeypatch, actors.CRASHES, actors.ENDS_UNHEARD)
    async with workers.at_work():
        await eventually(lambda: _is_refused(workers))


def _is_refused(workers: Crew) -> bool:
    try:
        workers.check_ready()
    except Undecided as undecided:
        return "no worker" in str(undecided)
    return False


async def test_one_that_cannot_even_begin_is_a_sentence(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """At the start there is somebody who reads it; the others end."""
    workers = crew(monkeypatch, actors.POLITE, actors.CANNOT, count=2)
    with pytest.raises(UserError, match=r"^worker \d cannot serve \(status 2\): what it said stands above$"):
        async with workers.at_work():
            raise AssertionError("it serves")
    assert named(events, ENDED) == []


async def test_no_process_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no more of them."""

    def fail(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    workers = crew(monkeypatch)
    monkeypatch.setattr("proxy.server.child._spawn", fail)
    with pytest.raises(UserError, match=r"no process can be started, Resource temporarily unavailable"):
        async with workers.at_work():
            raise AssertionError("it serves")


@pytest.mark.parametrize(
    ("script", "event"),
    [
        pytest.param(actors.RUBBISH, "a worker cannot be understood: it is ended", id="rubbish"),
        pytest.param(actors.ANOTHER, "a worker cannot be understood: it is ended", id="another-configuration"),
        pytest.param(actors.SILENT, "a worker does not answer: it is ended", id="silent"),
        pytest.param(actors.HANGS_UP, ENDED, id="hangs-up-and-lives-on"),
    ],
)
async def test_one_that_fails_is_ended(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], script: str, event: str
) -> None:
    """Whoever does not do what a worker does makes room for one that does."""
    monkeypatch.setattr("proxy.server.child.WORKER_SILENT_SECONDS", 0.2)
    monkeypatch.setattr("proxy.server.child.WORKER_STOP_SECONDS", 0.01)

    def want(asked: Asked) -> None:
        if asked.of[0][0]:
            raise Broken("there is no kind 9")

    workers = crew(monkeypatch, script, actors.POLITE)
    workers.asked = want
    async with workers.at_work():
        await eventually(lambda: named(events, ENDED))
    assert len(named(events, event)) == 1
    assert named(events, ENDED)[0]["how"] == "signal 9"


async def test_defect_of_ours_costs_one_worker(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """It is told with its traceback, and the next one serves."""

    def fail(_: Asked) -> None:
        raise ZeroDivisionError

    workers = crew(monkeypatch, actors.ASKS, actors.POLITE)
    workers.asked = fail
    async with workers.at_work():
        await eventually(lambda: named(events, ENDED))
    [told] = named(events, "unexpected error")
    assert told["exc_info"]


async def test_one_that_never_begins_is_ended(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """It has more time than one that serves, and not for ever."""
    monkeypatch.setattr("proxy.server.child.WORKER_START_SECONDS", 0.05)
    workers = crew(monkeypatch, actors.NEVER_BEGINS)
    with pytest.raises(UserError, match="signal 9"):
        async with workers.at_work():
            raise AssertionError("it serves")
    assert len(named(events, "a worker does not answer: it is ended")) == 1


async def test_what_clients_ask_for_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps it renewed is told."""
    heard: list[Asked] = []
    workers = crew(monkeypatch, actors.ASKS)
    workers.asked = heard.append
    async with workers.at_work():
        await eventually(lambda: heard)
    assert heard == [Asked(of=[(0, Gun("a/b"), 1)])]


async def test_one_that_does_not_listen_is_ended(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """What it was not told could be a revocation, so it does not go on: the one in its place begins from nothing."""
    monkeypatch.setattr("proxy.server.channel.CHANNEL_UNSENT_BYTES", 1000)
    workers = crew(monkeypatch, actors.SILENT, actors.POLITE)
    async with workers.at_work():
        for _ in range(5000):
            workers.tell(DOUBTED)
        await eventually(lambda: named(events, ENDED))
    assert len(named(events, "a worker does not listen: it is ended")) == 1
    assert named(events, ENDED)[0]["how"] == "signal 9"


async def test_nobody_is_told_anything_while_all_drain(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Checks go on until the end, and what comes of them is no news for those who leave."""
    monkeypatch.setattr("proxy.server.channel.CHANNEL_UNSENT_BYTES", 1000)
    monkeypatch.setattr("proxy.server.crew.DRAIN_SECONDS", 0.05)
    monkeypatch.setattr("proxy.server.crew.WORKER_STOP_SECONDS", 0.05)
    workers = crew(monkeypatch, actors.STAYS)
    async with workers.at_work():
        child = workers._children[1]
    child.tell(DOUBTED)
    workers = crew(monkeypatch, actors.STAYS)
    async with workers.at_work():
        child = workers._children[1]
        child.dismiss()
        for _ in range(5000):
            workers.tell(DOUBTED)
    assert named(events, "a worker does not listen: it is ended") == []


@pytest.mark.parametrize("loop", [pytest.param(uvloop.new_event_loop, id="uvloop"), pytest.param(None, id="asyncio")])
def test_nothing_is_said_after_hanging_up(loop: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
    """Neither loop is asked to write where it may not; what the other end says is heard on."""

    async def talk() -> None:
        here, there = socket.socketpair()
        ours, theirs = await Channel.open(here, FROM_WORKER), await Channel.open(there, FROM_SUPERVISOR)
        assert ours.say(DOUBTED)
        ours.hang_up()
        assert not ours.say(DOUBTED)
        ours.hang_up()
        assert await theirs.hear() == DOUBTED
        assert await theirs.hear() is None
        assert theirs.say(Serving())
        assert await ours.hear() == Serving()
        ours.close()
        theirs.close()
        assert not theirs.say(Serving())

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(talk())


async def test_defect_at_the_start_leaves_no_place_empty(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Whatever keeps a worker from its place, it is said, and tried again after a pause."""
    play, fails = actors.playing(actors.CRASHES, actors.POLITE), iter([False, True, True])

    def fail(number: int, settings: BinaryIO, inherited: tuple[int, ...]) -> "subprocess.Popen[bytes]":
        if next(fails, False):
            raise RuntimeError("can't start new thread")
        return play(number, settings, inherited)

    workers = crew(monkeypatch)
    monkeypatch.setattr("proxy.server.child._spawn", fail)
    async with workers.at_work():
        await eventually(lambda: len(named(events, "worker serving")) == 2)
        workers.check_ready()
    assert [each["how"] for each in named(events, ENDED)] == ["signal 9", *["a defect, RuntimeError"] * 2]
    assert len(named(events, "unexpected error")) == 2


async def test_defect_at_the_very_start_is_a_sentence(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Nobody waits for a worker that cannot be had."""

    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    workers = crew(monkeypatch)
    monkeypatch.setattr("proxy.server.child._spawn", fail)
    with pytest.raises(UserError, match="a defect, RuntimeError"):
        async with workers.at_work():
            raise AssertionError("it serves")
    assert len(named(events, "unexpected error")) == 1


async def test_replacing_needs_no_thread(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """A limit on processes counts threads too, and is no reason to leave a place empty."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    workers = crew(monkeypatch, actors.CRASHES, actors.POLITE)
    async with workers.at_work():
        await eventually(lambda: len(named(events, "worker serving")) == 2)
    assert named(events, "unexpected error") == []


async def test_all_stop_before_they_have_begun(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Who is told to stop does not wait for workers that may never serve."""
    workers, stopping = crew(monkeypatch, actors.NEVER_BEGINS, count=2), asyncio.Event()
    stopping.set()
    async with workers.at_work(stopping):
        with pytest.raises(Undecided):
            workers.check_ready()
        await eventually(lambda: len(workers._children) == 2)
    assert {each["event"] for each in events} == set()


async def test_one_that_takes_too_long_to_stop_is_ended(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """A drain has an end, whatever a worker is at."""
    workers = crew(monkeypatch, actors.STAYS, actors.POLITE, count=2)

    async def run_out() -> None:
        await eventually(lambda: len(workers._children) == 1)  # the other one has ended
        pass_by(monkeypatch, DRAIN_SECONDS + WORKER_STOP_SECONDS)

    async with workers.at_work():
        assert len(workers._children) == 2
        running_out = spawn(run_out(), name="time")
    await running_out
    [said] = named(events, "workers took too long to stop: they are ended")
    assert len(said["workers"]) == 1
    assert named(events, ENDED) == []


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Any, tuple[str, int]]]:
    """A socket that a supervisor holds."""
    [at] = await bind(Place("listen", Address("127.0.0.1", 0)))
    yield at, at.sockets[0].getsockname()


async def test_who_comes_while_nobody_serves_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two workers nobody is turned away; once all drain, everybody is."""
    async with listening() as (at, address):
        monkeypatch.setattr("proxy.server.child._spawn", actors.playing(actors.CRASHES, actors.ENDS_UNHEARD))
        workers = Crew(NOTHING, (at,), 1, HeldClock())
        async with workers.at_work():
            await eventually(lambda: _is_refused(workers))
            _, writer = await asyncio.open_connection(*address)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        writer.close()
