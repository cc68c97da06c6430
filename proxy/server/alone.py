"""The proxy as one process: it listens, decides, and keeps its evidence renewed (design: Command line, `serve`)."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import structlog

from proxy.errors import Undecided
from proxy.server.exposition import counting_alone
from proxy.server.front import Front
from proxy.server.keeping import check_writable, kept, noting, opened, warn_strangers
from proxy.server.listeners import bind, health
from proxy.server.readiness import Readiness
from proxy.server.reloading import Configuration, reloading
from proxy.server.signals import told_to_stop
from proxy.server.sockets import places

_log = structlog.get_logger()


async def serve(configuration: Configuration) -> None:
    """Serve until told to stop, and drain. Raises `UserError` for what keeps it from starting."""
    stopping, is_serving, settings = told_to_stop(), asyncio.Event(), configuration.settings
    async with AsyncExitStack() as stack:
        configuration.warn()
        store, assembly = await stack.enter_async_context(opened(settings))
        parts = assembly.parts
        await check_writable(store, settings.trust_store)
        await warn_strangers(store, settings)
        exposition = stack.enter_context(counting_alone(settings, parts))
        await stack.enter_async_context(kept(parts.upkeep))
        readiness = Readiness(partial(_check, is_serving), store, parts.registry, parts.upkeep.renewal.clock)
        await stack.enter_async_context(health(settings, readiness.parts, exposition.answer))
        bound = await bind(*places(settings))
        front = Front(settings, assembly, bound)
        await stack.enter_async_context(front.serving())
        is_serving.set()
        ask = bound[0].asked_by(settings.name)
        _log.info("serving", name=settings.name, generation=settings.generation, ask=ask)
        async with reloading(configuration, front.rebind, noting(assembly, exposition.gauges, readiness)):
            await stopping.wait()
        is_serving.clear()
        _log.info("draining")
    _log.info("stopped")


def _check(is_serving: asyncio.Event) -> None:
    """Raise `Undecided` unless the data plane listens and is not draining."""
    if not is_serving.is_set():
        raise Undecided("it is starting or draining")
