"""What the Notary client asks, and what it makes of the answers, however broken or hostile they are."""

import asyncio
import gzip
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from aiohttp import web

from proxy import __version__
from proxy.config.settings import Credentials
from proxy.limits import NOTARY_CONNECTIONS
from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable
from tests.unit.notary.conftest import answering, serving, settings_for

GUN: Final = Gun("registry.example.com:5000/shop/api")
WISH: Final = Fetch("timestamp", 1000)

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(*parts: bytes) -> Converse:
    """A conversation that writes all parts and closes."""

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return converse


def repeating(head: bytes, part: bytes, pause: float = 0) -> Converse:
    """A conversation that never ends."""

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return converse


async def ask(converse: Converse, timeout: float = 5.0) -> Reply:  # noqa: ASYNC109 (the setting under test)
    """Fetch the wish once from a server that converses so."""
    async with answering(converse) as url, NotarySource(settings_for(url, timeout=timeout)) as source:
        return await source.fetch(GUN, WISH)


# --- what is asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "gun", "name", "path"),
    [
        pytest.param("", "h:5000/a/b", "timestamp", "/v2/h:5000/a/b/_trust/tuf/timestamp.json", id="colon stays"),
        pytest.param("", "h/a", "3.root", "/v2/h/a/_trust/tuf/3.root.json", id="version"),
        pytest.param("", "h/a", "snapshot.ab", "/v2/h/a/_trust/tuf/snapshot.ab.json", id="hash"),
        pytest.param("", "h/a", "targets/a/b", "/v2/h/a/_trust/tuf/targets/a/b.json", id="delegation"),
        pytest.param("/notary/v1", "h/a", "root", "/notary/v1/v2/h/a/_trust/tuf/root.json", id="base with a path"),
        pytest.param("/", "h/a", "root", "/v2/h/a/_trust/tuf/root.json", id="base with a slash"),
        pytest.param("", 'h/"<;&+=@~>', "root", "/v2/h/%22%3C%3B%26%2B%3D%40~%3E/_trust/tuf/root.json", id="odd GUN"),
    ],
)
async def test_the_address_is_built_strictly(base: str, gun: str, name: str, path: str) -> None:
    """The path that the server sees is exactly the one that Notary has for this file."""
    seen = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.Response(body=b"{}")

    async with serving(handler) as url, NotarySource(settings_for(f"{url.origin()}{base}")) as source:
        assert await source.fetch(Gun(gun), Fetch(name, 100)) == Fetched(b"{}")
    assert seen == [path]


async def test_the_request_gives_away_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie comes back, no proxy of the environment is used, no compression is asked for."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    seen = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers)
        answer = web.Response(body=b"{}")
        answer.set_cookie("session", "1")
        return answer

    async with serving(handler) as url, NotarySource(settings_for(url)) as source:
        await source.fetch(GUN, WISH)
        assert await source.fetch(GUN, WISH) == Fetched(b"{}")
    for headers in seen:
        assert headers["Accept-Encoding"] == "identity"
        assert headers["User-Agent"] == f"tagwarden/{__version__}"
        assert "Cookie" not in headers
        assert "Authorization" not in headers


async def test_credentials_are_shown_to_their_notary() -> None:
    """With a `credentials_file` each request is authorised as Basic, in UTF-8."""
    seen = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return web.Response(body=b"{}")

    settings = {"credentials": Credentials("proxy", "pässword:1")}
    async with serving(handler) as url, NotarySource(settings_for(url, **settings)) as source:
        await source.fetch(GUN, WISH)
    assert seen == ["Basic cHJveHk6cMOkc3N3b3JkOjE="]


