"""Logging in to a server: Basic, and tokens from whomever the server names."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from deploy.stack.ports import free_port
from proxy.clock import Clock
from proxy.config.settings import Credentials
from proxy.http_auth import login as login_module
from proxy.http_auth.login import Login, TokenUnavailable
from proxy.limits import HTTP_LINE_BYTES, TOKEN_ANSWER_BYTES
from proxy.tasks import spawn
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import answering, serving

WARDEN: Final = Credentials("warden", "s3cret:ä")
BASIC: Final = "Basic d2FyZGVuOnMzY3JldDrDpA=="
SCOPE: Final = "repository:shop/app:pull"


class TokenServer:
    """Gives tokens one after the other, and remembers who asked how."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Callable[[], web.StreamResponse] = self.token
        self.life: object = 300
        self.pause = 0.0
        self.url = URL()

    def token(self) -> web.StreamResponse:
        """The next token."""
        return web.json_response({"token": f"t{len(self.asked)}", "expires_in": self.life})

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer."""
        self.asked.append(request)
        await asyncio.sleep(self.pause)
        return self.answer()

    def challenge(self, **parameters: str) -> list[str]:
        """A challenge that names this server."""
        named = {"realm": f"{self.url}/token", "service": "r"} | parameters
        return ["Bearer " + ",".join(f'{name}="{value}"' for name, value in named.items())]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """As the clients of Notary and registry have it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as opened:
        yield opened


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    """A token server."""
    server = TokenServer()
    async with serving(server) as url:
        server.url = url
        yield server


@pytest.fixture
def login(session: aiohttp.ClientSession) -> Login:
    """A login to a server of this machine."""
    return Login(URL("http://127.0.0.1:1"), WARDEN, session)


# --- Basic ------------------------------------------------------------------------------------


async def test_basic_is_shown_at_once(login: Login) -> None:
    """A credential is for its server, and most servers ask for no more."""
    assert login.shown(SCOPE) == BASIC
    assert await login.answer(['Basic realm="r"'], SCOPE, None) == BASIC


async def test_a_no_to_basic_is_the_answer(login: Login) -> None:
    """There is nothing else to show."""
    assert await login.answer(['Basic realm="r"'], SCOPE, BASIC) is None


async def test_without_a_credential_there_is_nothing_to_show(session: aiohttp.ClientSession) -> None:
    """A server that wants one says no."""
    nobody = Login(URL("http://127.0.0.1:1"), None, session)
    assert nobody.shown(SCOPE) is None
    assert await nobody.answer(['Basic realm="r"'], SCOPE, None) is None


@pytest.mark.parametrize("lines", [[], ["Negotiate"], ["Bearer"], ['Bearer service="r"']])
async def test_a_challenge_that_nobody_can_answer_is_a_no(login: Login, lines: list[str]) -> None:
    """No scheme of ours, or no token server named."""
    assert await login.answer(lines, SCOPE, BASIC) is None


async def test_a_server_may_change_its_mind(login: Login, tokens: TokenServer) -> None:
    """From Basic to tokens and back."""
    await login.answer(tokens.challenge(), SCOPE, BASIC)
    assert login.shown(SCOPE) == "Bearer t1"
    assert await login.answer(['Basic realm="r"'], SCOPE, "Bearer t1") == BASIC
    assert login.shown(SCOPE) == BASIC


# --- tokens -----------------------------------------------------------------------------------


async def test_a_token_is_fetched_and_kept(login: Login, tokens: TokenServer) -> None:
    """The challenge says where and for what; the credential goes there; the token is shown from then on."""
    challenge = tokens.challenge(scope="repository:shop/app:pull")
    assert await login.answer(challenge, SCOPE, BASIC) == "Bearer t1"
    assert login.shown(SCOPE) == "Bearer t1"
    assert login.shown("repository:shop/other:pull") is None  # and no password to a server of tokens
    [asked] = tokens.asked
    assert (asked.method, asked.path) == ("GET", "/token")
    assert list(asked.query.items()) == [("service", "r"), ("scope", SCOPE)]
    assert asked.headers["Authorization"] == BASIC


