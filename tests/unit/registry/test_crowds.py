"""A crowd that wants the same at the same time: it asks the registry once, and nobody has another one's permission."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

import pytest
from aiohttp import web

from proxy.errors import ManifestMissing
from proxy.manifests import MediaType
from proxy.names import Reference, Tag
from proxy.registry.client import UNKNOWN_DIGEST, RegistryClient
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.tasks import spawn
from tests.unit.registry.material import APP, FakeRegistry, allowed, answering, digest, error, eventually, image

BODY: Final = image()
DIGEST: Final = digest(BODY)
TAGGED: Final = Reference(APP, Tag("v1"))
PATH: Final = f"/v2/shop/app/manifests/{DIGEST}"
UNKNOWN_PATH: Final = f"/v2/shop/app/manifests/{UNKNOWN_DIGEST}"
ALICE: Final = ClientCredentials("Bearer alice")
BOB: Final = ClientCredentials("Bearer bob")
CROWD: Final = 50

Asks = Callable[[RegistryClient, ClientCredentials], Coroutine[Any, Any, object]]


class Door:
    """A registry that answers when it is opened."""

    def __init__(self, registry: FakeRegistry, path: str) -> None:
        """Hold back the answers to `GET path`."""
        self.opened = asyncio.Event()
        self._registry = registry
        registry.scripted[f"GET {path}"] = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self.opened.wait()
        if request.headers.get("Authorization") != ALICE.authorization:
            return error(401, "UNAUTHORIZED")
        return web.Response(body=BODY, headers={"Content-Type": MediaType.DOCKER_MANIFEST})


async def fetch(client: RegistryClient, credentials: ClientCredentials) -> object:
    """Fetch the manifest."""
    return await client.get_manifest(TAGGED, allowed(BODY), credentials)


async def authorise(client: RegistryClient, credentials: ClientCredentials) -> object:
    """Ask for permission to read what is at hand."""
    await client.authorise(TAGGED, DIGEST, credentials)
    return None


@pytest.fixture
async def door(registry: FakeRegistry) -> AsyncIterator[Door]:
    """The manifest's door; whatever a test does, nobody waits behind it for ever."""
    door = Door(registry, PATH)
    yield door
    door.opened.set()


both_ways = pytest.mark.parametrize("ask", [fetch, authorise])


@both_ways
async def test_a_crowd_asks_the_registry_once(
    client: RegistryClient, registry: FakeRegistry, door: Door, ask: Asks
) -> None:
    """Everybody gets the answer to the first one's question."""
    crowd = [spawn(ask(client, ALICE), name="one of a crowd") for _ in range(CROWD)]
    await eventually(lambda: registry.requests)
    door.opened.set()
    answers = await asyncio.gather(*crowd)
    assert registry.requests == [f"GET {PATH}"]
    assert answers == [answers[0]] * CROWD


@both_ways
async def test_another_credential_is_another_question(
    client: RegistryClient, registry: FakeRegistry, door: Door, ask: Asks
) -> None:
    """Bob waits for no answer of Alice's, and gets none: the registry does not let him in."""
    alice, bob = (spawn(ask(client, each), name="one of two") for each in (ALICE, BOB))
    await eventually(lambda: len(registry.requests) == 2)
    door.opened.set()
    await alice
    with pytest.raises(Relayed) as raised:
        await bob
    assert raised.value.status == 401


@both_ways
async def test_who_stays_is_answered_though_the_first_one_left(
    client: RegistryClient, registry: FakeRegistry, door: Door, ask: Asks
) -> None:
    """The question is everybody's, and does not end with whoever asked it first."""
    first, second = (spawn(ask(client, ALICE), name="one of two") for _ in range(2))
    await eventually(lambda: registry.requests)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    door.opened.set()
    await second
    assert registry.requests == [f"GET {PATH}"]


async def test_a_no_is_everybodys_and_is_not_remembered(client: RegistryClient, registry: FakeRegistry) -> None:
    """All of the crowd hear it; the next one asks anew."""
    registry.scripted[f"GET {UNKNOWN_PATH}"] = answering(status=403)
    answers = await asyncio.gather(*(client.lets_in(APP, ALICE) for _ in range(CROWD)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Relayed] * CROWD
    assert registry.requests == [f"GET {UNKNOWN_PATH}"]
    with pytest.raises(Relayed):
        await client.lets_in(APP, ALICE)
    assert registry.requests == [f"GET {UNKNOWN_PATH}"] * 2


async def test_a_manifest_that_is_gone_is_gone_for_everybody(client: RegistryClient, registry: FakeRegistry) -> None:
    """Two questions for the whole crowd: for the manifest, and whether the client may hear that it is missing."""
    answers = await asyncio.gather(*(fetch(client, ALICE) for _ in range(CROWD)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ManifestMissing] * CROWD
    assert registry.requests == [f"GET {PATH}", f"GET {UNKNOWN_PATH}"]
