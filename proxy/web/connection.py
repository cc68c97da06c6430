"""One client's connection: what arrives is answered at once, waits for another's answer, or goes to aiohttp's parser.

It leans on aiohttp's own connection, whose version is pinned for that (ADR 6).
"""

import asyncio
import socket
import time
from contextlib import suppress
from typing import Any

import orjson
import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from proxy.limits import DRAIN_CUT_SECONDS, DRAIN_SECONDS, FOLLOWERS_SECONDS, STREAM_IDLE_SECONDS
from proxy.web.answers import API_VERSION, BANNER
from proxy.web.fast_path import FAST_PATH, FastPath, is_one_request
from proxy.web.tls import subject_shown_on

log = structlog.get_logger()


class Connections(web.Server):
    """What makes connections, and knows which fast path is on duty; None for none."""

    fast_path: FastPath | None = None


class Connection(RequestHandler):
    """One client's connection; a request that is no HTTP gets a 400 in the registry's form, and no traceback."""

    __slots__ = ("_asked", "_body", "_held", "_is_clean", "_is_kept", "_led", "_lost", "_peer", "_server", "_under_way")

    def __init__(self, manager: Connections, **kwargs: Any) -> None:  # noqa: ANN401  (aiohttp's own arguments)
        super().__init__(manager, **kwargs)
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._body: StreamReader = EMPTY_PAYLOAD  # of the last request that was read
        self._server = manager
        self._peer: str | None = None  # where it has no other name: with a certificate its lines say more
        self._is_clean = True  # every read so far was exactly one request, so the parser is at the beginning of one
        self._is_kept = True  # after the last answer
        self._under_way = 0  # requests that were read and are not answered
        self._asked: tuple[bytes, object] | None = None  # the one request under way, and what the parser made of it
        self._led: tuple[FastPath, bytes, asyncio.TimerHandle] | None = None  # the same, where others may wait for it
        self._held: tuple[bytes, float] | None = None  # a request that waits for another's answer, and since when

    @property
    def idle(self) -> bool:
        """Whether it waits for a request, or for the rest of one, and has taken the answer to the last one."""
        unsent = 0 if self.transport is None else self.transport.get_write_buffer_size()
        return not self._request_in_progress and not self._messages and self._held is None and not unsent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen to a client.

        The kernel ends the connection of one that stops taking what it is sent: after its last word the application
        no longer looks.
        """
        patience = int(STREAM_IDLE_SECONDS * 1000)
        with suppress(OSError):  # it may have left already
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple) and subject_shown_on(transport.get_extra_info("ssl_object")) is None:
            self._peer = str(peer[0])

    def data_received(self, data: bytes) -> None:
        """Answer at once what was answered before (`proxy.web.fast_path`); aiohttp's parser reads everything else."""
        if self._close or self._force_close:
            self._read_on(data)
            return
        self._hold_no_longer()
        if not self._is_clean:
            self._parse(data)
            return
        fast_path = self._server.fast_path if self._peer is not None and self._waits_for_request() else None
        if fast_path is not None:
            if self._is_answered(fast_path, data):
                return
            if fast_path.followers.follow(data, self._ask_again):
                self._held = (data, time.monotonic())
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                return
        self._read(data, fast_path)

    def _is_answered(self, fast_path: FastPath, data: bytes, since: float | None = None) -> bool:
        """Whether these bytes are answered, because they were before; `since` when they have waited for that."""
        try:
            answer = fast_path.answer(data, self._peer, since)
        except Exception:  # everybody's path has its own way with what is wrong
            log.exception("the fast path failed")
            return False
        if answer is None or self.transport is None:
            return False
        self.transport.write(answer)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return True

    def _read(self, data: bytes, fast_path: FastPath | None) -> None:
        """Have aiohttp's parser read them; `fast_path` learns from the answer if they are one request."""
        count = self._request_count
        self._parse(data)
        self._under_way += self._request_count - count
        self._is_clean = (
            is_one_request(data)
            and self._request_count == count + 1
            and len(self._messages) > 0
            and self._messages[-1][1] is EMPTY_PAYLOAD
            and not self._upgraded
        )
        self._asked = None
        if self._is_clean and fast_path is not None:
            self._asked = (data, self._messages[-1][0])
            if fast_path.followers.lead(data):
                self._led = (fast_path, data, self._loop.call_later(FOLLOWERS_SECONDS, self._end_leading))

    def _parse(self, data: bytes) -> None:
        """Have aiohttp's parser read them."""
        super().data_received(data)
        if self._messages:
            self._body = self._messages[-1][1]

    def _read_on(self, data: bytes) -> None:
        """Have the rest of a body read while the proxy stops: its request is under way. Aiohttp would drop it."""
        if self._parser is None or self._body.is_eof():
            return
        try:
            self._parser.feed_data(data)
        except HttpProcessingError:
            self.force_close()

    def _ask_again(self) -> None:
        """Somebody who asked the same has been answered."""
        held, fast_path = self._held, self._server.fast_path
        if held is None or self.transport is None or self.transport.is_closing():
            return
        try:
            if fast_path is not None and self._is_answered(fast_path, *held):
                self._held = None
            else:
                self._hold_no_longer()
        except Exception:  # it is this client's trouble, and nobody else's who waits
            log.exception("a request that waited cannot be read")
            self.force_close()

    def _hold_no_longer(self) -> None:
        """Have a request that waited for another's answer read."""
        held, self._held = self._held, None
        if held is not None:
            data, _ = held
            self._read(data, self._server.fast_path)

    def _end_leading(self, *, in_vain: bool = True) -> None:
        """Have those wait no longer who wait for the answer to the request under way.

        Unless that has been learnt, nobody waits for these bytes for a while: somebody who only seems to ask could
        have everybody wait each time.
        """
        led, self._led = self._led, None
        if led is not None:
            fast_path, data, timer = led
            timer.cancel()
            fast_path.followers.end(data, in_vain=in_vain)

    def _waits_for_request(self) -> bool:
        """Whether nothing is under way: no request, no answer, and nobody wants this connection to end."""
        if self._under_way or not self._is_kept or self._force_close or self._close or self.transport is None:
            return False
        return self.transport.get_write_buffer_size() == 0

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Learn from an answer what the same bytes get, and send it."""
        asked, self._asked = self._asked, None
        is_learnt = False
        try:
            is_learnt = asked is not None and await _is_learnt(*asked, request, resp)
        except Exception:  # the answer is there, whatever can be learnt from it
            log.exception("an answer taught nothing")
        finally:
            self._end_leading(in_vain=not is_learnt)  # before it is sent: nobody waits for a slow reader
        finished = await super().finish_response(request, resp, start_time)
        sent, is_gone = finished
        self._is_kept = bool(sent.keep_alive) and not is_gone
        self._under_way -= 1
        return finished

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what goes on for this client."""
        self._held = None
        super().connection_lost(exc)
        self._end_leading()
        if not self._lost.done():
            self._lost.set_result(None)

    def close(self) -> None:
        """Take no more requests than were sent."""
        self._hold_no_longer()
        super().close()

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
        self._asked = None  # it may have met no application, and teaches nothing
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


async def _is_learnt(data: bytes, message: object, request: web.BaseRequest, response: web.StreamResponse) -> bool:
    """Whether the same bytes may be answered so again; `message` is what the parser made of them."""
    if not isinstance(request, web.Request) or request._message is not message:  # noqa: SLF001  (nothing public tells)
        return False
    fast_path = request.app.get(FAST_PATH)
    if fast_path is None or not isinstance(response, web.Response):
        return False
    with suppress(ConnectionError):
        await response.prepare(request)  # so that it has its head; aiohttp would do so next
    return fast_path.learn(data, request, response)
