"""Asking about manifests: with the proxy's own credential, and whether a digest is one at all."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import web

from proxy.config.settings import Credentials
from proxy.errors import RegistryUnreachable
from proxy.manifests import MediaType
from proxy.names import Reference, Repository, Tag
from proxy.registry.client import RegistryClient, connect
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import (
    APP,
    FakeRegistry,
    allowed,
    answering,
    digest,
    error,
    image,
    served,
    settings,
)

BODY: Final = image()
DIGEST: Final = digest(BODY)
OTHER_APP: Final = Repository("shop/other")
TAGGED: Final = Reference(APP, Tag("v1"))
PATH: Final = f"/v2/shop/app/manifests/{DIGEST}"
SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
ALICE: Final = ClientCredentials("Bearer alice")
WARDEN: Final = Credentials("warden", "secret")
BASIC: Final = "Basic d2FyZGVuOnNlY3JldA=="


class TokenRegistry(FakeRegistry):
    """A registry that wants a token for each repository, and is its own token server; a token serves so many times."""

    def __init__(self, serves: int = 1000) -> None:
        super().__init__()
        self.serves = serves
        self.left: dict[str, int] = {}
        self.token_status = 200

    async def answer(self, request: Any) -> Any:
        """Tokens to the warden, manifests to tokens, a challenge to everybody else."""
        if request.path == "/token":
            return await self._token(request)
        repository = request.path.removeprefix("/v2/").partition("/manifests/")[0]
        shown = request.headers.get("Authorization", "")
        if not (shown.startswith(f"Bearer {repository}:") and self.left.get(shown, 0)):
            self.asked.append(await self.record(request))
            challenge = f'Bearer realm="{self.url}/token",service="r",scope="repository:{repository}:pull"'
            return error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})
        self.left[shown] -= 1
        return await super().answer(request)

    async def _token(self, request: Any) -> Any:
        self.asked.append(await self.record(request))
        if self.token_status != 200:
            return web.Response(status=self.token_status)
        assert request.headers["Authorization"] == BASIC
        assert request.query["service"] == "r"
        repository = request.query["scope"].split(":")[1]
        token = f"{repository}:{len(self.left)}"
        self.left[f"Bearer {token}"] = self.serves
        return web.json_response({"token": token, "expires_in": 300})


@pytest.fixture
async def registry() -> AsyncIterator[TokenRegistry]:
    """A registry that wants tokens and holds one manifest."""
    async with served(TokenRegistry()) as fake:
        assert isinstance(fake, TokenRegistry)
        fake.holds(BODY, tag="v1")
        yield fake


@pytest.fixture
async def client(registry: TokenRegistry) -> AsyncIterator[RegistryClient]:
    """A client with a credential of its own."""
    async with connect(settings(registry.url, WARDEN)) as connected:
        yield connected


TOKEN: Final = "GET /token?service=r&scope=repository:shop/app:pull"


async def test_the_proxys_own_credential_gets_a_token(client: RegistryClient, registry: TokenRegistry) -> None:
    """The challenge is answered once; the token serves the following reads of the same repository."""
    for _ in range(2):
        assert (await client.get_manifest(TAGGED, allowed(BODY), client.walker(ALICE))).body == BODY
    assert registry.requests == [f"GET {PATH}", TOKEN, f"GET {PATH}", f"GET {PATH}"]
    assert registry.asked[0].headers["Authorization"] == BASIC
    assert registry.asked[3].headers["Authorization"] == "Bearer shop/app:0"


async def test_a_token_that_is_not_believed_any_more_is_replaced(
    client: RegistryClient, registry: TokenRegistry
) -> None:
    """A 401 to a kept token asks for another."""
    registry.serves = 1
    for _ in range(2):
        assert (await client.get_manifest(TAGGED, allowed(BODY), client.walker(ALICE))).body == BODY
    assert registry.requests == [f"GET {PATH}", TOKEN, f"GET {PATH}"] * 2


async def test_a_no_to_a_fresh_token_is_the_registrys_answer(client: RegistryClient, registry: TokenRegistry) -> None:
    """It is asked for no third time."""
    registry.serves = 0
    with pytest.raises(Relayed) as raised:
        await client.get_manifest(TAGGED, allowed(BODY), client.walker(ALICE))
    assert raised.value.status == 401
    assert registry.requests == [f"GET {PATH}", TOKEN, f"GET {PATH}"]


async def test_a_token_server_that_fails_is_an_outage(client: RegistryClient, registry: TokenRegistry) -> None:
    """Whoever walks an index then cannot tell what is in it."""
    registry.token_status = 503
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY), client.walker(ALICE))
    assert refusal.value.why == "the token server answered 503"


async def test_one_token_a_repository(client: RegistryClient, registry: TokenRegistry) -> None:
    """Many reads at once share it, and another repository has another."""
    reads = [
        client.get_manifest(Reference(repository, Tag("v1")), allowed(BODY), client.walker(ALICE))
        for repository in (APP, OTHER_APP) * 8
    ]
    assert {verified.body for verified in await asyncio.gather(*reads)} == {BODY}
    tokens = sorted(asked for asked in registry.requests if asked.startswith("GET /token"))
    assert tokens == [TOKEN, TOKEN.replace("app", "other")]


async def test_a_clients_challenge_is_the_clients(client: RegistryClient, registry: TokenRegistry) -> None:
    """The proxy's own credential never answers for a client."""
    for credentials in (ALICE, ClientCredentials(), ClientCredentials(BASIC)):
        with pytest.raises(Relayed) as raised:
            await client.get_manifest(TAGGED, allowed(BODY), credentials)
        assert "realm" in raised.value.headers["WWW-Authenticate"]
    assert registry.requests == [f"GET {PATH}"] * 3


