"""Blob reads: streamed as they are, unless they are a refused manifest, blocked, or must be admitted."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from proxy.config.settings import Blobs, Doors, Push
from proxy.errors import DigestNotSigned, NotaryUnreachable
from proxy.manifests import MediaType
from proxy.policy.decisions import pass_unprotected
from proxy.policy.entries import Mode
from tests.unit.registry.material import FakeRegistry, allowed, answering, digest, error, image
from tests.unit.web.material import ALICE, Proxy, running

LAYER: Final = b"layer" * 100
DIGEST: Final = digest(LAYER)
BLOB: Final = f"/v2/shop/app/blobs/{DIGEST}"
REFUSED: Final = image("refused")
AS_MANIFEST: Final = f"/v2/shop/app/manifests/{digest(REFUSED)}"
AS_BLOB: Final = f"/v2/shop/app/blobs/{digest(REFUSED)}"
UNKNOWN: Final = f"/v2/shop/app/manifests/sha256:{'0' * 64}"

_READS: Final = pytest.mark.parametrize("method", ["GET", "HEAD"])


def keeps(registry: FakeRegistry, path: str, body: bytes) -> None:
    """Let the registry have a blob."""
    for method in ("GET", "HEAD"):
        registry.scripted[f"{method} {path}"] = answering(body=body, Content_Type="application/octet-stream")


@pytest.fixture
async def admitted(registry: FakeRegistry, events: list[Any]) -> AsyncIterator[Proxy]:  # noqa: ARG001  (logs are captured)
    """A proxy that serves blobs of admitted manifests only, before a registry that has one blob."""
    keeps(registry, BLOB, LAYER)
    async with running(registry, doors=Doors(blobs=Blobs.ADMITTED)) as started:
        yield started


@pytest.fixture
def closed(proxy: Proxy) -> Proxy:
    """A registry that has a manifest as a blob too, and a client that was refused it as manifest."""
    proxy.registry.holds(REFUSED)
    keeps(proxy.registry, AS_BLOB, REFUSED)
    return proxy


# --- any blob ---------------------------------------------------------------------------------


async def test_a_blob_is_nothing_to_decide(proxy: Proxy) -> None:
    """By default the registry alone decides about blobs, and it is asked once."""
    keeps(proxy.registry, BLOB, LAYER)
    assert (await proxy.ask("GET", BLOB)).body == LAYER
    assert proxy.registry.requests == [f"GET {BLOB}"]
    assert (proxy.resolver.asked, proxy.resolver.asked_blobs) == ([], [])


@_READS
async def test_what_is_blocked_is_no_blob_either(proxy: Proxy, method: str) -> None:
    """A layer or a config may be blocked as well as a manifest; the reason is the operator's own."""
    keeps(proxy.registry, BLOB, LAYER)
    proxy.resolver.blocked.add(DIGEST)
    reply = await proxy.ask(method, BLOB)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "blocked")
    assert "CVE-2026-1" in reply.reason
    assert proxy.registry.requests == [f"GET {UNKNOWN}"]


async def test_what_is_blocked_passes_where_nothing_is_enforced(proxy: Proxy) -> None:
    """An audit never fails a pull."""
    keeps(proxy.registry, BLOB, LAYER)
    proxy.resolver.blocked.add(DIGEST)
    proxy.resolver.mode = Mode.AUDIT
    assert (await proxy.ask("GET", BLOB)).body == LAYER


# --- a refused manifest -----------------------------------------------------------------------


@_READS
async def test_a_refused_manifest_is_no_blob_either(closed: Proxy, method: str) -> None:
    """A client that asks for it again as blob is refused again, although the registry has it there."""
    assert (await closed.ask("GET", AS_MANIFEST)).status == 403
    reply = await closed.ask(method, AS_BLOB)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "blob_not_admitted")
    assert f"{method} {AS_BLOB}" not in closed.registry.requests


