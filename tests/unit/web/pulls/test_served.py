"""What is allowed is served as it was signed, wherever the tag was moved."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from proxy.manifests import MediaType
from proxy.names import Reference, Tag
from proxy.policy.decisions import admit_any_digest, exempt
from proxy.policy.entries import AnyDigest, Exemption, Policy
from proxy.registry.closure import Found, Roots
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import APP, ENTRY, NOW, allowed, answering, digest, image, index
from tests.unit.web.material import ALICE, Proxy, Reply
from tests.unit.web.pulls.material import BODY, BY_DIGEST, DIGEST, MOVED, TAG, UNKNOWN

DOCKER_ACCEPT: Final = [
    ("Authorization", "Bearer alice"),
    *(("Accept", kind) for kind in reversed(MediaType)),
    ("Accept", "application/json"),
]


def lasting(reply: Reply) -> dict[str, str]:
    """The headers of an answer but for those that are different every time."""
    return {name: value for name, value in reply.headers.items() if name.lower() not in {"date", "x-request-id"}}


# --- enforce: allowed -------------------------------------------------------------------------


async def test_a_tag_is_answered_with_the_signed_digest(signed: Proxy) -> None:
    """Whoever moved the tag in the registry moved it for nobody; the tag itself is never asked for."""
    reply = await signed.ask("GET", TAG, headers=DOCKER_ACCEPT)
    assert (reply.status, reply.body) == (200, BODY)
    assert reply.headers["Content-Type"] == MediaType.DOCKER_MANIFEST
    assert reply.headers["Content-Length"] == str(len(BODY))
    assert reply.headers["Docker-Content-Digest"] == DIGEST
    assert reply.headers["ETag"] == f'"{DIGEST}"'
    assert reply.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert reply.headers["X-Tagwarden-Decision"] == "allowed"
    assert reply.headers["X-Tagwarden-Signers"] == "alice,ci"
    assert reply.headers["X-Tagwarden-Digest"] == DIGEST
    assert reply.headers["X-Tagwarden-Name"] == "registry.example.com"
    assert "X-Tagwarden-Refusal" not in reply.headers
    assert reply.headers["Server"] == "tagwarden"
    assert signed.registry.requests == [f"GET {UNKNOWN}", f"GET {BY_DIGEST}"]


async def test_head_and_get_are_built_from_the_same_bytes(signed: Proxy) -> None:
    """HEAD announces exactly what GET sends, which docker and containerd rely on."""
    head = await signed.ask("HEAD", TAG)
    get = await signed.ask("GET", TAG)
    assert head.status == 200
    assert head.body == b""
    assert lasting(head) == lasting(get)


async def test_a_pull_by_digest_is_decided_too(signed: Proxy) -> None:
    """A digest is a reference like a tag."""
    reply = await signed.ask("GET", BY_DIGEST)
    assert (reply.status, reply.body) == (200, BODY)
    assert signed.resolver.asked == [(Reference(APP, DIGEST), ClientCredentials("Bearer alice"))]


async def test_remembered_bytes_still_need_permission(signed: Proxy) -> None:
    """The manifest is fetched once; who may read it is asked again for another credential."""
    for _ in range(3):
        assert (await signed.ask("GET", TAG)).body == BODY
    assert signed.registry.requests == [f"GET {UNKNOWN}", f"GET {BY_DIGEST}"]
    signed.registry.asks_for = "Bearer alice"
    reply = await signed.ask("GET", TAG, headers={"Authorization": "Bearer bob"})
    assert reply.status == 401
    assert BODY not in reply.body


async def test_bytes_of_one_repository_are_not_served_from_another(signed: Proxy) -> None:
    """Whoever signs another repository's digest for a repository of his own does not get at its bytes."""
    await signed.ask("GET", TAG)
    signed.registry.scripted[f"GET /v2/shop/mine/manifests/{DIGEST}"] = answering(status=404)
    reply = await signed.ask("GET", "/v2/shop/mine/manifests/v1")
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (404, "manifest_missing")


async def test_remembered_bytes_need_the_signed_length_too(signed: Proxy) -> None:
    """Two tags may be signed for one digest, one of them with a wrong length."""
    await signed.ask("GET", TAG)
    signed.resolver.permissions["v2"] = allowed(BODY, length=3)
    reply = await signed.ask("GET", "/v2/shop/app/manifests/v2")
    assert reply.headers["X-Tagwarden-Refusal"] == "signed_length_wrong"


