"""What is refused says why in every place that a client shows, and whatever fails is refused."""

from datetime import timedelta
from typing import Any

import pytest

from proxy.errors import NotaryUnreachable, Refusal, SignerMissing, TagNotSigned, TrustStoreUnavailable
from proxy.manifests import MediaType
from proxy.policy.decisions import RoleEvidence
from proxy.policy.entries import Mode
from tests.unit.registry.material import NOW, allowed, answering, digest
from tests.unit.web.material import Proxy
from tests.unit.web.pulls.material import BODY, BY_DIGEST, DIGEST, MOVED, TAG, UNKNOWN


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
        "stale": None,
        "expiry_grace": [],
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


async def test_what_old_evidence_refuses_says_how_old_it_is(proxy: Proxy) -> None:
    """Whoever has just signed reads that Notary was not asked since."""
    assert "X-Tagwarden-Stale" not in (await proxy.ask("GET", TAG)).headers
    proxy.resolver.changes = {"stale": 0}
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Stale"]) == (403, "0")
    assert reply.error["detail"]["stale"] == 0


async def test_strangers_do_not_hear_of_an_outage(proxy: Proxy) -> None:
    """What a decision rests on is for those whom the registry lets in."""
    proxy.registry.scripted[f"GET {UNKNOWN}"] = answering(status=401)
    proxy.resolver.changes = {"stale": 90}
    reply = await proxy.ask("GET", TAG)
    assert reply.status == 401
    assert not [name for name in reply.headers if name.lower().startswith("x-tagwarden-stale")]


async def test_an_outage_asks_to_come_back(proxy: Proxy) -> None:
    """503 has a Retry-After, and the Notary's name."""
    proxy.resolver.changes = {"refusal": NotaryUnreachable("connection refused")}
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "10")
    assert reply.reason.startswith("Service Unavailable: shop/app:v1 cannot be decided, Notary corp")


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


async def test_an_index_that_cannot_be_remembered_is_not_served(signed: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its children would be refused after a restart; the client may come back."""

    async def full(_verified: object) -> None:
        raise TrustStoreUnavailable("disk full")

    monkeypatch.setattr(signed.closure, "remember", full)
    reply = await signed.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (503, "trust_store_unavailable")
