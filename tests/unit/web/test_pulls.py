"""Manifest reads: the signed digest, or a refusal to those who may hear it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from proxy.errors import (
    NotaryUnreachable,
    Refusal,
    SignerMissing,
    TagNotSigned,
)
from proxy.manifests import MediaType
from proxy.names import Reference, Tag
from proxy.policy.decisions import RoleEvidence, admit_any_digest
from proxy.policy.entries import AnyDigest, Mode
from proxy.registry.closure import Found
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import APP, ENTRY, NOW, allowed, answering, digest, error, eventually, image, index
from tests.unit.web.material import ALICE, Proxy, Reply

BODY: Final = image()
DIGEST: Final = digest(BODY)
MOVED: Final = image("moved")
TAG: Final = "/v2/shop/app/manifests/v1"
BY_DIGEST: Final = f"/v2/shop/app/manifests/{DIGEST}"
UNKNOWN: Final = f"/v2/shop/app/manifests/sha256:{'0' * 64}"

DOCKER_ACCEPT: Final = [
    ("Authorization", "Bearer alice"),
    *(("Accept", kind) for kind in reversed(MediaType)),
    ("Accept", "application/json"),
]


@pytest.fixture
def signed(proxy: Proxy) -> Proxy:
    """The tag `v1` is signed; in the registry somebody moved it to another manifest."""
    proxy.registry.holds(BODY, MOVED, tag="v1")
    proxy.resolver.permissions = {"v1": allowed(BODY), DIGEST: allowed(BODY)}
    return proxy


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
    assert "X-Tagwarden-Refusal" not in reply.headers
    assert reply.headers["Server"] == "tagwarden"
    assert signed.registry.requests == [f"GET {BY_DIGEST}"]


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
    """The manifest is fetched once; who may read it is asked for every answer."""
    for _ in range(3):
        assert (await signed.ask("GET", TAG)).body == BODY
    assert signed.registry.requests == [f"GET {BY_DIGEST}"] * 3
    assert [asked.headers.get("If-None-Match") for asked in signed.registry.asked] == [
        None,
        f'"{DIGEST}"',
        f'"{DIGEST}"',
    ]
    signed.registry.asks_for = "Bearer bob"
    reply = await signed.ask("GET", TAG)
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
    found = await proxy.closure.find(APP, digest(child), [allowed(root)], ClientCredentials())
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
    assert signed.registry.asked[0].headers.get("If-None-Match") is None


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


# --- enforce: refused -------------------------------------------------------------------------


async def test_a_refusal_says_why_in_every_place(proxy: Proxy) -> None:
    """Status, code, sentence, reason phrase, headers and detail, so that each client prints what it can."""
    reply = await proxy.ask("GET", TAG)
    message = (
        "shop/app:v1 is not signed in Notary (gun registry.example.com/shop/app): "
        "sign it or pull a signed tag [tag_not_signed]"
    )
    assert (reply.status, reply.reason) == (403, f"Forbidden: {message}")
    assert (reply.error["code"], reply.error["message"]) == ("DENIED", message)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert reply.headers["X-Tagwarden-Decision"] == "refused"
    assert reply.headers["X-Tagwarden-Refusal"] == "tag_not_signed"
    assert reply.error["detail"] == {
        "reference": "shop/app:v1",
        "gun": "registry.example.com/shop/app",
        "rule": "shop/**",
        "mode": "enforce",
        "decision": "refused",
        "refusal": "tag_not_signed",
        "digest": None,
        "length": None,
        "signers": [],
        "missing": [],
        "roles": {},
        "evidence_age": 0.0,
        "request_id": reply.headers["X-Request-Id"],
    }
    assert proxy.registry.requests == [f"GET {UNKNOWN}"]


async def test_a_refused_head_announces_the_body_of_get(proxy: Proxy) -> None:
    """Under HEAD the reason phrase is all that older containerd can show."""
    head, get = await proxy.ask("HEAD", TAG), await proxy.ask("GET", TAG)
    assert (head.status, head.reason, head.body) == (403, get.reason, b"")
    assert head.headers["Content-Length"] == str(len(get.body))


async def test_the_signers_of_a_refusal_are_named(proxy: Proxy) -> None:
    """Whoever signed and whoever is missing stands in the answer."""
    proxy.resolver.changes = {
        "refusal": SignerMissing("v1", ("qa", "ci"), 1, ("alice",)),
        "missing": ("alice",),
        "roles": {"targets/ci": RoleEvidence(7, NOW)},
        "checked_at": NOW - timedelta(seconds=12),
    }
    reply = await proxy.ask("GET", TAG)
    assert reply.headers["X-Tagwarden-Signers"] == "ci,qa"
    detail = reply.error["detail"]
    assert (detail["signers"], detail["missing"], detail["evidence_age"]) == (["ci", "qa"], ["alice"], 12.0)
    assert detail["roles"] == {"targets/ci": {"version": 7, "expires": "2026-11-21T12:00:00+00:00"}}


async def test_an_outage_asks_to_come_back(proxy: Proxy) -> None:
    """503 has a Retry-After, and the Notary's name."""
    proxy.resolver.changes = {"refusal": NotaryUnreachable("connection refused")}
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "10")
    assert reply.reason.startswith("Service Unavailable: shop/app:v1 cannot be decided, Notary corp")


