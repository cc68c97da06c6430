"""An application behind the real listener, and clients that send bytes, with TLS or without."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web

from proxy.web.handshakes import TlsSite
from proxy.web.listener import Runner

Line: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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
            site = TlsSite(runner, "127.0.0.1", 0, context, "listen")
            await site.start()
            place.port = site.addresses[0][1]
        yield place
    finally:
        await runner.cleanup()
