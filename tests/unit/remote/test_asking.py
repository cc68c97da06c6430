"""Asking a running proxy: what is sent and to whom, and what is made of whatever comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from yarl import URL

from proxy.clock import Clock
from proxy.config.settings import Credentials
from proxy.errors import UserError
from proxy.http_auth.login import IdentityToken
from proxy.limits import MANIFEST_BYTES, VIA_VERDICT_SECONDS
from proxy.names import Reference
from proxy.registry.headers import ALL_MANIFEST_TYPES
from proxy.remote.asking import Server, Subject, ask
from proxy.remote.credentials import Found
from proxy.remote.verdict import Told
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import answering, server_tls, serving

BODY: Final = b'{"schemaVersion": 2}'
DIGEST: Final = f"sha256:{sha256(BODY).hexdigest()}"
REFERENCE: Final = Reference.parse("shop/api:1.4", "")
ALLOWED: Final = {
    "X-Tagwarden-Decision": "allowed",
    "X-Tagwarden-Digest": DIGEST,
    "Docker-Content-Digest": DIGEST,
    "X-Request-Id": "r",
}
REFUSED: Final = {"X-Tagwarden-Decision": "refused", "X-Tagwarden-Refusal": "blocked"}
ALICE: Final = Credentials("alice", "secret")
BASIC: Final = "Basic YWxpY2U6c2VjcmV0"


class Proxy:
    """Answers what a test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.BaseRequest] = []
        self.forms: list[dict[str, str]] = []
        self.answers: Callable[[web.BaseRequest], web.StreamResponse] = lambda _: allowed()
        self.url = URL()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer."""
        self.asked.append(request)
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        return self.answers(request)


def allowed() -> web.Response:
    """The answer for what is signed."""
    return web.Response(body=BODY, headers=ALLOWED)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A server that a test can let say anything."""
    server = Proxy()
    async with serving(server) as url:
        server.url = url
        yield server


@pytest.fixture
def clock() -> "Quick":
    """Time that passes by itself."""
    return Quick()


class Quick(Clock):
    """A clock on which every look costs three seconds."""

    def __init__(self) -> None:
        self.looked = 0

    def seconds(self) -> float:
        """Three seconds later every time."""
        self.looked += 1
        return self.looked * 3.0


async def heard(
    url: URL,
    credentials: Credentials | IdentityToken | None = None,
    *,
    clock: Clock | None = None,
    ca: Path | None = None,
    name: str | None = None,
) -> Told:
    """Ask about the reference, as one of the registry `name`, if any."""
    found = Found(credentials, "~/.docker/config.json", url.host_subcomponent or "")
    return await ask(Server(url, found, ca), Subject(REFERENCE, name), clock or Clock())


async def test_it_is_asked_as_a_client_asks(proxy: Proxy) -> None:
    """With all types of manifests, for the very bytes, and nothing of the environment."""
    told = await heard(proxy.url)
    assert (told.word, told.digest) == ("allowed", DIGEST)
    [asked] = proxy.asked
    assert (asked.method, asked.raw_path) == ("GET", "/v2/shop/api/manifests/1.4")
    assert asked.headers["Accept"] == ALL_MANIFEST_TYPES
    assert asked.headers["Accept-Encoding"] == "identity"
    assert not {"Authorization", "Cookie"} & set(asked.headers)


async def test_basic_is_shown_to_the_proxy(proxy: Proxy) -> None:
    """It hands it on to its registry."""
    await heard(proxy.url, ALICE)
    assert [asked.headers.get("Authorization") for asked in proxy.asked] == [BASIC]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(proxy: Proxy, status: int) -> None:
    """The credential would go there, and the verdict come from there."""
    proxy.answers = lambda _: web.Response(status=status, headers={"Location": f"{proxy.url}/elsewhere"})
    told = await heard(proxy.url, ALICE)
    assert told.word is None
    assert len(proxy.asked) == 1


