"""Logins that are tokens themselves, and logins that a token server does not accept."""

from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from proxy.config.settings import Credentials
from proxy.http_auth.login import IdentityToken, Login, TokenRefused, TokenUnavailable
from tests.unit.notary.conftest import serving

SERVER: Final = URL("http://127.0.0.1:1")
SCOPE: Final = "repository:shop/app:pull"


class TokenServer:
    """Gives a token, unless it is told to answer with another status; remembers who asked how."""

    def __init__(self) -> None:
        self.asked: list[tuple[web.BaseRequest, dict[str, Any]]] = []
        self.status = 200
        self.challenge: list[str] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer."""
        self.asked.append((request, dict(await request.post())))
        return web.json_response({"access_token": "t1", "expires_in": 300}, status=self.status)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """As the clients have it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as opened:
        yield opened


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    """A token server, whose realm has a query."""
    server = TokenServer()
    async with serving(server) as url:
        server.challenge = [f'Bearer realm="{url}/token?tenant=a",service="r"']
        yield server


async def test_an_identity_token_is_for_the_token_server_alone(
    session: aiohttp.ClientSession, tokens: TokenServer
) -> None:
    """It is posted as OAuth has it; the server itself is shown nothing, also if it wants Basic."""
    somebody = Login(SERVER, IdentityToken("1dentity"), session)
    assert somebody.shown(SCOPE) is None
    assert await somebody.answer(['Basic realm="r"'], SCOPE, None) is None
    assert await somebody.answer(tokens.challenge, SCOPE, None) == "Bearer t1"
    [(asked, form)] = tokens.asked
    assert (asked.method, asked.raw_path, "Authorization" in asked.headers) == ("POST", "/token?tenant=a", False)
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "1dentity",
        "service": "r",
        "client_id": "tagwarden",
        "scope": SCOPE,
    }
    assert "1dentity" not in repr(IdentityToken("1dentity"))


@pytest.mark.parametrize("login", [Credentials("alice", "secret"), IdentityToken("1dentity")])
@pytest.mark.parametrize(("status", "refuses"), [(400, True), (401, True), (403, True), (404, False), (503, False)])
async def test_a_token_server_may_refuse_a_login(
    session: aiohttp.ClientSession,
    tokens: TokenServer,
    login: Credentials | IdentityToken,
    status: int,
    refuses: bool,  # noqa: FBT001 - a case
) -> None:
    """Whoever asks can tell that from an outage."""
    tokens.status = status
    with pytest.raises(TokenUnavailable, match=f"^the token server answered {status}$") as raised:
        await Login(SERVER, login, session).answer(tokens.challenge, SCOPE, None)
    assert isinstance(raised.value, TokenRefused) is refuses
