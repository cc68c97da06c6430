"""How the data plane listens: its limits, and what is left to aiohttp."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from proxy.limits import DRAIN_SECONDS, HTTP_LINE_BYTES
from proxy.web.app import Services, build
from proxy.web.listener import Connection, Runner


@asynccontextmanager
async def no_services() -> AsyncIterator[Services]:
    """Services that cannot be opened."""
    raise OSError("no services")
    yield


async def test_an_application_that_cannot_start_says_so() -> None:
    """What goes wrong while services are opened reaches whoever starts the proxy."""
    runner = Runner(build(no_services))
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
        assert connection.access_logger is None
        assert runner.server.handler_cancellation
        assert runner._shutdown_timeout == DRAIN_SECONDS
    finally:
        await runner.cleanup()


async def test_what_fails_outside_the_application_is_left_to_aiohttp() -> None:
    """Only what never became a request is answered here; anything else keeps aiohttp's own answer."""
    runner = Runner(web.Application())  # without our middleware

    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("secret detail")

    runner.app.router.add_get("/", broken)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as reply:
            assert reply.status == 500
            assert "secret" not in await reply.text()
    finally:
        await runner.cleanup()
