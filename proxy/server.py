"""Runs the proxy: binds the listeners, serves until told to stop, drains (design: Command line, `serve`)."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
import uvloop
from aiohttp import web

from proxy import telemetry
from proxy.assembly import assemble
from proxy.config.settings import Address, Settings, TlsSettings
from proxy.errors import Undecided, UserError
from proxy.limits import DRAIN_CUT_SECONDS
from proxy.store.opening import open_store
from proxy.store.protocol import TrustStore
from proxy.web import app, probes
from proxy.web.crowd import Crowd, room_for_clients
from proxy.web.handshakes import TlsSite
from proxy.web.listener import Runner
from proxy.web.tls import server_context

_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104  (recognised here, not listened on)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Listener:
    """What is served where; `key` is its section of the configuration."""

    key: str
    runner: Runner
    address: Address
    tls: TlsSettings | None = None


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `UserError` for what keeps it from starting."""
    telemetry.configure()
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stopping = _told_to_stop()
    async with AsyncExitStack() as stack:
        store = await open_store(settings.trust_store)
        stack.push_async_callback(store.close)
        if store.created:
            _log.warning("trust store created: nothing is remembered yet", url=settings.trust_store.url)
        for warning in settings.warnings:
            _log.warning("configuration", warning=warning)
        parts = await stack.enter_async_context(assemble(settings, store))
        services = app.Services(parts.registry, parts.resolver, parts.closure, settings.registry.doors)
        serving = asyncio.Event()
        await stack.enter_async_context(_listening(_health(settings, store, serving)))
        doors = _doors(settings, services)
        await stack.enter_async_context(_listening(*doors))
        serving.set()
        ask = f"tagwarden verify --via {_reached_at(doors[0], settings.name)} REPOSITORY:TAG"
        _log.info("serving", name=settings.name, generation=settings.generation, ask=ask)
        await stopping.wait()
        serving.clear()
        _log.info("draining")
    _log.info("stopped")


def _told_to_stop() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; asked once more, the process ends at once."""
    stopping = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        if stopping.is_set():
            _log.warning("ended at once: told to stop a second time", signal=number.name)
            os._exit(128 + number)  # the trust store survives that, as it survives losing power
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return stopping


def _health(settings: Settings, store: TrustStore, serving: asyncio.Event) -> _Listener:
    runner = Runner(probes.build(lambda: _ready(store, serving)), drain_seconds=DRAIN_CUT_SECONDS)
    return _Listener("probes", runner, settings.probes)


def _doors(settings: Settings, services: app.Services) -> list[_Listener]:
    """The listeners for clients; those of candidates show their own certificates, so nobody speaks for them there."""
    crowd, listen, candidates = Crowd(room_for_clients()), settings.listen, settings.candidates
    build = partial(app.build, lambda: nullcontext(services), name=settings.name, ns_allowed=listen.ns_allowed)
    usual = build(trusted_proxies=listen.trusted_proxies)
    doors = [_Listener("listen", Runner(usual, crowd=crowd), listen.address, listen.tls)]
    if candidates is not None:
        unsigned = build(candidates=True)
        doors.append(_Listener("candidates", Runner(unsigned, crowd=crowd), candidates.address, candidates.tls))
    return doors


async def _ready(store: TrustStore, serving: asyncio.Event) -> None:
    """Raise unless requests are welcome: the data plane listens, is not draining, and the trust store answers."""
    if not serving.is_set():
        raise Undecided("it is starting or draining")
    await store.last_check()


@asynccontextmanager
async def _listening(*listeners: _Listener) -> AsyncIterator[None]:
    """Serve for as long as the context lasts, then let requests finish, on all listeners at the same time.

    Raises `UserError` where an address cannot be had or a TLS file cannot be used.
    """
    try:
        for listener in listeners:
            await listener.runner.setup()
            await _listen(listener)
        yield
    finally:
        await asyncio.gather(*(listener.runner.cleanup() for listener in listeners))


async def _listen(listener: _Listener) -> None:
    address, tls = listener.address, listener.tls
    try:
        await _site(listener).start()
    except OSError as error:
        why = _why(error)
        raise UserError(f"{listener.key}.address: cannot listen on {address} ({why}): choose another one") from None
    wants_certificates = tls is not None and tls.client_ca_file is not None
    facts = {"tls": tls is not None, "client_certificates": wants_certificates}
    _log.info("listening", what=listener.key, address=str(address), **facts)


def _reached_at(listener: _Listener, name: str) -> str:
    """The URL to try a listener by, from this machine or by the registry's `name`.

    A certificate is made out to the name, so with TLS it is the name's host. Who listens on every address is called
    by the name if it leads to this port.
    """
    host, port = listener.address.host, _port(listener)
    called, _, named = name.partition(":")
    scheme, usual = ("http", 80) if listener.tls is None else ("https", 443)
    if listener.tls is not None or (host in _EVERY_ADDRESS and int(named or usual) == port):
        host = called
    elif host in _EVERY_ADDRESS:
        host = "127.0.0.1"
    return f"{scheme}://{Address(host, port)}"


def _port(listener: _Listener) -> int:
    """The port that is listened on, which the system chose where 0 was written."""
    if listener.address.port:
        return listener.address.port
    [site] = listener.runner.sites
    addresses = site.addresses if isinstance(site, TlsSite) else listener.runner.addresses
    return int(addresses[0][1])


def _site(listener: _Listener) -> web.BaseSite:
    host, port = listener.address.host, listener.address.port
    if listener.tls is None:
        return web.TCPSite(listener.runner, host, port)
    return TlsSite(listener.runner, host, port, server_context(listener.tls, listener.key), listener.key)


def _why(error: OSError) -> str:
    """The system's own words, in lower case, without what aiohttp and uvloop put around them."""
    number = error.errno
    return os.strerror(number).lower() if number and number in errno.errorcode else "not a usable address"