# --- whether a digest is a manifest -----------------------------------------------------------


@pytest.fixture
async def plain() -> AsyncIterator[FakeRegistry]:
    """A registry that lets everybody in."""
    async with served(FakeRegistry()) as fake:
        yield fake


@pytest.mark.parametrize("media_type", [*MediaType, f"{MediaType.OCI_INDEX}; charset=utf-8", SCHEMA_1])
async def test_a_manifest_is_one_by_status_and_type(plain: FakeRegistry, media_type: str) -> None:
    """One HEAD by digest, with all four types and the client's credential."""
    plain.scripted[f"HEAD {PATH}"] = answering(Content_Type=media_type)
    async with connect(settings(plain.url)) as client:
        assert await client.answers_manifest(APP, DIGEST, ALICE) is True
    [asked] = plain.asked
    assert str(asked) == f"HEAD {PATH}"
    assert asked.headers["Accept"] == ", ".join(MediaType)
    assert asked.headers["Authorization"] == "Bearer alice"


@pytest.mark.parametrize(
    ("status", "media_type"),
    [
        pytest.param(200, "application/octet-stream", id="a blob"),
        pytest.param(200, "application/vnd.docker.container.image.v1+json", id="a config"),
        pytest.param(200, "", id="nothing said"),
        pytest.param(404, MediaType.DOCKER_MANIFEST, id="missing"),
        pytest.param(500, MediaType.DOCKER_MANIFEST, id="a config, as 2.8.2 says it"),
        pytest.param(204, MediaType.DOCKER_MANIFEST, id="an odd success"),
    ],
)
async def test_everything_else_is_none(plain: FakeRegistry, status: int, media_type: str) -> None:
    """A layer's digest asked for as manifest never closes the layer."""
    plain.scripted[f"HEAD {PATH}"] = answering(status=status, Content_Type=media_type)
    async with connect(settings(plain.url)) as client:
        assert await client.answers_manifest(APP, DIGEST, ALICE) is False


@pytest.mark.parametrize("status", [400, 401, 403, 429, 502, 503])
async def test_what_is_said_of_a_credential_or_a_moment_is_no_answer(plain: FakeRegistry, status: int) -> None:
    """Whoever is locked out, or comes at a bad time, does not answer for everybody else."""
    plain.scripted[f"HEAD {PATH}"] = answering(status=status, Content_Type=MediaType.DOCKER_MANIFEST)
    async with connect(settings(plain.url)) as client:
        with pytest.raises(Relayed):
            await client.answers_manifest(APP, DIGEST, ALICE)


async def test_asking_whether_it_is_a_manifest_lets_nobody_in(plain: FakeRegistry) -> None:
    """The answer is remembered as no permission."""
    plain.holds(BODY)
    async with connect(settings(plain.url)) as client:
        await client.answers_manifest(APP, DIGEST, ALICE)
        plain.asks_for = "Bearer bob"
        with pytest.raises(Relayed):
            await client.lets_in(APP, ALICE)


# --- what a tag names -------------------------------------------------------------------------


async def test_a_registry_says_what_a_tag_names(plain: FakeRegistry) -> None:
    """One HEAD, and the digest of its header; nothing where it has nothing."""
    plain.holds(BODY, tag="v1")
    async with connect(settings(plain.url)) as client:
        assert await client.named(TAGGED, ALICE) == DIGEST
        assert await client.named(Reference(APP, Tag("v2")), ALICE) is None
    assert [asked.method for asked in plain.asked] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("said", ["", "sha512:" + "0" * 128, "latest"])
async def test_a_registry_that_does_not_say_is_an_outage(plain: FakeRegistry, said: str) -> None:
    """Nothing is guessed."""
    plain.scripted["HEAD /v2/shop/app/manifests/v1"] = answering(Docker_Content_Digest=said)
    async with connect(settings(plain.url)) as client:
        with pytest.raises(RegistryUnreachable):
            await client.named(TAGGED, ALICE)


async def test_a_stranger_is_not_told_what_a_tag_names(plain: FakeRegistry) -> None:
    """The registry's no is relayed."""
    plain.asks_for = "Bearer bob"
    async with connect(settings(plain.url)) as client:
        with pytest.raises(Relayed):
            await client.named(TAGGED, ALICE)
