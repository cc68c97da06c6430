"""What the registry answers, on its way to the client: streamed, by allow-lists in both directions.

Blobs, uploads, pushed manifests and lists are the registry's own business, under its own authentication. Nothing is
collected on the way: a slow reader pauses the sender, in both directions, and a stream that breaks on one side breaks
on the other. Three things keep an answer from being more than it should be: a redirect and an answer to a write have
no body, an error is written anew, and what is none of these has the type that its route has.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from proxy.limits import REASON_LENGTH, REGISTRY_ERROR_BYTES
from proxy.registry.client import RegistryClient
from proxy.registry.headers import FROM_CLIENT, FROM_CLIENT_FOR_BLOBS, FROM_REGISTRY, OCTET_STREAM, select
from proxy.registry.streams import RegistryAnswer
from proxy.web.error_bodies import JSON, rebuild
from proxy.web.forwarded import scheme
from proxy.web.locations import localise, own_origins
from proxy.web.routes import BlobRoute, Route, Upload, UploadStart
from proxy.web.straight import forward

_READS: Final = frozenset({"GET", "HEAD"})
_OF_A_BODY: Final = (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.CONTENT_ENCODING, hdrs.CONTENT_DISPOSITION)
_OF_CONTENT: Final = (*_OF_A_BODY, hdrs.ETAG, hdrs.LAST_MODIFIED, "Docker-Content-Digest")


def ask(request: web.Request, route: Route, registry: RegistryClient) -> AbstractAsyncContextManager[RegistryAnswer]:
    """Send a request that reads no manifest on to the registry, by its route.

    Raises:
        RegistryUnreachable: it cannot be asked, or stalls.
        ConnectionError: the client left.
    """
    reads = request.method in _READS
    headers = request_headers(request, FROM_CLIENT_FOR_BLOBS if reads and isinstance(route, BlobRoute) else FROM_CLIENT)
    if hdrs.CONTENT_TYPE in headers and isinstance(route, UploadStart | Upload):
        headers[hdrs.CONTENT_TYPE] = OCTET_STREAM  # a form's body would be read like the query: it could mount a blob
    body = None
    if not reads and request.method != hdrs.METH_DELETE and request.body_exists:
        body = _body(request)
        if request.content_length is not None:
            headers[hdrs.CONTENT_LENGTH] = str(request.content_length)
    return registry.stream(request.method, route.path, route.query, headers, body)


def request_headers(request: web.Request, allowed: frozenset[str]) -> CIMultiDict[str]:
    """What the registry hears: the listed headers, the client's Host, and one word on how the client came here.

    The registry builds addresses from Host and `X-Forwarded-Proto`; what a client claims there is dropped (clients 6).
    """
    headers = select(request.headers, allowed)
    host = request.headers.get(hdrs.HOST)
    if host is not None:
        headers[hdrs.HOST] = host
    headers["X-Forwarded-Proto"] = scheme(request)
    return headers


def answer_headers(request: web.Request, answer: RegistryAnswer, origin: str, *, foreign: bool) -> CIMultiDict[str]:
    """What the client hears: the listed headers, with addresses made local.

    Args:
        request: the client's.
        answer: the registry's.
        origin: of the registry.
        foreign: whether a redirect to another address may pass.

    Raises:
        RegistryUnreachable: an address leads where it must not.
    """
    headers = select(answer.headers, FROM_REGISTRY)
    localise(headers, own_origins(origin, request.headers.get(hdrs.HOST)), foreign=foreign)
    return headers


async def stream(
    request: web.Request, answer: RegistryAnswer, headers: CIMultiDict[str], *, straight: bool = False
) -> web.StreamResponse:
    """Send an answer on as it comes in; a redirect without its body, an error in the same words but written anew.

    Args:
        request: the client's.
        answer: the registry's.
        headers: what the client hears.
        straight: whether a large body may go straight to the client, past aiohttp's streams.

    Raises:
        RegistryUnreachable: it broke off; the client must then see a broken connection, never a short body.
        ConnectionError: the client left.
    """
    if answer.status >= 400:
        return await _error(answer, headers)
    if answer.status >= 300:
        return without_body(answer, headers)
    response = web.StreamResponse(status=answer.status, reason=_reason(answer), headers=headers)
    await response.prepare(request)
    if straight and (rest := answer.rest(response.content_length)) is not None:
        await response.write(rest.begun)  # the head too, if it is empty
        await forward(request, rest)
    else:
        while chunk := await answer.read_any():
            await response.write(chunk)
    await response.write_eof()
    return response


async def confirm(answer: RegistryAnswer, headers: CIMultiDict[str]) -> web.Response:
    """Answer a write: how it ended, and where to go on. Raises `RegistryUnreachable`.

    There is nothing to say in a body, and a registry that sent a manifest in it would get bytes out unverified.
    """
    return await _error(answer, headers) if answer.status >= 400 else without_body(answer, headers)


def without_body(answer: RegistryAnswer, headers: CIMultiDict[str]) -> web.Response:
    """The status and what stands beside it."""
    _drop(headers, _OF_A_BODY)
    return web.Response(status=answer.status, reason=_reason(answer), headers=headers)


def with_body(answer: RegistryAnswer, headers: CIMultiDict[str], body: bytes, content_type: str) -> web.Response:
    """The same with a body of our own making, and nothing that is said about the registry's."""
    _drop(headers, _OF_CONTENT)
    headers[hdrs.CONTENT_TYPE] = content_type
    return web.Response(status=answer.status, reason=_reason(answer), headers=headers, body=body)


async def _error(answer: RegistryAnswer, headers: CIMultiDict[str]) -> web.Response:
    body = await answer.read_up_to(REGISTRY_ERROR_BYTES)
    return with_body(answer, headers, rebuild(answer.status, body), JSON)


def _drop(headers: CIMultiDict[str], names: tuple[str, ...]) -> None:
    for name in names:
        headers.popall(name, None)


def _reason(answer: RegistryAnswer) -> str | None:
    return None if answer.reason is None else answer.reason[:REASON_LENGTH]


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    """The client's body as it comes in; a client that waits to be told so is told to go on when it is wanted."""
    if request.version == (1, 1) and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun, which aiohttp tells by this
    async for chunk in request.content.iter_any():
        yield chunk
