"""Bodies larger than memory, in both directions, and ends that leave in the middle."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from deploy.stack.ports import free_port
from proxy.registry import streams
from proxy.tasks import spawn
from tests.unit.registry.material import FakeRegistry, answering, error, eventually, speaking
from tests.unit.web.material import ALICE, Proxy, running

CHUNK: Final = bytes(range(256)) * 1024  # 256 KiB
CHUNKS: Final = 256  # 64 MiB of them
PAUSED: Final = CHUNKS // 2  # what fits into sockets and buffers on the way is far less
SHA256: Final = hashlib.sha256(CHUNK * CHUNKS).hexdigest()
BLOB: Final = f"/v2/shop/app/blobs/sha256:{SHA256}"
UPLOADS: Final = "/v2/shop/app/blobs/uploads/"
UPLOAD: Final = f"{UPLOADS}b9e5bd5e-4ee1"


async def standing_still(progress: Callable[[], int]) -> int:
    """Wait until a count, which has begun, does not grow any more, and return it."""
    seen, unchanged = 0, 0
    async with asyncio.timeout(30):
        while unchanged < 40:
            await asyncio.sleep(0.01)
            unchanged = unchanged + 1 if progress() == seen and seen else 0
            seen = progress()
    return seen


def target(proxy: Proxy, path: str) -> URL:
    """The address of a path on the proxy."""
    return URL(f"{proxy.url}{path}", encoded=True)


# --- downloads --------------------------------------------------------------------------------


async def test_a_slow_reader_pauses_the_registry(proxy: Proxy) -> None:
    """A blob that nobody reads is not collected in the proxy; read on, it arrives whole."""
    written = 0

    async def send(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Length": str(len(CHUNK) * CHUNKS)})
        await response.prepare(request)
        for _ in range(CHUNKS):
            await response.write(CHUNK)
            written += 1
        return response

    proxy.registry.scripted[f"GET {BLOB}"] = send
    async with proxy.client.get(target(proxy, BLOB)) as response:
        assert response.headers["Content-Length"] == str(len(CHUNK) * CHUNKS)
        assert await standing_still(lambda: written) < PAUSED
        received = hashlib.sha256()
        async for data in response.content.iter_any():
            received.update(data)
    assert received.hexdigest() == SHA256


async def test_a_body_of_unknown_length_is_streamed_too(proxy: Proxy) -> None:
    """A registry may send chunks; each is handed on when it comes, not at the end."""
    go_on = asyncio.Event()

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await go_on.wait()
        await response.write(b"second")
        return response

    proxy.registry.scripted[f"GET {BLOB}"] = send
    async with proxy.client.get(target(proxy, BLOB)) as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.content.readany() == b"first"
        go_on.set()
        assert await response.content.read() == b"second"


CUT: Final = {
    "of known length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "before its first byte": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("head", [pytest.param(head, id=name) for name, head in CUT.items()])
async def test_a_body_that_breaks_off_breaks_the_clients_connection(events: list[Any], head: bytes) -> None:
    """A short body never ends in good order: the client must notice."""

    async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()

    async with speaking(cutting) as url, running(FakeRegistry(), url) as proxy:
        response = await proxy.client.get(target(proxy, BLOB))
        with pytest.raises(aiohttp.ClientError):
            await response.read()
        await eventually(lambda: events)
    assert (events[0]["status"], events[0]["refusal"]) == (200, "registry_unreachable")
    assert events[0]["trouble"] == "the answer broke off"


async def test_an_old_client_notices_a_cut_too() -> None:
    """HTTP/1.0 has no chunks: there the end of the connection must be a reset."""

    async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CUT["in chunks"])
        await writer.drain()

    async with speaking(cutting) as url, running(FakeRegistry(), url) as proxy:
        with pytest.raises(ConnectionResetError):
            await proxy.say(f"GET {BLOB} HTTP/1.0\r\n\r\n".encode())


async def test_a_client_that_leaves_ends_the_registrys_work(proxy: Proxy) -> None:
    """The registry is not read on for nobody."""
    left = asyncio.Event()

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(CHUNK)
        finally:
            left.set()

    proxy.registry.scripted[f"GET {BLOB}"] = send
    response = await proxy.client.get(target(proxy, BLOB))
    assert await response.content.readany()
    response.close()
    await eventually(left.is_set)


async def test_a_client_that_leaves_a_silent_registry_ends_its_work(proxy: Proxy) -> None:
    """The same while the registry has nothing to send."""
    left = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await asyncio.sleep(60)
        finally:
            left.set()
        return response

    proxy.registry.scripted[f"GET {BLOB}"] = wait
    response = await proxy.client.get(target(proxy, BLOB))
    response.close()
    await eventually(left.is_set)


async def test_a_stalling_registry_is_cut(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body may take any time, but not without moving."""
    hurry = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        await hurry.wait()
        await response.write(b"and a bit")
        await asyncio.sleep(60)
        return response

    proxy.registry.scripted[f"GET {BLOB}"] = stall
    response = await proxy.client.get(target(proxy, BLOB))
    assert await response.content.readexactly(4) == b"half"
    monkeypatch.setattr(streams, "STREAM_IDLE_SECONDS", 0.1)
    hurry.set()
    with pytest.raises(aiohttp.ClientError):
        await response.read()


