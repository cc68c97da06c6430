"""The candidates listener: every read is answered and marked, every write is as anywhere."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from proxy.config.settings import Blobs, Doors, Push
from proxy.errors import NotaryUnreachable
from proxy.manifests import MediaType
from proxy.names import Tag
from proxy.policy.entries import Mode
from tests.unit.registry.material import FakeRegistry, allowed, answering, digest, eventually, image
from tests.unit.web.material import Proxy, running

BODY: Final = image("candidate")
DIGEST: Final = digest(BODY)
TAG: Final = "/v2/shop/app/manifests/v1"
MANIFEST: Final = f"/v2/shop/app/manifests/{DIGEST}"
BLOB: Final = f"/v2/shop/app/blobs/{DIGEST}"
ALL: Final = b'{"name":"shop/app","tags":["v1"]}'

_MODES: Final = pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.PROTECT, Mode.AUDIT, Mode.DISABLED])


@pytest.fixture
async def open_proxy(registry: FakeRegistry, events: list[Any]) -> AsyncIterator[Proxy]:  # noqa: ARG001  (logs are captured)
    """A proxy of which nothing is signed, with the doors nearly shut, seen from its candidates listener."""
    registry.holds(BODY, tag="v1")
    async with running(registry, doors=Doors(push=Push.REFUSE, blobs=Blobs.ADMITTED), candidates=True) as started:
        started.resolver.blocked.add(DIGEST)
        started.resolver.signed = frozenset({Tag("other")})
        started.resolver.failure = NotaryUnreachable("away")
        yield started


@_MODES
@pytest.mark.parametrize("path", [pytest.param(TAG, id="tag"), pytest.param(MANIFEST, id="digest")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_is_not_signed_is_served(open_proxy: Proxy, mode: Mode, path: str, method: str) -> None:
    """A scanner reads what nobody signed, blocked or not, while Notary is away; the answer says what it is."""
    open_proxy.resolver.mode = mode
    reply = await open_proxy.ask(method, path)
    assert (reply.status, reply.body) == (200, BODY if method == "GET" else b"")
    assert reply.headers["Docker-Content-Digest"] == DIGEST
    assert reply.headers["X-Tagwarden-Decision"] == "not-enforced"
    assert open_proxy.resolver.asked == []


async def test_every_answer_is_logged(open_proxy: Proxy, events: list[Any]) -> None:
    """Who read what before it was signed stands in the log."""
    await open_proxy.ask("GET", TAG)
    await eventually(lambda: events)
    (event,) = events
    assert (event["event"], event["reference"], event["mode"]) == ("decision", "shop/app:v1", "enforce")
    assert (event["decision"], event["refusal"]) == ("not-enforced", None)
    assert (event["listener"], event["because"]) == ("candidates", "candidates listener")
    assert (event["served"], "message" in event) == (DIGEST, False)


async def test_blobs_are_logged_as_read_there(open_proxy: Proxy, events: list[Any]) -> None:
    """The line of what needs no decision names the listener, too."""
    open_proxy.registry.scripted[f"GET {BLOB}"] = answering(body=BODY)
    await open_proxy.ask("GET", BLOB)
    await eventually(lambda: events)
    assert [(event["event"], event["path"], event["listener"]) for event in events] == [("request", BLOB, "candidates")]


@_MODES
async def test_every_blob_and_tag_is_there(open_proxy: Proxy, mode: Mode) -> None:
    """Layers of what is not admitted, and tags that are not signed."""
    open_proxy.resolver.mode = mode
    open_proxy.registry.scripted[f"GET {BLOB}"] = answering(body=BODY)
    open_proxy.registry.scripted["GET /v2/shop/app/tags/list"] = answering(body=ALL, Content_Type="application/json")
    assert (await open_proxy.ask("GET", BLOB)).body == BODY
    assert json.loads((await open_proxy.ask("GET", "/v2/shop/app/tags/list")).body)["tags"] == ["v1"]


async def test_a_pusher_hears_what_there_is(open_proxy: Proxy) -> None:
    """Here nothing is refused, so nothing has to be hidden."""
    reply = await open_proxy.ask("HEAD", TAG, headers={"Accept": f"{MediaType.DOCKER_MANIFEST}, */*"})
    assert (reply.status, reply.headers["Docker-Content-Digest"]) == (200, DIGEST)


async def test_the_registry_still_decides_who_reads(open_proxy: Proxy) -> None:
    """A certificate opens the listener, not the registry."""
    open_proxy.registry.asks_for = "Bearer alice"
    reply = await open_proxy.ask("GET", TAG, headers={})
    assert (reply.status, "X-Tagwarden-Decision" in reply.headers) == (401, False)


async def test_writes_are_as_anywhere(open_proxy: Proxy) -> None:
    """The doors for pushes and deletions are the main listener's."""
    open_proxy.resolver.failure = None
    open_proxy.resolver.permissions[DIGEST] = allowed(BODY)
    assert (await open_proxy.ask("PUT", TAG, data=b"{}")).headers["X-Tagwarden-Refusal"] == "push_refused"
    assert (await open_proxy.ask("DELETE", MANIFEST)).headers["X-Tagwarden-Refusal"] == "delete_refused"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("/v2/shop/../app/manifests/v1", 400, id="dot segments"),
        pytest.param("/v2/shop/app/manifests/v1/", 404, id="slash at the end"),
        pytest.param(f"/v2/shop/app/manifests/sha512:{'a' * 128}", 400, id="another algorithm"),
    ],
)
async def test_the_grammar_is_as_strict(open_proxy: Proxy, target: str, status: int) -> None:
    """Nothing is relayed that could be read in two ways."""
    assert (await open_proxy.ask("GET", target)).status == status
    assert open_proxy.registry.requests == []
