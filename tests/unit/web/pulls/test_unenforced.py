"""Under `audit` and `disabled` the registry answers, and decisions are only told."""

import asyncio
from typing import Any

import pytest

from proxy.policy.entries import Mode
from tests.unit.registry.material import answering, digest, eventually
from tests.unit.web.material import ALICE, Proxy
from tests.unit.web.pulls.material import MOVED, TAG


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
