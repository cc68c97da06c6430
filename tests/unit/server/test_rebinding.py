"""Workers take another configuration, all of them, or are replaced."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from proxy.limits import CHANNEL_COLLECTIONS, REBOUND_SECONDS
from proxy.server.crew import Crew
from proxy.server.words import Doubted, Hinted, Word
from proxy.tasks import spawn
from tests.support.resolving import HeldClock
from tests.unit.registry.material import eventually, pass_by
from tests.unit.server import actors
from tests.unit.server.test_crew import DOUBTED, NOTHING, named

PATIENCE = 60.0
SECOND = replace(NOTHING, number=2)
REBOUND = 'say(b\'{"say": "rebound", "number": 2}\')\n'
TAKES = actors.RELAYS + 'heard(b"rebind")\n' + REBOUND + actors.LISTENS
DOUBTS = (
    actors.RELAYS
    + 'heard(b"doubted")\nassert heard_so_far.index(b"rebind") < heard_so_far.index(b"doubted")\n'
    + REBOUND
    + actors.LISTENS
)
IGNORES = actors.RELAYS + actors.LISTENS
CRASHES = actors.RELAYS + 'heard(b"rebind")\nos.kill(os.getpid(), signal.SIGKILL)\n'
LIES = actors.RELAYS + 'say(b\'{"say": "rebound", "number": 7}\')\n' + actors.LISTENS
GREETED = (
    actors.TALKS
    + 'heard(b"greeted")\nassert heard_so_far.count(b"doubted") == 1000\n'
    + actors.SERVES
    + 'heard(b"rebind")\nheard(b\'"kind":1\')\n'
    + REBOUND
    + actors.LISTENS
)
NEWS = actors.RELAYS + 'heard(b"hinted")\nsys.exit(7 if b"doubted" in heard_so_far else 8)\n'


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long here, and no worker is too slow before a test says so."""
    for name in ("WORKER_PAUSE_SECONDS", "WORKER_LONGEST_SECONDS"):
        monkeypatch.setattr(f"proxy.server.crew.{name}", 0.001)
    assert PATIENCE > REBOUND_SECONDS > 1
    monkeypatch.setattr("proxy.server.crew.REBOUND_SECONDS", PATIENCE)


@asynccontextmanager
async def crew(monkeypatch: pytest.MonkeyPatch, *scripts: str, count: int = 1) -> AsyncIterator[Crew]:
    """Workers that do what scripts say, at work."""
    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(*scripts))
    workers = Crew(NOTHING, (), count, HeldClock())
    async with workers.at_work():
        yield workers


async def test_all_take_it(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """When it is said that they have, they have."""
    async with crew(monkeypatch, TAKES, count=3) as workers:
        await workers.rebind(SECOND)
        assert [child.bound for child in workers._children.values()] == [2, 2, 2]
    assert len(named(events, "worker serving")) == 3


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(IGNORES, "a worker does not take the configuration: it is ended", id="says-nothing"),
        pytest.param(CRASHES, "a worker ended: another one takes its place", id="crashes"),
    ],
)
async def test_one_that_does_not_is_replaced(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], script: str, says: str
) -> None:
    """Another one takes its place, which begins with the new one; nobody goes on under the old one."""
    async with crew(monkeypatch, script, IGNORES) as workers:
        [first] = workers._children.values()
        rebinding = spawn(workers.rebind(SECOND), name="rebind")
        await eventually(lambda: first.told == 2)
        if script == IGNORES:
            assert not rebinding.done()
            pass_by(monkeypatch, PATIENCE)
        await rebinding
        await eventually(lambda: workers.serving() == 1)
        [child] = workers._children.values()
        assert (child.told, child.bound) == (2, 2)
    assert len(named(events, says)) == 1
    assert len(named(events, "worker serving")) == 2


async def test_one_that_says_what_nobody_told_it_is_ended(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """It cannot be understood."""
    async with crew(monkeypatch, LIES, IGNORES):
        await eventually(lambda: len(named(events, "worker serving")) == 2)
    [ended] = named(events, "a worker cannot be understood: it is ended")
    assert "nobody told it of" in ended["why"]


async def test_all_are_told_what_is_in_doubt_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be kinds in it that nobody could speak of before; who is told so knows the new configuration first."""
    async with crew(monkeypatch, DOUBTS, count=2) as workers:
        workers.news = lambda number: iter([DOUBTED] * (number == 2))
        await workers.rebind(SECOND)
        assert [child.bound for child in workers._children.values()] == [2, 2]


async def test_one_that_has_not_been_told_hears_hints_alone(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    """Whoever does not know the kinds of now would understand something else; a hint speaks of none."""
    async with crew(monkeypatch, NEWS, actors.POLITE) as workers:
        workers._handed = SECOND
        workers.tell(DOUBTED)
        workers.tell(Hinted(notary="corp", guns=None, at=0.0))
        await eventually(lambda: named(events, "a worker ended: another one takes its place"))
    assert named(events, "a worker ended: another one takes its place")[0]["how"] == "status 8"


async def test_one_that_is_greeted_meanwhile_is_told_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves under the one before for a moment, knowing all that is in doubt there, and then all of it anew."""
    asked: list[int] = []
    between = Doubted(kind=1, gun=DOUBTED.gun)

    def news(number: int) -> Iterator[Word]:
        asked.append(number)
        return iter([DOUBTED] * 2 * CHANNEL_COLLECTIONS if number == 1 else [between])

    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(GREETED))
    workers = Crew(NOTHING, (), 1, HeldClock())
    workers.news = news
    async with AsyncExitStack() as stack:
        beginning = spawn(stack.enter_async_context(workers.at_work()), name="begin")
        await eventually(lambda: workers._children)
        await workers.rebind(SECOND)
        await beginning
        [child] = workers._children.values()
        assert (asked, child.bound) == ([1, 2], 2)
