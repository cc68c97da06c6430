"""Servers that answer oddly: each is told apart by what it says, and every sentence about it can be read."""

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from aiohttp import web
from yarl import URL

import proxy.doctor.naming
import proxy.doctor.reaching
from deploy.stack.ports import free_port
from proxy.clock import Clock
from proxy.config.settings import Blobs, Credentials, Doors, NotarySettings, RegistrySettings
from proxy.doctor import examination, naming, notary, past, registry, repositories
from proxy.doctor.findings import Hop, Level, Name
from proxy.doctor.reaching import Step, Unreached
from proxy.doctor.server import API_VERSION
from proxy.names import Gun, Repository
from tests.unit.doctor.material import NAME, settings
from tests.unit.doctor.reading import read

API = {"Docker-Distribution-Api-Version": "registry/2.0"}
BASIC = {"WWW-Authenticate": 'Basic realm="x"'}
WARDEN = Credentials("warden", "secret")
SHOWN = f"Basic {b64encode(b'warden:secret').decode()}"
Answering: TypeAlias = Callable[[web.Request], web.StreamResponse]


@asynccontextmanager
async def serving(answer: Answering) -> AsyncIterator[URL]:
    """A server of HTTP."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", handle)
    runner, port = web.AppRunner(app, access_log=None), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield URL(f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


def troubles(hop: Hop) -> dict[str, str]:
    """What is not ok, by name, each with its level; all of it is read."""
    read(hop.findings)
    return {str(each.name): str(each.level) for each in hop.findings if each.level is not Level.OK}


def moved(request: web.Request) -> web.Response:
    """Sends everybody to another path of the same server."""
    return web.Response(status=301, headers={"Location": f"/new{request.path}"})


def stranger(_: web.Request) -> web.Response:
    """Lets nobody in, and does not say how one gets in."""
    return web.Response(status=401, headers=API)


def acquaintance(request: web.Request) -> web.Response:
    """Knows the warden, and has no catalogue."""
    if request.headers.get("Authorization") != SHOWN:
        return web.Response(status=401, headers={**API, **BASIC})
    return web.Response(status=200 if request.path == "/v2/" else 405, headers=API)


def redirecting(request: web.Request) -> web.Response:
    """Answers for a manifest under another path of the same server."""
    if "/manifests/" in request.path:
        return web.Response(status=307, headers={**API, "Location": "/elsewhere"})
    body: dict[str, object] = {"repositories": ["shop/app", "UPPER"], "tags": ["1.0"]}
    return web.json_response(body, headers=API)


def timeless(_: web.Request) -> web.Response:
    """Has no date to speak of."""
    return web.json_response({"repositories": []}, headers={**API, "Date": "today"})


def silent(request: web.Request) -> web.Response:
    """Hangs up."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "credentials", "expected"),
    [
        pytest.param(moved, None, {"registry-redirects": "failed", "registry-credentials": "not checked"}, id="moved"),
        pytest.param(
            stranger, None, {"registry-credentials": "warning", "registry-catalogue": "not checked"}, id="unreadable"
        ),
        pytest.param(
            acquaintance,
            None,
            {"registry-credentials": "warning", "registry-catalogue": "not checked"},
            id="admitted-without-credentials",
        ),
        pytest.param(
            acquaintance,
            WARDEN,
            {"registry-catalogue": "warning", "registry-redirects": "not checked"},
            id="no-catalogue",
        ),
        pytest.param(redirecting, None, {}, id="redirects-within"),
        pytest.param(
            timeless, None, {"registry-clock": "not checked", "registry-redirects": "not checked"}, id="no-date"
        ),
        pytest.param(silent, None, {"registry-api": "failed"}, id="silent"),
    ],
)
async def test_odd_registry(answer: Answering, credentials: Credentials | None, expected: dict[str, str]) -> None:
    """A registry is asked whether it is one, who we are, what it has, and where it sends us."""
    hop = Hop("registry")
    async with serving(answer) as url:
        configured = RegistrySettings(url, None, credentials, doors=Doors(blobs=Blobs.ADMITTED))
        await registry.examine(hop, configured, (), Clock())
    assert troubles(hop) == expected


def no_notary(_: web.Request) -> web.Response:
    """Is something else."""
    return web.Response(status=404)


def unwell(request: web.Request) -> web.Response:
    """Has lost its database."""
    return web.json_response({"records": None}, status=500 if "health" in request.path else 200)


def without_changefeed(request: web.Request) -> web.Response:
    """Is older than changefeeds."""
    return web.json_response({}, status=404 if "changefeed" in request.path else 200)


def with_changefeed(request: web.Request) -> web.Response:
    """Has a changefeed, and nothing in it."""
    return web.json_response({"count": 0, "records": None} if "changefeed" in request.path else {})


