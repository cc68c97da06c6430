"""What the Notary client makes of answers."""

import asyncio

import pytest
from aiohttp import web

from proxy.notary.client import NotarySource
from proxy.tuf.messages import Fetched, Missing, Reply, TooLarge, Unavailable
from tests.unit.notary.conftest import answering, serving, settings_for
from tests.unit.notary.conversations import GUN, WISH, Converse, ask, repeating, saying


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
