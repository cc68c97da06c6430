"""Decisions are for those who may read: everybody else hears what the registry says."""

from typing import Any

import pytest

from proxy.errors import SignerMissing
from tests.unit.registry.material import answering, error
from tests.unit.web.material import Proxy
from tests.unit.web.pulls.material import BODY, BY_DIGEST, DIGEST, MOVED, TAG, UNKNOWN


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
    """Where nobody could say whether the client may read, nothing is decided."""
    proxy.resolver.changes = {"refusal": SignerMissing("v1", ("ci",), 1, ("alice",)), "missing": ("alice",)}
    proxy.registry.scripted[f"GET {UNKNOWN}"] = answering(status=302, Location="https://elsewhere.example.com/")
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


async def test_a_stranger_costs_notary_nothing(signed: Proxy) -> None:
    """Nothing is decided before the registry let the client in."""
    signed.registry.asks_for = "Bearer bob"
    for method, path in (("GET", TAG), ("HEAD", TAG), ("GET", BY_DIGEST)):
        assert (await signed.ask(method, path)).status == 401
    assert signed.resolver.asked == []


async def test_a_registry_that_looks_before_it_asks_is_asked_with_the_digest(signed: Proxy) -> None:
    """Where an unknown digest is 404, only the decided one can tell whether the client may read."""
    signed.registry.knows_conditions = False
    assert (await signed.ask("GET", TAG)).body == BODY
    assert signed.registry.requests == [f"GET {UNKNOWN}", f"GET {BY_DIGEST}"]


async def test_a_hidden_repository_stays_hidden(proxy: Proxy) -> None:
    """A registry that answers 404 to who may not read says so for what is refused as well."""
    proxy.registry.knows_conditions = False
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.error["code"]) == (404, "MANIFEST_UNKNOWN")
    assert not {name for name in reply.headers if name.startswith("X-Tagwarden")}


@pytest.mark.parametrize("knows", [pytest.param(True, id="let in"), pytest.param(False, id="not known")])
async def test_a_registry_that_fails_in_the_middle(signed: Proxy, *, knows: bool) -> None:
    """Whoever is known to be let in hears what was decided, nobody else does."""
    signed.registry.knows_conditions = knows
    signed.registry.scripted[f"GET {BY_DIGEST}"] = answering(status=302, Location="https://elsewhere.example.com/")
    reply = await signed.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "registry_unreachable")
    assert reply.error["detail"]["digest"] == (DIGEST if knows else None)
    assert ("X-Tagwarden-Signers" in reply.headers) is knows


async def test_a_refusal_where_the_registry_could_not_tell_at_first(proxy: Proxy) -> None:
    """Who can see the reference itself may hear why it is refused."""
    proxy.registry.knows_conditions = False
    proxy.registry.holds(MOVED, tag="v1")
    reply = await proxy.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")
    assert reply.error["detail"]["gun"] == "registry.example.com/shop/app"
