"""Listening with TLS: handshakes have a bound in time and number, and one that fails is a line in the log."""

import asyncio
import socket
import ssl
from contextlib import suppress

import structlog
from aiohttp import web

from proxy.limits import ACCEPT_RETRY_SECONDS, TLS_CLOSE_SECONDS
from proxy.tasks import spawn
from proxy.tls import tls_reason
from proxy.web.listener import Runner
from proxy.web.tls import HandshakeFailed

log = structlog.get_logger()


class TlsSite(web.BaseSite):
    """A socket on which a runner's application is served with TLS; use it in place of `web.SockSite`.

    It accepts connections itself, because aiohttp and the loop tell nobody about a handshake that fails.
    """

    __slots__ = ("_clients", "_context", "_handshakes", "_listener", "_listening", "_name", "_tasks")

    def __init__(self, runner: Runner, listening: socket.socket, context: ssl.SSLContext, listener: str) -> None:
        """Prepare to serve a socket that listens, and does not block. The runner is set up already.

        Other processes may accept from it as well. The log names `listener`.
        """
        if runner.server is None:
            raise RuntimeError("a runner is set up before its sites")
        super().__init__(runner)
        self._clients, self._handshakes = runner.server, runner.crowd.handshakes
        self._listener = listener
        self._listening, self._context = listening, context
        host, port, *_ = listening.getsockname()
        self._name = f"https://{host}:{port}"
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Where this listens, for whoever lists a runner's sites."""
        return self._name

    def show(self, context: ssl.SSLContext) -> None:
        """Shake hands by another context from now on; who is connected stays so."""
        self._context = context

    async def start(self) -> None:
        """Begin to accept."""
        await super().start()
        self._await_next()

    async def stop(self) -> None:
        """Listen no more; handshakes that are not complete are broken off."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._listening.close()
        await super().stop()

    def _await_next(self) -> None:
        """Have somebody wait for the next client."""
        task = spawn(self._let_in(), name=f"a client of {self._name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_in(self) -> None:
        """Accept a connection, and make a client of it if its handshake completes in time; else close it.

        The next one is accepted as soon as this one has its place.
        """
        connection, peer = await self._accept()
        told = log.bind(listener=self._listener, client=peer)
        with connection:  # the loop has a file of its own for it, which it closes with an alert unsent
            try:
                async with self._handshakes.place():
                    self._await_next()
                    await asyncio.get_running_loop().connect_accepted_socket(
                        self._clients, connection.dup(), ssl=self._context, ssl_shutdown_timeout=TLS_CLOSE_SECONDS
                    )
            except TimeoutError:
                told.info("no TLS", why="no handshake in time")
            except HandshakeFailed as failed:
                told.info("no TLS", why=failed.why)
                with suppress(OSError):
                    connection.send(failed.alert)
            except ConnectionError:
                told.debug("no TLS", why="the client left")  # as those do all day who only probe the port
            except OSError as error:
                told.info("no TLS", why=tls_reason(error))

    async def _accept(self) -> tuple[socket.socket, str]:
        """Wait for a connection; say also whose it is."""
        while True:
            try:
                connection, address = await asyncio.get_running_loop().sock_accept(self._listening)
            except OSError as error:
                log.warning("cannot accept connections", listener=self._listener, why=tls_reason(error))
                await asyncio.sleep(ACCEPT_RETRY_SECONDS)
            else:
                return connection, address[0]
