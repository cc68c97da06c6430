"""What the Notary client makes of servers that are broken, hostile, or away."""

import asyncio
import gzip
import random
import socket

import pytest
from aiohttp import web

from proxy.notary.client import NotarySource
from proxy.tasks import spawn
from proxy.tuf.messages import Fetched, Missing, Reply, TooLarge, Unavailable
from tests.unit.notary.conftest import answering, serving, settings_for
from tests.unit.notary.conversations import GUN, WISH, Converse, ask, repeating, saying

BOMB = gzip.compress(bytes(10_000_000))


@pytest.mark.parametrize(
    ("converse", "reply"),
    [
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB),
            Unavailable("compressed answer, which was not asked for"),
            id="gzip bomb",
        ),
        pytest.param(
            repeating(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10\r\n0123456789abcdef\r\n"),
            TooLarge(),
            id="endless chunks",
        ),
        pytest.param(repeating(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 1000), TooLarge(), id="endless until close"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n"), TooLarge(), id="huge length"),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}"), Unavailable("answer broke off"), id="short"
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
            Unavailable("answer broke off"),
            id="chunk broken off",
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            Unavailable("answer broke off"),
            id="last chunk withheld",
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"),
            Unavailable("answer is not HTTP"),
            id="chunk size is no number",
        ),
        pytest.param(saying(b""), Unavailable("connection closed without an answer"), id="closed at once"),
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.2\r\n"), Unavailable("answer is not HTTP"), id="another protocol"),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
            Unavailable("answer is not HTTP"),
            id="negative length",
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
            Unavailable("answer is not HTTP"),
            id="two lengths",
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n"),
            Unavailable("answer is not HTTP"),
            id="long header",
        ),
        pytest.param(
            repeating(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), Unavailable("answer is not HTTP"), id="endless headers"
        ),
    ],
)
async def test_broken_answers_are_values(converse: Converse, reply: Reply) -> None:
    """Whatever a server does, the answer is a value with a short reason, and never an exception."""
    assert await ask(converse) == reply


async def test_nothing_is_ever_decompressed() -> None:
    """A compressed body is refused by its header, and even before that no byte of it is inflated."""
    async with NotarySource(settings_for("http://127.0.0.1:1")) as source:
        assert source._files._session.auto_decompress is False


@pytest.mark.parametrize(
    "converse",
    [
        pytest.param(repeating(b"", b"", 0.02), id="silence"),
        pytest.param(repeating(b"HTTP/1.1 ", b"", 0.02), id="half a head"),
        pytest.param(repeating(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x", 0.02), id="trickling body"),
        pytest.param(
            repeating(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.02),
            id="trickling chunks",
        ),
        pytest.param(repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02), id="endless interim answers"),
    ],
)
async def test_a_fetch_has_an_end(converse: Converse) -> None:
    """The timeout is for the whole fetch: a server that keeps trickling does not get longer."""
    assert await ask(converse, timeout=0.2) == Unavailable("timed out after 0.2 s")


async def test_a_reset_is_an_outage() -> None:
    """A connection that is torn down has its reason."""

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport_socket = writer.get_extra_info("socket")
        transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    assert await ask(converse) in (
        Unavailable("connection reset by peer"),
        Unavailable("connection closed without an answer"),
    )


async def test_nobody_listens() -> None:
    """A refused connection is named as one."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with NotarySource(settings_for(f"http://127.0.0.1:{closed.getsockname()[1]}")) as source:
            assert await source.fetch(GUN, WISH) == Unavailable("connection refused")


async def test_nobody_answers_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that drops packets is given up before the whole timeout is over."""
    monkeypatch.setattr("proxy.notary.line.NOTARY_CONNECT_SECONDS", 0.2)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for queued in (first, second):
            queued.settimeout(0)
            queued.connect_ex(full.getsockname())
        async with NotarySource(settings_for(f"http://127.0.0.1:{full.getsockname()[1]}")) as source:
            assert await source.fetch(GUN, WISH) == Unavailable("no connection after 0.2 s")


@pytest.mark.parametrize(
    ("host", "why"),
    [
        pytest.param("nowhere.invalid", "host name not found", id="unknown"),
        pytest.param("a" * 64 + ".invalid", "host name not possible", id="too long for DNS"),
    ],
)
async def test_a_name_that_does_not_resolve(host: str, why: str) -> None:
    """A name that DNS does not know is named as the reason."""
    async with NotarySource(settings_for(f"http://{host}")) as source:
        assert await source.fetch(GUN, WISH) == Unavailable(why)


@pytest.mark.parametrize("seed", range(6))
async def test_rubbish_never_raises(seed: int) -> None:
    """Answers with random bytes in them are values like all others."""
    dice = random.Random(seed)  # noqa: S311 (not for secrets)
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{}",
    ]

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = bytearray(dice.choice(answers))
        for _change in range(dice.randrange(1, 4)):
            answer[dice.randrange(len(answer))] = dice.randrange(256)
        writer.write(answer)

    async with answering(converse) as url, NotarySource(settings_for(url)) as source:
        for _ in range(60):
            reply = await source.fetch(GUN, WISH)
            assert isinstance(reply, Fetched | Missing | TooLarge | Unavailable)
            if isinstance(reply, Unavailable):
                assert reply.why.isascii()
                assert reply.why.isprintable()
                assert 0 < len(reply.why) <= 80


async def test_cancelling_is_no_answer() -> None:
    """A cancelled fetch is cancelled, not unavailable, and the next one works."""
    asked = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if not asked.is_set():
            asked.set()
            await asyncio.sleep(60)
        return web.Response(body=request.path.encode()[-14:])

    async with serving(handler) as url, NotarySource(settings_for(url)) as source:
        fetching = spawn(source.fetch(GUN, WISH), name="to be cancelled")
        await asked.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert await source.fetch(GUN, WISH) == Fetched(b"timestamp.json")