async def test_nobody_gets_a_token_too(session: aiohttp.ClientSession, tokens: TokenServer) -> None:
    """Without a credential the token server is asked without one."""
    nobody = Login(URL("http://127.0.0.1:1"), None, session)
    assert await nobody.answer(tokens.challenge(), SCOPE, None) == "Bearer t1"
    assert "Authorization" not in tokens.asked[0].headers


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        pytest.param("repository:h:5000/a:pull", ["repository:h:5000/a:pull"], id="as it says"),
        pytest.param(
            "repository:a:pull repository:b:pull", ["repository:a:pull", "repository:b:pull"], id="two of them"
        ),
        pytest.param("", [SCOPE], id="says nothing"),
        pytest.param("repository:shop/app:pull,push", [SCOPE], id="would write"),
        pytest.param("repository:shop/app:push", [SCOPE], id="would write only"),
        pytest.param("repository:a:pull repository:b:push", [SCOPE], id="would write elsewhere"),
        pytest.param("registry:catalog:*", [SCOPE], id="would administer"),
    ],
)
async def test_a_token_is_for_reading_only(login: Login, tokens: TokenServer, scope: str, asked: list[str]) -> None:
    """Whatever a server asks for, it gets no token that can do more than read."""
    await login.answer(tokens.challenge(scope=scope), SCOPE, BASIC)
    assert tokens.asked[0].query.getall("scope") == asked


async def test_the_query_of_a_realm_stays(login: Login, tokens: TokenServer) -> None:
    """Some token servers have one."""
    await login.answer(tokens.challenge(realm=f"{tokens.url}/t?tenant=a%26b"), SCOPE, BASIC)
    assert dict(tokens.asked[0].query) == {"tenant": "a&b", "service": "r", "scope": SCOPE}


async def test_a_realm_without_a_service_is_asked_without_one(login: Login, tokens: TokenServer) -> None:
    """It is the token server's to mind."""
    await login.answer([f'Bearer realm="{tokens.url}/token"'], SCOPE, BASIC)
    assert "service" not in tokens.asked[0].query


async def test_a_token_that_was_refused_is_replaced(login: Login, tokens: TokenServer) -> None:
    """The kept one is shown to nobody again; one that somebody fetched meanwhile is."""
    first = await login.answer(tokens.challenge(), SCOPE, BASIC)
    assert await login.answer(tokens.challenge(), SCOPE, first) == "Bearer t2"
    assert await login.answer(tokens.challenge(), SCOPE, first) == "Bearer t2"
    assert len(tokens.asked) == 2


@pytest.mark.parametrize(
    ("life", "kept_for"),
    [
        pytest.param(100, 75, id="as said"),
        pytest.param(100.0, 75, id="as said, with a fraction"),
        pytest.param(None, 45, id="not said: a minute"),
        pytest.param("100", 45, id="said as text"),
        pytest.param(True, 45, id="said as yes"),
        pytest.param(0, 0, id="nothing"),
        pytest.param(-5, 0, id="less than nothing"),
        pytest.param(10**9, 2700, id="for ever: an hour"),
    ],
)
async def test_a_token_is_kept_for_part_of_its_life(
    session: aiohttp.ClientSession,
    tokens: TokenServer,
    monkeypatch: pytest.MonkeyPatch,
    life: object,
    kept_for: float,
) -> None:
    """It is replaced before its server finds it too old."""
    seconds = [0.0]
    monkeypatch.setattr(Clock, "seconds", lambda _: seconds[0])
    login = Login(URL("http://127.0.0.1:1"), WARDEN, session)
    tokens.life = life
    assert await login.answer(tokens.challenge(), SCOPE, BASIC) == "Bearer t1"
    if kept_for:
        seconds[0] = kept_for - 0.001
        assert login.shown(SCOPE) == "Bearer t1"
    seconds[0] = kept_for
    assert login.shown(SCOPE) is None


