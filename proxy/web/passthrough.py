"""Everything that is not a manifest read: streamed through, by allow-lists in both directions.

Blobs, uploads, pushed manifests and lists are the registry's own business, under its own authentication. Nothing is
collected on the way: a slow reader pauses the sender, in both directions, and a stream that breaks on one side breaks
on the other.
"""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from proxy.registry.client import RegistryClient
from proxy.registry.headers import (
    FROM_CLIENT,
    FROM_CLIENT_FOR_BLOBS,
    FROM_REGISTRY,
    OCTET_STREAM,
    error_content_type,
    select,
)
from proxy.registry.streams import RegistryAnswer
from proxy.web.locations import localise, own_origins
from proxy.web.paths import BlobRoute, ManifestRoute, Route

_READS: Final = frozenset({"GET", "HEAD"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


async def pass_through(request: web.Request, route: Route, registry: RegistryClient) -> web.StreamResponse:
    """Send a request to the registry and its answer to the client.

    Raises:
        RegistryUnreachable: it cannot be asked, stalls, breaks off, or sends a writer elsewhere.
        ConnectionError: the client left.
    """
    reads_blob = isinstance(route, BlobRoute) and request.method in _READS
    headers = request_headers(request, FROM_CLIENT_FOR_BLOBS if reads_blob else FROM_CLIENT)
    body = None
    if request.method in _WITH_BODY and request.body_exists:
        body = _body(request)
        if request.content_length is not None:
            headers[hdrs.CONTENT_LENGTH] = str(request.content_length)
    async with registry.stream(request.method, route.path, route.query, headers, body) as answer:
        kept = answer_headers(request, answer, registry.origin, foreign=reads_blob)
        if reads_blob and answer.status < 300:
            kept[hdrs.CONTENT_TYPE] = OCTET_STREAM
        if isinstance(route, ManifestRoute) and answer.status < 400:
            return _without_body(answer, kept)
        return await stream(request, answer, kept)


def _without_body(answer: RegistryAnswer, headers: CIMultiDict[str]) -> web.Response:
    """The answer to a manifest that was written or deleted: it has nothing to say in a body.

    A registry that sent a manifest there would get bytes out that nobody verified.
    """
    for name in (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, "Content-Encoding"):
        headers.popall(name, None)
    return web.Response(status=answer.status, reason=answer.reason, headers=headers)


def request_headers(request: web.Request, allowed: frozenset[str]) -> CIMultiDict[str]:
    """What the registry hears: the listed headers, the client's Host, and one word on how the client came here.

    The registry builds addresses from Host and `X-Forwarded-Proto`; what a client claims there is dropped (clients 6).
    """
    headers = select(request.headers, allowed)
    host = request.headers.get(hdrs.HOST)
    if host is not None:
        headers[hdrs.HOST] = host
    headers["X-Forwarded-Proto"] = "http"
    return headers


def answer_headers(request: web.Request, answer: RegistryAnswer, origin: str, *, foreign: bool) -> CIMultiDict[str]:
    """What the client hears: the listed headers, with addresses made local. Raises `RegistryUnreachable`."""
    headers = select(answer.headers, FROM_REGISTRY)
    localise(headers, own_origins(origin, request.headers.get(hdrs.HOST)), foreign=foreign)
    if answer.status >= 400 and hdrs.CONTENT_TYPE in headers:
        headers[hdrs.CONTENT_TYPE] = error_content_type(headers[hdrs.CONTENT_TYPE])
    return headers


async def stream(request: web.Request, answer: RegistryAnswer, headers: CIMultiDict[str]) -> web.StreamResponse:
    """Send an answer on as it comes in.

    Raises:
        RegistryUnreachable: it broke off; the client must then see a broken connection, never a short body.
        ConnectionError: the client left.
    """
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    while chunk := await answer.read_any():
        await response.write(chunk)
    await response.write_eof()
    return response


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    """The client's body as it comes in; a client that waits to be told so is told to go on when it is wanted."""
    if request.version == (1, 1) and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun, which aiohttp tells by this
    async for chunk in request.content.iter_any():
        yield chunk