async def test_a_challenge_for_a_token_is_answered(proxy: Proxy) -> None:
    """At the token server that it names, for this repository alone."""

    def answers(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/token":
            return web.json_response({"token": "t"})
        if request.headers.get("Authorization") == "Bearer t":
            return allowed()
        challenge = f'Bearer realm="{proxy.url}/token",service="r",scope="repository:shop/api:pull"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    proxy.answers = answers
    assert (await heard(proxy.url, ALICE)).word == "allowed"
    token = proxy.asked[1]
    assert dict(token.query) == {"service": "r", "scope": "repository:shop/api:pull"}
    assert token.headers["Authorization"] == BASIC


async def test_an_identity_token_goes_to_the_token_server_alone(proxy: Proxy) -> None:
    """In a form, as OAuth has it; the proxy never sees it."""

    def answers(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/token":
            return web.json_response({"access_token": "t"})
        if request.headers.get("Authorization") == "Bearer t":
            return allowed()
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{proxy.url}/token",service="r"'})

    proxy.answers = answers
    assert (await heard(proxy.url, IdentityToken("1dentity"))).word == "allowed"
    first, token, second = proxy.asked
    assert "Authorization" not in first.headers
    assert (token.method, token.raw_path) == ("POST", "/token")
    assert proxy.forms[1] == {
        "grant_type": "refresh_token",
        "refresh_token": "1dentity",
        "service": "r",
        "client_id": "tagwarden",
        "scope": "repository:shop/api:pull",
    }
    assert "1dentity" not in str(second.headers)


async def test_a_token_server_elsewhere_without_tls_gets_no_credential(proxy: Proxy) -> None:
    """Everybody on the way could read it."""
    challenge = 'Bearer realm="http://tokens.example.com/token",service="r"'
    proxy.answers = lambda _: web.Response(status=401, headers={"WWW-Authenticate": challenge})
    told = await heard(proxy.url, ALICE)
    assert told.word is None
    assert "the token server has no TLS" in told.sentence


async def test_a_token_server_that_fails_is_no_verdict(proxy: Proxy) -> None:
    """Try again."""

    def answers(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/token":
            return web.Response(status=503)
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{proxy.url}/token"'})

    proxy.answers = answers
    told = await heard(proxy.url, ALICE)
    assert (told.word, told.pending) == (None, False)
    assert "the token server answered 503" in told.sentence


@pytest.mark.parametrize("credentials", [pytest.param(None, id="nobody"), pytest.param(ALICE, id="somebody")])
@pytest.mark.parametrize("where", ["registry", "registry-forbids", "token-server"])
async def test_whom_the_registry_does_not_let_in(proxy: Proxy, credentials: Credentials | None, where: str) -> None:
    """It is said where the credential was looked for, and what to run; the credential is not repeated."""

    def answers(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/token":
            return web.Response(status=401)
        scheme = f'Bearer realm="{proxy.url}/token"' if where == "token-server" else 'Basic realm="r"'
        return web.Response(status=403 if where == "registry-forbids" else 401, headers={"WWW-Authenticate": scheme})

    proxy.answers = answers
    with pytest.raises(UserError) as raised:
        await heard(proxy.url, credentials)
    assert "~/.docker/config.json" in str(raised.value)
    assert "run docker login 127.0.0.1" in str(raised.value)
    assert ("has none for it" in str(raised.value)) is (credentials is None)
    assert "secret" not in str(raised.value)


async def test_a_refusal_with_403_is_a_refusal(proxy: Proxy) -> None:
    """It is the proxy's, not the registry's: the header tells."""
    proxy.answers = lambda _: web.Response(status=403, headers=REFUSED)
    assert (await heard(proxy.url)).code == "blocked"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(401, REFUSED, id="refused-with-401"),
        pytest.param(401, ALLOWED, id="allowed-with-401"),
        pytest.param(403, ALLOWED, id="allowed-with-403"),
        pytest.param(403, {**REFUSED, "X-Tagwarden-Refusal": "undecided"}, id="another-status-than-its-code"),
    ],
)
async def test_a_login_that_is_not_accepted_is_no_refusal(proxy: Proxy, status: int, headers: dict[str, str]) -> None:
    """Whatever else is claimed there: a proxy decides nothing for whom the registry does not let in."""
    proxy.answers = lambda _: web.Response(status=status, headers=headers)
    with pytest.raises(UserError, match=f"it answered {status}"):
        await heard(proxy.url)


# --- for which registry -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "query"),
    [
        pytest.param(None, "", id="the-proxy's-own"),
        pytest.param("mirror.example.com", "?ns=mirror.example.com", id="another"),
        pytest.param("mirror.example.com:5000", "?ns=mirror.example.com%3A5000", id="with-a-port"),
        pytest.param("[::1]:5000", "?ns=%5B%3A%3A1%5D%3A5000", id="an-address"),
    ],
)
async def test_it_is_asked_for_the_registry_of_the_image(proxy: Proxy, name: str | None, query: str) -> None:
    """As a mirror is."""
    proxy.answers = lambda _: web.Response(status=503)
    assert (await heard(proxy.url, name=name)).word is None
    assert proxy.asked[0].raw_path == f"/v2/shop/api/manifests/1.4{query}"


@pytest.mark.parametrize("status", [200, 403])
async def test_a_verdict_about_this_very_image_counts(proxy: Proxy, status: int) -> None:
    """The proxy says that it decided about an image of that registry."""
    headers = {**(ALLOWED if status == 200 else REFUSED), "X-Tagwarden-Name": "other.example.com"}
    proxy.answers = lambda _: web.Response(status=status, body=BODY, headers=headers)
    assert (await heard(proxy.url, name="other.example.com")).word == ("allowed" if status == 200 else "refused")


@pytest.mark.parametrize("headers", [ALLOWED, {**REFUSED}, {"X-Tagwarden-Decision": "not-enforced"}])
async def test_a_verdict_about_the_image_of_another_registry_is_none(proxy: Proxy, headers: dict[str, str]) -> None:
    """The same repository and tag there is another image: it is said which one was decided about, and what to do."""
    status = 403 if headers == REFUSED else 200
    stated = {**headers, "X-Tagwarden-Name": "registry.example.com"}
    proxy.answers = lambda _: web.Response(status=status, body=BODY, headers=stated)
    with pytest.raises(UserError) as raised:
        await heard(proxy.url, name="other.example.com")
    assert f"other.example.com/shop/api:1.4 is an image of other.example.com, and {proxy.url.origin()}" in str(
        raised.value
    )
    assert "answers for registry.example.com: write registry.example.com/shop/api:1.4" in str(raised.value)


@pytest.mark.parametrize("said", [{}, {"X-Tagwarden-Name": "other.example.com, x"}])
async def test_a_verdict_about_nobody_knows_which_image_is_none(proxy: Proxy, said: dict[str, str]) -> None:
    """Whoever asks about an image by its full name hears of that one, or nothing."""
    proxy.answers = lambda _: web.Response(body=BODY, headers={**ALLOWED, **said})
    told = await heard(proxy.url, name="other.example.com")
    assert (told.word, told.digest) == (None, None)
    assert "it does not say for which registry it answers" in told.sentence


async def test_an_audit_that_is_not_ready_is_asked_again(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its decision runs beside the first answers."""
    monkeypatch.setattr("proxy.remote.asking._FIRST_PAUSE", 0.0)
    proxy.answers = lambda _: allowed() if len(proxy.asked) == 3 else web.Response(headers={"X-Request-Id": "r"})
    assert (await heard(proxy.url)).word == "allowed"
    assert len(proxy.asked) == 3


async def test_an_audit_that_is_never_ready_is_no_verdict(
    proxy: Proxy, clock: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while it is enough."""
    monkeypatch.setattr("proxy.remote.asking._FIRST_PAUSE", 0.0)
    proxy.answers = lambda _: web.Response(body=BODY, headers={"X-Request-Id": "r"})
    assert (await heard(proxy.url, clock=clock)).word is None
    assert len(proxy.asked) == VIA_VERDICT_SECONDS / 3


async def test_a_registry_alone_is_asked_once(proxy: Proxy) -> None:
    """Nothing there will ever have a verdict."""
    proxy.answers = lambda _: web.Response(body=BODY, headers={"Docker-Content-Digest": DIGEST})
    told = await heard(proxy.url)
    assert (told.word, len(proxy.asked)) == (None, 1)


@pytest.mark.parametrize(("status", "word"), [(200, None), (403, "refused")])
async def test_an_endless_body_is_not_read(proxy: Proxy, status: int, word: str | None) -> None:
    """A manifest has a bound, an error too; a refusal stands without its words."""
    headers = ALLOWED if status == 200 else REFUSED
    proxy.answers = lambda _: web.Response(status=status, body=b"x" * (MANIFEST_BYTES + 1), headers=headers)
    assert (await heard(proxy.url)).word == word


async def test_bytes_are_hashed_as_they_came(proxy: Proxy) -> None:
    """Nothing is unpacked on the way to the hash."""
    headers = {**ALLOWED, "Content-Encoding": "gzip"}
    proxy.answers = lambda _: web.Response(body=BODY, headers=headers)
    assert (await heard(proxy.url)).word == "allowed"


# --- connections ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        pytest.param(b"", "check the address, or try again", id="hangs-up"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "check the address", id="no-http"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nX-Tagwarden-Decision: allowed\r\n\r\n{",
            "check the address, or try again",
            id="breaks-off",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX-Tagwarden-Decision: " + b"a" * 99_999 + b"\r\n\r\n",
            "check the address",
            id="endless-header",
        ),
    ],
)
async def test_what_is_no_answer_is_no_verdict(said: bytes, remedy: str) -> None:
    """And says so in a sentence, which asks to try again only where that may help."""

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with answering(converse) as url:
        told = await heard(url)
    assert (told.word, told.pending) == (None, False)
    assert "cannot be asked about shop/api:1.4" in told.sentence
    assert told.sentence.endswith(f": {remedy}")


