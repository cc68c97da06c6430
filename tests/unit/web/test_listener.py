"""How the data plane listens: versions, limits, no banner."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import web

from proxy.limits import DRAIN_SECONDS, HTTP_HEADERS, HTTP_LINE_BYTES
from proxy.web import connection
from proxy.web.app import Services, build
from proxy.web.connection import Connection
from proxy.web.crowd import Crowd
from proxy.web.listener import Runner
from tests.unit.registry.material import eventually
from tests.unit.web.listening import KEPT, listening, long_answer

REST: Final = b"Host: r\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def no_services() -> AsyncIterator[Services]:
    """Services that cannot be opened."""
    raise OSError("no services")
    yield


async def test_an_application_that_cannot_start_says_so() -> None:
    """What goes wrong while services are opened reaches whoever starts the proxy."""
    runner = Runner(build(no_services, name="registry.example.com"))
    with pytest.raises(OSError, match="no services"):
        await runner.setup()
    await runner.cleanup()


async def test_connections_have_our_limits() -> None:
    """Aiohttp falls back to its own limits in silence if it does not know an argument, so they are looked at here."""
    app = web.Application()
    runner = Runner(app)
    await runner.setup()
    try:
        assert runner.server is not None
        connection = runner.server()
        assert isinstance(connection, Connection)
        assert (connection.max_line_size, connection.max_field_size) == (HTTP_LINE_BYTES, HTTP_LINE_BYTES)
        assert connection.max_headers == HTTP_HEADERS
        assert connection.access_logger is None
        assert runner.server.handler_cancellation
        assert runner._shutdown_timeout == DRAIN_SECONDS
    finally:
        await runner.cleanup()


# --- what is no HTTP of ours ------------------------------------------------------------------


def is_turned_away(answer: bytes) -> bool:
    """Whether this is the one 400 for what is no HTTP, in a version of ours and without a banner."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    return (
        lines[0] == b"HTTP/1.0 400 Bad Request"
        and [line for line in lines if line.lower().startswith(b"server:")] == [b"Server: tagwarden"]
        and json.loads(body)["errors"][0]["code"] == "UNSUPPORTED"
    )


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
async def test_two_versions_are_served(version: str) -> None:
    """Every client speaks one of them."""
    async with listening() as place:
        answer = await place.say(b"GET /v2/ " + version.encode() + b"\r\n" + REST)
    assert answer.startswith(f"{version} 200 OK\r\n".encode())


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("GET /v2/ HTTP/2.0", id="2.0"),
        pytest.param("GET /v2/ HTTP/0.9", id="0.9"),
        pytest.param("GET /v2/ HTTP/1.2", id="1.2"),
        pytest.param("GET /v2/ HTTP/3.0", id="3.0"),
        pytest.param("GET /v2/ HTTP/9.9", id="9.9"),
        pytest.param("GET /v2/ HTTP/1", id="1"),
        pytest.param("GET /v2/ HTTP/11", id="11"),
        pytest.param("GET /v2/ HTTP/1.10", id="1.10"),
        pytest.param("GET /v2/ http/1.1", id="lower case"),
        pytest.param("GET /v2/", id="none"),
        pytest.param("PRI * HTTP/2.0", id="preface"),
        pytest.param("GET /v2/ ICE/1.0", id="ICE"),
        pytest.param("GET /v2/ FTP/1.0", id="FTP"),
        pytest.param("OPTIONS /v2/ HTTP/2.0", id="another method"),
    ],
)
async def test_no_other_version_is(line: str, events: list[Any]) -> None:
    """It is no request, its version does not come back, and one line says so."""
    async with listening() as place:
        answer = await place.say(line.encode() + b"\r\nHost: r\r\n\r\n")
    assert is_turned_away(answer), answer
    assert answer.count(b"HTTP/") == 1
    assert place.asked == []
    assert [event["event"] for event in events] == ["no HTTP"]


async def test_nothing_behind_another_version_is_read(events: list[Any]) -> None:
    """The connection ends with the answer."""
    async with listening() as place:
        answer = await place.say(b"GET /v2/ HTTP/2.0\r\nHost: r\r\n\r\n" + KEPT)
    assert answer.count(b"HTTP/") == 1
    assert place.asked == []
    assert len(events) == 1


