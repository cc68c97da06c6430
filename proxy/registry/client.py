"""The only code that talks to the registry.

Three ways to ask, and none of them forwards a tag under `enforce`: `get_manifest` takes an `Allowed` and
fetches by digest; `pass_manifest` takes an `Unenforced`; everything that is no manifest read goes through
`stream`. Paths are rebuilt from checked names by the caller and are sent as they are, never quoted again.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from proxy.config.settings import RegistrySettings
from proxy.errors import (
    ContentMismatch,
    ManifestAmbiguous,
    ManifestMissing,
    RegistryTimedOut,
    RegistryUnreachable,
    SignedLengthWrong,
)
from proxy.limits import (
    HTTP_LINE_BYTES,
    MANIFEST_BYTES,
    REGISTRY_CONNECT_SECONDS,
    REGISTRY_ERROR_BYTES,
    REGISTRY_MANIFEST_SECONDS,
    STREAM_IDLE_SECONDS,
)
from proxy.manifests import Manifest, digest_of, parse
from proxy.names import Digest, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Unenforced
from proxy.registry.failures import Relayed, translated
from proxy.registry.headers import (
    ALL_MANIFEST_TYPES,
    FROM_REGISTRY_FOR_ERRORS,
    ClientCredentials,
    error_content_type,
    select,
)
from proxy.registry.streams import RegistryAnswer, Watch
from proxy.registry.tls import tls_context

UNKNOWN_DIGEST: Final = Digest(f"sha256:{'0' * 64}")

_READS: Final = frozenset({"GET", "HEAD"})
_NO_TOTAL: Final = aiohttp.ClientTimeout(total=None, connect=REGISTRY_CONNECT_SECONDS)
_MANIFEST: Final = aiohttp.ClientTimeout(total=REGISTRY_MANIFEST_SECONDS, connect=REGISTRY_CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class VerifiedManifest:
    """Bytes that hash to the digest that was asked for, and what they say."""

    body: bytes = field(repr=False)
    manifest: Manifest


class RegistryClient:
    """The registry behind the proxy; made by `connect`."""

    def __init__(
        self,
        settings: RegistrySettings,
        reads: aiohttp.ClientSession,
        writes: aiohttp.ClientSession,
    ) -> None:
        """Use one session for what may be asked again, and one without kept connections for the rest."""
        self.origin = str(settings.url.origin())
        self._reads = reads
        self._writes = writes
        self._own = _basic(settings)

    def walker(self, client: ClientCredentials) -> ClientCredentials:
        """Who walks an index: the proxy itself if it has a credential, else the asking client; never for an answer."""
        return self._own or client

    async def get_manifest(
        self, reference: Reference, allowed: Allowed, credentials: ClientCredentials
    ) -> VerifiedManifest:
        """Fetch an admitted manifest by its digest, with the client's own credential, and check every byte.

        1. The answer is 200, which is also the registry's permission to read.
        2. The body is within the size limit.
        3. It hashes to the digest.
        4. It has the signed length, if one is signed.
        5. It is one unambiguous manifest of the type that the header names.

        Args:
            reference: what the client asked for; where the registry lacks the digest it is asked about for its status.
            allowed: the permission, which names the digest.
            credentials: the client's.

        Raises:
            Relayed: the registry does not let this credential in.
            ManifestMissing: it does, but lacks the digest.
            ManifestAmbiguous, ContentMismatch, SignedLengthWrong: (2) to (5).
            RegistryUnreachable: it cannot be asked, or redirects.
        """
        async with self._ask("GET", _path(reference.repository, allowed.digest), credentials) as answer:
            if answer.status == 200:
                content_type = answer.headers.get("Content-Type")
                body = await answer.read_up_to(MANIFEST_BYTES)
                return _verified(body, content_type, allowed)
            relayed = await _relayed(answer)
        await self._explain(relayed, reference, credentials)
        raise ManifestMissing(allowed.digest)

    async def authorise(self, reference: Reference, digest: Digest, credentials: ClientCredentials) -> None:
        """Ask whether this credential may read this repository, for a digest that is decided and already at hand.

        A conditional GET costs the registry no storage access and answers 304 (clients 5). Nothing is remembered.

        Raises:
            Relayed: the registry does not let this credential in.
            ManifestMissing: it does, but says that it lacks the digest.
            RegistryUnreachable: it cannot be asked, or redirects.
        """
        relayed = await self._probe(reference.repository, digest, credentials)
        if relayed is not None:
            await self._explain(relayed, reference, credentials)
            raise ManifestMissing(digest)

    async def authorise_undecided(self, reference: Reference, credentials: ClientCredentials) -> None:
        """The same while no digest is decided: a refusal is only for those who may read (design: Who may read).

        A digest that nobody has is asked for. Where that is 404, the registry may have looked for it before it
        looked at the credential, so the client's own reference is asked for by HEAD, for its status only.

        Raises:
            Relayed: the registry does not let this credential in, or has nothing under this reference.
            RegistryUnreachable: it cannot be asked, or redirects.
        """
        relayed = await self._probe(reference.repository, UNKNOWN_DIGEST, credentials)
        if relayed is None:
            return
        if relayed.status != 404:
            raise relayed
        async with self._ask("HEAD", _path(reference.repository, reference.target), credentials) as answer:
            if answer.status == 200:
                return
            status = await _relayed(answer)
        raise relayed if status.status == 404 else status

    def pass_manifest(
        self, unenforced: Unenforced, method: str, reference: Reference, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RegistryAnswer]:
        """Relay the client's own manifest request, by tag or digest, because the configuration says so.

        Raises:
            RegistryUnreachable: it cannot be asked.
        """
        if not isinstance(unenforced, Unenforced):
            raise TypeError("only an Unenforced lets a client's own request through")
        return self._open(method, _path(reference.repository, reference.target), "", headers)

    def stream(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes] | None = None,
    ) -> AbstractAsyncContextManager[RegistryAnswer]:
        """Open an exchange that reads no manifest; leaving the context before the body's end closes the connection.

        Args:
            method: of the request.
            path: rebuilt from checked names.
            query: raw, without `?`; empty for none.
            headers: the complete headers; nothing is added but `Host`, where absent, and the framing.
            body: of the request, streamed; None for none. With a Content-Length header that length is sent.

        Raises:
            RegistryUnreachable: it cannot be asked, or nothing moved for too long.
            ConnectionError: the client broke off or stalled in the middle of its own body.
        """
        if method in _READS and path.split("/")[-2] == "manifests":
            raise TypeError("a manifest is read with a permission only")
        return self._open(method, path, query, headers, body)

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes] | None = None,
        bounds: aiohttp.ClientTimeout = _NO_TOTAL,
    ) -> AsyncIterator[RegistryAnswer]:
        """Open any exchange; `bounds` are of time, by default only of connecting and standing still."""
        session = self._reads if method in _READS else self._writes
        url = URL(f"{self.origin}{path}{'?' if query else ''}{query}", encoded=True)
        patience = asyncio.timeout(STREAM_IDLE_SECONDS)
        watch = Watch(patience)
        request = session.request(
            method,
            url,
            headers=headers,
            data=None if body is None else watch.over(body),
            allow_redirects=False,
            timeout=bounds,
        )
        try:
            async with patience, await _answered(request, watch) as response:
                yield RegistryAnswer(response, watch)
        except TimeoutError:
            if not patience.expired():
                raise
            if watch.waits_for_client:
                raise ConnectionAbortedError("the client stopped sending") from None
            raise RegistryTimedOut(f"nothing moved for {STREAM_IDLE_SECONDS:.0f} s") from None

    def _ask(
        self, method: str, path: str, credentials: ClientCredentials, condition: Digest | None = None
    ) -> AbstractAsyncContextManager[RegistryAnswer]:
        """Ask about a manifest, with all four types, since the registry converts or hides otherwise (clients 4.2)."""
        headers = {"Accept": ALL_MANIFEST_TYPES, **credentials.as_headers()}
        if condition is not None:
            headers["If-None-Match"] = f'"{condition}"'
        return self._open(method, path, "", headers, bounds=_MANIFEST)

    async def _probe(self, repository: Repository, digest: Digest, credentials: ClientCredentials) -> Relayed | None:
        """Ask conditionally; None is permission, anything else is what the registry said instead."""
        async with self._ask("GET", _path(repository, digest), credentials, condition=digest) as answer:
            if answer.status in (200, 304):
                await answer.read_up_to(MANIFEST_BYTES)  # to keep the connection; the bytes are not used
                return None
            return await _relayed(answer)

    async def _explain(self, relayed: Relayed, reference: Reference, credentials: ClientCredentials) -> None:
        """Tell a missing manifest from a repository that is hidden; returns only in the first case."""
        if relayed.status != 404:
            raise relayed
        await self.authorise_undecided(reference, credentials)


@asynccontextmanager
async def connect(settings: RegistrySettings) -> AsyncIterator[RegistryClient]:
    """Open the client for as long as the context lasts: no cookies, no proxies of the environment, nothing decoded.

    Reads share kept connections and are repeated once by aiohttp where a kept one had just been closed. A write
    cannot be repeated, so each has a connection of its own.

    Raises:
        UserError: `ca_file` cannot be used.
    """
    tls = tls_context(settings.ca_file)
    async with _session(tls, keep=True) as reads, _session(tls, keep=False) as writes:
        yield RegistryClient(settings, reads, writes)


def _session(tls: ssl.SSLContext, *, keep: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls, force_close=not keep),  # as many as there are clients
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=_NO_TOTAL,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        max_line_size=HTTP_LINE_BYTES,
        max_field_size=HTTP_LINE_BYTES,
    )


async def _answered(request: Awaitable[aiohttp.ClientResponse], watch: Watch) -> aiohttp.ClientResponse:
    """Wait for the head of an answer. Raises as `RegistryClient.stream` does."""
    try:
        with translated():
            return await request
    except RegistryUnreachable as failure:
        if watch.client_failure is not None:
            raise ConnectionResetError("the client broke off its upload") from failure
        raise


async def _relayed(answer: RegistryAnswer) -> Relayed:
    """Keep an error answer for the client. Raises `RegistryUnreachable` for an answer that is no error."""
    if not 400 <= answer.status <= 599:
        raise RegistryUnreachable(f"it answered {answer.status} where a manifest was asked for")
    headers = select(answer.headers, FROM_REGISTRY_FOR_ERRORS)
    if "Content-Type" in headers:
        headers["Content-Type"] = error_content_type(headers["Content-Type"])
    return Relayed(answer.status, headers, await answer.read_up_to(REGISTRY_ERROR_BYTES) or b"")


def _verified(body: bytes | None, content_type: str | None, allowed: Allowed) -> VerifiedManifest:
    """Steps (2) to (5) of `get_manifest`."""
    if body is None:
        raise ManifestAmbiguous(f"it is larger than {MANIFEST_BYTES} bytes")
    actual = digest_of(body)
    if actual != allowed.digest:
        raise ContentMismatch(allowed.digest, actual)
    check_length(len(body), allowed)
    return VerifiedManifest(body, parse(body, content_type))


def check_length(length: int, allowed: Allowed) -> None:
    """Compare a manifest's length with the signed one (difference S12). Raises `SignedLengthWrong`."""
    if allowed.length is not None and length != allowed.length:
        raise SignedLengthWrong(allowed.signers, allowed.length, length)


def _path(repository: Repository, target: Tag | Digest) -> str:
    return f"/v2/{repository}/manifests/{target}"


def _basic(settings: RegistrySettings) -> ClientCredentials | None:
    own = settings.credentials
    if own is None:
        return None
    return ClientCredentials(f"Basic {b64encode(f'{own.username}:{own.password}'.encode()).decode()}")
