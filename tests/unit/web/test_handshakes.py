"""Listening with TLS: who gets in, and what is said of those who do not."""

import asyncio
import errno
import gc
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import uvloop
from aiohttp import web

from certs.authority import Authority
from proxy.web import crowd
from proxy.web.crowd import Crowd
from proxy.web.handshakes import TlsSite
from proxy.web.listener import Runner
from proxy.web.tls import server_context
from tests.support.pem import listener_tls
from tests.unit.registry.material import eventually
from tests.unit.web.listening import Place, hello, listening

GET = b"GET /v2/ HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom clients trust."""
    return Authority.open(tmp_path)


@pytest.fixture
def ours(authority: Authority) -> ssl.SSLContext:
    """The listener's side."""
    pair = authority.issue("proxy")
    return server_context(listener_tls(pair.certificate_file, pair.key_file), "listen")


@pytest.fixture
def theirs(authority: Authority) -> ssl.SSLContext:
    """A client's side."""
    return ssl.create_default_context(cafile=authority.certificate_file)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Libraries have nothing to complain about, whatever clients do."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_request_over_tls_is_answered(ours: ssl.SSLContext, theirs: ssl.SSLContext, events: list[Any]) -> None:
    """The application sees that it came over TLS, and the log says nothing."""
    async with listening(hello, ours) as place:
        answer = await place.say(GET, theirs)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"hello")
    assert [(request.secure, request.remote) for request in place.asked] == [(True, "127.0.0.1")]
    assert events == []


async def test_plain_http_is_turned_away(ours: ssl.SSLContext, events: list[Any]) -> None:
    """Whoever forgot the `s` is one line in the log, and never a request."""
    async with listening(hello, ours) as place:
        answer = await place.say(GET)
        await eventually(lambda: events)
    assert b"HTTP/" not in answer
    assert place.asked == []
    assert events == [
        {"event": "no TLS", "log_level": "info", "listener": "listen", "client": "127.0.0.1", "why": "http request"}
    ]


@pytest.mark.parametrize(
    "data", [pytest.param(b"\x00" * 100, id="zeros"), pytest.param(b"\x16\x03\x01\x00\x05hello", id="a broken hello")]
)
async def test_rubbish_is_turned_away(ours: ssl.SSLContext, events: list[Any], data: bytes) -> None:
    """What is no TLS is one line."""
    async with listening(hello, ours) as place:
        await place.say(data)
        await eventually(lambda: events)
    assert [(event["event"], event["log_level"]) for event in events] == [("no TLS", "info")]


def distrust(port: int) -> None:
    """Be a client that knows none of our authorities, and says so."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


async def test_a_client_that_does_not_trust_us_is_one_line(ours: ssl.SSLContext, events: list[Any]) -> None:
    """Its alert says why."""
    async with listening(hello, ours) as place:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(distrust, place.port)
        await eventually(lambda: events)
    assert [(event["event"], event["why"]) for event in events] == [("no TLS", "tlsv1 alert unknown ca")]


def come_without_a_certificate(port: int, client: ssl.SSLContext) -> None:
    """Be a client that has nothing to show, and listen to what is said about that."""
    plain = socket.create_connection(("127.0.0.1", port))
    with plain, client.wrap_socket(plain, server_hostname="localhost") as encrypted:
        encrypted.recv(1)


@pytest.mark.parametrize(
    ("version", "alert"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_2, "HANDSHAKE_FAILURE", id="TLS 1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_3, "CERTIFICATE_REQUIRED", id="TLS 1.3"),
    ],
)
async def test_a_client_hears_why_it_is_not_let_in(
    authority: Authority, theirs: ssl.SSLContext, events: list[Any], version: ssl.TLSVersion, alert: str
) -> None:
    """An alert tells it, which clients show to people, and not a connection that just ends."""
    pair = authority.issue("proxy")
    ours = server_context(listener_tls(pair.certificate_file, pair.key_file, authority.certificate_file), "listen")
    theirs.maximum_version = version
    async with listening(hello, ours) as place:
        with pytest.raises(ssl.SSLError, match=alert):
            await asyncio.to_thread(come_without_a_certificate, place.port, theirs)
        await eventually(lambda: events)
    assert [(event["event"], event["why"]) for event in events] == [("no TLS", "peer did not return a certificate")]


async def test_who_only_probes_the_port_is_no_news(ours: ssl.SSLContext, events: list[Any]) -> None:
    """Load balancers connect and leave all day: that is worth a line for debugging alone."""
    async with listening(hello, ours) as place:
        async with place.call():
            pass
        await eventually(lambda: events)
    told = [(event["event"], event["log_level"], event["listener"]) for event in events]
    assert told == [("no TLS", "debug", "listen")]


async def test_who_resets_the_connection_is_no_news(ours: ssl.SSLContext, events: list[Any]) -> None:
    """The same, in a rougher way."""
    async with listening(hello, ours) as place:
        async with place.call() as (_, writer):
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        await eventually(lambda: events)
    assert [(event["event"], event["log_level"]) for event in events] == [("no TLS", "debug")]


async def test_a_handshake_has_a_time_out(
    ours: ssl.SSLContext, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever connects and says nothing is hung up on."""
    monkeypatch.setattr(crowd, "TLS_HANDSHAKE_SECONDS", 0.1)
    async with listening(hello, ours) as place:
        assert await place.say(b"") == b""
        assert await place.say(b"\x16\x03") == b""
        await eventually(lambda: len(events) == 2)
    told = {(event["event"], event["why"], event["listener"]) for event in events}
    assert told == {("no TLS", "no handshake in time", "listen")}


