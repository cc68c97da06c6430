"""A Notary that wants tokens: who is asked, what is shown to whom, and what a failure says."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from yarl import URL

from proxy.config.settings import Credentials
from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.telemetry import meters
from proxy.tuf.messages import Fetch, Fetched, Missing, Unavailable
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import server_tls, serving, settings_for

GUN: Final = Gun("registry.example.com:5000/shop/api")
WISH: Final = Fetch("timestamp", 1000)
SCOPE: Final = f"repository:{GUN}:pull"
WARDEN: Final = Credentials("warden", "secret")
BASIC: Final = "Basic d2FyZGVuOnNlY3JldA=="


class Guarded:
    """A Notary and its token server in one; `believes` are the tokens that it lets in."""

    def __init__(self) -> None:
        self.url = URL()
        self.shown: list[str | None] = []
        self.tokens: list[web.BaseRequest] = []
        self.certificates: list[object] = []
        self.believes = True
        self.token_status = 200
        self.names_scope = True
        self.pause = 0.0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer either."""
        assert request.transport is not None
        if request.path == "/auth/token":
            self.tokens.append(request)
            self.certificates.append(request.transport.get_extra_info("peercert"))
            await asyncio.sleep(self.pause)
            return web.json_response({"token": f"t{len(self.tokens)}"}, status=self.token_status)
        authorization = request.headers.get("Authorization")
        self.shown.append(authorization)
        if self.believes and authorization and authorization.startswith("Bearer "):
            return web.Response(status=404) if "missing" in request.path else web.Response(body=b"{}")
        scope = f',scope="{SCOPE}"' if self.names_scope else ""
        challenge = f'Bearer realm="{self.url}/auth/token",service="notary.example.com"{scope}'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    """One without TLS."""
    notary = Guarded()
    async with serving(notary) as notary.url:
        yield notary


@pytest.mark.parametrize("names_scope", [pytest.param(True, id="named"), pytest.param(False, id="built")])
async def test_a_challenge_is_answered_with_a_token(guarded: Guarded, *, names_scope: bool) -> None:
    """The credential goes to the token server, for the whole GUN with its host and to read only."""
    guarded.names_scope = names_scope
    async with NotarySource(settings_for(guarded.url, credentials=WARDEN)) as source:
        for _ in range(2):
            assert await source.fetch(GUN, WISH) == Fetched(b"{}")
    [asked] = guarded.tokens
    assert list(asked.query.items()) == [("service", "notary.example.com"), ("scope", SCOPE)]
    assert asked.headers["Authorization"] == BASIC
    assert guarded.shown == [BASIC, "Bearer t1", "Bearer t1"]


async def test_a_notary_that_everybody_may_read_is_read_with_a_token_for_nobody(guarded: Guarded) -> None:
    """Without a `credentials_file` the token server is asked without a password."""
    async with NotarySource(settings_for(guarded.url)) as source:
        assert await source.fetch(GUN, Fetch("targets/missing", 1000)) == Missing()
    assert "Authorization" not in guarded.tokens[0].headers
    assert guarded.shown == [None, "Bearer t1"]


async def test_one_token_for_all_files_of_a_collection(guarded: Guarded) -> None:
    """Files that are fetched at the same time wait for the same token; another collection has its own."""
    guarded.pause = 0.05
    guarded.names_scope = False
    other = Gun("registry.example.com:5000/shop/other")
    async with NotarySource(settings_for(guarded.url, credentials=WARDEN)) as source:
        replies = await asyncio.gather(*(source.fetch(gun, WISH) for gun in (GUN, other) * 8))
    assert replies == [Fetched(b"{}")] * 16
    assert len(guarded.tokens) == 2
    assert {asked.query["scope"] for asked in guarded.tokens} == {SCOPE, f"repository:{other}:pull"}


