"""Pushes and deletions: as far as the doors are open, and never at the cost of what is admitted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from proxy.config.settings import Blobs, Delete, Doors, Push
from proxy.errors import Blocked, DigestNotSigned, Expired, NoRule, NotaryUnreachable, Refusal, SignersDisagree
from proxy.names import Reference
from proxy.policy.decisions import Decision, admit_any_digest, pass_unprotected
from proxy.policy.entries import AnyDigest, Mode
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import ENTRY, NOW, Answer, FakeRegistry, allowed, answering, digest, error, image
from tests.unit.web.material import ALICE, Proxy, running

BODY: Final = image()
DIGEST: Final = digest(BODY)
TAG: Final = "/v2/shop/app/manifests/v1"
MANIFEST: Final = f"/v2/shop/app/manifests/{DIGEST}"
BLOB: Final = f"/v2/shop/app/blobs/{DIGEST}"
UPLOADS: Final = "/v2/shop/app/blobs/uploads/"
UPLOAD: Final = f"{UPLOADS}b9e5bd5e-4ee1"
UNKNOWN: Final = f"/v2/shop/app/manifests/sha256:{'0' * 64}"
MOUNT: Final = f"mount={DIGEST}&from=shop/base"

_NAMED: Final = pytest.mark.parametrize(
    "path", [pytest.param(TAG, id="tag"), pytest.param(MANIFEST, id="digest"), pytest.param(BLOB, id="blob")]
)


@pytest.fixture
def obedient(proxy: Proxy) -> Proxy:
    """A registry that deletes what it is told to."""
    for path in (TAG, MANIFEST, BLOB):
        proxy.registry.scripted[f"DELETE {path}"] = answering(status=202)
    proxy.registry.scripted[f"POST {UPLOADS}"] = answering(status=202, Location=UPLOAD)
    return proxy


def deleted(proxy: Proxy) -> list[str]:
    """What the registry was told to delete."""
    return [line for line in proxy.registry.requests if line.startswith("DELETE")]


# --- push: refuse -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        pytest.param("PUT", TAG, "DELETE, GET, HEAD", id="manifest"),
        pytest.param("PUT", MANIFEST, "DELETE, GET, HEAD", id="manifest by digest"),
        pytest.param("POST", UPLOADS, "", id="upload"),
        pytest.param("POST", f"{UPLOADS}?{MOUNT}", "", id="mount"),
        pytest.param("POST", f"{UPLOADS}?mount=x&mount=y", "", id="odd mount"),
        pytest.param("PATCH", UPLOAD, "", id="chunk"),
        pytest.param("PUT", f"{UPLOAD}?digest={DIGEST}", "", id="last chunk"),
        pytest.param("GET", UPLOAD, "", id="state"),
        pytest.param("DELETE", UPLOAD, "", id="giving up"),
    ],
)
async def test_a_proxy_for_pulls_takes_nothing(registry: FakeRegistry, method: str, path: str, allow: str) -> None:
    """With `push: refuse` no step of a push reaches the registry, and the client hears where to go."""
    async with running(registry, doors=Doors(push=Push.REFUSE)) as proxy:
        reply = await proxy.ask(method, path, data=b"x" if method in ("PUT", "PATCH") else None)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"], reply.headers["Allow"]) == (405, "push_refused", allow)
    assert reply.reason.startswith("Method Not Allowed: shop/app")
    assert registry.requests == []


async def test_a_proxy_for_pulls_still_deletes(registry: FakeRegistry) -> None:
    """`push` and `delete` are two doors."""
    registry.scripted[f"DELETE {MANIFEST}"] = answering(status=202)
    async with running(registry, doors=Doors(push=Push.REFUSE)) as proxy:
        assert (await proxy.ask("DELETE", MANIFEST)).status == 202


# --- push: allow ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("PUT", TAG, id="manifest"),
        pytest.param("POST", UPLOADS, id="upload"),
        pytest.param("PATCH", UPLOAD, id="chunk"),
        pytest.param("PUT", UPLOAD, id="last chunk"),
        pytest.param("GET", UPLOAD, id="state"),
        pytest.param("DELETE", UPLOAD, id="giving up"),
    ],
)
async def test_an_answer_to_a_write_has_no_body(proxy: Proxy, method: str, path: str) -> None:
    """A registry cannot slip a manifest out where it has nothing to say."""
    proxy.registry.scripted[f"{method} {path}"] = answering(
        body=BODY, Content_Type="application/vnd.oci.image.manifest.v1+json", Location=UPLOAD
    )
    reply = await proxy.ask(method, path)
    assert (reply.status, reply.body, reply.headers.get("Content-Type")) == (200, b"", None)
    assert (reply.headers["Location"], reply.headers["Content-Length"]) == (UPLOAD, "0")


async def test_an_error_of_a_write_is_in_the_registrys_words(proxy: Proxy) -> None:
    """Who pushes hears what is wrong."""

    async def invalid(_request: Any) -> Any:
        return error(400, "MANIFEST_INVALID")

    proxy.registry.scripted[f"PUT {TAG}"] = invalid
    reply = await proxy.ask("PUT", TAG, data=b"{}")
    assert (reply.status, reply.error["code"], reply.error["message"]) == (400, "MANIFEST_INVALID", "manifest_invalid")


# --- mounts -----------------------------------------------------------------------------------


async def mounted(proxy: Proxy, query: str = MOUNT) -> str:
    """The query with which the registry was asked to begin an upload."""
    reply = await proxy.ask("POST", f"{UPLOADS}?{query}")
    assert reply.status == 202
    return proxy.registry.asked[-1].target.partition("?")[2]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
async def test_an_upload_is_no_form(obedient: Proxy, method: str) -> None:
    """Registries read a form like the query, where a mount in its body would be one that nobody looked at."""
    path = UPLOADS if method == "POST" else UPLOAD
    obedient.registry.scripted[f"{method} {path}"] = answering(status=202)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await obedient.ask(method, path, headers={**ALICE, **form}, data=MOUNT.encode())).status == 202
    assert obedient.registry.asked[-1].headers.getall("Content-Type") == ["application/octet-stream"]


async def test_any_blob_is_mounted(obedient: Proxy) -> None:
    """By default the registry alone decides what may be mounted."""
    assert await mounted(obedient, MOUNT + "&x=1") == MOUNT + "&x=1"
    assert obedient.registry.requests == [f"POST {UPLOADS}?{MOUNT}&x=1"]


async def test_what_is_blocked_is_not_mounted(obedient: Proxy) -> None:
    """The registry begins a plain upload instead, as it may at any time."""
    obedient.resolver.blocked.add(DIGEST)
    assert await mounted(obedient, MOUNT + "&x=1") == "x=1"


async def test_what_is_closed_is_not_mounted(obedient: Proxy) -> None:
    """A refused manifest does not get out as a blob of another repository."""
    obedient.registry.holds(BODY)
    await obedient.ask("GET", MANIFEST.replace("shop/app", "shop/base"))
    assert await mounted(obedient) == ""
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    assert await mounted(obedient) == MOUNT


async def test_only_admitted_blobs_are_mounted(registry: FakeRegistry) -> None:
    """With `blobs: admitted` a mount is as good as a read; in doubt the upload begins plainly."""
    registry.scripted[f"POST {UPLOADS}"] = answering(status=202, Location=UPLOAD)
    async with running(registry, doors=Doors(blobs=Blobs.ADMITTED)) as proxy:
        assert await mounted(proxy) == ""
        proxy.resolver.changes = {"refusal": NotaryUnreachable("away")}
        assert await mounted(proxy) == ""
        proxy.resolver.blobs.add(DIGEST)
        assert await mounted(proxy) == MOUNT
        registry.asks_for = "Bearer alice"
        reply = await proxy.ask("POST", f"{UPLOADS}?{MOUNT}", headers={})
        assert (reply.status, registry.requests[-1]) == (401, f"POST {UPLOADS}")


async def test_a_relaxed_repository_lends_everything(obedient: Proxy) -> None:
    """What may be read there may be mounted from there."""
    obedient.resolver.mode = Mode.DISABLED
    obedient.resolver.blocked.add(DIGEST)
    assert await mounted(obedient) == MOUNT


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param(f"mount={DIGEST}&from=a&from=b", "NAME_INVALID", id="two sources"),
        pytest.param(f"mount={DIGEST}&from=../a", "NAME_INVALID", id="dot segments"),
        pytest.param(f"mount=sha512:{'a' * 128}&from=a", "DIGEST_INVALID", id="another algorithm"),
    ],
)
async def test_an_odd_mount_goes_nowhere(obedient: Proxy, query: str, code: str) -> None:
    """What two programs could read differently is refused."""
    reply = await obedient.ask("POST", f"{UPLOADS}?{query}")
    assert (reply.status, reply.error["code"]) == (400, code)
    assert obedient.registry.requests == []


# --- delete -----------------------------------------------------------------------------------


@_NAMED
async def test_nothing_is_deleted_where_the_door_is_shut(registry: FakeRegistry, path: str) -> None:
    """With `delete: refuse` no deletion reaches the registry."""
    async with running(registry, doors=Doors(delete=Delete.REFUSE)) as proxy:
        reply = await proxy.ask("DELETE", path)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (405, "delete_refused")
    assert "DELETE" not in reply.headers["Allow"]
    assert registry.requests == []


@_NAMED
async def test_anything_is_deleted_where_the_door_is_open(registry: FakeRegistry, path: str) -> None:
    """With `delete: allow` the registry alone decides."""
    registry.scripted[f"DELETE {path}"] = answering(status=202)
    async with running(registry, doors=Doors(delete=Delete.ALLOW)) as proxy:
        proxy.resolver.permissions = {"v1": allowed(BODY), DIGEST: allowed(BODY)}
        proxy.resolver.blobs.add(DIGEST)
        assert (await proxy.ask("DELETE", path)).status == 202
    assert registry.requests == [f"DELETE {path}"]


@_NAMED
async def test_what_is_not_admitted_is_deleted(obedient: Proxy, path: str) -> None:
    """Clearing up goes on as without the proxy, under the registry's own authentication."""
    reply = await obedient.ask("DELETE", path)
    assert (reply.status, reply.body) == (202, b"")
    assert deleted(obedient) == [f"DELETE {path}"]


