"""The rest of a body through one buffer: where TLS stands between the sockets, or the kernel splices nothing.

What arrives is written to the client's transport within the same callback, from the very memory into which it was
read. Where the transport keeps some of it, that memory is its own from then on, and the next bytes get another one.
"""

import asyncio

from aiohttp import web

from proxy.errors import RegistryUnreachable
from proxy.limits import GATHERED_BYTES
from proxy.registry.streams import Rest


async def pour(rest: Rest, request: web.Request, target: asyncio.Transport) -> None:
    """Move all that is left to the client's transport; a slow reader pauses the registry.

    Raises:
        RegistryUnreachable: it broke off.
        ConnectionError: the client left.
    """
    source = rest.transport
    aiohttps = source.get_protocol()
    flow = _Flow(rest, request, target, aiohttps)
    source.set_protocol(flow)
    try:
        while rest.left:
            turn = flow.turn = asyncio.get_running_loop().create_future()
            rest.wake_for(rest.left)
            source.resume_reading()
            await rest.until(turn)
            if flow.failure is not None:
                raise flow.failure
            await request.writer.drain()
    finally:
        source.pause_reading()
        source.set_protocol(aiohttps)


class _Flow(asyncio.BufferedProtocol):
    """Hears the registry's connection in the place of aiohttp's protocol."""

    def __init__(
        self, rest: Rest, request: web.Request, target: asyncio.Transport, aiohttps: asyncio.BaseProtocol
    ) -> None:
        """Write to `target` what comes; `turn` ends with the body, with a failure, or when the client has enough."""
        self.turn: asyncio.Future[None] | None = None
        self.failure: Exception | None = None
        self._rest = rest
        self._client = request.protocol
        self._target = target
        self._aiohttps = aiohttps
        self._memory = memoryview(bytearray(GATHERED_BYTES))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (a hint)
        """Memory for what comes, and for not one byte beyond the body."""
        return self._memory[: self._rest.left]

    def buffer_updated(self, nbytes: int) -> None:
        """Write what came."""
        rest, target = self._rest, self._target
        if target.is_closing():
            self._end(ConnectionResetError("the client left"))
            return
        target.write(self._memory[:nbytes])
        if target.get_write_buffer_size():
            self._memory = memoryview(bytearray(GATHERED_BYTES))
        rest.left -= nbytes
        rest.wake_for(rest.left)
        if not rest.left or self._client.writing_paused:
            self._end(None)

    def eof_received(self) -> None:
        """The registry sends no more, and has not sent all."""
        self._end(RegistryUnreachable("it closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The same; aiohttp has to know too."""
        self._aiohttps.connection_lost(exc)
        self._end(RegistryUnreachable("the connection broke"))

    def _end(self, failure: Exception | None) -> None:
        self._rest.transport.pause_reading()
        self.failure = self.failure or failure
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(None)
