"""Whatever is raised becomes an answer: a refusal in words, the registry's own no, or `internal`.

One middleware does it, and it writes the request's one line. What nobody expected is a refusal too.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler

from proxy.errors import Internal, NameInvalid, Refusal
from proxy.refusals import TABLE
from proxy.registry.failures import Relayed
from proxy.telemetry import client_text, traces
from proxy.telemetry.metrics import REQUESTS_IN_FLIGHT
from proxy.telemetry.text import without_secrets
from proxy.web.answers import refused, relayed
from proxy.web.exchange import EXCHANGE, Exchange, record
from proxy.web.tls import subject_shown_on

log = structlog.get_logger()

NOW: Final = web.AppKey[Callable[[], datetime]]("now")

_RESET: Final = struct.pack("ii", 1, 0)


@web.middleware
async def answer_for_everything(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever is raised, and write the request's one line.

    Once the status line is out, the end of the connection is the only honest sign left: an answer that ends in
    good order would pass for complete.
    """
    now = request.app[NOW]
    tls = request.get_extra_info("ssl_object")
    span = traces.request(request.method, request.headers.get("traceparent"), is_tls=tls is not None)
    shown = subject_shown_on(tls)  # while the connection is there
    exchange = request[EXCHANGE] = Exchange(client_certificate=shown, span=span)
    try:
        with REQUESTS_IN_FLIGHT, span:
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
            return refused(exchange, NameInvalid(without_secrets(request.raw_path.partition("?")[0])), now)
        case _:
            _log_unexpected(request, exchange, failure)
            return refused(exchange, Internal(), now)


def _log_unexpected(request: web.Request, exchange: Exchange, failure: Exception) -> None:
    path = client_text(request.raw_path.partition("?")[0])
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
