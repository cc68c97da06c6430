"""The application: one handler behind one grammar, one middleware that turns what is raised into an answer.

Nothing is routed by aiohttp: `proxy.web.paths` reads the raw target and alone decides. Whatever a handler raises
ends in the middleware, and what nobody expected is a refusal too.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import structlog
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler

from proxy.errors import Internal, MethodNotAllowed, NameInvalid, Refusal
from proxy.refusals import TABLE
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Closure
from proxy.registry.failures import Relayed
from proxy.telemetry import client_text
from proxy.web import paths
from proxy.web.answers import API_VERSION, BANNER, refused, relayed
from proxy.web.exchange import EXCHANGE, Exchange, record
from proxy.web.passthrough import pass_through
from proxy.web.pulls import Pulls, Resolver

log = structlog.get_logger()

_RESET: Final = struct.pack("ii", 1, 0)
_READS: Final = frozenset({"GET", "HEAD"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """What requests are answered with; opened and closed together with the application."""

    registry: RegistryClient
    resolver: Resolver
    closure: Closure
    now: Callable[[], datetime] = _now


OpenServices: TypeAlias = Callable[[], AbstractAsyncContextManager[Services]]


@dataclass(frozen=True, slots=True)
class _DataPlane:
    services: Services
    pulls: Pulls


_OPEN: Final = web.AppKey[OpenServices]("open_services")
_DATA_PLANE: Final = web.AppKey("data_plane", _DataPlane)


def build(open_services: OpenServices) -> web.Application:
    """Make the application.

    Args:
        open_services: opens what the application works with; entered when it starts, left when it stops.
    """
    app = web.Application(middlewares=[_answer_for_everything])
    app[_OPEN] = open_services
    app.cleanup_ctx.append(_work_with_services)
    app.on_response_prepare.append(_sign)
    app.router.add_route(hdrs.METH_ANY, "/{anything:.*}", _handle, expect_handler=_wait_with_continue)
    return app


async def _work_with_services(app: web.Application) -> AsyncIterator[None]:
    async with app[_OPEN]() as services:
        app[_DATA_PLANE] = _DataPlane(services, Pulls(services.registry, services.resolver, services.closure))
        yield


async def _handle(request: web.Request) -> web.StreamResponse:
    plane = request.app[_DATA_PLANE]
    route = paths.find(request.raw_path)
    if request.method not in route.methods:
        request[EXCHANGE].allow = route.methods
        raise MethodNotAllowed(request.method)
    match route:
        case paths.ApiRootWithoutSlash():
            return web.Response(status=301, headers={**API_VERSION, hdrs.LOCATION: paths.ApiRoot.path})
        case paths.ManifestRoute(reference) if request.method in _READS:
            return await plane.pulls.answer(request, reference)
        case _:
            return await pass_through(request, route, plane.services.registry)


async def _wait_with_continue(_request: web.Request) -> None:
    """Leave `Expect: 100-continue` to the code that reads the body, which may not want it."""


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = BANNER
    exchange = request.get(EXCHANGE)
    if exchange is not None:
        exchange.status = response.status
        response.headers["X-Request-Id"] = exchange.request_id


@web.middleware
async def _answer_for_everything(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever is raised, and write the request's one line.

    Once the status line is out, the end of the connection is the only honest sign left: an answer that ends in
    good order would pass for complete.
    """
    now = request.app[_DATA_PLANE].services.now
    exchange = request[EXCHANGE] = Exchange()
    try:
        response = await handler(request)
    except (ConnectionError, asyncio.CancelledError) as gone:
        exchange.trouble = str(gone) or "the client left"
        record(request, exchange.status, now)
        raise
    except Exception as failure:
        if exchange.status is not None:
            _cut(request, exchange, failure)
            record(request, exchange.status, now)
            raise ConnectionResetError("the answer broke off") from failure
        response = _in_words(request, exchange, failure, now())
    record(request, response.status, now)
    return response


def _in_words(request: web.Request, exchange: Exchange, failure: Exception, now: datetime) -> web.Response:
    match failure:
        case Relayed():
            return relayed(failure)
        case Refusal() if type(failure) in TABLE:
            return refused(exchange, failure, now)
        case web.HTTPException():  # raised by aiohttp's router alone, for targets such as `*`
            return refused(exchange, NameInvalid(request.raw_path), now)
        case _:
            _log_unexpected(request, exchange, failure)
            return refused(exchange, Internal(), now)


def _log_unexpected(request: web.Request, exchange: Exchange, failure: Exception) -> None:
    path = client_text(request.raw_path)
    log.error("unexpected error", request_id=exchange.request_id, path=path, exc_info=failure)


def _cut(request: web.Request, exchange: Exchange, failure: Exception) -> None:
    """End the connection in the middle of an answer."""
    exchange.trouble = "the answer broke off"
    if isinstance(failure, Refusal):
        exchange.refusal = failure
    else:
        _log_unexpected(request, exchange, failure)
    if request.transport is None:
        return
    if request.version < HttpVersion11:  # without chunks an orderly end would be the end of the body
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    request.transport.abort()
