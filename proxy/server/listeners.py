"""What is served where, for how long, and how it ends: on all listeners at the same time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from aiohttp import web

from proxy.config.settings import Settings
from proxy.limits import DRAIN_CUT_SECONDS, PROBE_CONNECTIONS
from proxy.server.sockets import Bound, Place
from proxy.web import app, probes
from proxy.web.crowd import Crowd
from proxy.web.duty import Duty
from proxy.web.handshakes import TlsSite
from proxy.web.listener import Runner
from proxy.web.tls import server_context


@dataclass(frozen=True, slots=True)
class Listener:
    """An application, and where it is served."""

    runner: Runner
    bound: Bound

    @classmethod
    def over(cls, runners: Iterable[Runner], bound: Iterable[Bound]) -> tuple[Self, ...]:
        """Each application at its place, in the same order."""
        return tuple(cls(runner, each) for runner, each in zip(runners, bound, strict=True))

    def turn_to(self, duty: Duty, context: ssl.SSLContext | None) -> None:
        """Have another application answer, and show whoever connects from now on what another context has."""
        self.runner.turn_to(duty)
        for site in self.runner.sites:
            if isinstance(site, TlsSite) and context is not None:
                site.show(context)


async def bind(*wanted: Place) -> tuple[Bound, ...]:
    """Listen on all of these, or on none. Raises `UserError` for an address or a TLS file that cannot be used."""
    bound: list[Bound] = []
    try:
        for place in wanted:
            check_tls(place)
            bound.append(await Bound.at(place))
    except BaseException:
        for each in bound:
            each.close()
        raise
    return tuple(bound)


def check_tls(*wanted: Place) -> None:
    """See that the files of these can be shown. Raises `UserError`."""
    for place in wanted:
        if place.tls:
            server_context(place.tls, place.key)


def applications(settings: Settings, open_services: app.OpenServices) -> list[web.Application]:
    """What clients are answered by, in the order of `places`; nobody speaks for candidates, who show certificates."""
    listen = settings.listen
    build = partial(app.build, open_services, name=settings.name, ns_allowed=listen.ns_allowed, splice=listen.splice)
    made = [build(trusted_proxies=listen.trusted_proxies)]
    if settings.candidates is not None:
        made.append(build(candidates=True))
    return made


@asynccontextmanager
async def health(settings: Settings, ready: probes.Ready, metrics: probes.Metrics) -> AsyncIterator[None]:
    """Answer those who ask how the proxy is. Raises `UserError`."""
    bound = await bind(Place("probes", settings.probes))
    crowd = Crowd(PROBE_CONNECTIONS)  # whoever reaches this port takes no more than a part of the reserve
    runner = Runner(probes.build(ready, metrics), crowd=crowd, drain_seconds=DRAIN_CUT_SECONDS)
    async with serving(*Listener.over([runner], bound)):
        yield


@asynccontextmanager
async def serving(*listeners: Listener) -> AsyncIterator[None]:
    """Serve for as long as the context lasts, then listen no more and let requests finish, all at the same time.

    Raises `UserError` where a TLS file cannot be used.
    """
    try:
        for listener in listeners:
            await listener.runner.setup()
            for site in _sites(listener):
                await site.start()
        yield
    finally:
        await asyncio.gather(*(listener.runner.cleanup() for listener in listeners))
        for listener in listeners:
            listener.bound.close()


def _sites(listener: Listener) -> list[web.BaseSite]:
    runner, place, sockets = listener.runner, listener.bound.place, listener.bound.sockets
    if place.tls is None:
        return [web.SockSite(runner, each) for each in sockets]
    context = server_context(place.tls, place.key)
    return [TlsSite(runner, each, context, place.key) for each in sockets]
