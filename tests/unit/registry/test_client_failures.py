"""A registry that fails, in every way that the wire has, and clients that fail."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientTimeout
from yarl import URL

from deploy.stack.ports import free_port
from proxy.errors import RegistryTimedOut, RegistryUnreachable
from proxy.registry import reading
from proxy.registry.client import RegistryClient, connect
from tests.unit.registry.asking import ALICE, BODY, DIGEST, NOBODY, TAGGED
from tests.unit.registry.material import FakeRegistry, allowed, answering, eventually, settings, speaking

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(answer: bytes) -> Talk:
    """A peer that reads one request and says this, then hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return talk


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that resets the connection."""
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A peer that never answers."""
    await reader.read()


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        pytest.param(saying(b""), "it closed the connection", id="closed"),
        pytest.param(saying(b"SSH-2.0-OpenSSH\r\n\r\n"), "its answer is no HTTP", id="no HTTP"),
        pytest.param(
            saying(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
            "it answered 101, which is no final status",
            id="another protocol",
        ),
        pytest.param(saying(b"HTTP/1.1 099 Odd\r\n\r\n"), "it answered 99, which is no final status", id="099"),
        pytest.param(saying(b"HTTP/1.1 600 Odd\r\n\r\n"), "it answered 600, which is no final status", id="600"),
        pytest.param(saying(b"HTTP/1.1 999 Odd\r\n\r\n"), "it answered 999, which is no final status", id="999"),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "the connection broke", id="body cut off"
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
            "the connection broke",
            id="chunk cut",
        ),
        pytest.param(resetting, "the connection broke", id="reset"),
    ],
)
async def test_a_registry_that_fails_is_unreachable(talk: Talk, why: str) -> None:
    """Whatever goes wrong on the wire is one refusal, which says what it was."""
    async with speaking(talk) as url, connect(settings(url)) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.get_manifest(TAGGED, allowed(BODY), NOBODY)
    assert refusal.value.why == why


async def test_a_closed_port_is_unreachable() -> None:
    """A registry that does not run refuses the connection."""
    async with connect(settings(URL(f"http://127.0.0.1:{free_port()}"))) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.authorise(TAGGED, DIGEST, NOBODY)
    assert not isinstance(refusal.value, RegistryTimedOut)
    assert refusal.value.why == "connection refused"


async def test_a_name_that_nobody_knows_is_unreachable() -> None:
    """A registry without an address is told apart from one that is down."""
    async with connect(settings(URL("http://registry.invalid"))) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.authorise(TAGGED, DIGEST, NOBODY)
    assert refusal.value.why == "its name cannot be resolved"


async def test_tls_that_fails_is_unreachable(registry: FakeRegistry) -> None:
    """A registry that speaks plain HTTP where TLS is configured is told apart from one that is away."""
    async with connect(settings(registry.url.with_scheme("https"))) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.authorise(TAGGED, DIGEST, NOBODY)
    assert refusal.value.why.startswith("TLS failed, ")


async def test_a_client_that_breaks_off_is_not_the_registrys_failure(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """An upload that ends in the middle is the client's doing, and the registry sees it broken."""
    whole: list[bytes] = []
    ended = asyncio.Event()

    async def patch(request: Any) -> Any:
        try:
            whole.append(await request.read())
        finally:
            ended.set()

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    registry.scripted["PATCH /v2/shop/app/blobs/uploads/x"] = patch
    with pytest.raises(ConnectionResetError, match="the client broke off its upload"):
        async with client.stream("PATCH", "/v2/shop/app/blobs/uploads/x", "", {}, body()):
            pytest.fail("there is no answer to half an upload")
    await eventually(ended.is_set)
    assert whole == []


async def test_a_timeout_of_the_caller_is_not_the_registrys(client: RegistryClient, registry: FakeRegistry) -> None:
    """What goes wrong beside an open exchange keeps its own name."""
    registry.scripted["GET /v2/"] = answering()
    with pytest.raises(TimeoutError):
        async with client.stream("GET", "/v2/", "", {}):
            raise TimeoutError


async def test_a_silent_registry_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest request has an end."""
    monkeypatch.setattr(reading, "SMALL", ClientTimeout(total=0.05))
    async with speaking(silent) as url, connect(settings(url)) as client:
        with pytest.raises(RegistryTimedOut):
            await client.get_manifest(TAGGED, allowed(BODY), NOBODY)


async def read_all(client: RegistryClient) -> bytes:
    """Read a blob to its end."""
    body = b""
    async with client.stream("GET", "/v2/shop/app/blobs/x", "", {}) as answer:
        while chunk := await answer.read_any():
            body += chunk
    return body


async def test_a_stalling_body_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream has no end, but it may not stand still."""

    async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        await reader.read()

    monkeypatch.setattr("proxy.registry.streams.STREAM_IDLE_SECONDS", 0.05)
    async with speaking(stalling) as url, connect(settings(url)) as client:
        with pytest.raises(RegistryTimedOut):
            await read_all(client)


async def test_a_kept_connection_that_was_closed_is_no_failure() -> None:
    """A registry may close an idle connection at any time: a read is repeated on a new one."""
    asked = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # the second request on this connection is never answered

    async with speaking(once) as url, connect(settings(url)) as client:
        await client.authorise(TAGGED, DIGEST, NOBODY)
        await client.authorise(TAGGED, DIGEST, ALICE)
    assert len(asked) == 2