async def test_a_no_to_a_fresh_token_is_an_answer(guarded: Guarded) -> None:
    """The token server was asked once, Notary twice, and the status is Notary's own."""
    guarded.believes = False
    async with NotarySource(settings_for(guarded.url, credentials=WARDEN)) as source:
        assert await source.fetch(GUN, WISH) == Unavailable("status 401", 401)
        assert (len(guarded.tokens), len(guarded.shown)) == (1, 2)
        assert await source.fetch(GUN, WISH) == Unavailable("status 401", 401)
    assert guarded.shown == [BASIC, "Bearer t1", "Bearer t1", "Bearer t2"]


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_a_token_server_that_fails_is_an_outage(guarded: Guarded, status: int) -> None:
    """Whatever it says is nothing that Notary said: no 404 of it is a missing file. Its status tells who is away."""
    guarded.token_status = status
    async with NotarySource(settings_for(guarded.url, credentials=WARDEN)) as source:
        assert await source.fetch(GUN, WISH) == Unavailable(f"the token server answered {status}", status)
        assert await source.changefeed_page("0", 10) == Unavailable(f"the token server answered {status}")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        pytest.param(200, "ok", id="a-token"),
        pytest.param(403, "unauthorised", id="refused"),
        pytest.param(503, "error", id="fails"),
    ],
)
async def test_what_came_of_it_is_counted(guarded: Guarded, status: int, word: str) -> None:
    """Once for a file, whoever of both it was that answered."""
    guarded.token_status = status
    numbers, settings = CollectorRegistry(), settings_for(guarded.url, credentials=WARDEN)
    meters.begin(numbers)
    try:
        async with NotarySource(settings) as source:
            await source.fetch(GUN, WISH)
        labels = {"upstream": f"notary:{settings.name}", "outcome": word}
        assert numbers.get_sample_value("tagwarden_upstream_requests_total", labels) == 1
    finally:
        meters.end()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_server_that_refuses_speaks_of_one_collection(guarded: Guarded, status: int) -> None:
    """As if Notary had said so: it is there, and what is refused for this one says nothing of its neighbours."""
    guarded.token_status = status
    async with NotarySource(settings_for(guarded.url, credentials=WARDEN)) as source:
        assert await source.fetch(GUN, WISH) == Unavailable(f"the token server answered {status}", 401)


async def test_the_time_of_a_fetch_includes_the_token(guarded: Guarded) -> None:
    """A token server that is slow takes no more time than the Notary has."""
    guarded.pause = 30
    async with NotarySource(settings_for(guarded.url, credentials=WARDEN, timeout=0.2)) as source:
        assert await source.fetch(GUN, WISH) == Unavailable("timed out after 0.2 s")


async def test_a_token_server_sees_no_client_certificate(authority: Authority, tmp_path: Path) -> None:
    """It is shown to Notary alone; the same authority is believed for both."""
    clients = Authority(tmp_path, "clients")
    pair = clients.issue("proxy", host=None)
    context = server_tls(authority.issue("notary"), clients)
    notary, tokens = Guarded(), Guarded()
    asks_politely = server_tls(authority.issue("tokens"), clients)
    asks_politely.verify_mode = ssl.CERT_OPTIONAL
    settings = {
        "ca_file": authority.file,
        "client_certificate_file": pair.certificate,
        "client_key_file": pair.key,
        "credentials": WARDEN,
    }
    async with (
        serving(tokens, asks_politely) as notary.url,
        serving(notary, context) as url,
        NotarySource(settings_for(url, **settings)) as source,
    ):
        assert await source.fetch(GUN, WISH) == Fetched(b"{}")
    assert len(tokens.certificates) == 1
    assert not any(tokens.certificates)


async def test_a_token_server_without_tls_is_not_asked(authority: Authority) -> None:
    """A Notary over TLS that names one is out of order; the credential stays here."""
    notary, tokens = Guarded(), Guarded()
    async with (
        serving(tokens) as notary.url,
        serving(notary, server_tls(authority.issue("notary"))) as url,
        NotarySource(settings_for(url, ca_file=authority.file, credentials=WARDEN)) as source,
    ):
        assert await source.fetch(GUN, WISH) == Unavailable("the token server has no TLS")
    assert tokens.tokens == []