@pytest.mark.parametrize("path", [pytest.param(TAG, id="tag"), pytest.param(MANIFEST, id="digest")])
async def test_an_admitted_manifest_is_not_deleted(obedient: Proxy, path: str) -> None:
    """What is signed stays; the client hears what to do first."""
    obedient.resolver.permissions = {"v1": allowed(BODY), DIGEST: allowed(BODY)}
    reply = await obedient.ask("DELETE", path)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (405, "delete_refused")
    assert (reply.headers["Allow"], "withdraw it first" in reply.reason) == ("GET, HEAD, PUT", True)
    assert reply.error["detail"]["digest"] == DIGEST
    assert deleted(obedient) == []


async def test_an_unsigned_tag_of_an_admitted_manifest_is_not_deleted(obedient: Proxy) -> None:
    """Some registries delete the manifest with its last tag; what the tag names counts, not what it is called."""
    obedient.registry.holds(BODY, tag="v1")
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    assert (await obedient.ask("DELETE", TAG)).headers["X-Tagwarden-Refusal"] == "delete_refused"
    assert deleted(obedient) == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(answering(), 502, id="no digest"),
        pytest.param(answering(Docker_Content_Digest="sha512:x"), 502, id="a digest that is none"),
        pytest.param(answering(status=403), 403, id="a no"),
        pytest.param(answering(status=500), 500, id="a failure"),
    ],
)
async def test_a_tag_that_names_nobody_knows_what_is_not_deleted(obedient: Proxy, answer: Answer, status: int) -> None:
    """In doubt nothing is deleted."""
    obedient.registry.scripted[f"HEAD {TAG}"] = answer
    assert (await obedient.ask("DELETE", TAG)).status == status
    assert deleted(obedient) == []


