"""Large blobs on every way that they go: the same bytes arrive, and no others."""

import asyncio

import pytest

from proxy.registry import streams
from tests.unit.registry.material import eventually
from tests.unit.web.straight.conftest import Between
from tests.unit.web.straight.material import (
    BLOB,
    BODY,
    GET,
    HALF,
    LENGTH,
    SMALL,
    STRAIGHT,
    WAYS,
    WHOLE,
    Answer,
    Way,
    and_then,
    head,
    read_answer,
    sending,
)


@pytest.mark.parametrize("way", WAYS)
async def test_a_blob_arrives_whole_and_the_connection_is_kept(run: Between, way: Way) -> None:
    """Behind the body comes the next answer, on the same connection of the client."""
    async with run(way, WHOLE, *[SMALL] * 2, WHOLE) as place, place.call() as (reader, writer):
        for expected in (BODY, b"hello", b"hello", BODY):
            writer.write(GET)
            top, body = await read_answer(reader)
            assert top.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == expected
        went = {Way.SPLICED: ["spliced"], Way.PLAIN: []}.get(way, ["poured"])
        await eventually(lambda: place.straight == went * 2)


@pytest.mark.parametrize("way", STRAIGHT)
async def test_the_registrys_connection_ends_with_such_a_body(run: Between, way: Way) -> None:
    """Aiohttp has not seen the end of it, so no other answer is ever read from it."""
    async with run(way, WHOLE, SMALL) as place, place.call() as (reader, writer):
        writer.write(GET)
        await read_answer(reader)
        await eventually(lambda: place.registry.left == 1)
        writer.write(GET)
        assert (await read_answer(reader))[1] == b"hello"
        assert place.registry.left == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("begun", [pytest.param(0, id="after the head"), pytest.param(10, id="after ten bytes")])
@pytest.mark.parametrize("left", [0, 1, 4095, 4096, 4097, 9000])
async def test_any_length_arrives(
    run: Between, monkeypatch: pytest.MonkeyPatch, way: Way, left: int, begun: int
) -> None:
    """What is left when the body begins may be less than pays, exactly that, or more."""
    for name in ("STRAIGHT_BYTES", "STRAIGHT_TLS_BYTES"):
        monkeypatch.setattr(streams, name, 4096)
    go_on = asyncio.Event()

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(head(begun + left) + BODY[:begun])
        await go_on.wait()
        writer.write(BODY[begun : begun + left])

    async with run(way, send, SMALL) as place, place.call() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(begun) == BODY[:begun]
        go_on.set()
        assert await reader.readexactly(left) == BODY[begun : begun + left]
        writer.write(GET)
        assert (await read_answer(reader))[1] == b"hello"
        assert bool(place.straight) == (way is not Way.PLAIN and left >= 4096)


@pytest.mark.parametrize("way", WAYS)
async def test_a_range_arrives(run: Between, way: Way) -> None:
    """A part of a blob is a body like any other."""
    part = sending(head(HALF, "206 Partial Content", f"Content-Range: bytes {HALF}-{LENGTH - 1}/{LENGTH}\r\n"))
    async with run(way, and_then(part, sending(BODY[HALF:]))) as place, place.call() as (reader, writer):
        writer.write(GET.replace(b"\r\n\r\n", f"\r\nRange: bytes={HALF}-\r\n\r\n".encode()))
        top, body = await read_answer(reader)
        assert top.startswith(b"HTTP/1.1 206 ")
        assert body == BODY[HALF:]
        assert b"Range: bytes=" in place.registry.asked[0]


@pytest.mark.parametrize("way", WAYS)
async def test_requests_that_come_meanwhile_are_answered_behind_it(run: Between, way: Way) -> None:
    """A client may ask for more while a body is under way; nothing gets into that."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(writer: asyncio.StreamWriter) -> None:
        await sending(head(LENGTH), BODY[:HALF])(writer)
        begun.set()
        await go_on.wait()
        await sending(BODY[HALF:])(writer)

    async with run(way, send, SMALL, SMALL, WHOLE) as place, place.call() as (reader, writer):
        writer.write(GET * 2)
        await begun.wait()
        writer.write(GET[:20])
        await asyncio.sleep(0)
        writer.write(GET[20:] + GET)
        go_on.set()
        for expected in (BODY, b"hello", b"hello", BODY):
            assert (await read_answer(reader))[1] == expected
        assert len(place.registry.asked) == 4


@pytest.mark.parametrize("way", STRAIGHT)
async def test_what_the_registry_sends_beyond_the_body_goes_nowhere(run: Between, way: Way) -> None:
    """Neither to this client nor into the next answer."""
    async with run(way, sending(head(LENGTH), BODY + head(6) + b"forged"), SMALL) as place, place.call() as line:
        reader, writer = line
        writer.write(GET)
        assert (await read_answer(reader))[1] == BODY
        writer.write(GET)
        assert (await read_answer(reader))[1] == b"hello"
        assert len(place.registry.asked) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_an_old_client_gets_it_whole(run: Between, way: Way) -> None:
    """HTTP/1.0 reads to the end of the connection."""
    async with run(way, WHOLE) as place, place.call() as (reader, writer):
        writer.write(f"GET {BLOB} HTTP/1.0\r\n\r\n".encode())
        assert (await reader.read()).partition(b"\r\n\r\n")[2] == BODY
        assert place.registry.asked


@pytest.mark.parametrize(
    ("request_line", "answer", "status"),
    [
        pytest.param(f"HEAD {BLOB}", sending(head(LENGTH)), b"200", id="no body is wanted"),
        pytest.param(f"GET {BLOB}", sending(head(LENGTH, "404 Not Found"), BODY), b"404", id="an error"),
        pytest.param(
            f"GET {BLOB}",
            sending(head(LENGTH, "307 Temporary Redirect", "Location: https://s3.example.com/x\r\n"), BODY),
            b"307",
            id="a redirect",
        ),
        pytest.param(
            f"GET {BLOB}",
            sending(
                f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{LENGTH:x}\r\n".encode() + BODY, b"\r\n0\r\n\r\n"
            ),
            b"200",
            id="of unknown length",
        ),
        pytest.param(f"GET {BLOB}", sending(head(LENGTH, "204 No Content")), b"204", id="what has no body"),
        pytest.param("GET /v2/_catalog", WHOLE, b"200", id="no blob"),
    ],
)
async def test_nothing_else_goes_straight(run: Between, request_line: str, answer: Answer, status: bytes) -> None:
    """Only the body of a blob, and only where its length is known."""
    async with run(Way.SPLICED, answer) as place, place.call() as (reader, writer):
        writer.write(f"{request_line} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).split(b" ")[1] == status
        assert not place.straight
