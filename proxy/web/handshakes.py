"""Listening with TLS: handshakes have a bound in time and number, and one that fails is a line in the log."""

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any, Final

import structlog
from aiohttp import web

from proxy.limits import ACCEPT_RETRY_SECONDS, TLS_CLOSE_SECONDS, TLS_HANDSHAKE_SECONDS, TLS_HANDSHAKES
from proxy.tasks import spawn
from proxy.web.tls import HandshakeFailed, tls_reason

log = structlog.get_logger()

_BACKLOG: Final = 128


class TlsSite(web.BaseSite):
    """An address on which a runner's application is served with TLS; use it in place of `web.TCPSite`.

    It accepts connections itself, because aiohttp and the loop tell nobody about a handshake that fails.
    """

    __slots__ = ("_context", "_free", "_host", "_listener", "_port", "_sockets", "_tasks")

    def __init__(self, runner: web.BaseRunner, host: str, port: int, context: ssl.SSLContext, listener: str) -> None:
        """Prepare to listen; port 0 is any free one. The runner is set up already; the log names `listener`."""
        super().__init__(runner)
        self._listener = listener
        self._host, self._port, self._context = host, port, context
        self._sockets: list[socket.socket] = []
        self._free = asyncio.Semaphore(TLS_HANDSHAKES)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Where this listens, for whoever lists a runner's sites."""
        return f"https://{self._host}:{self._port}"

    @property
    def addresses(self) -> list[Any]:
        """What this listens on, as sockets name it."""
        return [listening.getsockname() for listening in self._sockets]

    async def start(self) -> None:
        """Listen on each address of the host. Raises `OSError` where one cannot be had."""
        await super().start()
        found = await asyncio.get_running_loop().getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            self._sockets.append(socket.create_server(address[:2], family=family, backlog=_BACKLOG))
            self._sockets[-1].settimeout(0)
        for listening in self._sockets:
            self._begin(spawn(self._accept(listening), name=f"accept {listening.getsockname()}"))

    async def stop(self) -> None:
        """Listen no more; handshakes that are not complete are broken off."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for listening in self._sockets:
            listening.close()
        await super().stop()

    def _begin(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._free.acquire()
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:
                self._free.release()
                log.warning("cannot accept connections", listener=self._listener, why=tls_reason(error))
                await asyncio.sleep(ACCEPT_RETRY_SECONDS)
                continue
            self._begin(spawn(self._let_in(connection, address[0]), name=f"handshake with {address[0]}"))

    async def _let_in(self, connection: socket.socket, peer: str) -> None:
        """Make a client of a connection whose handshake completes in time."""
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was taken down before its site")
        told = log.bind(listener=self._listener, client=peer)
        spare = connection.dup()  # the loop closes its own, with an alert unsent
        try:
            async with asyncio.timeout(TLS_HANDSHAKE_SECONDS):
                await asyncio.get_running_loop().connect_accepted_socket(
                    server, connection, ssl=self._context, ssl_shutdown_timeout=TLS_CLOSE_SECONDS
                )
        except TimeoutError:
            told.info("no TLS", why=f"no handshake within {TLS_HANDSHAKE_SECONDS:g} s")
        except HandshakeFailed as failed:
            told.info("no TLS", why=failed.why)
            with suppress(OSError):
                spare.send(failed.alert)
        except OSError:
            told.debug("no TLS", why="the client left")  # as those do all day who only probe the port
        finally:
            spare.close()
            self._free.release()
