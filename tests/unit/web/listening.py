"""An application behind the real listener, and clients that send bytes, with TLS or without."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from aiohttp import web

from proxy.web.handshakes import TlsSite
from proxy.web.listener import Runner

Line: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

KEPT: Final = b"GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n"
LONG: Final = 8 << 20  # more than the buffers of both ends hold


@dataclass
class Place:
    """Where an application is served, and what its handler was asked."""

    runner: Runner
    port: int
    asked: list[web.Request] = field(default_factory=list)

    @asynccontextmanager
    async def call(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Line]:
        """Open a connection, and close it at the end at the latest."""
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def say(self, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """Send bytes and read until the listener hangs up."""
        async with self.call(context) as (reader, writer):
            writer.write(data)
            return await reader.read()


Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hello(_request: web.Request) -> web.StreamResponse:
    """The shortest answer."""
    return web.Response(text="hello")


@asynccontextmanager
async def listening(
    answer: Answer = hello, context: ssl.SSLContext | None = None, runner: Runner | None = None
) -> AsyncIterator[Place]:
    """Serve one handler for everything, until the block ends or the runner is cleaned up in it."""
    runner = runner or Runner(web.Application())
    place = Place(runner, 0)

    async def handle(request: web.Request) -> web.StreamResponse:
        place.asked.append(request)
        return await answer(request)

    runner.app.router.add_route("*", "/{anything:.*}", handle)
    await runner.setup()
    try:
        if context is None:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            place.port = runner.addresses[0][1]
        else:
            served = socket.create_server(("127.0.0.1", 0))
            served.settimeout(0)
            place.port = served.getsockname()[1]
            await TlsSite(runner, served, context, "listen").start()
        yield place
    finally:
        await runner.cleanup()


async def long_answer(_request: web.Request) -> web.StreamResponse:
    """An answer that is handed over at once and takes a reader a while."""
    return web.Response(body=b"x" * LONG)