async def test_many_wait_for_one_token(login: Login, tokens: TokenServer) -> None:
    """Each scope is asked for once, and whoever leaves takes nothing from the others."""
    tokens.pause = 0.05
    waiting = [spawn(login.answer(tokens.challenge(), SCOPE, BASIC), name=f"asking {number}") for number in range(8)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == ["Bearer t1"] * 7
    assert len(tokens.asked) == 1


async def test_a_failure_is_not_kept(login: Login, tokens: TokenServer) -> None:
    """Everybody who waited hears of it; the next one asks anew."""
    tokens.answer = lambda: web.Response(status=503)
    asking = [login.answer(tokens.challenge(), SCOPE, BASIC) for _ in range(3)]
    failures = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(failure) for failure in failures] == ["the token server answered 503"] * 3
    assert len(tokens.asked) == 1
    tokens.answer = tokens.token
    assert await login.answer(tokens.challenge(), SCOPE, BASIC) == "Bearer t2"


# --- where a credential goes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "realm", "why"),
    [
        pytest.param("https://notary:4443", "http://notary:4443/token", "no TLS", id="TLS given up, same host"),
        pytest.param("https://notary:4443", "http://127.0.0.1:1/token", "no TLS", id="TLS given up on the loopback"),
        pytest.param("http://notary:4443", "http://auth.example.com/token", "no TLS", id="plain, another host"),
        pytest.param("http://notary:4443", "http://127.0.0.1.example.com/", "no TLS", id="plain, named like loopback"),
        pytest.param("https://notary:4443", "https://a:b@auth.example.com/", "address is none", id="with a password"),
        pytest.param("https://notary:4443", "ftp://auth.example.com/token", "address is none", id="another scheme"),
        pytest.param("https://notary:4443", "/token", "address is none", id="a path"),
        pytest.param("https://notary:4443", "", "address is none", id="empty"),
        pytest.param("https://notary:4443", "https://", "address is none", id="no host"),
        pytest.param("https://notary:4443", "https://auth:99999/", "address is none", id="impossible port"),
        pytest.param("https://notary:4443", "https://[::1/", "address is none", id="broken address"),
    ],
)
async def test_a_credential_goes_nowhere_without_tls(
    session: aiohttp.ClientSession, server: str, realm: str, why: str
) -> None:
    """Only where the server itself has none, and then to the same machine; nothing is sent anywhere else."""
    with pytest.raises(TokenUnavailable, match=why):
        await Login(URL(server), WARDEN, session).answer([f'Bearer realm="{realm}"'], SCOPE, BASIC)


@pytest.mark.parametrize(
    ("server", "host"),
    [
        pytest.param("http://localhost:1", "localhost", id="same host"),
        pytest.param("http://registry.internal", "127.0.0.1", id="loopback"),
        pytest.param("http://registry.internal", "localhost", id="loopback by name"),
    ],
)
async def test_without_tls_it_stays_near(
    session: aiohttp.ClientSession, tokens: TokenServer, server: str, host: str
) -> None:
    """A server without TLS may have its token server on its own host or on this machine."""
    login = Login(URL(server), WARDEN, session)
    assert await login.answer(tokens.challenge(realm=f"{tokens.url.with_host(host)}/token"), SCOPE, BASIC)


async def test_a_token_server_over_tls_is_verified(tmp_path: Any) -> None:
    """It is believed only with a certificate of the session's authorities."""
    authority, other = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    pair = authority.issue("tokens")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    server = TokenServer()
    async with serving(server, context) as server.url:
        for trusted, outcome in ((authority, "Bearer t1"), (other, None)):
            tls = ssl.create_default_context(cafile=trusted.file)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
                login = Login(URL("https://notary:4443"), WARDEN, session)
                if outcome:
                    assert await login.answer(server.challenge(), SCOPE, BASIC) == outcome
                else:
                    with pytest.raises(TokenUnavailable, match="certificate does not verify"):
                        await login.answer(server.challenge(), SCOPE, BASIC)


