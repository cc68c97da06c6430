"""How the data plane stops: what is under way is finished, downloads and uploads, and nobody is waited for long."""

import asyncio
import socket
from contextlib import suppress

import pytest
from aiohttp import web

from proxy.tasks import spawn
from proxy.web import connection
from proxy.web.listener import Runner
from tests.unit.registry.material import eventually
from tests.unit.web.listening import KEPT, LONG, Place, hello, listening, long_answer


class Slow:
    """A handler that goes on until it is released, and says how it ended."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.cancelled = ""

    async def answer(self, _request: web.Request) -> web.StreamResponse:
        """Answer when released."""
        try:
            await self.released.wait()
        except asyncio.CancelledError as why:
            self.cancelled = str(why)
            raise
        return web.Response(text="at last")


def draining(place: Place) -> "asyncio.Task[None]":
    """Begin to stop."""
    return spawn(place.runner.cleanup(), name="drain")


async def test_a_request_under_way_is_finished() -> None:
    """Its client gets the whole answer, while nobody new is let in."""
    slow = Slow()
    async with listening(slow.answer) as place, place.call() as (reader, writer):
        writer.write(KEPT)
        await eventually(lambda: place.asked)
        stopping = draining(place)
        await eventually(lambda: not place.runner.sites)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", place.port)
        assert not stopping.done()
        slow.released.set()
        assert (await reader.read()).endswith(b"at last")
        await stopping


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="never used"),
        pytest.param(KEPT, id="kept after an answer"),
        pytest.param(KEPT + b"GET /v2/ HT", id="half a request"),
    ],
)
async def test_idle_connections_delay_nothing(sent: bytes) -> None:
    """Who has no request under way is not waited for, however long the drain may take."""
    runner = Runner(web.Application(), drain_seconds=3600)
    async with listening(runner=runner) as place, place.call() as (reader, writer):
        writer.write(sent)
        if sent:
            assert await reader.readuntil(b"hello")
        await runner.cleanup()
        assert await reader.read() == b""


async def test_a_request_that_does_not_finish_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is up the handler is cancelled, and has ended by the time the drain does."""
    monkeypatch.setattr(connection, "DRAIN_CUT_SECONDS", 0.5)
    slow, runner = Slow(), Runner(web.Application(), drain_seconds=0.7)
    async with listening(slow.answer, runner=runner) as place, place.call() as (reader, writer):
        writer.write(KEPT)
        await eventually(lambda: place.asked)
        await runner.cleanup()
        assert slow.cancelled == "cut off: the proxy stops"
        with suppress(ConnectionResetError):
            assert await reader.read() == b""


async def test_a_reader_that_stopped_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that nobody takes ends with the drain, and so does what was sent on it already."""
    monkeypatch.setattr(connection, "DRAIN_CUT_SECONDS", 0.5)
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            ended.set()

    runner = Runner(web.Application(), drain_seconds=0.7)
    async with listening(endless, runner=runner) as place:
        with socket.create_connection(("127.0.0.1", place.port)) as client:
            client.sendall(KEPT)
            await eventually(lambda: place.asked)
            await runner.cleanup()
            assert ended.is_set()
            assert not (await asyncio.to_thread(read_to_the_end, client)).endswith(b"0\r\n\r\n")


async def test_an_answer_on_its_way_arrives() -> None:
    """What the application has handed over is not lost because the proxy stops."""
    async with listening(long_answer) as place:
        with socket.create_connection(("127.0.0.1", place.port)) as client:
            client.sendall(KEPT)
            await eventually(lambda: place.asked)
            stopping = draining(place)
            received = await asyncio.to_thread(read_to_the_end, client)
            await stopping
    assert received.endswith(b"x" * LONG)


def read_to_the_end(client: socket.socket) -> bytes:
    """All that comes until the connection ends in one way or the other."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while chunk := client.recv(1 << 20):
            received += chunk
    return bytes(received)


async def test_an_upload_that_stopped_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of which nothing more comes does not hold the drain up for longer than it may last."""
    monkeypatch.setattr(connection, "DRAIN_CUT_SECONDS", 0.5)

    async def receive(request: web.Request) -> web.StreamResponse:
        await request.read()
        return await hello(request)

    runner = Runner(web.Application(), drain_seconds=0.7)
    async with listening(receive, runner=runner) as place, place.call() as (reader, writer):
        writer.write(b"POST /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\nhalf")
        await eventually(lambda: place.asked)
        await runner.cleanup()
        with suppress(ConnectionResetError):
            assert b"hello" not in await reader.read()


async def repeat(request: web.Request) -> web.StreamResponse:
    """Answer with what was sent."""
    return web.Response(body=await request.read())


@pytest.mark.parametrize(
    ("begun", "rest", "said"),
    [
        pytest.param(b"Content-Length: 8\r\n\r\none-", [b"two-"], b"one-two-", id="of known length"),
        pytest.param(b"Content-Length: 8\r\n\r\n", [b"one-", b"two-"], b"one-two-", id="not yet begun"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n4\r\none-\r\n",
            [b"4\r\ntwo-\r\n", b"0\r\n\r\n"],
            b"one-two-",
            id="chunks",
        ),
        pytest.param(b"Content-Length: 8\r\n\r\none-", [b"two-" + KEPT], b"one-two-", id="with another request behind"),
    ],
)
async def test_an_upload_under_way_is_finished(begun: bytes, rest: list[bytes], said: bytes) -> None:
    """What a client still has to send is read to its end while the proxy stops, and no request behind it."""
    async with listening(repeat) as place, place.call() as (reader, writer):
        writer.write(b"PATCH /v2/ HTTP/1.1\r\nHost: r\r\n" + begun)
        await eventually(lambda: place.asked)
        stopping = draining(place)
        await eventually(lambda: not place.runner.sites)
        await asyncio.sleep(0.01)
        for data in rest:
            writer.write(data)
            await asyncio.sleep(0.01)
        answer = await reader.read()
        await stopping
    assert answer.endswith(b"\r\n\r\n" + said)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(place.asked) == 1


async def test_who_sends_no_body_while_it_stops_is_hung_up_on() -> None:
    """A body that is none holds the drain up for no longer than it takes to see that."""
    async with listening(repeat) as place, place.call() as (reader, writer):
        writer.write(b"PATCH /v2/ HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none-\r\n")
        await eventually(lambda: place.asked)
        stopping = draining(place)
        await eventually(lambda: not place.runner.sites)
        writer.write(b"x\r\n")
        assert await reader.read() == b""
        await stopping


async def test_a_long_upload_is_finished_however_slow_its_reader() -> None:
    """The client is paused and goes on, as on any other day."""
    size, go_on = 8 << 20, asyncio.Event()

    async def receive(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        count = 0
        async for chunk in request.content.iter_any():
            count += len(chunk)
        return web.Response(text=str(count))

    async with listening(receive) as place, place.call() as (reader, writer):
        writer.write(f"PATCH /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length: {size}\r\n\r\n".encode())
        await eventually(lambda: place.asked)
        sending = spawn(_send(writer, size), name="send")
        stopping = draining(place)
        await eventually(lambda: not place.runner.sites)
        go_on.set()
        assert (await reader.read()).endswith(str(size).encode())
        await sending
        await stopping


async def _send(writer: asyncio.StreamWriter, size: int) -> None:
    for _ in range(size // 65536):
        writer.write(bytes(65536))
        await writer.drain()