def with_something_else(_: web.Request) -> web.Response:
    """Answers everything alike."""
    return web.json_response({})


def closed(request: web.Request) -> web.Response:
    """Gives its trust data to nobody."""
    return web.Response(status=200, text="{}") if "health" in request.path else web.Response(status=401, headers=BASIC)


@pytest.mark.parametrize(
    ("answer", "gun", "expected"),
    [
        pytest.param(no_notary, None, {"notary-api": "failed", "notary-credentials": "not checked"}, id="something"),
        pytest.param(unwell, None, {"notary-api": "failed"}, id="unwell"),
        pytest.param(without_changefeed, None, {"notary-changefeed": "warning"}, id="no-changefeed"),
        pytest.param(with_something_else, None, {"notary-changefeed": "warning"}, id="other-changefeed"),
        pytest.param(with_changefeed, None, {}, id="changefeed"),
        pytest.param(
            closed, None, {"notary-credentials": "not checked", "notary-changefeed": "warning"}, id="nothing-known"
        ),
        pytest.param(
            closed,
            Gun(f"{NAME}/shop/app"),
            {"notary-credentials": "failed", "notary-changefeed": "not checked"},
            id="no-right-to-pull",
        ),
        pytest.param(silent, None, {"notary-api": "failed"}, id="silent"),
    ],
)
async def test_odd_notary(answer: Answering, gun: Gun | None, expected: dict[str, str]) -> None:
    """A Notary is asked whether it is one, how it is, and what we may read."""
    hop = Hop("notary corp")
    async with serving(answer) as url:
        configured = NotarySettings("corp", url, None, None, None, WARDEN, 5.0, changefeed=1.0)
        await notary.examine(hop, configured, gun, Clock())
    assert troubles(hop) == expected


async def test_a_changefeed_that_nobody_wants_is_not_asked_for() -> None:
    """Where it is off that is said, and what it means; the right to it is nobody's business."""
    hop, asked = Hop("notary corp"), list[str]()

    def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    async with serving(answer) as url:
        await notary.examine(hop, NotarySettings("corp", url, None, None, None, None, 5.0), None, Clock())
    assert troubles(hop) == {}
    [said] = [each.sentence for each in hop.findings if each.name is Name.NOTARY_CHANGEFEED]
    assert "notaries.corp.changefeed is off" in said
    assert not [path for path in asked if "changefeed" in path]


@pytest.mark.parametrize(
    ("answer", "ours", "expected"),
    [
        pytest.param(no_notary, ("127.0.0.1",), {"name-answer": "warning"}, id="neither"),
        pytest.param(
            lambda _: web.Response(status=404, headers={"X-Tagwarden-Decision": "refused"}), (), {}, id="elsewhere"
        ),
        pytest.param(silent, (), {"name-nobody": "warning"}, id="nobody-elsewhere"),
    ],
)
async def test_who_answers_at_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answering, ours: tuple[str, ...], expected: dict[str, str]
) -> None:
    """Whoever answers at the name is told apart by a path that only a Tagwarden refuses in words of its own."""
    monkeypatch.setattr(proxy.doctor.naming, "is_ours", lambda address: address in ours)
    hop = Hop("name")
    async with serving(answer) as url:
        await naming.examine(hop, settings(tmp_path, name=f"'127.0.0.1:{url.port}'"), Clock())
    assert troubles(hop) == expected


