"""Our own requests can be told from everybody's, so that one that comes back is noticed."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.config.settings import Credentials
from proxy.errors import Refusal, RegistryLoop
from proxy.manifests import MediaType
from proxy.registry import loops
from proxy.registry.client import UNKNOWN_DIGEST, RegistryClient, connect
from proxy.registry.failures import Relayed
from proxy.tasks import spawn
from tests.unit.registry.asking import ALICE, BODY, DIGEST, PATH, TAGGED
from tests.unit.registry.material import APP, FakeRegistry, allowed, answering, error, eventually, served, settings
from tests.unit.registry.test_client_doors import unenforced

UPLOAD: Final = "/v2/shop/app/blobs/uploads/"
BLOB: Final = f"/v2/shop/app/blobs/{DIGEST}"
ANOTHER: Final = "tagwarden-0123456789abcdef"
MARK: Final = re.compile(r"1\.1 tagwarden-[0-9a-f]{16}")


async def body() -> AsyncIterator[bytes]:
    """What somebody pushes."""
    yield b"layer"


async def streamed(client: RegistryClient, method: str, path: str, *, with_body: bool = False) -> None:
    """Ask as doors do that read no manifest."""
    async with client.stream(method, path, "", {"User-Agent": "docker"}, body() if with_body else None):
        pass


async def passed_on(client: RegistryClient) -> None:
    """Ask what a client asked."""
    async with client.pass_manifest(unenforced(), "HEAD", TAGGED, {}):
        pass


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda client: client.greet(), id="readiness"),
        pytest.param(lambda client: client.lets_in(APP, ALICE), id="permission"),
        pytest.param(lambda client: client.authorise(TAGGED, DIGEST, ALICE), id="permission for a digest"),
        pytest.param(lambda client: client.authorise_undecided(TAGGED, ALICE), id="permission for a tag"),
        pytest.param(lambda client: client.get_manifest(TAGGED, allowed(BODY), ALICE), id="manifest"),
        pytest.param(lambda client: client.answers_manifest(APP, DIGEST, ALICE), id="whether it is a manifest"),
        pytest.param(passed_on, id="a client's own request"),
        pytest.param(lambda client: streamed(client, "GET", BLOB), id="blob"),
        pytest.param(lambda client: streamed(client, "HEAD", BLOB), id="whether there is a blob"),
        pytest.param(lambda client: streamed(client, "POST", UPLOAD), id="beginning of an upload"),
        pytest.param(lambda client: streamed(client, "PUT", UPLOAD, with_body=True), id="upload"),
        pytest.param(lambda client: streamed(client, "DELETE", PATH), id="deletion"),
        pytest.param(lambda client: client.tags(APP, "", ALICE), id="a client's list of tags"),
        pytest.param(lambda client: client.tags_of(APP), id="list of tags"),
        pytest.param(lambda client: client.repositories(), id="catalogue"),
    ],
)
async def test_every_request_to_the_registry_is_marked(
    ask: Callable[[RegistryClient], Awaitable[object]], client: RegistryClient, registry: FakeRegistry
) -> None:
    """Whatever is asked for, and whoever it is asked for: once, and always with the same mark."""
    await client.greet()
    with suppress(Relayed, Refusal):
        await ask(client)
    assert len(registry.asked) > 1
    marks = [each.headers.getall("Via", []) for each in registry.asked]
    assert marks == [marks[0]] * len(marks)
    assert MARK.fullmatch(marks[0][0])
    assert len(marks[0]) == 1


async def test_a_challenge_is_answered_with_the_mark(registry: FakeRegistry) -> None:
    """The registry itself hears it both times, its token server never."""
    challenge = 'Bearer realm="{}/token",service="r"'

    async def refuse(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer t":
            return web.Response(body=BODY, content_type="application/vnd.docker.distribution.manifest.v2+json")
        return error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge.format(tokens.url)})

    async with served(FakeRegistry()) as tokens:
        tokens.scripted["GET /token"] = answering(body=b'{"token": "t"}')
        registry.scripted[f"GET {PATH}"] = refuse
        async with connect(replace(settings(registry.url), credentials=Credentials("warden", "secret"))) as client:
            await client.measure(APP, DIGEST, client.walker(ALICE))
    assert ["Via" in each.headers for each in registry.asked] == [True, True]
    assert ["Via" in each.headers for each in tokens.asked] == [False]


async def test_nobody_else_hears_the_mark(registry: FakeRegistry) -> None:
    """Where a manifest is redirected to, it says nothing."""
    async with served(FakeRegistry()) as storage:
        storage.holds(BODY)
        registry.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{storage.url}{PATH}")
        hosts = frozenset({f"127.0.0.1:{storage.url.port}"})
        async with connect(replace(settings(registry.url), redirect_hosts=hosts)) as client:
            await client.measure(APP, DIGEST, ALICE)
    assert ["Via" in each.headers for each in registry.asked] == [True]
    assert ["Via" in each.headers for each in storage.asked] == [False]


async def test_marks_of_others_go_on(client: RegistryClient, registry: FakeRegistry) -> None:
    """Whoever stands in front of this proxy is named first; a `Via` that somebody gives is none of ours."""
    await client.greet()
    loops.carry((ANOTHER,))
    async with client.stream("GET", "/v2/", "", {"Via": "1.0 fred"}):
        pass
    own, both = (each.headers["Via"] for each in registry.asked)
    assert both == f"1.1 {ANOTHER}, {own}"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda client: client.lets_in(APP, ALICE), id="permission"),
        pytest.param(lambda client: client.get_manifest(TAGGED, allowed(BODY), ALICE), id="manifest"),
    ],
)
async def test_who_came_another_way_asks_alone(
    ask: Callable[[RegistryClient], Awaitable[object]], client: RegistryClient, registry: FakeRegistry
) -> None:
    """Two who waited for each other's answer round a circle would wait for ever; everybody else waits together."""
    go = asyncio.Event()

    async def late(_request: web.Request) -> web.StreamResponse:
        await go.wait()
        return web.Response(body=BODY, content_type=MediaType.DOCKER_MANIFEST)

    for asked_for in (DIGEST, UNKNOWN_DIGEST):
        registry.scripted[f"GET /v2/shop/app/manifests/{asked_for}"] = late

    async def ask_from(*marks: str) -> None:
        loops.carry(marks)
        with suppress(Refusal):
            await ask(client)

    asking = [spawn(ask_from(*marks), name="ask") for marks in ((), (), (ANOTHER,), (ANOTHER,))]
    try:
        await eventually(lambda: len(registry.asked) == 2)
    finally:
        go.set()
        await asyncio.gather(*asking)
    ways = [each.headers["Via"].count("tagwarden-") for each in registry.asked]
    assert ways == [1, 2]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_answer_to_what_came_back_is_not_the_registrys(
    client: RegistryClient, registry: FakeRegistry, method: str
) -> None:
    """The proxy knows then that it asks itself, and that the registry never answered."""
    registry.scripted[f"{method} /v2/"] = answering(status=502, body=b"{}", X_Tagwarden_Loop="registry.url")
    with pytest.raises(RegistryLoop) as caught:
        async with client.stream(method, "/v2/", "", {}):
            pass
    assert caught.value.why == "registry.url leads back to the proxy itself"
    assert not client.has_answered


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        pytest.param([], (), id="none"),
        pytest.param(["1.0 fred, 1.1 p.example.net"], (), id="others"),
        pytest.param([f"1.1 {ANOTHER}"], (ANOTHER,), id="one"),
        pytest.param([f"HTTP/1.1 {ANOTHER} (caught), 2 cdn"], (ANOTHER,), id="among others"),
        pytest.param([f"1.1 a,1.1 {ANOTHER}", f"1.1 {ANOTHER}"], (ANOTHER, ANOTHER), id="several lines"),
        pytest.param([f"1.1 {ANOTHER}0, 1.1 tagwarden, 1.1 tagwarden-XYZ"], (), id="others of the name"),
    ],
)
def test_marks_are_found_wherever_they_stand(lines: list[str], found: tuple[str, ...]) -> None:
    """Whoever lies between adds itself in ways of its own."""
    headers = CIMultiDictProxy(CIMultiDict([("Via", line) for line in lines]))
    assert loops.marks(headers) == found