async def test_nobody_there_is_no_verdict() -> None:
    """Asking again does not help where nothing listens."""
    told = await heard(URL("http://127.0.0.1:1"))
    assert told.word is None
    assert told.sentence.endswith("connection refused: check the address, and that the proxy runs")


async def test_tls_is_verified(proxy: Proxy, tmp_path: Path) -> None:
    """Against the named authority; without it, nobody is believed, and nothing was asked."""
    (tmp_path / "a").mkdir()
    authority = Authority(tmp_path / "a", "authority")
    async with serving(proxy, server_tls(authority.issue("proxy"))) as url:
        assert (await heard(url, ALICE, ca=authority.file)).word == "allowed"
        told = await heard(url, ALICE)
    assert (told.word, len(proxy.asked)) == (None, 1)
    assert "certificate verify failed" in told.sentence
    assert told.sentence.endswith("with --ca-file")


@pytest.mark.parametrize(
    ("content", "why"), [pytest.param(None, "No such file", id="missing"), pytest.param("words", "no PEM", id="words")]
)
async def test_an_authority_that_is_none(tmp_path: Path, content: str | None, why: str) -> None:
    """The sentence names option and file."""
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=why) as raised:
        await heard(URL("https://127.0.0.1:1"), ca=file)
    assert str(raised.value).startswith(f"--ca-file: {file}")