async def test_a_manifest_that_nobody_refused_is_a_blob(closed: Proxy) -> None:
    """Nothing is closed before it is asked for as manifest."""
    assert (await closed.ask("GET", AS_BLOB)).body == REFUSED


async def test_a_refused_manifest_is_asked_about_once(closed: Proxy) -> None:
    """The registry says once that it is a manifest; refusing it again costs nothing."""
    for _ in range(3):
        await closed.ask("HEAD", AS_MANIFEST)
    assert closed.registry.requests == [f"GET {UNKNOWN}", f"HEAD {AS_MANIFEST}"]


async def test_a_layer_that_is_asked_for_as_manifest_stays_open(proxy: Proxy) -> None:
    """Nobody closes a layer by naming it in the wrong place, and the registry is not asked about it all the time."""
    keeps(proxy.registry, BLOB, LAYER)
    for _ in range(2):
        assert (await proxy.ask("GET", BLOB.replace("blobs", "manifests"))).status == 403
    assert (await proxy.ask("GET", BLOB)).body == LAYER
    assert proxy.registry.requests.count(f"HEAD {BLOB.replace('blobs', 'manifests')}") == 1


async def test_only_one_repository_is_closed(closed: Proxy) -> None:
    """What one repository refuses another may have as a layer."""
    await closed.ask("GET", AS_MANIFEST)
    elsewhere = AS_BLOB.replace("shop/app", "shop/other")
    keeps(closed.registry, elsewhere, REFUSED)
    assert (await closed.ask("GET", elsewhere)).body == REFUSED


async def test_a_closed_blob_opens_when_it_is_admitted(closed: Proxy) -> None:
    """Once it is signed it may be read, as a manifest and as a blob."""
    await closed.ask("GET", AS_MANIFEST)
    closed.resolver.permissions[digest(REFUSED)] = allowed(REFUSED)
    reply = await closed.ask("GET", AS_BLOB)
    assert (reply.status, reply.body) == (200, REFUSED)
    assert reply.headers["X-Tagwarden-Decision"] == "allowed"


async def test_a_closed_blob_is_open_to_an_admitted_manifest_that_names_it(closed: Proxy) -> None:
    """A manifest may be the layer of another one, whose pull must not break."""
    await closed.ask("GET", AS_MANIFEST)
    closed.resolver.blobs.add(digest(REFUSED))
    assert (await closed.ask("GET", AS_BLOB)).body == REFUSED


async def test_a_closed_blob_that_cannot_be_decided_is_refused(closed: Proxy) -> None:
    """In doubt it stays closed, and the client may come back."""
    await closed.ask("GET", AS_MANIFEST)
    closed.resolver.changes = {"refusal": NotaryUnreachable("away")}
    reply = await closed.ask("GET", AS_BLOB)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "10")


async def test_a_closed_blob_tells_strangers_nothing(closed: Proxy) -> None:
    """Who may not read hears the registry's challenge, as for any blob."""
    closed.registry.asks_for = "Bearer alice"
    assert (await closed.ask("GET", AS_MANIFEST)).status == 403
    reply = await closed.ask("GET", AS_BLOB, headers={})
    assert (reply.status, "X-Tagwarden-Refusal" in reply.headers) == (401, False)


async def test_an_outage_closes_nothing(closed: Proxy) -> None:
    """What could not be decided is not known to be refused."""
    closed.resolver.changes = {"refusal": NotaryUnreachable("away")}
    assert (await closed.ask("GET", AS_MANIFEST)).status == 503
    assert (await closed.ask("GET", AS_BLOB)).body == REFUSED


async def test_a_registry_that_cannot_say_what_it_is_leaves_the_refusal(closed: Proxy) -> None:
    """A failure of that question neither closes the blob nor hides why the manifest was refused."""
    closed.registry.scripted[f"HEAD {AS_MANIFEST}"] = answering(status=307, Location="https://elsewhere.example.com/")
    reply = await closed.ask("GET", AS_MANIFEST)
    assert reply.headers["X-Tagwarden-Refusal"] == "tag_not_signed"
    assert (await closed.ask("GET", AS_BLOB)).body == REFUSED