async def test_a_blob_of_an_admitted_manifest_is_not_deleted(obedient: Proxy) -> None:
    """An image without its layer is none; nor is a manifest deleted by calling it a blob."""
    obedient.resolver.blobs.add(DIGEST)
    assert (await obedient.ask("DELETE", BLOB)).status == 405
    obedient.resolver.blobs.clear()
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    assert (await obedient.ask("DELETE", BLOB)).status == 405
    assert deleted(obedient) == []


@_NAMED
@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        pytest.param(NotaryUnreachable("away"), 503, id="no Notary"),
        pytest.param(Expired("snapshot", NOW), 403, id="evidence that ran out"),
        pytest.param(SignersDisagree("v1", (DIGEST, "sha256:b")), 403, id="signers that disagree"),
        pytest.param(Refusal(), 500, id="a reason without words"),
    ],
)
async def test_what_cannot_be_told_is_not_deleted(obedient: Proxy, path: str, refusal: Refusal, status: int) -> None:
    """A deletion cannot be taken back, so only a certain no lets it pass."""
    obedient.resolver.changes = {"refusal": refusal}
    assert (await obedient.ask("DELETE", path)).status == status
    assert deleted(obedient) == []


@_NAMED
@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(NoRule(), id="no rule"),
        pytest.param(DigestNotSigned(DIGEST), id="not signed"),
    ],
)
async def test_what_is_certainly_not_admitted_is_deleted(obedient: Proxy, path: str, refusal: Refusal) -> None:
    """What no valid evidence admits protects nothing; under `protect` it is the same."""
    obedient.resolver.changes = {"refusal": refusal}
    assert (await obedient.ask("DELETE", path)).status == 202
    obedient.resolver.mode = Mode.PROTECT
    obedient.resolver.changes = {"refusal": refusal, "permission": pass_unprotected(refusal)}
    assert (await obedient.ask("DELETE", path)).status == 202


