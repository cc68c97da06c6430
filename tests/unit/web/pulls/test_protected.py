"""Under `protect`, what was never signed passes, unless it is blocked."""

import gzip
from typing import Any

import pytest

from proxy.errors import TagNotSigned
from proxy.policy.decisions import pass_unprotected
from proxy.policy.entries import Mode
from tests.unit.registry.material import allowed, answering, digest
from tests.unit.web.material import Proxy, relaxed_to
from tests.unit.web.pulls.material import BODY, DIGEST, MOVED, TAG


@pytest.fixture
def protected(signed: Proxy) -> Proxy:
    """A repository of which nothing was ever signed, under `protect`."""
    refusal = TagNotSigned("v1", unreleased=False)
    signed.resolver.mode = Mode.PROTECT
    signed.resolver.permissions.clear()
    signed.resolver.changes = {"refusal": refusal, "permission": pass_unprotected(refusal)}
    return signed


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_was_never_signed_passes_under_protect(protected: Proxy, method: str) -> None:
    """The registry answers the client's own request, and the answer says that it would be refused."""
    reply = await protected.ask(method, TAG)
    assert (reply.status, reply.body) == (200, MOVED if method == "GET" else b"")
    assert reply.headers["Content-Length"] == str(len(MOVED))
    assert reply.headers["Docker-Content-Digest"] == digest(MOVED)
    assert reply.headers["X-Tagwarden-Decision"] == "would-refuse"
    assert reply.headers["X-Tagwarden-Refusal"] == "tag_not_signed"


async def test_what_is_protected_is_refused(protected: Proxy) -> None:
    """Without a permission beside it a refusal is one, as under `enforce`."""
    protected.resolver.changes = {"refusal": TagNotSigned("v1", unreleased=False)}
    reply = await protected.ask("GET", TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Decision"]) == (403, "refused")


async def test_what_is_protected_is_served_as_signed(protected: Proxy) -> None:
    """A signed tag is what was signed, whoever moved it."""
    protected.resolver.changes = {}
    protected.resolver.permissions["v1"] = allowed(BODY)
    assert (await protected.ask("GET", TAG)).body == BODY


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_is_blocked_does_not_pass_by_a_tag(protected: Proxy, method: str) -> None:
    """`blocked` wins under `protect` as well: what the tag is in the registry is looked at first."""
    protected.resolver.blocked.add(digest(MOVED))
    reply = await protected.ask(method, TAG)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "blocked")
    assert reply.headers["X-Tagwarden-Decision"] == "refused"
    assert MOVED not in reply.body


async def test_what_is_blocked_does_not_pass_under_another_digest(protected: Proxy) -> None:
    """Bytes count, not what a registry calls them."""
    protected.resolver.blocked.add(digest(MOVED))
    protected.registry.scripted[f"GET {TAG}"] = answering(body=MOVED, Docker_Content_Digest=DIGEST)
    assert (await protected.ask("GET", TAG)).headers["X-Tagwarden-Refusal"] == "blocked"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answering(status=307, Location="https://s3.example.com/m"), id="a redirect"),
        pytest.param(answering(body=MOVED, Docker_Content_Digest="sha512:x"), id="a digest that is none"),
        pytest.param(answering(body=gzip.compress(MOVED), Content_Encoding="gzip"), id="another form of the bytes"),
        pytest.param(answering(status=206, body=MOVED[1:], Content_Range="bytes 1-9/10"), id="a part"),
    ],
)
async def test_what_cannot_be_looked_at_does_not_pass(protected: Proxy, answer: Any) -> None:
    """A client would follow a redirect past the list, and unpack what has another digest packed."""
    protected.resolver.blocked.add(digest(MOVED))
    protected.registry.scripted[f"GET {TAG}"] = answer
    assert (await protected.ask("GET", TAG)).headers["X-Tagwarden-Refusal"] == "registry_unreachable"


async def test_what_is_too_large_does_not_pass_under_protect(protected: Proxy) -> None:
    """No client takes a manifest of that size."""
    protected.registry.scripted[f"GET {TAG}"] = answering(body=b" " * (5 << 20))
    assert (await protected.ask("GET", TAG)).headers["X-Tagwarden-Refusal"] == "manifest_ambiguous"


async def test_a_failure_under_protect_is_no_would_be(protected: Proxy) -> None:
    """Where nothing came of it, the client was refused, and the answer says so everywhere."""
    protected.registry.scripted[f"GET {TAG}"] = answering(status=307, Location="https://s3.example.com/m")
    reply = await protected.ask("GET", TAG)
    assert (reply.headers["X-Tagwarden-Decision"], reply.error["detail"]["decision"]) == ("refused", "refused")


async def test_only_protect_lets_a_refusal_pass(protected: Proxy) -> None:
    """A permission of another kind beside a refusal is a mistake of ours, and nothing passes."""
    permission = relaxed_to(Mode.AUDIT)
    protected.resolver.changes |= {"permission": permission}
    assert (await protected.ask("GET", TAG)).status == 403