async def test_a_redirect_of_the_token_server_is_not_followed(login: Login, tokens: TokenServer) -> None:
    """The credential goes to whom the server named, and no further."""
    tokens.answer = lambda: web.Response(status=307, headers={"Location": f"{tokens.url}/other"})
    with pytest.raises(TokenUnavailable, match=r"^the token server answered 307$"):
        await login.answer(tokens.challenge(), SCOPE, BASIC)
    assert len(tokens.asked) == 1


# --- answers of a token server ----------------------------------------------------------------


def said(text: str | bytes, status: int = 200) -> Callable[[], web.StreamResponse]:
    """An answer with this body."""
    body = text.encode() if isinstance(text, str) else text
    return lambda: web.Response(body=body, status=status)


@pytest.mark.parametrize(
    "body", ['{"token":"abc"}', '{"access_token":"abc"}', '{"token":"","access_token":"abc"}', '{"token":"abc","x":[]}']
)
async def test_a_token_has_either_name(login: Login, tokens: TokenServer, body: str) -> None:
    """Both are in use."""
    tokens.answer = said(body)
    assert await login.answer(tokens.challenge(), SCOPE, BASIC) == "Bearer abc"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("", "is no JSON object", id="empty"),
        pytest.param("<html>", "is no JSON object", id="no JSON"),
        pytest.param('["abc"]', "is no JSON object", id="a list"),
        pytest.param("[" * 60_000, "is no JSON object", id="deep"),
        pytest.param(b'{"token":"\xff"}', "is no JSON object", id="no UTF-8"),
        pytest.param('{"token":"abc","expires_in":NaN}', "is no JSON object", id="NaN"),
        pytest.param("{}", "has no token", id="nothing"),
        pytest.param('{"token":7}', "has no token", id="a number"),
        pytest.param('{"token":"a b"}', "has no token", id="a space"),
        pytest.param('{"token":"a\\r\\nX-Y: z"}', "has no token", id="another header"),
        pytest.param('{"token":"ä"}', "has no token", id="not ASCII"),
        pytest.param(f'{{"token":"{"x" * (HTTP_LINE_BYTES + 1)}"}}', "has no token", id="longer than a header"),
        pytest.param(f'{{"token":"{"x" * TOKEN_ANSWER_BYTES}"}}', "is too long", id="too long"),
    ],
)
async def test_an_answer_without_a_token_is_a_failure(
    login: Login, tokens: TokenServer, body: str | bytes, why: str
) -> None:
    """Nothing is guessed."""
    tokens.answer = said(body)
    with pytest.raises(TokenUnavailable, match=why):
        await login.answer(tokens.challenge(), SCOPE, BASIC)


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 500])
async def test_only_200_brings_a_token(login: Login, tokens: TokenServer, status: int) -> None:
    """A wrong password is a 401 of the token server, and says so."""
    tokens.answer = said('{"token":"abc"}', status)
    with pytest.raises(TokenUnavailable, match=f"^the token server answered {status}$"):
        await login.answer(tokens.challenge(), SCOPE, BASIC)


Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


async def _endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 4096)
        await writer.drain()


@pytest.mark.parametrize(
    ("converse", "why"),
    [
        pytest.param(_silence, "did not answer in time", id="silent"),
        pytest.param(_half, "answer broke off", id="broken off"),
        pytest.param(_endless, "answer is too long", id="endless"),
    ],
)
async def test_a_token_server_that_misbehaves_fails(
    login: Login, monkeypatch: pytest.MonkeyPatch, converse: Converse, why: str
) -> None:
    """Time and size are bounded."""
    if converse is _silence:
        monkeypatch.setattr(login_module, "_TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    async with answering(converse) as url:
        with pytest.raises(TokenUnavailable, match=why):
            await login.answer([f'Bearer realm="{url}/token"'], SCOPE, BASIC)


async def test_a_token_server_that_is_away_fails(login: Login) -> None:
    """Nobody listens there."""
    with pytest.raises(TokenUnavailable, match=r"^the token server cannot be reached$"):
        await login.answer([f'Bearer realm="http://127.0.0.1:{free_port()}/"'], SCOPE, BASIC)