async def test_a_stalling_reader_is_cut(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads nothing may not hold a connection of the registry for ever."""
    hurry, left = asyncio.Event(), asyncio.Event()

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await hurry.wait()
        try:
            while True:
                await response.write(CHUNK)
        finally:
            left.set()

    proxy.registry.scripted[f"GET {BLOB}"] = send
    async with proxy.client.get(target(proxy, BLOB)):
        monkeypatch.setattr(streams, "STREAM_IDLE_SECONDS", 0.1)
        hurry.set()
        await eventually(left.is_set)


# --- uploads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", [pytest.param(True, id="of stated length"), pytest.param(False, id="in chunks")])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "POST"])
async def test_a_slow_registry_pauses_the_client(proxy: Proxy, method: str, *, stated: bool) -> None:
    """An upload that the registry does not read is not collected in the proxy; read on, it arrives whole."""
    sent, go_on, received = 0, asyncio.Event(), hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(CHUNKS):
            yield CHUNK
            sent += 1

    async def take(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        async for data in request.content.iter_any():
            received.update(data)
        return await answering(status=202, Location=f"{UPLOAD}?_state=x", Range=f"0-{len(CHUNK) * CHUNKS - 1}")(request)

    path = UPLOADS if method == "POST" else UPLOAD
    proxy.registry.scripted[f"{method} {path}"] = take
    headers = {**ALICE, "Content-Type": "application/octet-stream"}
    if stated:
        headers["Content-Length"] = str(len(CHUNK) * CHUNKS)
    asking = spawn(proxy.ask(method, path, headers=headers, data=body()), name="upload")
    assert await standing_still(lambda: sent) < PAUSED
    go_on.set()
    reply = await asking
    assert (reply.status, reply.headers["Location"]) == (202, f"{UPLOAD}?_state=x")
    assert received.hexdigest() == SHA256
    seen = proxy.registry.asked[0].headers
    assert seen.get("Content-Length") == (headers["Content-Length"] if stated else None)
    assert seen.get("Transfer-Encoding") == (None if stated else "chunked")


async def test_an_empty_upload_has_its_length(proxy: Proxy) -> None:
    """An upload is begun without a body, and is no chunked one then."""
    proxy.registry.scripted[f"POST {UPLOADS}"] = answering(status=202)
    await proxy.ask("POST", UPLOADS)
    assert proxy.registry.asked[0].headers["Content-Length"] == "0"
    assert "Transfer-Encoding" not in proxy.registry.asked[0].headers


@pytest.mark.parametrize(
    ("framing", "rest"),
    [
        pytest.param("Content-Length: 100\r\n\r\nhalf", "", id="of stated length"),
        pytest.param("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "", id="in chunks"),
        pytest.param("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "xyz\r\n", id="in chunks that go wrong"),
    ],
)
async def test_half_an_upload_never_looks_whole(
    events: list[Any], monkeypatch: pytest.MonkeyPatch, framing: str, rest: str
) -> None:
    """A client that leaves or talks nonsense leaves the registry with a broken request, not with a short one."""
    heard = b""
    ended = asyncio.Event()

    async def listening(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        try:
            while data := await reader.read(65536):
                heard += data
        finally:
            ended.set()

    async with speaking(listening) as url, running(FakeRegistry(), url) as proxy:
        async with proxy.call() as (reader, writer):
            writer.write(f"PATCH {UPLOAD} HTTP/1.1\r\nHost: r\r\n{framing}".encode())
            await eventually(lambda: b"half" in heard)
            if rest:  # aiohttp's parser gives up without telling the reader
                monkeypatch.setattr(streams, "STREAM_IDLE_SECONDS", 0.5)
                writer.write(b"4\r\nmore\r\n")
                await eventually(lambda: b"more" in heard)
                writer.write(rest.encode())
                assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        await eventually(ended.is_set)
        await eventually(lambda: [event for event in events if event["event"] == "request"])
    assert b"0\r\n\r\n" not in heard.partition(b"\r\n\r\n")[2]
    (event,) = [event for event in events if event["event"] == "request"]
    assert event["status"] is None


async def test_an_early_no_ends_an_upload(proxy: Proxy) -> None:
    """A registry that refuses without reading is heard at once."""

    async def no(_request: web.Request) -> web.StreamResponse:
        return error(401, "UNAUTHORIZED", {"WWW-Authenticate": "Basic"})

    proxy.registry.scripted[f"PATCH {UPLOAD}"] = no
    async with proxy.call() as (reader, writer):
        writer.write(f"PATCH {UPLOAD} HTTP/1.1\r\nHost: r\r\nContent-Length: 100000000\r\n\r\nbegin".encode())
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"WWW-Authenticate: Basic" in head


async def test_a_client_is_told_to_go_on_when_its_body_is_wanted(proxy: Proxy) -> None:
    """`Expect: 100-continue` is answered, and the registry gets the body without it."""
    received = b""

    async def take(request: web.Request) -> web.StreamResponse:
        nonlocal received
        received = await request.read()
        return web.Response(status=202)

    proxy.registry.scripted[f"PATCH {UPLOAD}"] = take
    expecting = "Expect: 100-Continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    async with proxy.call() as (reader, writer):
        writer.write(f"PATCH {UPLOAD} HTTP/1.1\r\nHost: r\r\n{expecting}".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert (await reader.read()).startswith(b"HTTP/1.1 202 ")
    assert received == b"body"
    assert "Expect" not in proxy.registry.asked[0].headers


async def test_a_client_is_not_told_to_go_on_for_nothing() -> None:
    """Where the registry is away the body is never asked for."""
    async with running(FakeRegistry(), URL(f"http://127.0.0.1:{free_port()}")) as proxy:
        answer = await proxy.say(
            f"PATCH {UPLOAD} HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n".encode()
        )
    assert answer.startswith(b"HTTP/1.1 502 ")


async def test_a_stalling_client_is_cut(proxy: Proxy, events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that stops in the middle of its upload may not hold a connection of the registry for ever."""
    begun = asyncio.Event()

    async def read(request: web.Request) -> web.StreamResponse:
        assert await request.content.readexactly(4) == b"half"
        begun.set()
        await request.read()
        return web.Response(status=202)

    proxy.registry.scripted[f"PATCH {UPLOAD}"] = read
    async with proxy.call() as (reader, writer):
        writer.write(f"PATCH {UPLOAD} HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\nhalf".encode())
        await begun.wait()
        monkeypatch.setattr(streams, "STREAM_IDLE_SECONDS", 0.1)
        writer.write(b"and a bit")
        assert await reader.read() == b""
    await eventually(lambda: events)
    assert (events[0]["status"], events[0]["trouble"]) == (None, "the client stopped sending")


async def test_a_registry_that_stalls_in_an_upload_is_named(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that does not answer a whole upload is a time-out, not the client's fault."""
    monkeypatch.setattr(streams, "REGISTRY_COMMIT_SECONDS", 0.1)

    async def stall(request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.sleep(60)
        return web.Response()

    proxy.registry.scripted[f"PUT {UPLOAD}"] = stall
    reply = await proxy.ask("PUT", UPLOAD, data=b"body")
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (504, "registry_unreachable")
