"""The application as a whole: what is no request, what nobody expected, and what is logged."""

import asyncio
import json
from typing import Any, Final

import pytest
from aiohttp import web

from tests.unit.registry.material import answering, eventually, image
from tests.unit.web.material import Proxy

BLOB: Final = f"/v2/shop/app/blobs/sha256:{'b' * 64}"


# --- paths ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param("/v2/app/manifests/%6fne", 400, "TAG_INVALID", id="encoded tag"),
        pytest.param("/v2/%61pp/manifests/one", 400, "NAME_INVALID", id="encoded name"),
        pytest.param("/v2/x/../app/manifests/one", 400, "NAME_INVALID", id="dot segments"),
        pytest.param("/v2//app/manifests/one", 400, "NAME_INVALID", id="double slash"),
        pytest.param("//v2/app/manifests/one", 404, "UNSUPPORTED", id="leading double slash"),
        pytest.param("/v2/app/manifests/one/", 404, "UNSUPPORTED", id="trailing slash"),
        pytest.param("/v2/app/manifests/sha256:12", 400, "DIGEST_INVALID", id="short digest"),
        pytest.param("/v2/app/manifests/one#x", 400, "NAME_INVALID", id="fragment"),
        pytest.param("http://evil/v2/app/manifests/one", 400, "NAME_INVALID", id="absolute form"),
        pytest.param("/", 404, "UNSUPPORTED", id="front page"),
        pytest.param("/v1/_ping", 404, "UNSUPPORTED", id="version 1"),
    ],
)
async def test_a_target_outside_the_grammar_goes_nowhere(proxy: Proxy, target: str, status: int, code: str) -> None:
    """It is answered by the proxy itself, in the registry's form, and the registry never hears of it."""
    answer = await proxy.say(f"GET {target} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Server: tagwarden" in head
    assert json.loads(body)["errors"][0]["code"] == code
    assert proxy.registry.requests == []


@pytest.mark.parametrize("request_line", ["OPTIONS *", "CONNECT evil:443"])
async def test_a_target_that_is_no_path_goes_nowhere(proxy: Proxy, request_line: str) -> None:
    """Forms for other kinds of proxies are refused."""
    answer = await proxy.say(f"{request_line} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request: ")
    assert b"NAME_INVALID" in answer
    assert b"Server: tagwarden" in answer
    assert proxy.registry.requests == []


async def test_an_expectation_that_nobody_can_meet(proxy: Proxy) -> None:
    """Other expectations than 100-continue are ignored on our paths, and refused by aiohttp on what is none."""
    last = b"Host: r\r\nExpect: miracle\r\nConnection: close\r\n\r\n"
    assert (await proxy.say(b"GET /v3/ HTTP/1.1\r\n" + last)).startswith(b"HTTP/1.1 404 Not Found: ")
    answer = await proxy.say(b"OPTIONS * HTTP/1.1\r\n" + last)
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert b"Server: tagwarden" in answer


async def test_broken_characters_are_logged(proxy: Proxy, events: list[Any]) -> None:
    """Bytes that are no text do not break the log line."""
    await proxy.say(b"GET /v3/ HTTP/1.1\r\nHost: r\r\nUser-Agent: a\xfe\r\nConnection: close\r\n\r\n")
    (event,) = events
    json.dumps(event).encode()
    assert event["user_agent"] == "a\\udcfe"


async def test_version_2_without_its_slash_is_sent_on(proxy: Proxy) -> None:
    """The one redirect that the proxy makes, by itself."""
    reply = await proxy.ask("GET", "/v2")
    assert (reply.status, reply.headers["Location"]) == (301, "/v2/")
    assert proxy.registry.requests == []


async def test_a_method_that_a_route_lacks_is_refused(proxy: Proxy) -> None:
    """405 names the methods that there are."""
    reply = await proxy.ask("POST", "/v2/shop/app/manifests/v1", data=b"{}")
    assert (reply.status, reply.error["code"]) == (405, "UNSUPPORTED")
    assert reply.headers["Allow"] == "DELETE, GET, HEAD, PUT"
    assert reply.headers["X-Tagwarden-Refusal"] == "method_not_allowed"
    assert (await proxy.ask("OPTIONS", "/v2/")).status == 405
    assert proxy.registry.requests == []


# --- what is no HTTP --------------------------------------------------------------------------

GET: Final = b"GET /v2/ HTTP/1.1\r\n"
POST: Final = b"POST /v2/shop/app/blobs/uploads/ HTTP/1.1\r\nHost: r\r\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"
        ),
        pytest.param(POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", id="two lengths"),
        pytest.param(POST + b"Content-Length: +3\r\n\r\nabc", id="signed length"),
        pytest.param(POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="unknown coding"),
        pytest.param(POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="blank before the colon"),
        pytest.param(GET + b"Host: a\r\nHost: b\r\n\r\n", id="two hosts"),
        pytest.param(GET + b"\r\n", id="no host"),
        pytest.param(GET + b"Host: r\r\nX: a\r\n b\r\n\r\n", id="folded line"),
        pytest.param(b"GET /v2/ HTTP/1.1\nHost: r\n\n", id="bare line feeds"),
        pytest.param(GET + b"Host: r\r\nX: a\x00b\r\n\r\n", id="NUL"),
        pytest.param(GET + b"Host: r\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", id="line too long"),
        pytest.param(b"GET /v2/" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", id="target too long"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"GET  /v2/ HTTP/1.1\r\n\r\n", id="two blanks"),
        pytest.param(b"GET /v2/\xff\x80/x HTTP/1.1\r\nHost: r\r\n\r\n", id="a target that is no text"),
    ],
)
async def test_what_two_programs_could_read_differently_is_no_request(
    proxy: Proxy, events: list[Any], data: bytes
) -> None:
    """It is answered with 400 in the registry's form, the connection ends, and nothing reaches the registry."""
    answer = await proxy.say(data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 Bad Request")
    assert b"Server: tagwarden" in head
    assert json.loads(body)["errors"][0]["code"] == "UNSUPPORTED"
    assert proxy.registry.requests == []
    assert [event["event"] for event in events] == ["no HTTP"]


async def test_long_lines_pass(proxy: Proxy) -> None:
    """Tokens of some registries are larger than aiohttp allows by itself."""
    proxy.registry.scripted["GET /v2/"] = answering()
    reply = await proxy.ask("GET", "/v2/", headers={"Authorization": "Bearer " + "x" * 30_000})
    assert reply.status == 200


async def test_pipelined_requests_are_answered_in_order(proxy: Proxy) -> None:
    """Each of them is parsed and decided by itself."""
    proxy.registry.scripted["GET /v2/"] = answering(X_Content_Type_Options="first")
    last = b"GET /v3/ HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"
    answer = await proxy.say(GET + b"Host: r\r\n\r\n" + last)
    assert answer.index(b"first") < answer.index(b"HTTP/1.1 404 ")


# --- what nobody expected ---------------------------------------------------------------------


async def test_an_unexpected_failure_is_a_refusal(
    proxy: Proxy, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client hears `internal` and an id; the log has the traceback under that id."""

    def broken(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("proxy.web.blobs.stream", broken)
    proxy.registry.scripted[f"GET {BLOB}"] = answering(body=image())
    reply = await proxy.ask("GET", BLOB)
    assert (reply.status, reply.error["code"]) == (500, "UNKNOWN")
    assert b"secret" not in reply.body
    (failed,) = [event for event in events if event["event"] == "unexpected error"]
    assert failed["request_id"] == reply.headers["X-Request-Id"]
    assert "secret detail" in str(failed["exc_info"])


async def test_a_failure_in_the_middle_of_an_answer_cuts_it(
    proxy: Proxy, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no second status line in the middle of a body, and no good end either."""

    async def broken(request: web.Request, *_arguments: object, **_more: object) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise RuntimeError("secret detail")

    monkeypatch.setattr("proxy.web.blobs.stream", broken)
    proxy.registry.scripted[f"GET {BLOB}"] = answering(body=image())
    answer = await proxy.say(f"GET {BLOB} HTTP/1.1\r\nHost: r\r\n\r\n".encode())
    assert answer.count(b"HTTP/1.1") <= 1
    assert not answer.endswith(b"0\r\n\r\n")
    await eventually(lambda: len(events) == 2)
    assert events[0]["event"] == "unexpected error"
    assert (events[1]["trouble"], events[1]["status"]) == ("the answer broke off", 200)


# --- the log ----------------------------------------------------------------------------------


async def test_a_request_without_a_decision_is_one_line(proxy: Proxy, events: list[Any]) -> None:
    """Blobs and lists are logged shortly."""
    proxy.registry.scripted[f"GET {BLOB}"] = answering(body=image())
    reply = await proxy.ask("GET", f"{BLOB}?ns=docker.io")
    await eventually(lambda: events)
    (event,) = events
    assert isinstance(event.pop("duration"), float)
    assert event == {
        "event": "request",
        "log_level": "info",
        "request_id": reply.headers["X-Request-Id"],
        "method": "GET",
        "path": BLOB,
        "status": 200,
        "listener": "listen",
        "client": "127.0.0.1",
        "user_agent": event["user_agent"],
    }


async def test_a_refused_path_is_one_line(proxy: Proxy, events: list[Any]) -> None:
    """A refusal that needs no decision has the same shape, with nothing known."""
    await proxy.ask("GET", "/v3/")
    (event,) = events
    assert (event["event"], event["decision"], event["refusal"]) == ("request", "refused", "path_unknown")
    assert (event["reference"], event["gun"], event["signers"]) == (None, None, [])
    assert event["message"].endswith("[path_unknown]")


async def test_a_client_that_leaves_is_one_line(proxy: Proxy, events: list[Any]) -> None:
    """Whoever hangs up before the answer ends the work for it, and the log says so."""
    ended = asyncio.Event()

    async def endless(_request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return web.Response()

    proxy.registry.scripted[f"GET {BLOB}"] = endless
    async with proxy.call() as (_, writer):
        writer.write(f"GET {BLOB} HTTP/1.1\r\nHost: r\r\n\r\n".encode())
        await eventually(lambda: proxy.registry.asked)
    await eventually(lambda: events)
    await eventually(ended.is_set)
    assert (events[0]["status"], events[0]["trouble"]) == (None, "the client left")
