"""How aiohttp is made to listen: limits, nothing decoded, and one voice also for what its parser turns away."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import orjson
import structlog
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import BadStatusLine
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from proxy.limits import (
    CLIENT_CONNECTIONS,
    CLIENT_KEEPALIVE_SECONDS,
    CLIENT_LINGER_SECONDS,
    DRAIN_CUT_SECONDS,
    DRAIN_SECONDS,
    HTTP_HEADERS,
    HTTP_LINE_BYTES,
    STREAM_IDLE_SECONDS,
)
from proxy.web.answers import API_VERSION, BANNER
from proxy.web.crowd import Crowd

log = structlog.get_logger()

_Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_MakeRequest: TypeAlias = Callable[..., web.BaseRequest]

_VERSIONS: Final = (HttpVersion10, HttpVersion11)
_CLAIMED: Final = web.RequestKey("claimed_version", HttpVersion)


class Connection(RequestHandler):
    """One client's connection; a request that is no HTTP gets a 400 in the registry's form, and no traceback."""

    __slots__ = ("_lost",)

    def __init__(self, manager: web.Server, **kwargs: Any) -> None:  # noqa: ANN401  (aiohttp's own arguments)
        super().__init__(manager, **kwargs)
        self._lost: asyncio.Future[None] = self._loop.create_future()

    @property
    def idle(self) -> bool:
        """Whether it waits for a request, or for the rest of one, and has taken the answer to the last one."""
        unsent = 0 if self.transport is None else self.transport.get_write_buffer_size()
        return not self._request_in_progress and not self._messages and not unsent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen to a client.

        The kernel ends the connection of one that stops taking what it is sent: after its last word the application
        no longer looks.
        """
        patience = int(STREAM_IDLE_SECONDS * 1000)
        with suppress(OSError):  # it may have left already
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what goes on for this client."""
        super().connection_lost(exc)
        if not self._lost.done():
            self._lost.set_result(None)

    async def shutdown(self, timeout: float | None = DRAIN_SECONDS) -> None:  # noqa: ASYNC109  (aiohttp's argument)
        """Let the request under way finish and its answer arrive, and cut it off when the time is nearly up.

        Aiohttp would wait that long twice, and not at all for what a slow reader has yet to take. Who has no request
        under way gets a moment, which is enough to say goodbye.
        """
        idle, transport, running = self.idle, self.transport, self._task_handler
        patience = max(0.0, (timeout or DRAIN_SECONDS) - DRAIN_CUT_SECONDS)
        try:
            async with asyncio.timeout(min(patience, DRAIN_CUT_SECONDS) if idle else patience):
                await super().shutdown(None)
                await self._lost
        except TimeoutError:
            if transport is not None:
                transport.abort()
            if running is not None:
                running.cancel("cut off: the proxy stops")
                await asyncio.wait([running], timeout=DRAIN_CUT_SECONDS)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a request; whatever fails later is answered by the application.

        Raises:
            ConnectionError: the client left or was cut off; aiohttp closes the connection without another word.
        """
        if isinstance(exc, ConnectionError):
            raise exc
        if request.writer.output_size > 0 or not (status == 400 or isinstance(exc, BadStatusLine)):
            answer = super().handle_error(request, status, exc, message)
            answer.headers["Server"] = BANNER
            return answer
        log.info("no HTTP", client=request.remote, why=type(exc).__name__)
        error = {"code": "UNSUPPORTED", "message": "this request is no valid HTTP [reference_invalid]", "detail": None}
        response = web.Response(
            status=400,
            headers={**API_VERSION, "Server": BANNER, "Content-Type": "application/json", "Cache-Control": "no-store"},
            body=orjson.dumps({"errors": [error]}),
        )
        response.force_close()
        return response


class _Listener(web.Server):
    """Makes a `Connection` for every client, counts them, and knows two versions of HTTP."""

    def __init__(self, handler: _Handler, *, request_factory: _MakeRequest, crowd: Crowd, **kwargs: Any) -> None:  # noqa: ANN401  (aiohttp's)
        super().__init__(_in_known_versions(handler), request_factory=_answerable(request_factory), **kwargs)
        self._crowd = crowd

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if isinstance(handler, Connection):
            self._crowd.enter(handler)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if isinstance(handler, Connection):
            self._crowd.leave(handler)


def _answerable(make: _MakeRequest) -> _MakeRequest:
    """Make requests that are answered in a version of ours, whatever version they claim."""

    def make_request(message: RawRequestMessage, *others: object) -> web.BaseRequest:
        if message.version in _VERSIONS:
            return make(message, *others)
        request = make(message._replace(version=HttpVersion10), *others)
        request[_CLAIMED] = message.version
        return request

    return make_request


def _in_known_versions(handler: _Handler) -> _Handler:
    """Handle requests in HTTP/1.0 and HTTP/1.1; any other is none."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if _CLAIMED in request:
            raise BadStatusLine(f"version {request[_CLAIMED]}")
        return await handler(request)

    return handle


class Runner(web.AppRunner):
    """Runs an application; use it in place of `web.AppRunner`.

    A client that leaves cancels its handler, so that the registry is not read for nobody. Bodies are passed on as
    they are, so nothing is decompressed. Registry tokens need longer lines than aiohttp allows by itself.
    """

    def __init__(
        self, app: web.Application, *, crowd: Crowd | None = None, drain_seconds: float = DRAIN_SECONDS
    ) -> None:
        """Run `app` under the limits of this program.

        Args:
            app: what answers.
            crowd: counts the clients; listeners of one process share it.
            drain_seconds: how long `cleanup` takes at most; it ends as soon as no request is under way.
        """
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            keepalive_timeout=CLIENT_KEEPALIVE_SECONDS,
            lingering_time=CLIENT_LINGER_SECONDS,
            max_line_size=HTTP_LINE_BYTES,
            max_field_size=HTTP_LINE_BYTES,
            max_headers=HTTP_HEADERS,
            shutdown_timeout=drain_seconds,
        )
        self._crowd = crowd or Crowd(CLIENT_CONNECTIONS)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Listener(
            made.request_handler,
            request_factory=made.request_factory,
            crowd=self._crowd,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,  # noqa: SLF001  (the only way to another class of connection)
        )
