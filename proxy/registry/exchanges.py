"""Exchanges with the registry: which connection, how long anything may take, and what counts as an answer."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import hdrs
from yarl import URL

from proxy.config.settings import RegistrySettings
from proxy.errors import RegistryLoop, RegistryTimedOut, RegistryUnreachable
from proxy.limits import HTTP_LINE_BYTES, REGISTRY_CONNECT_SECONDS, REGISTRY_MANIFEST_SECONDS, STREAM_IDLE_SECONDS
from proxy.registry import loops
from proxy.registry.failures import translated
from proxy.registry.streams import RegistryAnswer, Watch
from proxy.telemetry.metrics import UPSTREAM_REQUESTS, UPSTREAM_SECONDS, outcome
from proxy.tls import client_context

_REGISTRY: Final = "registry"
READS: Final = frozenset({"GET", "HEAD"})
NO_TOTAL: Final = aiohttp.ClientTimeout(total=None, connect=REGISTRY_CONNECT_SECONDS)
SMALL: Final = aiohttp.ClientTimeout(total=REGISTRY_MANIFEST_SECONDS, connect=REGISTRY_CONNECT_SECONDS)


class Exchanges:
    """The sessions towards one registry; made by `connect`.

    `elsewhere` reaches other hosts for it: where a manifest is redirected to, and its token server. It believes the
    same authorities and shows no client certificate.
    """

    def __init__(
        self, origin: URL, reads: aiohttp.ClientSession, writes: aiohttp.ClientSession, elsewhere: aiohttp.ClientSession
    ) -> None:
        """Use one session for what may be asked again, and one without kept connections for the rest."""
        self.origin = origin
        self.elsewhere = elsewhere
        self.has_answered = False
        self._reads = reads
        self._writes = writes

    def address(self, path: str, query: str = "") -> URL:
        """The address of a path of the registry; both are sent as they are, never quoted again."""
        return URL(f"{self.origin}{path}{'?' if query else ''}{query}", encoded=True)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes] | None = None,
        bounds: aiohttp.ClientTimeout = NO_TOTAL,
    ) -> AsyncIterator[RegistryAnswer]:
        """Open an exchange; leaving the context before the body's end closes the connection.

        Args:
            method: of the request.
            url: of the registry or, for a redirected read, of another host.
            headers: the complete headers; nothing is added but `Host`, where absent, the framing, and `Via` for the
                registry itself.
            body: of the request, streamed; None for none. With a Content-Length header that length is sent.
            bounds: of time, by default only of connecting and standing still.

        Raises:
            RegistryUnreachable: it cannot be asked, its answer is none, or nothing moved for too long.
            RegistryLoop: it is this proxy itself.
            ConnectionError: the client broke off or stalled in the middle of its own body.
        """
        patience = asyncio.timeout(STREAM_IDLE_SECONDS)
        watch = Watch(patience)
        request = self._session(method, url).request(
            method,
            url,
            headers=loops.marked(headers) if url.origin() == self.origin else headers,
            data=None if body is None else watch.over(body),
            allow_redirects=False,
            timeout=bounds,
        )
        try:
            async with patience, await self._counted(url, _answered(request, watch)) as response:
                if not 200 <= response.status <= 599:
                    raise RegistryUnreachable(f"it answered {response.status}, which is no final status")
                yield RegistryAnswer(response, watch)
        except TimeoutError:
            if not patience.expired():
                raise
            if watch.waits_for_client:
                raise ConnectionAbortedError("the client stopped sending") from None
            raise RegistryTimedOut(f"nothing moved for {STREAM_IDLE_SECONDS:.0f} s") from None

    async def _counted(self, url: URL, answered: Awaitable[aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
        """Wait for the head of an answer, and count how it went. Raises as `open` does."""
        if url.origin() != self.origin:
            return await answered
        begun = time.monotonic()
        try:
            response = await answered
            _check(response)
        except RegistryTimedOut:
            UPSTREAM_REQUESTS.inc(_REGISTRY, "timeout")
            raise
        except RegistryUnreachable:
            UPSTREAM_REQUESTS.inc(_REGISTRY, "unreachable")
            raise
        self.has_answered = True
        UPSTREAM_SECONDS.observe(time.monotonic() - begun, _REGISTRY)
        UPSTREAM_REQUESTS.inc(_REGISTRY, outcome(response.status))
        return response

    def _session(self, method: str, url: URL) -> aiohttp.ClientSession:
        if url.origin() != self.origin:
            return self.elsewhere
        return self._reads if method in READS else self._writes


@asynccontextmanager
async def connect(settings: RegistrySettings) -> AsyncIterator[Exchanges]:
    """Open the sessions for as long as the context lasts: no cookies, no proxies of the environment, nothing decoded.

    Reads share kept connections and are repeated once by aiohttp where a kept one had just been closed. A write
    cannot be repeated, so each has a connection of its own. The registry is not told so: it would close that as soon
    as it has answered, and an early no to a long body would be lost in the reset.

    Raises:
        UserError: `ca_file` or the client certificate cannot be used.
    """
    own = client_context("registry", settings.ca_file, settings.client_certificate_file, settings.client_key_file)
    other = client_context("registry", settings.ca_file)
    async with AsyncExitStack() as sessions:
        reads = await sessions.enter_async_context(_session(own, keep=True))
        writes = await sessions.enter_async_context(_session(own, keep=False))
        elsewhere = await sessions.enter_async_context(_session(other, keep=True))
        yield Exchanges(settings.url.origin(), reads, writes, elsewhere)


def _session(tls: ssl.SSLContext, *, keep: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls, force_close=not keep),  # as many as there are clients
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=NO_TOTAL,
        headers=None if keep else {hdrs.CONNECTION: "keep-alive"},
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        max_line_size=HTTP_LINE_BYTES,
        max_field_size=HTTP_LINE_BYTES,
    )


def _check(response: aiohttp.ClientResponse) -> None:
    """Close the connection of an answer that is not the registry's. Raises `RegistryLoop`."""
    try:
        loops.check_answer(response.headers)
    except RegistryLoop:
        response.close()
        raise


async def _answered(request: Awaitable[aiohttp.ClientResponse], watch: Watch) -> aiohttp.ClientResponse:
    """Wait for the head of an answer. Raises as `Exchanges.open` does."""
    try:
        with translated():
            return await request
    except RegistryUnreachable as failure:
        if watch.client_failure is not None:
            raise ConnectionResetError("the client broke off its upload") from failure
        raise
