"""Waiting for a free connection is our own affair: it costs a Notary neither its time nor its name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import web

from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Fetched, Missing, Unavailable
from tests.unit.notary.conftest import serving, settings_for
from tests.unit.notary.conversations import GUN
from tests.unit.registry.material import eventually

CONNECTIONS = 4
TIMEOUT = 60.0
LATE = Unavailable("timed out after 60 s")


class Slow:
    """A Notary that answers one request when it is told to; `asked` are the names of files, as they arrived."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ports: set[int] = set()
        self.is_held = True
        self._released = asyncio.Semaphore(0)
        self._arrived = asyncio.Condition()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer an empty file, or an empty changefeed at once."""
        assert request.transport
        if "changefeed" in request.path:
            return web.Response(body=b'{"count":0,"records":null}')
        self.ports.add(request.transport.get_extra_info("peername")[1])
        self.asked.append(request.path.rpartition("/")[2].removesuffix(".json"))
        async with self._arrived:
            self._arrived.notify_all()
        if self.is_held:
            await self._released.acquire()
        return web.Response(body=b"")

    async def arrived(self, requests: int) -> None:
        """Wait until so many requests are there."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.asked) >= requests)

    def release(self, requests: int) -> None:
        """Answer so many."""
        for _ in range(requests):
            self._released.release()


