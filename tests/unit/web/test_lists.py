"""Lists: names pass, no list is a manifest, and `docker pull -a` meets only what can be pulled."""

import asyncio
import json
from typing import Any, Final

import pytest

from proxy.errors import NotaryUnreachable, NoTrustData
from proxy.manifests import MediaType
from proxy.names import Tag
from proxy.policy.entries import Mode
from tests.unit.registry.material import FakeRegistry, answering, digest, error, image, index
from tests.unit.web.material import Proxy, running

TAGS: Final = "/v2/shop/app/tags/list"
CATALOG: Final = "/v2/_catalog"
REFERRERS: Final = f"/v2/shop/app/referrers/{digest(image())}"
JSON: Final = "application/json; charset=utf-8"
ALL: Final = b'{"name":"shop/app","tags":["2.0","1.0","latest"]}'

_BOTH: Final = pytest.mark.parametrize("path", [pytest.param(TAGS, id="tags"), pytest.param(CATALOG, id="catalog")])


# --- as the registry has them -----------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_root_says_that_this_is_a_registry(proxy: Proxy, method: str) -> None:
    """Its version and its permission are all that counts; its body is always the same."""
    proxy.registry.scripted[f"{method} /v2/"] = answering(
        body=image(), Content_Type=MediaType.OCI_MANIFEST, Docker_Distribution_Api_Version="registry/2.0"
    )
    reply = await proxy.ask(method, "/v2/")
    assert (reply.status, reply.body) == (200, b"{}" if method == "GET" else b"")
    assert (reply.headers["Content-Type"], reply.headers["Content-Length"]) == ("application/json", "2")
    assert reply.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


@_BOTH
async def test_a_list_passes_as_it_is(proxy: Proxy, path: str) -> None:
    """Byte for byte, in the registry's order, unsigned names and all."""
    proxy.registry.scripted[f"GET {path}"] = answering(body=ALL, Content_Type=JSON)
    reply = await proxy.ask("GET", path)
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, ALL, JSON)
    assert proxy.resolver.named == []


@_BOTH
@pytest.mark.parametrize("kind", [*MediaType, "text/plain", "application/vnd.docker.distribution.manifest.v1+json"])
async def test_what_is_no_list_does_not_pass(proxy: Proxy, path: str, kind: str) -> None:
    """A registry that answers a list with a manifest is not believed to have answered."""
    proxy.registry.scripted[f"GET {path}"] = answering(body=image(), Content_Type=kind)
    reply = await proxy.ask("GET", path)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "registry_unreachable")
    assert image() not in reply.body


@_BOTH
async def test_a_list_has_no_digest(proxy: Proxy, path: str) -> None:
    """Nothing about it looks like a manifest."""
    proxy.registry.scripted[f"GET {path}"] = answering(
        body=image(), Content_Type="application/json", Docker_Content_Digest=digest(image())
    )
    reply = await proxy.ask("GET", path)
    assert "Docker-Content-Digest" not in reply.headers


async def test_a_part_of_a_list_does_not_pass(proxy: Proxy) -> None:
    """Nobody asked for one."""
    proxy.registry.scripted[f"GET {TAGS}"] = answering(status=206, body=ALL, Content_Type=JSON)
    assert (await proxy.ask("GET", TAGS)).status == 502


async def test_referrers_pass_as_a_list_of_manifests(proxy: Proxy) -> None:
    """The API gives them an index's type, so they are written anew and nothing but the list is left."""
    listed = json.loads(index([image("sbom")]))["manifests"]
    body = json.dumps({"schemaVersion": 2, "config": {"a": 1}, "layers": [1], "manifests": listed}).encode()
    proxy.registry.scripted[f"GET {REFERRERS}"] = answering(
        body=body, Content_Type=MediaType.OCI_INDEX, OCI_Filters_Applied="artifactType"
    )
    reply = await proxy.ask("GET", f"{REFERRERS}?artifactType=a%2Fb")
    assert json.loads(reply.body) == {"schemaVersion": 2, "mediaType": MediaType.OCI_INDEX, "manifests": listed}
    assert (reply.headers["Content-Type"], reply.headers["OCI-Filters-Applied"]) == (
        MediaType.OCI_INDEX,
        "artifactType",
    )
    assert proxy.registry.requests == [f"GET {REFERRERS}?artifactType=a%2Fb"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(image(), id="a manifest"),
        pytest.param(b"{}", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b'{"manifests":{}}', id="manifests that are no list"),
        pytest.param(b" " * (5 << 20), id="too much"),
    ],
)
async def test_what_are_no_referrers_does_not_pass(proxy: Proxy, body: bytes) -> None:
    """A manifest in place of the list is no answer."""
    proxy.registry.scripted[f"GET {REFERRERS}"] = answering(body=body, Content_Type=MediaType.OCI_INDEX)
    assert (await proxy.ask("GET", REFERRERS)).status == 502


