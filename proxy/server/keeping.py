"""What serves for long has beside the requests: a trust store, parts, and upkeep that goes on by itself."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from proxy import telemetry
from proxy.assembly import Assembly
from proxy.config.settings import Settings, TrustStoreSettings
from proxy.errors import TrustStoreUnavailable, UserError
from proxy.limits import SWITCH_SECONDS
from proxy.server.gauges import Gauges
from proxy.server.readiness import Readiness
from proxy.store.opening import open_store
from proxy.store.protocol import TrustStore
from proxy.store.strangers import strangers
from proxy.tasks import spawn
from proxy.upkeep import Upkeep

_log = structlog.get_logger()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[TrustStore, Assembly]]:
    """The trust store and everything over it, for as long as the context lasts. Raises `UserError`."""
    sys.setswitchinterval(SWITCH_SECONDS)
    store = await open_store(settings.trust_store)
    try:
        if store.created:
            said, place = "trust store created: nothing is remembered yet", settings.trust_store.url
            _log.warning(said, audit=telemetry.Audit.STORE_CREATED, url=place)
        async with Assembly.open(settings, store) as assembly:
            yield store, assembly
    finally:
        await store.close()


async def check_writable(store: TrustStore, settings: TrustStoreSettings) -> None:
    """See that the trust store takes what is to be remembered, before anybody is served. Raises `UserError`."""
    try:
        await store.check_writable()
    except TrustStoreUnavailable as unavailable:
        place, advice = settings.url, "mend that, because what Notary says has to be remembered"
        raise UserError(f"the trust store {place} cannot be written, {unavailable.why}: {advice}") from None


async def warn_strangers(store: TrustStore, settings: Settings) -> None:
    """Say of which Notaries something is remembered that counts for nobody, as after one was renamed."""
    with suppress(TrustStoreUnavailable):  # `/readyz` says so, and so does every pull
        for each in await strangers(store, settings.notaries):
            said = "remembered of a Notary that is not configured: it holds nobody back"
            _log.warning(said, notary=each.notary, collections=each.collections, remedy=each.remedy)


def noting(assembly: Assembly, gauges: Gauges, readiness: Readiness) -> Callable[[Settings | None], None]:
    """What hears whether a changed configuration was taken, and tells those who are asked how the proxy is."""

    def note(settings: Settings | None) -> None:
        gauges.is_taken = settings is not None
        if settings is not None:
            if settings.notaries.keys() != gauges.settings.notaries.keys():
                spawn(warn_strangers(readiness.store, settings), name="strangers")
            gauges.settings, gauges.parts, readiness.registry = settings, assembly.parts, assembly.parts.registry
            gauges.reloaded_at = assembly.parts.upkeep.renewal.clock.now().timestamp()

    return note


@asynccontextmanager
async def kept(upkeep: Upkeep) -> AsyncIterator[None]:
    """Renew evidence in the background for as long as the context lasts."""
    keeping = spawn(upkeep.run(), name="upkeep")
    keeping.add_done_callback(_note_end)
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


def _note_end(keeping: asyncio.Task[None]) -> None:
    """Say so if it ends by a defect of ours: evidence is renewed when somebody asks then, later and no less safely."""
    if not keeping.cancelled() and (error := keeping.exception()):
        _log.error("evidence is not renewed in the background any more", exc_info=error)