class Hourglass:
    """All time-outs towards Notary: lets time pass for those that run, on either loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._all: list[asyncio.Timeout] = []
        timeout = asyncio.timeout

        def noted(delay: float | None) -> asyncio.Timeout:
            made = timeout(delay)
            if delay == TIMEOUT:
                self._all.append(made)
            return made

        monkeypatch.setattr(asyncio, "timeout", noted)

    def pass_by(self, seconds: float) -> None:
        """Have all that run end so much earlier."""
        for each in self._all:
            with suppress(RuntimeError):  # it does not run any more
                each.reschedule((each.when() or 0.0) - seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Hourglass:
    """Passes when a test says so."""
    return Hourglass(monkeypatch)


@pytest.fixture
async def notary(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Slow, NotarySource]]:
    """One that is slow, over four connections and with a time-out that runs out when a test says so."""
    monkeypatch.setattr("proxy.notary.client.NOTARY_CONNECTIONS", CONNECTIONS)
    slow = Slow()
    async with serving(slow) as url, NotarySource(settings_for(url, timeout=TIMEOUT)) as source:
        yield slow, source


def fetches(source: NotarySource, names: range) -> "list[asyncio.Task[object]]":
    """Files that are fetched at once, in the order of their names."""
    return [spawn(source.fetch(GUN, Fetch(f"{name}", 100)), name=f"fetch {name}") for name in names]


def roots(source: NotarySource, count: int) -> "list[asyncio.Task[object]]":
    """First contact with names that nobody knows."""
    names = [Gun(f"registry.example.com/no/such-{number}") for number in range(count)]
    return [spawn(source.fetch(name, Fetch("root", 100)), name=f"root of {name}") for name in names]


async def test_the_time_of_a_fetch_begins_with_its_connection(
    notary: tuple[Slow, NotarySource], time: Hourglass
) -> None:
    """A Notary that takes most of its time for each answer is well, however many ask at once."""
    slow, source = notary

    async def answer_in_turn() -> None:
        for number in range(1, 13):
            await slow.arrived(number * CONNECTIONS)
            time.pass_by(TIMEOUT / 3)
            slow.release(CONNECTIONS)

    answering = spawn(answer_in_turn(), name="Notary")
    assert await asyncio.gather(*fetches(source, range(12 * CONNECTIONS))) == [Fetched(b"")] * (12 * CONNECTIONS)
    await answering
    assert len(slow.ports) == CONNECTIONS


async def test_whoever_came_first_is_served_first(notary: tuple[Slow, NotarySource]) -> None:
    """Files are asked for in the order in which they were wished, by everybody together."""
    slow, source = notary
    waiting = fetches(source, range(12))
    for number in range(CONNECTIONS, 12):
        await slow.arrived(number)
        slow.release(1)
    await slow.arrived(12)
    slow.release(CONNECTIONS)
    await asyncio.gather(*waiting)
    assert sorted(slow.asked[:CONNECTIONS], key=int) == ["0", "1", "2", "3"]
    assert slow.asked[CONNECTIONS:] == [str(number) for number in range(CONNECTIONS, 12)]


async def test_the_changefeed_waits_for_no_file(notary: tuple[Slow, NotarySource]) -> None:
    """All connections are taken, and others wait for them: a page is fetched all the same."""
    slow, source = notary
    waiting = fetches(source, range(3 * CONNECTIONS))
    await slow.arrived(CONNECTIONS)
    assert await source.changefeed_page("0", 10) == Fetched(b'{"count":0,"records":null}')
    slow.release(3 * CONNECTIONS)
    assert await asyncio.gather(*waiting) == [Fetched(b"")] * (3 * CONNECTIONS)


async def test_one_that_leaves_makes_room(notary: tuple[Slow, NotarySource]) -> None:
    """Cancelled while it waits or while it is asked for, a fetch keeps nobody else from a connection."""
    slow, source = notary
    tasks = fetches(source, range(3 * CONNECTIONS))
    await slow.arrived(CONNECTIONS)
    leaving = [*tasks[:CONNECTIONS], *tasks[CONNECTIONS + 1 :: 2]]
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    slow.is_held = False
    staying = [task for task in tasks if task not in leaving]
    assert await asyncio.gather(*staying) == [Fetched(b"")] * len(staying)
    assert await asyncio.gather(*fetches(source, range(CONNECTIONS))) == [Fetched(b"")] * CONNECTIONS


async def test_a_notary_that_hangs_is_not_waited_for_again_and_again(
    notary: tuple[Slow, NotarySource], time: Hourglass
) -> None:
    """As many as there are connections got no answer: whoever waited for one hears that too, and at once."""
    slow, source = notary
    waiting = fetches(source, range(20 * CONNECTIONS))
    await slow.arrived(CONNECTIONS)
    time.pass_by(TIMEOUT)
    assert await asyncio.gather(*waiting) == [LATE] * (20 * CONNECTIONS)
    assert len(slow.asked) < 2 * CONNECTIONS
    slow.is_held = False
    assert await asyncio.gather(*fetches(source, range(20))) == [Fetched(b"")] * 20


async def test_one_silence_among_answers_is_one_silence(monkeypatch: pytest.MonkeyPatch, time: Hourglass) -> None:
    """A file that Notary cannot find its way to is nothing that others have to suffer for."""
    monkeypatch.setattr("proxy.notary.client.NOTARY_CONNECTIONS", CONNECTIONS)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if "/0.json" in request.path:
            await asyncio.Event().wait()
        return web.Response(status=404)

    async with serving(handler) as url, NotarySource(settings_for(url, timeout=TIMEOUT)) as source:
        silent, *others = fetches(source, range(30 * CONNECTIONS))
        assert await asyncio.gather(*others) == [Missing()] * len(others)
        assert not silent.done()
        time.pass_by(TIMEOUT)
        assert await silent == LATE


async def test_names_that_nobody_knows_do_not_keep_others_from_asking(notary: tuple[Slow, NotarySource]) -> None:
    """However many wait for an answer about them, a connection is left for what Notary has."""
    slow, source = notary
    strangers = roots(source, 100)
    await slow.arrived(CONNECTIONS - 1)
    known = fetches(source, range(1))
    await slow.arrived(CONNECTIONS)
    assert sorted(slow.asked) == ["0", *["root"] * (CONNECTIONS - 1)]
    slow.is_held = False
    slow.release(CONNECTIONS)
    assert await asyncio.gather(*strangers, *known) == [Fetched(b"")] * 101


async def test_both_queues_go_in_turn(notary: tuple[Slow, NotarySource]) -> None:
    """Neither waits behind the whole of the other."""
    slow, source = notary
    waiting = [*fetches(source, range(20)), *roots(source, 20)]
    for number in range(CONNECTIONS, 16):
        await slow.arrived(number)
        slow.release(1)
    await slow.arrived(16)
    assert {slow.asked[CONNECTIONS:].count("root")} <= {5, 6, 7}
    slow.is_held = False
    slow.release(CONNECTIONS)
    await asyncio.gather(*waiting)


@pytest.mark.parametrize(
    ("share", "taken"),
    [pytest.param(4, CONNECTIONS - 1, id="a place left"), pytest.param(1000, CONNECTIONS, id="no place left")],
)
async def test_silence_about_strangers_is_told_to_strangers(
    monkeypatch: pytest.MonkeyPatch, time: Hourglass, share: int, taken: int
) -> None:
    """Notary hangs over names that it does not know; what it has is waited for all the same."""
    monkeypatch.setattr("proxy.notary.client.NOTARY_CONNECTIONS", CONNECTIONS)
    monkeypatch.setattr("proxy.notary.line.NOTARY_RESERVED", share)
    hanging = list[str]()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if "/root.json" in request.path:
            hanging.append(request.path)
            await asyncio.Event().wait()
        return web.Response(status=404)

    async with serving(handler) as url, NotarySource(settings_for(url, timeout=TIMEOUT)) as source:
        strangers = roots(source, 100)
        await eventually(lambda: len(hanging) == taken)
        others = fetches(source, range(30))
        if taken < CONNECTIONS:
            assert await asyncio.gather(*others) == [Missing()] * 30
        time.pass_by(TIMEOUT)
        assert await asyncio.gather(*others) == [Missing()] * 30
        assert await asyncio.gather(*strangers) == [LATE] * 100