async def test_credentials_never_follow_a_redirect() -> None:
    """A redirect is no answer, and whoever it leads to sees neither the request nor the credentials."""
    visitors = []

    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        visitors.append(request.headers)
        return web.Response(body=b"{}")

    async with serving(elsewhere) as other:

        async def handler(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": str(other)})

        settings = {"credentials": Credentials("proxy", "password")}
        async with serving(handler) as url, NotarySource(settings_for(url, **settings)) as source:
            assert await source.fetch(GUN, WISH) == Unavailable("status 307", 307)
    assert visitors == []


async def test_connections_are_kept_and_bounded() -> None:
    """Sixty-four fetches at once use no more connections than allowed, and use them again, after a 404 too."""
    ports = set()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport
        ports.add(request.transport.get_extra_info("peername")[1])
        await asyncio.sleep(0.001)
        return web.Response(status=404 if "missing" in request.path else 200, body=b"{}" * 20)

    wishes = [Fetch(f"targets/missing{number}" if number % 2 else "targets", 100) for number in range(64)]
    async with serving(handler) as url, NotarySource(settings_for(url)) as source:
        replies = await asyncio.gather(*(source.fetch(GUN, wish) for wish in wishes))
    assert replies == [Fetched(b"{}" * 20), Missing()] * 32
    assert len(ports) <= NOTARY_CONNECTIONS


# --- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [pytest.param(False, id="length"), pytest.param(True, id="chunked")])
@pytest.mark.parametrize(
    ("size", "reply"),
    [
        pytest.param(0, Fetched(b""), id="empty"),
        pytest.param(1000, Fetched(b"x" * 1000), id="exactly the limit"),
        pytest.param(1001, TooLarge(), id="one more"),
        pytest.param(5_000_000, TooLarge(), id="many more"),
    ],
)
async def test_the_limit_holds_however_the_body_is_sent(*, chunked: bool, size: int, reply: Reply) -> None:
    """A body of up to `limit` bytes is fetched, a longer one is not, announced or chunked."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        if chunked:
            answer.enable_chunked_encoding()
        else:
            answer.content_length = size
        await answer.prepare(request)
        await answer.write(b"x" * size)
        return answer

    async with serving(handler) as url, NotarySource(settings_for(url)) as source:
        assert await source.fetch(GUN, WISH) == reply


@pytest.mark.parametrize(
    "status", [100, 101, 201, 203, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 405, 410, 429, 500, 502, 503]
)
async def test_only_200_and_404_say_something(status: int) -> None:
    """Every other status is an outage with its number, whatever else the answer has."""
    head = f"HTTP/1.1 {status} Whatever\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    if status == 100:  # an interim answer; the final one follows it
        assert await ask(saying(head.encode(), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) == Missing()
    else:
        assert await ask(saying(head.encode())) == Unavailable(f"status {status}", status)


@pytest.mark.parametrize(
    "converse",
    [
        pytest.param(saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"), id="short"),
        pytest.param(saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9000\r\n\r\n{"), id="broken off"),
        pytest.param(repeating(b"HTTP/1.1 404 Not Found\r\n\r\n", b"x" * 1000), id="endless"),
        pytest.param(repeating(b"HTTP/1.1 404 Not Found\r\n\r\n", b"x", 0.01), id="trickling"),
    ],
)
async def test_404_is_an_answer_without_its_body(converse: Converse) -> None:
    """Notary has no such file: that is said by the status alone, and nobody waits for the rest."""
    assert await ask(converse) == Missing()


async def test_notarys_own_headers_are_no_problem() -> None:
    """Dates that are no HTTP dates, odd content types and caching rules are ignored."""
    head = (
        b"HTTP/1.1 200 OK\r\nLast-Modified: Sat, 21 Nov 2026 19:31:12 UTC\r\nDate: today\r\nExpires: -1\r\n"
        b"Cache-Control: public, max-age=300, s-maxage=300, must-revalidate\r\nContent-Type: nonsense; charset=?\r\n"
        b"Set-Cookie: \x01=;;;\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert await ask(saying(head.replace(b"\x01", b"?"))) == Fetched(b"{}")


async def test_a_body_that_ends_with_the_connection_is_fetched() -> None:
    """Without length or chunks the body ends where the connection does; its hash will tell whether that is all."""
    assert await ask(saying(b"HTTP/1.0 200 OK\r\n\r\n{", b"}")) == Fetched(b"{}")


async def test_a_length_that_is_too_small_cuts_the_body() -> None:
    """What is sent beyond the announced length is not read as this file, nor as the next one."""
    bodies = iter([b"Content-Length: 1\r\n\r\n{}", b"Content-Length: 2\r\n\r\n[]"])

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + next(bodies))
        await writer.drain()

    async with answering(converse) as url, NotarySource(settings_for(url)) as source:
        first, second = await source.fetch(GUN, WISH), await source.fetch(GUN, WISH)
    assert first in (Fetched(b"{"), Unavailable("answer is not HTTP"))
    assert second == Fetched(b"[]")


# --- broken and hostile -------------------------------------------------------------------------

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
        assert source._session.auto_decompress is False


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
    monkeypatch.setattr("proxy.notary.client.NOTARY_CONNECT_SECONDS", 0.2)
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