async def test_a_refusal_is_for_readers_only(proxy: Proxy) -> None:
    """Who is not let in gets the registry's challenge, and learns nothing of signatures."""
    proxy.registry.asks_for = "Bearer bob"
    reply = await proxy.ask("GET", TAG, headers={})
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert reply.error["code"] == "UNAUTHORIZED"
    assert not {name for name in reply.headers if name.startswith("X-Tagwarden")}
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_an_allowed_tag_is_for_readers_only(signed: Proxy) -> None:
    """The same challenge for a signed tag: the two cannot be told apart from outside."""
    signed.registry.asks_for = "Bearer bob"
    reply = await signed.ask("GET", TAG, headers={})
    assert reply.status == 401
    assert not {name for name in reply.headers if name.startswith("X-Tagwarden")}


async def test_a_strangers_registry_failure_tells_nothing(proxy: Proxy) -> None:
    """Where nobody could say whether the client may read, the decision stays inside."""
    proxy.resolver.changes = {"refusal": SignerMissing("v1", ("ci",), 1, ("alice",)), "missing": ("alice",)}
    proxy.registry.scripted[f"GET {UNKNOWN}"] = answering(status=302, Location="/")
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "registry_unreachable")
    detail = reply.error["detail"]
    assert (detail["reference"], detail["gun"], detail["missing"]) == ("shop/app:v1", None, [])
    assert "X-Tagwarden-Signers" not in reply.headers


async def test_every_challenge_is_handed_on(proxy: Proxy) -> None:
    """A registry may offer several ways to authenticate."""

    async def challenge(_request: Any) -> Any:
        answer = error(401, "UNAUTHORIZED")
        answer.headers.add("WWW-Authenticate", 'Bearer realm="a"')
        answer.headers.add("WWW-Authenticate", 'Basic realm="b"')
        return answer

    proxy.registry.scripted[f"GET {UNKNOWN}"] = challenge
    reply = await proxy.ask("GET", TAG)
    assert reply.headers.getall("WWW-Authenticate") == ['Bearer realm="a"', 'Basic realm="b"']


async def test_other_bytes_are_never_served(signed: Proxy) -> None:
    """A registry that swaps the bytes of a digest is found out on the first pull."""
    signed.registry.scripted[f"GET {BY_DIGEST}"] = answering(
        body=MOVED, Content_Type=MediaType.DOCKER_MANIFEST, Docker_Content_Digest=DIGEST
    )
    reply = await signed.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "content_mismatch")
    assert reply.error["detail"]["digest"] == DIGEST
    assert reply.error["detail"]["decision"] == "refused"
    assert digest(MOVED).encode() not in reply.body