async def test_a_registry_without_referrers_says_so(proxy: Proxy) -> None:
    """Its 404 sends clients to the tag of the fallback, which is a tag like any other."""

    async def unknown(_request: Any) -> Any:
        return error(404, "NAME_UNKNOWN")

    proxy.registry.scripted[f"GET {REFERRERS}"] = unknown
    reply = await proxy.ask("GET", REFERRERS)
    assert (reply.status, reply.error["code"]) == (404, "NAME_UNKNOWN")


# --- tags_list: signed ------------------------------------------------------------------------


@pytest.fixture
def signed(proxy: Proxy) -> Proxy:
    """Two of the repository's three tags are signed, and one that it lacks."""
    proxy.registry.scripted[f"GET {TAGS}"] = answering(body=ALL, Content_Type=JSON)
    proxy.resolver.signed = frozenset({Tag("1.0"), Tag("2.0"), Tag("3.0")})
    return proxy


async def test_only_signed_tags_are_listed(signed: Proxy) -> None:
    """Those that can be pulled, as far as the registry has them, in its order."""
    reply = await signed.ask("GET", f"{TAGS}?n=100&ns=docker.io")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(reply.body) == {"name": "shop/app", "tags": ["2.0", "1.0"]}
    assert signed.registry.requests == [f"GET {TAGS}?n=100"]


async def test_a_list_without_signed_tags_is_empty(signed: Proxy) -> None:
    """It is a list all the same."""
    signed.resolver.signed = frozenset()
    assert json.loads((await signed.ask("GET", TAGS)).body) == {"name": "shop/app", "tags": []}


async def test_the_next_page_is_at_the_proxy(signed: Proxy) -> None:
    """A link to it is local, and no link leads elsewhere."""
    page = f"{TAGS}?last=2.0&n=1"
    signed.registry.scripted[f"GET {TAGS}"] = answering(
        body=ALL, Content_Type=JSON, Link=f'<{signed.registry.url}{page}>; rel="next"'
    )
    assert (await signed.ask("GET", TAGS)).headers["Link"] == f'<{page}>; rel="next"'
    signed.registry.scripted[f"GET {TAGS}"] = answering(
        body=ALL, Content_Type=JSON, Link='<https://evil.example.com/>; rel="next"'
    )
    assert (await signed.ask("GET", TAGS)).status == 502


async def test_a_list_that_cannot_be_decided_is_refused(signed: Proxy, events: list[Any]) -> None:
    """No list is better than a wrong one, and the client may come back."""
    signed.resolver.failure = NotaryUnreachable("away")
    reply = await signed.ask("GET", TAGS)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "10")
    assert reply.error["detail"]["reference"] == "shop/app"
    assert reply.error["message"].startswith("shop/app cannot be decided, Notary corp cannot be reached (away): ")
    assert [event["message"] for event in events] == [reply.error["message"]]


@pytest.mark.parametrize(
    ("query", "gun"),
    [
        pytest.param("", "registry.example.com/shop/app", id="the proxy's own name"),
        pytest.param("?ns=docker.io", "docker.io/shop/app", id="a mirrored name"),
    ],
)
async def test_a_list_without_evidence_says_whose(registry: FakeRegistry, query: str, gun: str) -> None:
    """The operator reads in the sentence where to look."""
    registry.scripted[f"GET {TAGS}"] = answering(body=ALL, Content_Type=JSON)
    async with running(registry, ns_allowed=frozenset({"docker.io"})) as mirror:
        mirror.resolver.signed = frozenset()
        mirror.resolver.failure = NoTrustData("root")
        assert f"Notary corp (gun {gun})" in (await mirror.ask("GET", TAGS + query)).reason


async def test_a_list_waits_no_longer_than_a_pull(signed: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Notary that does not answer ends in a refusal, not in a client that hangs."""

    async def never(*_arguments: object, **_named: object) -> frozenset[Tag]:
        await asyncio.Event().wait()
        return frozenset()

    monkeypatch.setattr("proxy.web.lists.DECISION_SECONDS", 0.01)
    monkeypatch.setattr(signed.resolver, "signed_tags", never)
    reply = await signed.ask("GET", TAGS)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (503, "deadline_exceeded")


async def test_signed_tags_are_for_readers_only(signed: Proxy) -> None:
    """A stranger gets the registry's challenge, and nobody is asked what is signed."""
    signed.registry.asks_for = "Bearer alice"
    assert (await signed.ask("GET", TAGS, headers={})).status == 401
    assert signed.resolver.named == []


async def test_a_repository_without_tags_is_the_registrys_to_tell(signed: Proxy) -> None:
    """Its 404 goes on."""

    async def unknown(_request: Any) -> Any:
        return error(404, "NAME_UNKNOWN")

    signed.registry.scripted[f"GET {TAGS}"] = unknown
    reply = await signed.ask("GET", TAGS)
    assert (reply.status, reply.error["code"]) == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
async def test_a_list_of_all_tags_asks_nobody(signed: Proxy, mode: Mode) -> None:
    """Where the resolver says so, the list passes as it is."""
    signed.resolver.mode = mode
    signed.resolver.signed = None
    assert (await signed.ask("GET", TAGS)).body == ALL
