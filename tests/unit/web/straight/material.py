"""A proxy between a registry that is scripted to the byte and clients that count them, on every way that blobs go."""

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from aiohttp import web
from yarl import URL

from certs.authority import Authority
from proxy.config.settings import Doors
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.registry.streams import Rest
from proxy.store.overlay import Overlay
from proxy.web import straight
from proxy.web.app import Services, build
from proxy.web.listener import Runner
from proxy.web.pour import pour
from proxy.web.splice import splice
from tests.unit.registry.material import NOW, settings
from tests.unit.web.listening import Line
from tests.unit.web.material import ScriptedResolver

DIGEST: Final = f"sha256:{'5' * 64}"
BLOB: Final = f"/v2/shop/app/blobs/{DIGEST}"
GET: Final = f"GET {BLOB} HTTP/1.1\r\nHost: r\r\n\r\n".encode()
LENGTH: Final = 3 << 20
BODY: Final = os.urandom(LENGTH)

Answer: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[object]]


class Way(StrEnum):
    """How the rest of a large blob goes."""

    SPLICED = "inside the kernel"
    POURED = "through a buffer"
    TLS = "to a client with TLS"
    BOTH_TLS = "from and to TLS"
    PLAIN = "through aiohttp"


WAYS: Final = [pytest.param(way, id=way) for way in Way]
STRAIGHT: Final = [pytest.param(way, id=way) for way in Way if way is not Way.PLAIN]


def head(length: int, status: str = "200 OK", more: str = "") -> bytes:
    """The head of an answer with a body of this length."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def sending(*pieces: bytes) -> Answer:
    """An answer in so many pieces, which come one after the other."""

    async def send(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return send


WHOLE: Final[Answer] = sending(head(LENGTH), BODY)
SMALL: Final[Answer] = sending(head(5) + b"hello")
HALF: Final = LENGTH // 2


async def silent(_writer: asyncio.StreamWriter) -> None:
    """Say nothing more."""
    await asyncio.sleep(60)


async def close(writer: asyncio.StreamWriter) -> None:
    """Send nothing more."""
    writer.close()


def and_then(*answers: Answer) -> Answer:
    """One answer made of several."""

    async def send(writer: asyncio.StreamWriter) -> None:
        for each in answers:
            await each(writer)

    return send


@dataclass
class Registry:
    """Gives the next of its answers to each request; `left` counts connections that the proxy has ended."""

    answers: list[Answer]
    asked: list[bytes] = field(default_factory=list)
    left: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                    await self.answers.pop(0)(writer)
        finally:
            self.left += 1
            writer.close()


@dataclass
class Place:
    """A running proxy: where, what is behind it, and what went straight: `spliced`, `poured`."""

    runner: Runner
    registry: Registry
    port: int
    context: ssl.SSLContext | None
    straight: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def call(self, *, limit: int = 1 << 16) -> AsyncIterator[Line]:
        """Open a connection, and close it at the end at the latest."""
        name = "localhost" if self.context else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname=name, limit=limit
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head of an answer, and as much of a body as that states."""
    top = await reader.readuntil(b"\r\n\r\n")
    lines = [line.partition(b":") for line in top.lower().split(b"\r\n")]
    length = next(int(value) for name, _, value in lines if name == b"content-length")
    return top, await reader.readexactly(length)


@asynccontextmanager
async def between(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, way: Way, *answers: Answer, drain_seconds: float = 1.0
) -> AsyncIterator[Place]:
    """Run a proxy on this way, in front of a registry that gives these answers."""
    registry = Registry(list(answers))
    with_tls = way in (Way.TLS, Way.BOTH_TLS)
    ours, theirs = _contexts(authority) if with_tls else (None, None)
    if way is Way.POURED:
        monkeypatch.setattr(os, "splice", _unknown)
    async with AsyncExitStack() as stack:
        behind = theirs if way is Way.BOTH_TLS else None
        server = await asyncio.start_server(registry.talk, "127.0.0.1", 0, ssl=behind)
        stack.push_async_callback(server.wait_closed)
        stack.callback(server.close)
        there = f"{'https' if behind else 'http'}://localhost:{server.sockets[0].getsockname()[1]}"

        @asynccontextmanager
        async def open_services() -> AsyncIterator[Services]:
            async with connect(settings(URL(there), ca_file=authority.certificate_file if behind else None)) as client:
                closure = Closure(client.get_manifest, Overlay(None))
                yield Services(client, ScriptedResolver(), closure, Doors(), lambda: NOW)

        app = build(open_services, name="registry.example.com", splice=way is not Way.PLAIN)
        runner = Runner(app, drain_seconds=drain_seconds)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=theirs).start()
        place = Place(runner, registry, runner.addresses[0][1], ours)
        _note(place, monkeypatch)
        yield place


def _note(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a place know which way bodies went."""

    async def spliced(rest: Rest, target: asyncio.Transport) -> bool:
        done = await splice(rest, target)
        if done:
            place.straight.append("spliced")
        return done

    async def poured(rest: Rest, request: web.Request, target: asyncio.Transport) -> None:
        await pour(rest, request, target)
        place.straight.append("poured")

    monkeypatch.setattr(straight, "splice", spliced)
    monkeypatch.setattr(straight, "pour", poured)


def _unknown(*_: Any, **__: Any) -> int:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def _contexts(authority: Authority) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a client believes, and what a server shows."""
    pair = authority.issue("localhost", "127.0.0.1")
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(pair.certificate_file, pair.key_file)
    return ssl.create_default_context(cafile=str(authority.certificate_file)), theirs


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