async def test_a_signed_manifest_that_is_gone_is_said_so(proxy: Proxy) -> None:
    """404 is only for what is signed and missing."""
    proxy.resolver.permissions["v1"] = allowed(BODY)
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.error["code"]) == (404, "MANIFEST_UNKNOWN")
    assert reply.headers["X-Tagwarden-Refusal"] == "manifest_missing"


async def test_a_resolver_that_fails_refuses(proxy: Proxy, events: list[Any]) -> None:
    """An exception that nobody expected is a refusal, and nothing of it reaches the client."""
    proxy.resolver.failure = RuntimeError("secret detail")
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (500, "internal")
    assert b"secret" not in reply.body
    assert "secret" not in reply.reason
    failed = [event for event in events if event["event"] == "resolver failed"]
    assert [event["reference"] for event in failed] == ["shop/app:v1"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"permission": None, "refusal": None}, "internal", id="neither permission nor refusal"),
        pytest.param({"refusal": TagNotSigned("v1", unreleased=True)}, "tag_not_signed", id="both"),
    ],
)
async def test_a_decision_that_is_none_refuses(signed: Proxy, changes: dict[str, Any], code: str) -> None:
    """A decision must be a permission and no refusal, or nothing is served."""
    signed.resolver.changes = changes
    reply = await signed.ask("GET", TAG)
    assert reply.headers["X-Tagwarden-Refusal"] == code
    assert BODY not in reply.body


async def test_a_refusal_that_is_raised_counts(proxy: Proxy) -> None:
    """A resolver should not raise refusals; if it does, they are presented all the same."""
    proxy.resolver.failure = TagNotSigned("v1", unreleased=False)
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")


async def test_a_refusal_outside_the_table_is_internal(proxy: Proxy) -> None:
    """A reason without words is still a refusal, and no reason to fail an audit."""
    proxy.resolver.failure = Refusal()
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (500, "internal")
    proxy.resolver.mode = Mode.AUDIT
    proxy.registry.holds(MOVED, tag="v1")
    assert (await proxy.ask("GET", TAG)).body == MOVED


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


# --- audit and disabled -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_without_enforcement_the_registry_answers(signed: Proxy, mode: Mode, method: str) -> None:
    """The client's own request goes to the registry as it is: its tag, its Accept, its agent, nothing of ours."""
    signed.resolver.mode = mode
    headers = {
        **ALICE,
        "Accept": "a/b, */*",
        "User-Agent": "containerd/1.6",
        "Cookie": "x=y",
        "X-Forwarded-Host": "evil",
    }
    reply = await signed.ask(method, f"{TAG}?ns=docker.io", headers=headers)
    assert (reply.status, reply.body) == (200, MOVED if method == "GET" else b"")
    assert reply.headers["Docker-Content-Digest"] == digest(MOVED)
    assert reply.headers["Content-Length"] == str(len(MOVED))
    asked = signed.registry.asked[0]
    assert str(asked) == f"{method} {TAG}"
    assert dict(asked.headers) == {
        "Authorization": "Bearer alice",
        "Accept": "a/b, */*",
        "User-Agent": "containerd/1.6",
        "Host": signed.url.authority,
        "X-Forwarded-Proto": "http",
    }


async def test_disabled_asks_nobody(signed: Proxy) -> None:
    """Disabled is plain pass-through, without the resolver, and marked."""
    signed.resolver.mode = Mode.DISABLED
    reply = await signed.ask("GET", TAG)
    assert reply.headers["X-Tagwarden-Decision"] == "not-enforced"
    assert signed.resolver.asked == []


async def test_audit_does_not_wait_for_a_decision(signed: Proxy, events: list[Any]) -> None:
    """The answer is out before the decision is made; the log has it when it is."""
    signed.resolver.mode = Mode.AUDIT
    signed.resolver.permissions.clear()
    signed.resolver.gate = asyncio.Event()
    reply = await signed.ask("GET", TAG)
    assert (reply.status, reply.body) == (200, MOVED)
    assert "X-Tagwarden-Decision" not in reply.headers
    assert [event for event in events if event["event"] == "decision"] == []
    signed.resolver.gate.set()
    await eventually(lambda: [event for event in events if event["event"] == "decision"])
    (event,) = [event for event in events if event["event"] == "decision"]
    assert (event["decision"], event["refusal"], event["status"]) == ("would-refuse", "tag_not_signed", 200)
    assert event["request_id"] == reply.headers["X-Request-Id"]


