"""Bodies of any size, in both directions: nothing is collected, and nothing may stand still for long.

The total time of a stream is unbounded. What is bounded is the time in which no byte moves, whichever of the
two ends is the one that stalls.
"""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from multidict import CIMultiDictProxy

from proxy.errors import RegistryUnreachable
from proxy.limits import REGISTRY_COMMIT_SECONDS, REGISTRY_ERROR_BYTES, STREAM_IDLE_SECONDS
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
