"""However much a worker has to be told, it is told as it listens, and nobody is ended for what somebody else wrote."""

import asyncio
import io
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

import pytest

from proxy.limits import CHANNEL_COLLECTIONS, CHANNEL_GUN_LENGTH, CHANNEL_LINE_BYTES, CHANNEL_UNSENT_BYTES
from proxy.names import Gun
from proxy.server.channel import Channel
from proxy.server.child import Child
from proxy.server.hearsay import listen
from proxy.server.words import FROM_SUPERVISOR, FROM_WORKER, Doubted, FromSupervisor, Greeted, Hinted, Word
from tests.unit.registry.material import eventually
from tests.unit.server.test_reports import nothing_new

MANY = 20_000
LONGEST = CHANNEL_GUN_LENGTH - len("x/9999")
assert MANY * 200 > 3 * CHANNEL_LINE_BYTES  # a reader stops at two of them


def doubts(count: int = MANY) -> Iterator[Word]:
    """So many collections in doubt; a line and both of its ends hold less than all of them."""
    of = "registry.example.com/" + "shop" * 50
    return (Doubted(kind=0, gun=Gun(f"{of}/service-{number}")) for number in range(count))


class Process:
    """A process that notes whether it was ended."""

    pid = 1
    is_killed = False

    def kill(self) -> None:
        """Note it."""
        self.is_killed = True


@dataclass
class Pair:
    """A worker as its supervisor sees it, and the worker's end of the line."""

    child: Child
    process: Process
    worker: Channel[FromSupervisor]
    heard: list[FromSupervisor] = field(default_factory=list)

    async def listen(self) -> bool:
        """Hear until greeted."""
        async with asyncio.timeout(60):
            return await listen(self.worker, self.heard.append, nothing_new)


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    """Both ends of a line."""
    ours, theirs = socket.socketpair()
    supervisor, worker = await Channel.open(ours, FROM_WORKER), await Channel.open(theirs, FROM_SUPERVISOR)
    process = Process()
    child = Child(1, 1, io.BytesIO(), cast("subprocess.Popen[bytes]", process), supervisor)
    try:
        yield Pair(child, process, worker)
    finally:
        supervisor.close()
        worker.close()
        await eventually(lambda: child._informing is None or child._informing.done())


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much less than all news may wait; a transport has its own mind of when it is enough, which is less yet."""
    monkeypatch.setattr("proxy.server.channel.CHANNEL_UNSENT_BYTES", 128 << 10)


@pytest.mark.usefixtures("narrow")
async def test_one_that_listens_hears_all_of_it(events: list[Any]) -> None:
    """After Notary was restored from a backup everything in use is in doubt, which is no reason to end anybody."""
    async with pair() as at:
        at.child.inform(chain(doubts(), (Greeted(),)))
        assert await at.listen()
        assert at.heard == list(doubts())
        assert not at.process.is_killed
    assert events == []


@pytest.mark.usefixtures("narrow")
async def test_one_that_does_not_listen_yet_is_waited_for() -> None:
    """A process needs a moment before it hears anything; what is told to all others meanwhile it hears too."""
    async with pair() as at:
        left = doubts()
        at.child.inform(chain(left, (Greeted(),)))
        for _ in range(1000):
            await asyncio.sleep(0)  # as many turns as it takes to fill the line
        hint = Hinted(notary="corp", guns=None, at=0.0)
        at.child.tell(hint)
        assert not at.process.is_killed
        assert next(left, None)  # which nobody else hears of then
        assert await at.listen()
        assert len(at.heard) == MANY
        assert at.heard.count(hint) == 1


@pytest.mark.usefixtures("narrow")
async def test_later_news_take_the_place_of_earlier_ones() -> None:
    """Under another configuration what is left of the first makes no sense."""
    async with pair() as at:
        left = doubts()
        at.child.inform(left)
        last = Doubted(kind=1, gun=Gun("h/last"))
        at.child.inform(iter((last, Greeted())))
        assert await at.listen()
        assert at.heard == [*doubts(CHANNEL_COLLECTIONS), last]
        assert len(list(left)) == MANY - CHANNEL_COLLECTIONS


async def test_first_of_it_is_said_at_once() -> None:
    """Whoever is told of another configuration knows what is in doubt under it before he goes on, unless it is much."""
    async with pair() as at:
        at.child.inform(iter((*doubts(2), Greeted())))
        at.child.tell(Hinted(notary="corp", guns=None, at=0.0))
        assert await at.listen()
        assert at.heard == list(doubts(2))


async def test_news_end_with_the_worker(events: list[Any]) -> None:
    """Nobody goes on talking to one that is gone, and that it does not listen is not said of it."""
    async with pair() as at:
        left = doubts()
        at.child.inform(left)
        at.worker.close()
        assert at.child._informing
        await asyncio.wait([at.child._informing])
        assert at.child._informing.exception() is None
        assert next(left, None)
    assert events == []


async def test_defect_of_ours_while_it_is_told_costs_one_worker(events: list[Any]) -> None:
    """What it was not told could be a revocation."""

    def fail() -> Iterator[Word]:
        yield from doubts(CHANNEL_COLLECTIONS)
        raise ZeroDivisionError

    async with pair() as at:
        at.child.inform(fail())
        await eventually(lambda: at.process.is_killed)
    assert [each["event"] for each in events] == ["unexpected error"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x/{0}" + "a" * LONGEST, id="long"),
        pytest.param("x/{0}" + '"' * LONGEST, id="long-when-written"),
        pytest.param("registry.example.com/shop/service-{0}", id="many"),
        pytest.param("x/{0}" + "a" * CHANNEL_LINE_BYTES, id="endless"),
    ],
)
async def test_nobody_is_ended_by_what_one_changefeed_names(events: list[Any], name: str) -> None:
    """A Notary names what it likes; all of that is said in one go, and the very next one may do the same."""
    count = 10_000 if len(name) < CHANNEL_LINE_BYTES else 2
    guns = frozenset(Gun(name.format(number)) for number in range(count))
    words = list(Hinted.all_of("corp", guns, 0.0))
    assert max(len(word.line()) for word in words) <= CHANNEL_LINE_BYTES
    assert 8 * sum(len(word.line()) for word in words) <= CHANNEL_UNSENT_BYTES
    async with pair() as at:
        for word in words * 8:
            at.child.tell(word)
        at.child.tell(Greeted())
        assert await at.listen()
        assert at.heard == words * 8
        assert not at.process.is_killed
    assert events == []