async def test_what_fails_in_accepting_does_not_end_it(
    ours: ssl.SSLContext, theirs: ssl.SSLContext, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files is a line in the log and a moment's patience."""
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [OSError(24, "Too many open files")]

    async def accept_or_fail(listening_socket: socket.socket) -> Any:
        if failures:
            raise failures.pop()
        return await accept(listening_socket)

    monkeypatch.setattr(loop, "sock_accept", accept_or_fail)
    async with listening(hello, ours) as place:
        assert (await place.say(GET, theirs)).endswith(b"hello")
    assert [(event["event"], event["log_level"], event["listener"], event["why"]) for event in events] == [
        ("cannot accept connections", "warning", "listen", "too many open files")
    ]


async def test_stopping_breaks_off_handshakes(ours: ssl.SSLContext) -> None:
    """Nobody can hold a drain up by starting to shake hands."""
    async with listening(hello, ours) as place, place.call() as (reader, writer):
        writer.write(b"\x16\x03")
        site = next(iter(place.runner.sites))
        assert isinstance(site, TlsSite)
        await eventually(lambda: len(site._tasks) == 2)
        await place.runner.cleanup()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert reader.at_eof() or reader.exception()
        assert site.name == f"https://127.0.0.1:{place.port}"


async def test_a_runner_comes_first(ours: ssl.SSLContext) -> None:
    """A site without an application that is set up is a defect of ours."""
    with socket.create_server(("127.0.0.1", 0)) as served, pytest.raises(RuntimeError):
        TlsSite(Runner(web.Application()), served, ours, "listen")


# --- how many are under way at once -------------------------------------------------------------


def few(monkeypatch: pytest.MonkeyPatch, places: int) -> Runner:
    """An application with so few places for handshakes, where nobody is hurried for the sake of others."""
    monkeypatch.setattr(crowd, "TLS_HANDSHAKES", places)
    monkeypatch.setattr(crowd, "TLS_HANDSHAKE_SECONDS", 3600.0)
    return Runner(web.Application(), crowd=Crowd(20, handshakes=places))


async def test_handshakes_under_way_have_a_bound(
    ours: ssl.SSLContext, theirs: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it clients wait, and are served when there is room again."""
    async with listening(hello, ours, few(monkeypatch, 1)) as place:
        async with place.call() as (_, silent):
            silent.write(b"\x16")
            waiting = asyncio.gather(place.say(GET, theirs))
            done, _ = await asyncio.wait([waiting], timeout=0.2)
            assert not done
        [answer] = await waiting
    assert answer.endswith(b"hello")


async def test_an_open_connection_does_not_count_as_a_handshake(
    ours: ssl.SSLContext, theirs: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is given back as soon as the handshake is complete."""
    runner = few(monkeypatch, 1)
    async with listening(hello, ours, runner) as place, place.call(theirs), place.call(theirs):
        assert (await place.say(GET, theirs)).endswith(b"hello")


async def test_the_oldest_silent_one_makes_room(
    ours: ssl.SSLContext, theirs: ssl.SSLContext, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where places are few, who says nothing has less time while somebody waits; those after it stay."""
    monkeypatch.setattr(crowd, "TLS_HANDSHAKE_SECONDS", 3600.0)
    monkeypatch.setattr(crowd, "TLS_HANDSHAKES", 1 << 40)  # of which two are next to none, as is their part of the time
    runner = Runner(web.Application(), crowd=Crowd(20, handshakes=2))
    async with listening(hello, ours, runner) as place, place.call() as (first, _), place.call():
        assert (await place.say(GET, theirs)).endswith(b"hello")
        assert await first.read() == b""
        assert [event["why"] for event in events] == ["no handshake in time"]


def open_sockets() -> int:
    """How many files of this process are sockets, without those that earlier tests left to be collected."""
    gc.collect()
    return sum(each.is_socket() for each in Path("/proc/self/fd").iterdir())


async def test_silence_takes_no_more_files_than_places_have(
    ours: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all who say nothing, each who has a place costs the listener two files, and the next one, who waits, one."""
    runner = few(monkeypatch, 3)
    async with listening(hello, ours, runner) as place, AsyncExitStack() as silent:
        before = open_sockets()
        for _ in range(20):
            await silent.enter_async_context(place.call())
        await eventually(lambda: open_sockets() >= before + 20 + 3 * 2 + 1)
        await asyncio.sleep(0.1)
        assert open_sockets() == before + 20 + 3 * 2 + 1


async def silence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say nothing until one is hung up on."""
    with monkeypatch.context() as hasty:
        hasty.setattr(crowd, "TLS_HANDSHAKE_SECONDS", 0.05)
        assert await place.say(b"") == b""


async def rubbish(place: Place, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Say what is no TLS."""
    await place.say(b"\x00" * 100)


async def leaving(place: Place, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect, and leave."""
    async with place.call():
        pass


async def too_many_files(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Come when no more files may be opened."""
    with monkeypatch.context() as short:
        short.setattr(socket.socket, "dup", fail(OSError(errno.EMFILE, "Too many open files")))
        assert await place.say(b"") == b""


def fail(error: OSError) -> Callable[..., Any]:
    """A call that fails."""

    def failing(*_: object, **__: object) -> Any:
        raise error

    return failing


Ending: TypeAlias = Callable[[Place, pytest.MonkeyPatch], Awaitable[None]]

LOOPS: Final = [pytest.param(uvloop.new_event_loop, id="uvloop"), pytest.param(asyncio.new_event_loop, id="asyncio")]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("ending", "told"),
    [
        pytest.param(silence, ("info", "no handshake in time"), id="silence"),
        pytest.param(rubbish, ("info", "wrong version number"), id="rubbish"),
        pytest.param(leaving, ("debug", "the client left"), id="the client left"),
        pytest.param(too_many_files, ("info", "too many open files"), id="too many open files"),
    ],
)
def test_however_a_handshake_ends_its_place_is_free_again(
    ours: ssl.SSLContext,
    theirs: ssl.SSLContext,
    events: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    ending: Ending,
    told: tuple[str, str],
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """More of them than there are places, and the next client is served; no file stays open, and each is a line."""

    async def scene() -> None:
        async with listening(hello, ours, few(monkeypatch, 1)) as place:
            before = open_sockets()
            for _ in range(3):
                await ending(place, monkeypatch)
            await eventually(lambda: len(events) == 3)
            assert (await place.say(GET, theirs)).endswith(b"hello")
            await eventually(lambda: open_sockets() <= before)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scene())
    assert [(event["log_level"], event["why"]) for event in events] == [told] * 3


async def test_who_waits_when_a_listener_stops_takes_no_place_along(
    ours: ssl.SSLContext, theirs: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All listeners share the places: one that ends gives back its own, and hangs up on who waits for one."""
    runner = few(monkeypatch, 1)
    other = Runner(web.Application(), crowd=runner.crowd)
    async with listening(hello, ours, other) as stays, listening(hello, ours, runner) as stops:
        async with stops.call() as (silent, _), stops.call() as (waiting, _):
            await eventually(runner.crowd.handshakes._next.locked)
            queued = asyncio.gather(stays.say(GET, theirs))
            await runner.cleanup()
            for each in (silent, waiting):
                with suppress(ConnectionResetError):
                    assert await each.read() == b""
            [answer] = await queued
        assert answer.endswith(b"hello")
