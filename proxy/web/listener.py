"""How aiohttp is made to listen: limits, nothing decoded, two versions of HTTP, one application after another."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import BadStatusLine
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from proxy.limits import (
    CLIENT_CONNECTIONS,
    CLIENT_KEEPALIVE_SECONDS,
    CLIENT_LINGER_SECONDS,
    DRAIN_SECONDS,
    HTTP_HEADERS,
    HTTP_LINE_BYTES,
)
from proxy.web.connection import Connection, Connections
from proxy.web.crowd import Crowd
from proxy.web.duty import Duty, Handler

_MakeRequest: TypeAlias = Callable[..., web.BaseRequest]

_VERSIONS: Final = (HttpVersion10, HttpVersion11)
_CLAIMED: Final = web.RequestKey("claimed_version", HttpVersion)


class _Listener(Connections):
    """Makes a `Connection` for every client, counts them, and knows two versions of HTTP."""

    def __init__(self, handler: Handler, *, request_factory: _MakeRequest, crowd: Crowd, **kwargs: Any) -> None:  # noqa: ANN401  (aiohttp's)
        super().__init__(handler, request_factory=_answerable(request_factory), **kwargs)
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


class Runner(web.BaseRunner):
    """Runs an application, or one after another on the same connections; use it in place of `web.AppRunner`.

    A client that leaves cancels its handler, so that the registry is not read for nobody. Bodies are passed on as
    they are, so nothing is decompressed. Registry tokens need longer lines than aiohttp allows by itself.
    """

    def __init__(
        self, app: web.Application, *, crowd: Crowd | None = None, drain_seconds: float = DRAIN_SECONDS
    ) -> None:
        """Run `app` under the limits of this program.

        Args:
            app: what answers first.
            crowd: counts the clients, and handshakes with them; listeners of one process share it.
            drain_seconds: how long `cleanup` takes at most; it ends as soon as no request is under way.
        """
        super().__init__(
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=CLIENT_KEEPALIVE_SECONDS,
            lingering_time=CLIENT_LINGER_SECONDS,
            max_line_size=HTTP_LINE_BYTES,
            max_field_size=HTTP_LINE_BYTES,
            max_headers=HTTP_HEADERS,
            shutdown_timeout=drain_seconds,
        )
        self.app = app
        self.crowd = crowd or Crowd(CLIENT_CONNECTIONS)
        self._duties: list[Duty] = []

    def turn_to(self, duty: Duty) -> None:
        """Have another application answer from the next request on; those before end with their last requests."""
        self.app, before = duty.app, self._duties[-1:]
        self._duties = [*(each for each in self._duties if not each.has_ended), duty]
        if isinstance(self._server, _Listener):
            self._server.fast_path = duty.fast_path
        for each in before:
            each.end()

    async def shutdown(self) -> None:
        """Nothing more is to be told to applications before their requests end."""

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request in HTTP/1.0 or HTTP/1.1; any other version is none."""
        if _CLAIMED in request:
            raise BadStatusLine(f"version {request[_CLAIMED]}")
        return await self._duties[-1].answer(request)

    def _make_request(self, *parts: Any) -> web.BaseRequest:  # noqa: ANN401  (aiohttp's own arguments)
        return self._duties[-1].make_request(*parts)

    async def _make_server(self) -> web.Server:
        self.turn_to(await Duty.begin(self.app))
        listener = _Listener(
            self._answer,
            request_factory=self._make_request,
            crowd=self.crowd,
            handler_cancellation=True,
            loop=asyncio.get_running_loop(),
            **self._kwargs,
        )
        listener.fast_path = self._duties[-1].fast_path
        return listener

    async def _cleanup_server(self) -> None:
        for duty in self._duties:
            await duty.close()
