"""Runs the proxy: binds the listeners, serves until told to stop, drains (design: Command line, `serve`)."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

import structlog
import uvloop
from aiohttp import web

from proxy import telemetry
from proxy.assembly import assemble
from proxy.config.settings import Address, Settings
from proxy.errors import UserError
from proxy.limits import DRAIN_SECONDS, HTTP_LINE_BYTES
from proxy.store.opening import open_store
from proxy.web import app, probes

_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `UserError` for what keeps it from starting."""
    telemetry.configure()
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        store = await open_store(settings.trust_store)
        stack.push_async_callback(store.close)
        if store.created:
            _log.warning("trust store created: nothing is remembered yet", url=settings.trust_store.url)
        for warning in settings.warnings:
            _log.warning("configuration", warning=warning)
        parts = await stack.enter_async_context(assemble(settings, store))
        services = app.Services(parts.registry, parts.resolver, parts.closure)
        data_plane = app.build(lambda: nullcontext(services))
        await stack.enter_async_context(_listening(probes.build(store.last_check), settings.probes, "probes"))
        await stack.enter_async_context(_listening(data_plane, settings.listen, "listen"))
        _log.info("serving", name=settings.name, generation=settings.generation)
        await stopping.wait()
        _log.info("draining")


@asynccontextmanager
async def _listening(application: web.Application, address: Address, key: str) -> AsyncIterator[None]:
    """Serve an application on an address for as long as the context lasts, then let requests finish.

    Raises `UserError` where the address cannot be had.
    """
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        shutdown_timeout=DRAIN_SECONDS,
        max_line_size=HTTP_LINE_BYTES,
        max_field_size=HTTP_LINE_BYTES,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise UserError(f"{key}.address: cannot listen on {address} ({_why(error)}): choose another one") from None
        _log.info("listening", what=key, address=str(address))
        yield
    finally:
        await runner.cleanup()


def _why(error: OSError) -> str:
    """The system's own words, in lower case, without what aiohttp and uvloop put around them."""
    number = error.errno
    return os.strerror(number).lower() if number and number in errno.errorcode else "not a usable address"
