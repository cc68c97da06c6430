"""The proxy as several processes: workers serve, and the supervisor does everything that is to be done once.

It reads the configuration, listens (and never accepts), opens and upgrades the trust store, keeps evidence renewed,
follows changefeeds, answers health checks, and keeps the workers at work (ADR 4).
"""

from contextlib import AsyncExitStack
from itertools import count as count_from

import structlog

from proxy.config.settings import Settings
from proxy.server.crew import Crew
from proxy.server.exposition import counting_together
from proxy.server.handing import Handed
from proxy.server.keeper import Keeper
from proxy.server.keeping import check_writable, kept, noting, opened, warn_strangers
from proxy.server.listeners import bind, check_tls, health
from proxy.server.readiness import Readiness
from proxy.server.reloading import Configuration, reloading
from proxy.server.signals import told_to_stop
from proxy.server.sockets import places
from proxy.server.words import Kinds
from proxy.telemetry import shared

_log = structlog.get_logger()


async def supervise(configuration: Configuration, count: int) -> None:
    """Have so many workers serve until told to stop, and drain. Raises `UserError` for what keeps them from it."""
    settings = configuration.settings
    async with AsyncExitStack() as stack:
        configuration.warn()
        place = stack.enter_context(shared.directory())
        store, assembly = await stack.enter_async_context(opened(settings))
        parts = assembly.parts
        await check_writable(store, settings.trust_store)
        await warn_strangers(store, settings)
        exposition = stack.enter_context(counting_together(settings, parts, place))
        bound = await bind(*places(settings))
        for each in bound:
            stack.callback(each.close)
        crew = Crew(Handed.of(settings, bound), bound, count, parts.upkeep.renewal.clock)
        stopping = told_to_stop(crew.kill)
        keeper = Keeper(parts.upkeep, Kinds(settings.policy), crew.tell)
        parts.upkeep.audience, crew.asked, crew.news = keeper, keeper.want, keeper.news
        exposition.gauges.serving = crew.serving
        readiness = Readiness(crew.check_ready, store, parts.registry, parts.upkeep.renewal.clock)
        await stack.enter_async_context(health(settings, readiness.parts, exposition.answer))
        await stack.enter_async_context(kept(parts.upkeep))
        ask = bound[0].asked_by(settings.name)
        await stack.enter_async_context(crew.at_work(stopping))
        if not stopping.is_set():
            _log.info("serving", name=settings.name, generation=settings.generation, workers=count, ask=ask)
        numbers = count_from(2)

        async def take(changed: Settings) -> None:
            """See that everything can be used before anything changes; then nothing waits until all are told."""
            check_tls(*places(changed))
            prepared, handed = await assembly.prepare(changed), Handed.of(changed, bound, next(numbers))
            assembly.take(prepared)
            keeper.rebind(Kinds(changed.policy, handed.number))
            await crew.rebind(handed)

        async with reloading(configuration, take, noting(assembly, exposition.gauges, readiness)):
            await stopping.wait()
        _log.info("draining")
    _log.info("stopped")