async def test_a_closed_blob_of_a_registry_that_looks_before_it_asks(closed: Proxy) -> None:
    """Who can see the manifest there may hear why the blob is refused."""
    closed.registry.knows_conditions = False
    assert (await closed.ask("GET", AS_MANIFEST)).status == 403
    reply = await closed.ask("GET", AS_BLOB)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "blob_not_admitted")


# --- blobs: admitted --------------------------------------------------------------------------


async def test_an_admitted_blob_is_served(admitted: Proxy) -> None:
    """Config and layers of admitted manifests, with the decision beside them."""
    admitted.resolver.blobs.add(DIGEST)
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.body) == (200, LAYER)
    assert reply.headers["X-Tagwarden-Decision"] == "allowed"
    assert reply.headers["X-Tagwarden-Signers"] == "alice,ci"


async def test_a_part_of_an_admitted_blob_is_served(admitted: Proxy) -> None:
    """A client that resumes is as good as one that begins."""
    admitted.resolver.blobs.add(DIGEST)
    admitted.registry.scripted[f"GET {BLOB}"] = answering(status=206, body=LAYER[10:], Content_Range="bytes 10-499/500")
    reply = await admitted.ask("GET", BLOB, headers={**ALICE, "Range": "bytes=10-"})
    assert (reply.status, reply.body, reply.headers["Content-Range"]) == (206, LAYER[10:], "bytes 10-499/500")
    assert admitted.registry.asked[-1].headers["Range"] == "bytes=10-"


async def test_a_blob_that_no_admitted_manifest_names_is_refused(admitted: Proxy) -> None:
    """Its content never leaves the registry."""
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.error["code"]) == (403, "DENIED")
    assert reply.headers["X-Tagwarden-Refusal"] == "blob_not_admitted"
    assert reply.error["detail"]["reference"] == f"shop/app@{DIGEST}"
    assert f"GET {BLOB}" not in admitted.registry.requests


async def test_a_blob_that_cannot_be_decided_is_refused(admitted: Proxy) -> None:
    """An incomplete look-up is neither yes nor no."""
    admitted.resolver.changes = {"refusal": NotaryUnreachable("away")}
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (503, "notary_unreachable")


async def test_a_resolver_that_fails_serves_no_blob(admitted: Proxy) -> None:
    """An exception that nobody expected is a refusal."""
    admitted.resolver.failure = RuntimeError("broken")
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (500, "internal")


async def test_a_pusher_may_ask_for_any_blob(admitted: Proxy) -> None:
    """Before it uploads or mounts a blob it asks by HEAD whether it is there; that is nothing to decide."""
    reply = await admitted.ask("HEAD", BLOB)
    assert (reply.status, reply.headers["Content-Length"]) == (200, str(len(LAYER)))
    assert admitted.resolver.asked_blobs == []


async def test_a_pusher_is_not_shown_where_a_blob_is_stored(admitted: Proxy) -> None:
    """The address of a storage service might do for a GET too."""
    admitted.registry.scripted[f"HEAD {BLOB}"] = answering(status=307, Location="https://s3.example.com/b")
    reply = await admitted.ask("HEAD", BLOB)
    assert (reply.status, "Location" in reply.headers) == (502, False)


@pytest.fixture
async def closed_to_pushers(registry: FakeRegistry, events: list[Any]) -> AsyncIterator[Proxy]:  # noqa: ARG001  (logs are captured)
    """The same for a proxy through which nobody pushes."""
    keeps(registry, BLOB, LAYER)
    async with running(registry, doors=Doors(push=Push.REFUSE, blobs=Blobs.ADMITTED)) as started:
        yield started


