"""What one process serves clients with: its listeners, and what answers there, one configuration after another."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from proxy.assembly import Assembly, Parts
from proxy.config.settings import Settings
from proxy.server.listeners import Listener, applications, serving
from proxy.server.sockets import Bound, places
from proxy.web import app
from proxy.web.closed import ClosedDigests
from proxy.web.crowd import Crowd, room_in_files
from proxy.web.duty import Duty
from proxy.web.listener import Runner
from proxy.web.tls import server_context


class Front:
    """Listeners over `bound`, in the order of `places`, and the parts behind them."""

    def __init__(self, settings: Settings, assembly: Assembly, bound: Iterable[Bound]) -> None:
        self._assembly = assembly
        self._closed = ClosedDigests()
        crowd = Crowd(*room_in_files(tls=any(place.tls for place in places(settings))))
        runners = [Runner(each, crowd=crowd) for each in self._applications(settings, assembly.parts)]
        self._listeners = Listener.over(runners, bound)

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Serve for as long as the context lasts; see `listeners.serving`. Raises `UserError`."""
        return serving(*self._listeners)

    async def rebind(self, settings: Settings) -> None:
        """Answer under another configuration from the next request on, also on connections that are open.

        All of it is made before anything changes; then all changes at once. New connections are shown the new
        certificate. Raises `UserError` where a file cannot be used: then nothing has changed.
        """
        contexts = [server_context(place.tls, place.key) if place.tls else None for place in places(settings)]
        prepared, duties = await self._assembly.prepare(settings), list[Duty]()
        async with AsyncExitStack() as undone:
            undone.push_async_callback(prepared.drop)
            for each in self._applications(settings, prepared.parts):
                duty = await Duty.begin(each)
                undone.push_async_callback(duty.close)
                duties.append(duty)
            undone.pop_all()
        if prepared.parts.registry is not self._assembly.parts.registry:
            self._closed.doubt()
        self._assembly.take(prepared)
        for listener, duty, context in zip(self._listeners, duties, contexts, strict=True):
            listener.turn_to(duty, context)

    def _applications(self, settings: Settings, parts: Parts) -> list[web.Application]:
        services = app.Services(
            parts.registry,
            parts.resolver,
            parts.closure,
            settings.registry.doors,
            closed=self._closed,
            admissions=parts.admissions,
            pledging=parts.resolver if settings.listen.fast_path and settings.tracing is None else None,
        )
        return applications(settings, partial(_in_use, services, parts))


@asynccontextmanager
async def _in_use(services: app.Services, parts: Parts) -> AsyncIterator[app.Services]:
    """Keep the registry's client open for as long as somebody is answered by it."""
    with parts.lease:
        yield services
