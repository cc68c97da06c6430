"""What the log says of a pull."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from proxy.errors import NotaryUnreachable, NoTrustData, TagNotSigned
from proxy.policy.decisions import RoleEvidence, admit_any_digest, exempt, pass_unprotected
from proxy.policy.entries import AnyDigest, Exemption, Mode, Policy
from tests.unit.registry.material import APP, ENTRY, NOW, answering, digest, eventually
from tests.unit.web.material import ALICE, Proxy
from tests.unit.web.pulls.material import BODY, BY_DIGEST, DIGEST, MOVED, TAG

ABSENT: Final = (
    "shop/app:v1 has no trust data in Notary corp (gun registry.example.com/shop/app): "
    "sign it or pull a signed image [no_trust_data]"
)


async def logged(proxy: Proxy, events: list[Any], path: str = TAG) -> dict[str, Any]:
    """The one line of a pull."""
    await proxy.ask("GET", path)
    await eventually(lambda: events)
    (event,) = events
    assert isinstance(event, dict)
    return event


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
        "stale": None,
        "expiry_grace": [],
        "request_id": reply.headers["X-Request-Id"],
        "cache": "fresh",
        "method": "GET",
        "path": TAG,
        "status": 200,
        "listener": "listen",
        "client": "127.0.0.1",
        "user_agent": "docker/20.10",
    }


async def test_an_outage_is_told_in_the_line_and_in_the_answer(signed: Proxy, events: list[Any]) -> None:
    """Who reads the log sees how old the evidence is; who pulls can see it, too."""
    signed.resolver.changes = {"stale": 90, "checked_at": NOW - timedelta(seconds=90)}
    reply = await signed.ask("GET", TAG)
    await eventually(lambda: events)
    (event,) = events
    assert (reply.status, reply.headers["X-Tagwarden-Stale"]) == (200, "90")
    assert (event["decision"], event["stale"], event["evidence_age"]) == ("allowed", 90, 90.0)


async def test_each_use_of_grace_is_in_the_log(signed: Proxy, events: list[Any]) -> None:
    """The line of a pull that rests on something expired names it."""
    second = timedelta(seconds=1)
    roles = {"timestamp": RoleEvidence(7, NOW - second), "snapshot": RoleEvidence(7, NOW + second)}
    signed.resolver.changes = {"roles": roles}
    event = await logged(signed, events)
    assert (event["decision"], event["expiry_grace"], event["stale"]) == ("allowed", ["timestamp"], None)


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


async def test_what_is_never_decided_has_its_line(signed: Proxy, events: list[Any]) -> None:
    """At the end of the process an audit may still wait for Notary: what the client got is told all the same."""
    signed.resolver.mode, signed.resolver.gate = Mode.AUDIT, asyncio.Event()
    assert (await signed.ask("GET", TAG, headers=ALICE)).status == 200
    assert events == []
    for task in asyncio.all_tasks():
        if task.get_name().startswith("audit "):
            task.cancel()
    await eventually(lambda: events)
    assert [(each["event"], each["status"], each["trouble"]) for each in events] == [("request", 200, "never decided")]


@pytest.mark.parametrize(
    ("mode", "decision"),
    [
        pytest.param(Mode.ENFORCE, "refused", id="enforce"),
        pytest.param(Mode.AUDIT, "would-refuse", id="audit"),
        pytest.param(Mode.PROTECT, "would-refuse", id="protect"),
    ],
)
async def test_a_refusal_says_why(signed: Proxy, events: list[Any], mode: Mode, decision: str) -> None:
    """The sentence that the client reads, or would read, stands in the line."""
    signed.resolver.mode = mode
    signed.resolver.permissions.clear()
    passed = {"permission": pass_unprotected(NoTrustData("root"))} if mode is Mode.PROTECT else {}
    signed.resolver.changes = {"refusal": NoTrustData("root"), **passed}
    event = await logged(signed, events)
    assert (event["decision"], event["message"], "because" in event) == (decision, ABSENT, False)


async def test_the_sentence_in_the_log_is_the_clients(proxy: Proxy, events: list[Any]) -> None:
    """Who was sent here with an error finds it."""
    reply = await proxy.ask("GET", TAG)
    assert [event["message"] for event in events] == [reply.error["message"]]


async def test_what_nobody_enforces_says_on_whose_word(signed: Proxy, events: list[Any]) -> None:
    """The line of a repository that is not rolled out has the rollout, and what the registry served."""
    signed.resolver.mode = Mode.DISABLED
    event = await logged(signed, events)
    assert (event["decision"], event["because"]) == ("not-enforced", "rollout: disabled")
    assert (event["served"], event["digest"]) == (digest(MOVED), None)


async def test_any_digest_says_on_whose_word(signed: Proxy, events: list[Any]) -> None:
    """So has the line of a digest where the entry admits all of them."""
    permission = admit_any_digest(replace(ENTRY, any_digest=AnyDigest(NOW + timedelta(days=1), "OPS-1")), NOW)
    assert permission is not None
    signed.resolver.permissions = {DIGEST: permission}
    event = await logged(signed, events, BY_DIGEST)
    assert (event["decision"], event["because"], event["served"]) == ("not-enforced", "digest_pull any: OPS-1", DIGEST)


async def test_an_exception_says_on_whose_word(signed: Proxy, events: list[Any]) -> None:
    """And that of an exception; its bytes are verified, so their digest is the decision's own."""
    exemption = Exemption(APP, DIGEST, NOW + timedelta(days=1), "bootstrap")
    permission = exempt(Policy("registry.example.com", [ENTRY], [], [exemption]), APP, DIGEST, NOW)
    assert permission is not None
    signed.resolver.permissions = {DIGEST: permission}
    event = await logged(signed, events, BY_DIGEST)
    assert (event["decision"], event["because"]) == ("not-enforced", "exceptions: bootstrap")
    assert (event["digest"], "served" in event) == (DIGEST, False)


