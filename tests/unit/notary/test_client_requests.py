"""What the Notary client asks, and what it gives away."""

import asyncio

import pytest
from aiohttp import web

from proxy import __version__
from proxy.config.settings import Credentials
from proxy.limits import NOTARY_CONNECTIONS
from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.tuf.messages import Fetch, Fetched, Missing, Unavailable
from tests.unit.notary.conftest import serving, settings_for
from tests.unit.notary.conversations import GUN, WISH


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
