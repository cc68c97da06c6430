"""Under `audit` and `disabled` the registry answers, and decisions are only told."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from proxy.policy.entries import Mode
from proxy.registry.loops import marked
from tests.unit.registry.material import answering, digest, eventually
from tests.unit.web.material import ALICE, Proxy, Reply
from tests.unit.web.pulls.material import BODY, DIGEST, MOVED, TAG


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_without_enforcement_the_registry_answers(signed: Proxy, mode: Mode, method: str) -> None:
    """The client's own request goes to the registry as it is: its tag, its Accept, its agent, and our mark."""
    signed.resolver.mode = mode
    headers = {
        **ALICE,
        "Accept": "a/b, */*",
        "User-Agent": "containerd/1.6",
        "Cookie": "x=y",
        "Via": "1.1 corporate-cache",
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
        "Via": marked({})["Via"],
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


# --- audit: the tag was moved -----------------------------------------------------------------


async def decided(proxy: Proxy, method: str, body: bytes, *announced: str, status: int = 200) -> Reply:
    """Ask under `audit`, with a decision that is ready before the registry's answer."""
    proxy.resolver.mode = Mode.AUDIT

    async def slow(_request: web.Request) -> web.StreamResponse:
        await eventually(lambda: proxy.resolver.asked)
        await asyncio.sleep(0)
        headers = CIMultiDict(("Docker-Content-Digest", each) for each in announced)
        return web.Response(status=status, body=body, headers=headers)

    proxy.registry.scripted[f"{method} {TAG}"] = slow
    return await proxy.ask(method, TAG)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_audit_allows_what_is_signed(signed: Proxy, method: str) -> None:
    """The registry serves what was signed: the headers are those that they will be under `enforce`."""
    reply = await decided(signed, method, BODY, DIGEST)
    assert (reply.status, reply.headers["X-Tagwarden-Decision"]) == (200, "allowed")
    assert (reply.headers["X-Tagwarden-Digest"], reply.headers["X-Tagwarden-Signers"]) == (DIGEST, "alice,ci")
    assert reply.headers["X-Tagwarden-Name"] == "registry.example.com"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("status", "announced"),
    [
        pytest.param(200, (digest(MOVED),), id="moved"),
        pytest.param(200, (), id="no-digest"),
        pytest.param(200, ("sha512:x",), id="a-digest-that-is-none"),
        pytest.param(200, (DIGEST, digest(MOVED)), id="two-digests"),
        pytest.param(200, (DIGEST, DIGEST), id="the-same-twice"),
        pytest.param(304, (), id="not-modified"),
    ],
)
async def test_audit_never_calls_other_bytes_allowed(
    signed: Proxy, method: str, status: int, announced: tuple[str, ...]
) -> None:
    """Nobody signed what the registry serves, so nobody is named; what is signed is said beside it."""
    reply = await decided(signed, method, MOVED if status == 200 else b"", *announced, status=status)
    assert (reply.status, reply.headers["X-Tagwarden-Decision"]) == (status, "not-enforced")
    assert not {"X-Tagwarden-Signers", "X-Tagwarden-Refusal"} & set(reply.headers)
    assert reply.headers["X-Tagwarden-Digest"] == DIGEST


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
async def test_the_registry_cannot_speak_for_the_proxy(signed: Proxy, mode: Mode) -> None:
    """A verdict that comes from behind stays behind."""
    signed.resolver.mode = mode
    signed.registry.scripted[f"GET {TAG}"] = answering(
        body=MOVED,
        X_Tagwarden_Decision="allowed",
        X_Tagwarden_Digest=digest(MOVED),
        X_Tagwarden_Signers="alice",
        X_Tagwarden_Name="evil",
    )
    signed.resolver.gate = asyncio.Event()
    reply = await signed.ask("GET", TAG)
    told = {name: value for name, value in reply.headers.items() if name.startswith("X-Tagwarden")}
    known = {"X-Tagwarden-Decision": "not-enforced", "X-Tagwarden-Name": "registry.example.com"}
    assert told == ({} if mode is Mode.AUDIT else known)
    signed.resolver.gate.set()


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