async def test_tls_on_a_plain_port_is_turned_away(events: list[Any]) -> None:
    """A client that was told the wrong port gets an answer that its own log may show, and ours has a line."""
    async with listening() as place:
        answer = await place.say(bytes.fromhex("16030100c5010000c10303") + b"\x00" * 200)
    assert is_turned_away(answer)
    assert [event["event"] for event in events] == ["no HTTP"]


def request_of(*, target: int = 0, field: int = 0, headers: int = 0) -> bytes:
    """A request with a target, a header line or a number of headers of this size, Host and Connection included."""
    extra = b"".join(b"X-%d: x\r\n" % number for number in range(max(0, headers - 2)))
    long = b"X-Long: " + b"x" * (field - len("X-Long")) + b"\r\n" if field else b""
    return b"GET /" + b"x" * max(0, target - 1) + b" HTTP/1.1\r\n" + extra + long + REST


@pytest.mark.parametrize(
    ("size", "served"),
    [
        pytest.param({"field": HTTP_LINE_BYTES - 100}, True, id="a long header"),
        pytest.param({"field": HTTP_LINE_BYTES + 100}, False, id="too long a header"),
        pytest.param({"target": HTTP_LINE_BYTES - 100}, True, id="a long target"),
        pytest.param({"target": HTTP_LINE_BYTES + 100}, False, id="too long a target"),
        pytest.param({"headers": HTTP_HEADERS}, True, id="many headers"),
        pytest.param({"headers": HTTP_HEADERS + 1}, False, id="too many headers"),
    ],
)
async def test_lines_and_headers_have_a_limit(events: list[Any], *, size: dict[str, int], served: bool) -> None:
    """Tokens of real registries fit in 32 KiB; what does not fit is no request."""
    async with listening() as place:
        answer = await place.say(request_of(**size))
    assert answer.startswith(b"HTTP/1.1 200 OK") if served else is_turned_away(answer)
    assert len(place.asked) == served
    assert [event["event"] for event in events] == ([] if served else ["no HTTP"])


async def test_an_endless_line_is_not_collected(events: list[Any]) -> None:
    """A header that never ends is answered at its limit, and the rest of it is not waited for."""
    async with listening() as place, place.call() as (reader, writer):
        writer.write(b"GET /v2/ HTTP/1.1\r\nX: " + b"x" * (2 * HTTP_LINE_BYTES))
        assert is_turned_away(await reader.read())
    assert [event["event"] for event in events] == ["no HTTP"]


# --- no banner --------------------------------------------------------------------------------


async def broken(_request: web.Request) -> web.StreamResponse:
    """Fail outside of any middleware of ours."""
    raise RuntimeError("secret detail")


async def late(_request: web.Request) -> web.StreamResponse:
    """Run out of time in the same place."""
    raise TimeoutError


@pytest.mark.parametrize(
    ("answer", "status"), [pytest.param(broken, 500, id="error"), pytest.param(late, 504, id="time")]
)
async def test_what_fails_outside_the_application_says_nothing(answer: Any, status: int) -> None:
    """Only what never became a request is answered here; the rest is aiohttp's answer, without its name."""
    async with listening(answer) as place:
        reply = await place.say(b"GET /v2/ HTTP/1.1\r\n" + REST)
    assert reply.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Server: tagwarden\r\n" in reply
    assert b"aiohttp" not in reply
    assert b"Python" not in reply
    assert b"secret" not in reply


# --- clients that stop reading ----------------------------------------------------------------


async def test_who_takes_nothing_more_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody reads does not hold its connection for ever, though the application is done with it."""
    monkeypatch.setattr(connection, "STREAM_IDLE_SECONDS", 0.3)
    async with listening(long_answer) as place:
        with socket.create_connection(("127.0.0.1", place.port)) as client:
            client.sendall(KEPT)
            await eventually(lambda: place.asked)
            assert place.runner.server is not None
            await eventually(lambda: not place.runner.server.connections)  # type: ignore[union-attr]  # said above


async def test_where_there_is_no_room_the_idle_one_leaves() -> None:
    """The newcomer is served in place of the one that only keeps its connection."""
    runner = Runner(web.Application(), crowd=Crowd(1))
    async with listening(runner=runner) as place, place.call() as (reader, writer):
        writer.write(KEPT)
        assert await reader.readuntil(b"hello")
        assert (await place.say(b"GET /v2/ HTTP/1.1\r\n" + REST)).endswith(b"hello")
        assert await reader.read() == b""