async def test_what_passes_under_protect_says_what_was_served(signed: Proxy, events: list[Any]) -> None:
    """The digest is that of the bytes, also where the registry announces none."""
    refusal = TagNotSigned("v1", unreleased=False)
    signed.resolver.mode = Mode.PROTECT
    signed.resolver.permissions.clear()
    signed.resolver.changes = {"refusal": refusal, "permission": pass_unprotected(refusal)}
    signed.registry.scripted[f"GET {TAG}"] = answering(body=MOVED)
    assert (await logged(signed, events))["served"] == digest(MOVED)


@pytest.mark.parametrize("announced", [pytest.param(digest(MOVED), id="moved"), pytest.param(None, id="unsaid")])
async def test_a_tag_that_was_moved_in_audit_says_so(signed: Proxy, events: list[Any], announced: str | None) -> None:
    """The line has the signed digest and the one that was served, and nobody called that one allowed."""
    signed.resolver.mode = Mode.AUDIT
    if announced is None:
        signed.registry.scripted[f"GET {TAG}"] = answering(body=MOVED)
    event = await logged(signed, events)
    assert (event["event"], event["decision"], event["log_level"]) == ("decision", "not-enforced", "warning")
    assert (event["digest"], event["signers"], event.get("served")) == (DIGEST, ["alice", "ci"], announced)
    assert event["because"].startswith("drift: the tag was moved" if announced else "drift: the registry does not say")


async def test_a_tag_that_was_not_moved_in_audit_is_allowed(signed: Proxy, events: list[Any]) -> None:
    """What the registry serves is what was signed; a registry that has it no more serves nothing else either."""
    signed.resolver.mode = Mode.AUDIT
    signed.registry.holds(BODY, tag="v1")
    event = await logged(signed, events)
    assert (event["decision"], event["log_level"], event["served"]) == ("allowed", "info", DIGEST)
    events.clear()
    signed.registry.scripted[f"GET {TAG}"] = answering(status=404)
    event = await logged(signed, events)
    assert (event["status"], event["decision"], "because" in event) == (404, "allowed", False)


async def test_what_was_not_served_is_not_said_to_be(signed: Proxy, events: list[Any]) -> None:
    """A relayed request that ends in a refusal, or in the registry's own no, served nothing."""
    refusal = TagNotSigned("v1", unreleased=False)
    signed.resolver.mode = Mode.PROTECT
    signed.resolver.permissions.clear()
    signed.resolver.changes = {"refusal": refusal, "permission": pass_unprotected(refusal)}
    signed.resolver.blocked.add(digest(MOVED))
    event = await logged(signed, events)
    assert (event["refusal"], "served" in event) == ("blocked", False)
    signed.resolver.mode = Mode.DISABLED
    signed.registry.scripted[f"GET {TAG}"] = answering(status=404, Docker_Content_Digest=DIGEST)
    events.clear()
    assert "served" not in await logged(signed, events)
