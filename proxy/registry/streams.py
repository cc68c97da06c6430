"""Bodies of any size, in both directions: nothing is collected, and nothing may stand still for long.

The total time of a stream is unbounded. What is bounded is the time in which no byte moves, whichever of the
two ends is the one that stalls.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDictProxy

from proxy.errors import RegistryUnreachable
from proxy.limits import (
    GATHER_SECONDS,
    GATHERED_BYTES,
    REGISTRY_COMMIT_SECONDS,
    REGISTRY_ERROR_BYTES,
    STRAIGHT_BYTES,
    STRAIGHT_TLS_BYTES,
    STREAM_IDLE_SECONDS,
)
from proxy.registry.failures import Relayed, translated
from proxy.registry.headers import FROM_REGISTRY_FOR_ERRORS, error_content_type, select


class Watch:
    """Sees bytes move; the time-out that it carries runs out when none did for too long."""

    def __init__(self, patience: asyncio.Timeout) -> None:
        """Watch with the time-out of the whole exchange."""
        self._patience = patience
        self.waits_for_client = False
        self.client_failure: Exception | None = None

    def moved(self) -> None:
        """Something moved: wait for the next move."""
        self._wait(STREAM_IDLE_SECONDS)

    async def over(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass on a client's body, chunk by chunk, and note which end has to move next."""
        try:
            self.waits_for_client = True
            async for chunk in body:
                self.waits_for_client = False
                self.moved()
                yield chunk
                self.moved()
                self.waits_for_client = True
        except Exception as failure:
            self.client_failure = failure
            raise
        self.waits_for_client = False
        self._wait(REGISTRY_COMMIT_SECONDS)

    def _wait(self, seconds: float) -> None:
        if not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time() + seconds)


@dataclass(slots=True)
class Rest:
    """What is still to come of a body, on a connection that nobody reads until somebody takes it up.

    `begun` was read and is still to be sent. After it come exactly `left` bytes; whoever moves them counts that down,
    and takes nothing from the connection that would come after them.
    """

    transport: asyncio.Transport
    begun: bytes
    left: int
    watch: Watch
    _wakes_for: int = 1

    def wake_for(self, wanted: int) -> None:
        """Have the kernel wake nobody for less than pays, unless these are the last bytes that are wanted.

        Costs of a registry that sends packet by packet lie in being told of each (SO_RCVLOWAT). With TLS nobody
        knows how many bytes of the connection those are.
        """
        wakes_for = max(1, min(wanted, GATHERED_BYTES))
        if wakes_for != self._wakes_for and self.transport.get_extra_info("ssl_object") is None:
            with suppress(OSError):  # it is broken, which whoever reads it will notice
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wakes_for)
            self._wakes_for = wakes_for

    async def until(self, ended: "asyncio.Future[None]") -> None:
        """Wait for an end that somebody else brings about, as long as `left` does not stand still.

        What has come from a slow registry meanwhile is not held back any longer, however little it is.
        """
        self.watch.moved()
        while not ended.done():
            seen = self.left
            await asyncio.wait((ended,), timeout=GATHER_SECONDS)
            if self.left != seen:
                self.watch.moved()
            else:
                self.wake_for(1)


class RegistryAnswer:
    """An answer of the registry whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse, watch: Watch) -> None:
        """Wrap an open response."""
        self._response = response
        self._watch = watch

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def reason(self) -> str | None:
        """The registry's own reason phrase, if it is printable."""
        reason = self._response.reason or ""
        return reason if reason and reason.isascii() and reason.isprintable() else None

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """All headers, as received."""
        return self._response.headers

    async def read_any(self) -> bytes:
        """Whatever of the body has arrived; empty at its end.

        Raises:
            RegistryUnreachable: the body broke off before its end.
        """
        self._watch.moved()
        with translated():
            chunk = await self._response.content.readany()
        self._watch.moved()
        return chunk

    def rest(self, stated: int | None) -> Rest | None:
        """Take over the connection in the middle of a body of known length, where so much is left that it pays.

        Aiohttp's parser has seen the head and hands out all that it was fed; it is fed nothing more. So it never
        comes to the end of the body, and the connection is closed with this answer, never kept for another one.

        Args:
            stated: the length that the client was told; None for none.

        Raises:
            RegistryUnreachable: the body broke off before its end.
        """
        response, content = self._response, self._response.content
        transport = None if response.connection is None else response.connection.transport
        if transport is None or content.is_eof() or stated is None or stated != response.content_length:
            return None
        least = STRAIGHT_BYTES if transport.get_extra_info("ssl_object") is None else STRAIGHT_TLS_BYTES
        if hdrs.TRANSFER_ENCODING in response.headers or stated - content.total_bytes < least:
            return None
        self._watch.moved()
        with translated():  # lets aiohttp go on reading, so that has to be stopped after it
            begun = b"".join(iter(content.read_nowait, b""))
        left = stated - content.total_bytes
        if left:
            transport.pause_reading()
        return Rest(transport, begun, left, self._watch)

    async def read_up_to(self, limit: int) -> bytes | None:
        """The whole body, or None if it has more than `limit` bytes.

        Raises:
            RegistryUnreachable: the body broke off before its end.
        """
        stated = self._response.content_length
        if stated is not None and stated > limit:
            return None
        body = bytearray()
        while chunk := await self.read_any():
            body += chunk
            if len(body) > limit:
                return None
        return bytes(body)

    async def as_error(self, asked_for: str) -> Relayed:
        """Keep an error answer for the client, all challenges of it.

        Raises:
            RegistryUnreachable: it is no error, or broke off.
        """
        if not 400 <= self.status <= 599:
            raise RegistryUnreachable(f"it answered {self.status} where {asked_for} was asked for")
        headers = select(self.headers, FROM_REGISTRY_FOR_ERRORS)
        if "Content-Type" in headers:
            headers["Content-Type"] = error_content_type(headers["Content-Type"])
        return Relayed(self.status, headers, await self.read_up_to(REGISTRY_ERROR_BYTES) or b"")
