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
from proxy.errors import Undecided, UserError
from proxy.store.opening import open_store
from proxy.store.protocol import TrustStore
from proxy.web import app, probes
from proxy.web.listener import Runner

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
        serving = asyncio.Event()
        health = web.AppRunner(probes.build(lambda: _ready(store, serving)), access_log=None)
        data_plane = Runner(app.build(lambda: nullcontext(services)))
        await stack.enter_async_context(_listening(health, settings.probes, "probes"))
        await stack.enter_async_context(_listening(data_plane, settings.listen, "listen"))
        serving.set()
        _log.info("serving", name=settings.name, generation=settings.generation)
        await stopping.wait()
        serving.clear()
        _log.info("draining")


async def _ready(store: TrustStore, serving: asyncio.Event) -> None:
    """Raise unless requests are welcome: the data plane listens, is not draining, and the trust store answers."""
    if not serving.is_set():
        raise Undecided("it is starting or draining")
    await store.last_check()


@asynccontextmanager
async def _listening(runner: web.AppRunner, address: Address, key: str) -> AsyncIterator[None]:
    """Serve on an address for as long as the context lasts, then let requests finish.

    Raises `UserError` where the address cannot be had.
    """
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
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