async def test_clients_show_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where clients show a certificate, the doctor, who has none, cannot tell who answers."""

    async def refuse(*_: object) -> None:
        raise Unreached(Step.CLIENT_CERTIFICATE, "TLS failed")

    monkeypatch.setattr(proxy.doctor.naming, "reach", refuse)
    hop = Hop("name")
    await naming.examine(hop, settings(tmp_path, name="'127.0.0.1:5000'"), Clock())
    assert troubles(hop) == {"name-answer": "not checked"}


async def test_nothing_but_loopback() -> None:
    """On a machine with no other address nobody reaches a registry on loopback."""
    hop = Hop("past the proxy")
    await past.examine(hop, URL("http://127.0.0.1:5001"), Clock(), ())
    assert troubles(hop) == {}


async def test_ways_past_the_proxy() -> None:
    """Only who lets us in is a way past the proxy; a name that nobody knows here proves nothing."""
    hop = Hop("past the proxy")
    async with serving(moved) as open_one, serving(silent) as other, serving(stranger) as locked:
        await past.try_all(hop, [str(open_one), str(other), str(locked), "http://registry.invalid"], Clock())
    assert troubles(hop)
    unknown, first, second, third = hop.findings
    assert unknown.level is Level.WARNING
    assert {each.level for each in (first, second, third)} == {Level.FAILED}
    assert f"something answers on {open_one}: everybody who reaches it" in first.sentence
    assert f"something answers on {other}: everybody who reaches it" in second.sentence
    assert f"a registry answers on {locked} and asks for a login: everybody who has one" in third.sentence


async def test_nothing_listens_past_the_proxy() -> None:
    """Where nobody is, nobody comes in; but a typo looks the same, so that is said."""
    hop, port = Hop("past the proxy"), free_port()
    await past.try_all(hop, [f"127.0.0.1:{port}"], Clock())
    assert troubles(hop) == {}
    assert hop.findings[0].sentence == f"nothing listens on http://127.0.0.1:{port} (is the address right?)"


@pytest.mark.parametrize(
    ("step", "why", "words"),
    [
        pytest.param(
            Step.CONNECT, "no answer from registry:5000 within 5 s", "cannot be reached from here", id="firewall"
        ),
        pytest.param(Step.CLIENT_CERTIFICATE, "TLS failed", "it wants a client certificate", id="client-certificate"),
    ],
)
async def test_closed_to_this_machine(monkeypatch: pytest.MonkeyPatch, step: Step, why: str, words: str) -> None:
    """What lets nobody in is said with the reason."""

    async def refuse(*_: object) -> None:
        raise Unreached(step, why)

    monkeypatch.setattr(past, "reach", refuse)
    hop = Hop("past the proxy")
    await past.try_all(hop, [f"127.0.0.1:{free_port()}"], Clock())
    assert troubles(hop) == {}
    assert words in hop.findings[0].sentence


async def test_a_tagwarden_past_the_proxy() -> None:
    """One header is soon forged, and a Tagwarden may enforce nothing: that is no green light."""
    hop = Hop("past the proxy")
    async with serving(lambda _: web.Response(status=404, headers={"X-Tagwarden-Decision": "refused"})) as url:
        await past.try_all(hop, [str(url)], Clock())
    assert troubles(hop) == {"registry-past-proxy": "warning"}
    assert f"tagwarden verify --via {url} --expect refused" in hop.findings[0].remedy


async def test_a_server_that_writes_to_the_terminal() -> None:
    """What a server says of itself moves no cursor and rewrites no line."""
    said = b"registry/2.0\x1b[2K\x1b[1Gok\xc2\x9b2J\xff"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n"
        writer.write(head + API_VERSION.encode() + b": " + said + b"\r\n\r\n")
        writer.close()

    hop = Hop("registry")
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await registry.examine(hop, RegistrySettings(URL(f"http://127.0.0.1:{port}"), None, None), (), Clock())
    said_of_itself = [each.sentence for each in hop.findings if each.name is Name.REGISTRY_API]
    assert said_of_itself == ["answers as registry/2.0?[2K?[1Gok?2J?"]


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS towards somebody who accepts and stays silent ends in time."""
    monkeypatch.setattr(proxy.doctor.reaching, "DOCTOR_CONNECT_SECONDS", 0.2)
    hop = Hop("registry")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        await registry.examine(hop, RegistrySettings(URL(f"https://127.0.0.1:{port}"), None, None), (), Clock())
    assert troubles(hop) == {"registry-tls": "failed", "registry-api": "not checked"}


async def test_a_name_service_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a name service that does not answer."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(proxy.doctor.reaching, "_looked_up", never)
    monkeypatch.setattr(proxy.doctor.reaching, "DOCTOR_CONNECT_SECONDS", 0.05)
    hop = Hop("registry")
    await registry.examine(hop, RegistrySettings(URL("http://registry:5000"), None, None), (), Clock())
    assert troubles(hop) == {"registry-dns": "failed", "registry-api": "not checked"}


async def _endless() -> None:
    await asyncio.Event().wait()


async def _defect() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("work", "level"),
    [
        pytest.param(_endless, "not checked", id="takes-too-long"),
        pytest.param(_defect, "failed", id="defect"),
    ],
)
async def test_a_hop_ends(work: Callable[[], Awaitable[None]], level: str) -> None:
    """A hop that takes too long, or that this program fails at, is one line, and the others go on."""
    hop = Hop("registry")
    ended: list[str] = []
    await examination.within(hop, Name.REGISTRY_API, work(), lambda: ended.append("hop"), 0.05)
    assert troubles(hop) == {"registry-api": level}
    assert ended == ["hop"]


def test_repositories_that_are_looked_at(tmp_path: Path) -> None:
    """Named ones alone; else those that entries name in full, and then the catalogue's."""
    wanted = "{'shop/**': {signed_by: released}, 'shop/api': {signed_by: released}}"
    configured = settings(tmp_path, repositories=wanted)
    catalogue = [Repository("team/one"), Repository("shop/api")]
    choose = repositories.choose
    assert choose(configured, [Repository("shop/web")], catalogue) == ["shop/web"]
    assert choose(configured, [], catalogue) == ["shop/api", "team/one"]