async def test_a_pusher_comes_to_hear_that_nobody_pushes_here(closed_to_pushers: Proxy) -> None:
    """With `push: refuse` it may ask as well: a refusal of its question would hide the one of its push."""
    reply = await closed_to_pushers.ask("HEAD", BLOB)
    assert (reply.status, reply.body, closed_to_pushers.resolver.asked_blobs) == (200, b"", [])
    assert (await closed_to_pushers.ask("GET", BLOB)).status == 403
    reply = await closed_to_pushers.ask("POST", "/v2/shop/app/blobs/uploads/")
    assert reply.headers["X-Tagwarden-Refusal"] == "push_refused"


async def test_its_question_leads_nowhere_else(closed_to_pushers: Proxy) -> None:
    """The address of a storage service does not pass, admitted or not."""
    closed_to_pushers.registry.scripted[f"HEAD {BLOB}"] = answering(status=307, Location="https://s3.example.com/b")
    closed_to_pushers.resolver.blobs.add(DIGEST)
    reply = await closed_to_pushers.ask("HEAD", BLOB)
    assert (reply.status, "Location" in reply.headers) == (502, False)


async def test_its_question_about_what_is_blocked_is_refused(closed_to_pushers: Proxy) -> None:
    """What `blocked` names is not even there."""
    closed_to_pushers.resolver.blocked.add(DIGEST)
    reply = await closed_to_pushers.ask("HEAD", BLOB)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "blocked")


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
async def test_relaxed_repositories_serve_every_blob(admitted: Proxy, mode: Mode) -> None:
    """Where manifests are not enforced, blobs are not either."""
    admitted.resolver.mode = mode
    assert (await admitted.ask("GET", BLOB)).body == LAYER
    assert admitted.resolver.asked_blobs == []


async def test_protected_repositories_serve_what_nobody_signed(admitted: Proxy) -> None:
    """An image that was never signed is pulled whole, marked as one that would be refused."""
    admitted.resolver.mode = Mode.PROTECT
    refusal = DigestNotSigned(DIGEST)
    admitted.resolver.changes = {"mode": Mode.PROTECT, "refusal": refusal, "permission": pass_unprotected(refusal)}
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.body) == (200, LAYER)
    assert reply.headers["X-Tagwarden-Decision"] == "would-refuse"
    assert reply.headers["X-Tagwarden-Refusal"] == "digest_not_signed"


async def test_blobs_are_for_readers_only(admitted: Proxy) -> None:
    """A stranger gets the registry's challenge, costs nobody a decision, and learns nothing."""
    admitted.registry.asks_for = "Bearer alice"
    reply = await admitted.ask("GET", BLOB, headers={})
    assert (reply.status, reply.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert admitted.resolver.asked_blobs == []


async def test_a_registry_that_hides_its_repositories_hides_blobs(admitted: Proxy) -> None:
    """Where it answers 404 to everything, nobody hears more than that."""
    admitted.registry.knows_conditions = False
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.error["code"]) == (404, "MANIFEST_UNKNOWN")
    assert "X-Tagwarden-Refusal" not in reply.headers


async def test_an_error_of_an_admitted_blob_is_the_registrys(admitted: Proxy) -> None:
    """What it says about a blob that it lacks goes on without a decision."""
    admitted.resolver.blobs.add(DIGEST)

    async def gone(_request: Any) -> Any:
        return error(404, "BLOB_UNKNOWN")

    admitted.registry.scripted[f"GET {BLOB}"] = gone
    reply = await admitted.ask("GET", BLOB)
    assert (reply.status, reply.error["code"]) == (404, "BLOB_UNKNOWN")
    assert "X-Tagwarden-Decision" not in reply.headers


async def test_a_blob_is_never_of_a_manifests_type(admitted: Proxy) -> None:
    """Admitted or not, it is octets."""
    admitted.resolver.blobs.add(DIGEST)
    admitted.registry.scripted[f"GET {BLOB}"] = answering(body=REFUSED, Content_Type=MediaType.OCI_MANIFEST)
    assert (await admitted.ask("GET", BLOB)).headers["Content-Type"] == "application/octet-stream"