async def test_audit_adds_a_decision_that_is_ready(signed: Proxy) -> None:
    """A decision that is there before the registry's answer adds its headers."""
    signed.resolver.mode = Mode.AUDIT
    signed.resolver.permissions.clear()

    async def slow(_request: Any) -> Any:
        await eventually(lambda: signed.resolver.asked)
        await asyncio.sleep(0)
        return await answering(body=MOVED)(_request)

    signed.registry.scripted[f"GET {TAG}"] = slow
    reply = await signed.ask("GET", TAG)
    assert (reply.status, reply.body) == (200, MOVED)
    assert reply.headers["X-Tagwarden-Decision"] == "would-refuse"
    assert reply.headers["X-Tagwarden-Refusal"] == "tag_not_signed"


async def test_audit_survives_a_resolver_that_fails(signed: Proxy, events: list[Any]) -> None:
    """Audit never fails a pull."""
    signed.resolver.mode = Mode.AUDIT
    signed.resolver.failure = RuntimeError("broken")
    reply = await signed.ask("GET", TAG)
    assert (reply.status, reply.body) == (200, MOVED)
    await eventually(lambda: [event for event in events if event["event"] == "decision"])
    (event,) = [event for event in events if event["event"] == "decision"]
    assert (event["decision"], event["refusal"]) == ("would-refuse", "internal")


async def test_audit_tells_strangers_nothing(signed: Proxy) -> None:
    """The registry's challenge carries no decision."""
    signed.resolver.mode = Mode.AUDIT
    signed.registry.asks_for = "Bearer bob"
    reply = await signed.ask("GET", TAG)
    assert reply.status == 401
    assert not {name for name in reply.headers if name.startswith("X-Tagwarden")}


# --- the log ----------------------------------------------------------------------------------


async def test_a_request_is_one_line(signed: Proxy, events: list[Any]) -> None:
    """One event a request has the decision, the client and the answer."""
    reply = await signed.ask("GET", TAG, headers={**ALICE, "User-Agent": "docker/20.10\x7f\u00e9"[:12]})
    await eventually(lambda: events)
    (event,) = events
    duration = event.pop("duration")
    assert isinstance(duration, float)
    assert event == {
        "event": "decision",
        "log_level": "info",
        "reference": "shop/app:v1",
        "gun": "registry.example.com/shop/app",
        "rule": "shop/**",
        "mode": "enforce",
        "decision": "allowed",
        "refusal": None,
        "digest": DIGEST,
        "length": len(BODY),
        "signers": ["alice", "ci"],
        "missing": [],
        "roles": {},
        "evidence_age": 0.0,
        "request_id": reply.headers["X-Request-Id"],
        "method": "GET",
        "path": TAG,
        "status": 200,
        "client": "127.0.0.1",
        "user_agent": "docker/20.10",
    }


async def test_request_ids_are_our_own(signed: Proxy) -> None:
    """An id that a client sends is not trusted, and none is used twice."""
    first, second = [
        (await signed.ask("GET", TAG, headers={**ALICE, "X-Request-Id": "mine"})).headers["X-Request-Id"]
        for _ in range(2)
    ]
    assert len({first, second, "mine"}) == 3


async def test_a_would_be_refusal_has_its_level(proxy: Proxy, events: list[Any]) -> None:
    """The table's level is the line's level."""
    proxy.resolver.changes = {"refusal": NotaryUnreachable("away")}
    await proxy.ask("GET", TAG)
    assert [event["log_level"] for event in events] == ["error"]


def test_a_tag_is_a_tag() -> None:
    """The tests above ask for a tag, not for a digest."""
    assert isinstance(Reference(APP, Tag("v1")).target, Tag)