@_NAMED
@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.PROTECT])
@pytest.mark.parametrize("subject", [pytest.param(DIGEST, id="digest"), pytest.param("key 0a1b", id="key")])
async def test_what_is_blocked_is_not_deleted(obedient: Proxy, path: str, mode: Mode, subject: str) -> None:
    """A block can be a mistake, and it is taken back; the signed image that it hid is then still there."""
    obedient.resolver.mode = mode
    obedient.resolver.changes = {"refusal": Blocked(subject, "CVE-2026-1")}
    reply = await obedient.ask("DELETE", path)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (405, "delete_refused")
    assert "cannot be deleted, it is blocked: " in reply.reason
    assert deleted(obedient) == []


async def test_an_unsigned_tag_of_what_is_blocked_is_not_deleted(obedient: Proxy) -> None:
    """What the tag names counts here, too."""
    obedient.registry.holds(BODY, tag="v1")
    decide = obedient.resolver.resolve

    async def block(reference: Reference, credentials: ClientCredentials, *, name: str | None = None) -> Decision:
        decision = await decide(reference, credentials, name=name)
        blocked = reference.target == DIGEST
        return replace(decision, refusal=Blocked(DIGEST, "CVE-2026-1")) if blocked else decision

    obedient.resolver.resolve = block  # type: ignore[method-assign]  # the one resolver of this test
    assert (await obedient.ask("DELETE", TAG)).headers["X-Tagwarden-Refusal"] == "delete_refused"
    assert deleted(obedient) == []


async def test_an_outage_under_protect_deletes_nothing(obedient: Proxy) -> None:
    """There a pull passes while Notary is away, but a deletion waits."""
    refusal = NotaryUnreachable("away")
    obedient.resolver.mode = Mode.PROTECT
    obedient.resolver.changes = {"refusal": refusal, "permission": pass_unprotected(refusal)}
    assert (await obedient.ask("DELETE", MANIFEST)).status == 503
    assert deleted(obedient) == []


async def test_where_any_digest_is_served_none_is_deleted(obedient: Proxy) -> None:
    """There nobody asked whether it is signed, so it might be."""
    entry = replace(ENTRY, any_digest=AnyDigest(NOW + timedelta(days=1), "OPS-1"))
    permission = admit_any_digest(entry, NOW)
    assert permission is not None
    obedient.resolver.permissions[DIGEST] = permission
    assert (await obedient.ask("DELETE", MANIFEST)).status == 405
    assert deleted(obedient) == []


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
async def test_relaxed_repositories_delete_anything(obedient: Proxy, mode: Mode) -> None:
    """Where pulls are not enforced, nothing is protected."""
    obedient.resolver.mode = mode
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    assert (await obedient.ask("DELETE", MANIFEST)).status == 202
    assert obedient.resolver.asked == []


async def test_a_stranger_deletes_nothing_and_learns_nothing(obedient: Proxy) -> None:
    """Who may not even read gets the registry's challenge, whatever is signed."""
    obedient.registry.asks_for = "Bearer alice"
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    reply = await obedient.ask("DELETE", MANIFEST, headers={})
    assert (reply.status, "X-Tagwarden-Refusal" in reply.headers) == (401, False)
    assert obedient.resolver.asked == []
    assert obedient.registry.requests == [f"GET {UNKNOWN}"]


async def test_a_hidden_repository_stays_hidden(obedient: Proxy) -> None:
    """A registry that answers 404 to strangers does so for a deletion too."""
    obedient.registry.knows_conditions = False
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    reply = await obedient.ask("DELETE", MANIFEST, headers={})
    assert (reply.status, "X-Tagwarden-Refusal" in reply.headers) == (404, False)
    assert deleted(obedient) == []


async def test_a_registry_that_looks_before_it_asks_keeps_what_is_admitted(obedient: Proxy) -> None:
    """Who can see the manifest may hear why it is not deleted."""
    obedient.registry.knows_conditions = False
    obedient.registry.holds(BODY)
    obedient.resolver.permissions[DIGEST] = allowed(BODY)
    reply = await obedient.ask("DELETE", MANIFEST)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (405, "delete_refused")


@pytest.mark.parametrize("query", ["", "?ns=mirror.example.com", "?ns=other.example.com"])
@pytest.mark.parametrize("admitting", [None, "mirror.example.com", "other.example.com"])
async def test_what_any_name_admits_is_kept(registry: FakeRegistry, admitting: str | None, query: str) -> None:
    """A client cannot choose the name under which nobody signed it."""
    registry.scripted[f"DELETE {MANIFEST}"] = answering(status=202)
    names = frozenset({"mirror.example.com", "other.example.com"})
    async with running(registry, ns_allowed=names) as proxy:
        assert (await proxy.ask("DELETE", MANIFEST + query)).status == 202
        proxy.resolver.permissions_by_name = {admitting: {DIGEST: allowed(BODY)}}
        assert (await proxy.ask("DELETE", MANIFEST + query)).status == 405