async def test_the_children_of_a_served_index_are_known(proxy: Proxy) -> None:
    """Whoever reads an index asks for a child next, and no walk is needed for it."""
    root = index([child := image("amd64")])
    proxy.registry.holds(root, child)
    proxy.resolver.permissions["v1"] = allowed(root)
    await proxy.ask("GET", TAG)
    proxy.registry.asked.clear()
    found = await proxy.closure.find(APP, digest(child), Roots((allowed(root),)), ClientCredentials())
    assert isinstance(found, Found)
    assert proxy.registry.requests == []


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(f'"{DIGEST}"', id="quoted"),
        pytest.param(DIGEST, id="bare"),
        pytest.param(f'W/"{DIGEST}"', id="weak"),
        pytest.param(f'"x", "{DIGEST}"', id="one of several"),
        pytest.param("*", id="any"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_the_client_has_is_not_sent_again(signed: Proxy, method: str, condition: str) -> None:
    """A condition is answered from the signed digest; the registry never sees it."""
    reply = await signed.ask(method, TAG, headers={**ALICE, "If-None-Match": condition})
    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers["ETag"] == f'"{DIGEST}"'
    assert reply.headers["X-Tagwarden-Decision"] == "allowed"
    assert signed.registry.asked[-1].headers.get("If-None-Match") is None


async def test_a_condition_on_another_digest_is_none(signed: Proxy) -> None:
    """The moved digest is not the signed one."""
    reply = await signed.ask("GET", TAG, headers={**ALICE, "If-None-Match": f'"{digest(MOVED)}"'})
    assert (reply.status, reply.body) == (200, BODY)


async def test_a_condition_is_no_way_round_permission(signed: Proxy) -> None:
    """304 says that the digest is right, which is for readers only."""
    signed.registry.asks_for = "Bearer bob"
    reply = await signed.ask("GET", TAG, headers={**ALICE, "If-None-Match": f'"{DIGEST}"'})
    assert reply.status == 401


async def test_range_is_ignored(signed: Proxy) -> None:
    """A manifest is whole or not at all."""
    reply = await signed.ask("GET", TAG, headers={**ALICE, "Range": "bytes=0-3"})
    assert (reply.status, reply.body) == (200, BODY)


async def test_a_client_that_does_not_accept_the_type_is_told(signed: Proxy) -> None:
    """Nothing is converted."""
    reply = await signed.ask("GET", TAG, headers={**ALICE, "Accept": MediaType.OCI_INDEX})
    assert (reply.status, reply.error["code"]) == (404, "MANIFEST_UNKNOWN")
    assert reply.headers["X-Tagwarden-Refusal"] == "not_acceptable"


# --- not enforced -----------------------------------------------------------------------------


async def test_any_digest_can_be_configured(proxy: Proxy) -> None:
    """With `digest_pull: {any: true}` the client's own request goes out, marked as not enforced."""
    proxy.registry.holds(MOVED)
    entry = replace(ENTRY, any_digest=AnyDigest(NOW + timedelta(days=1), "OPS-1"))
    permission = admit_any_digest(entry, NOW)
    assert permission is not None
    proxy.resolver.permissions[digest(MOVED)] = permission
    reply = await proxy.ask("GET", f"/v2/shop/app/manifests/{digest(MOVED)}")
    assert (reply.status, reply.body) == (200, MOVED)
    assert reply.headers["X-Tagwarden-Decision"] == "not-enforced"


async def test_an_exception_is_verified_but_not_enforced(proxy: Proxy) -> None:
    """What `exceptions` names is fetched by digest like anything else, and marked for what it is."""
    proxy.registry.holds(BODY)
    exemption = Exemption(APP, DIGEST, NOW + timedelta(days=1), "bootstrap")
    permission = exempt(Policy("registry.example.com", [ENTRY], [], [exemption]), APP, DIGEST, NOW)
    assert permission is not None
    proxy.resolver.permissions[DIGEST] = permission
    reply = await proxy.ask("GET", BY_DIGEST)
    assert (reply.status, reply.body) == (200, BODY)
    assert reply.headers["X-Tagwarden-Decision"] == "not-enforced"
    elsewhere = BY_DIGEST.replace("shop/app", "shop/other")
    proxy.registry.scripted[f"GET {elsewhere}"] = answering(body=MOVED, Content_Type=MediaType.DOCKER_MANIFEST)
    assert (await proxy.ask("GET", elsewhere)).headers["X-Tagwarden-Refusal"] == "content_mismatch"


def test_a_tag_is_a_tag() -> None:
    """The tests above ask for a tag, not for a digest."""
    assert isinstance(Reference(APP, Tag("v1")).target, Tag)
