"""Manifests from the registry: by digest, with the client's own credential, and believing nothing."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import pytest

from proxy.errors import ContentMismatch, ManifestAmbiguous, ManifestMissing, RegistryUnreachable, SignedLengthWrong
from proxy.limits import MANIFEST_BYTES, REGISTRY_ERROR_BYTES
from proxy.manifests import MediaType
from proxy.registry.client import UNKNOWN_DIGEST, RegistryClient
from proxy.registry.failures import Relayed
from tests.unit.registry.asking import ALICE, BODY, DIGEST, NOBODY, PATH, TAG_PATH, TAGGED
from tests.unit.registry.material import (
    FakeRegistry,
    allowed,
    answering,
    digest,
    error,
    image,
    index,
    of_unknown_length,
)

UNKNOWN_PATH: Final = f"/v2/shop/app/manifests/{UNKNOWN_DIGEST}"


async def test_a_manifest_is_fetched_by_digest(client: RegistryClient, registry: FakeRegistry) -> None:
    """The tag is never sent: one request names the signed digest, all four types and the client's credential."""
    registry.holds(BODY, tag="v1")
    verified = await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert verified.body == BODY
    assert verified.manifest.digest == DIGEST
    assert verified.manifest.media_type is MediaType.DOCKER_MANIFEST
    assert registry.requests == [f"GET {PATH}"]
    headers = registry.asked[0].headers
    assert headers["Accept"] == ", ".join(MediaType)
    assert headers["Authorization"] == "Bearer alice"
    assert not {"User-Agent", "Accept-Encoding", "If-None-Match", "Cookie"} & set(headers)


async def test_an_index_is_fetched_with_its_children(client: RegistryClient, registry: FakeRegistry) -> None:
    """What an index admits is known as soon as it was verified."""
    body = index([BODY])
    registry.holds(body)
    verified = await client.get_manifest(TAGGED, of_unknown_length(body), NOBODY)
    assert [child.digest for child in verified.manifest.children] == [DIGEST]


async def test_nobody_shows_no_credential(client: RegistryClient, registry: FakeRegistry) -> None:
    """A client without credentials stays one."""
    registry.holds(BODY)
    await client.get_manifest(TAGGED, allowed(BODY), NOBODY)
    assert "Authorization" not in registry.asked[0].headers


async def test_other_bytes_are_refused(client: RegistryClient, registry: FakeRegistry) -> None:
    """A registry that answers a digest with other bytes is not believed, whatever digest it states."""
    other = image("other")
    registry.scripted[f"GET {PATH}"] = answering(
        body=other, Content_Type=MediaType.DOCKER_MANIFEST, Docker_Content_Digest=DIGEST
    )
    with pytest.raises(ContentMismatch) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY), NOBODY)
    assert (refusal.value.digest, refusal.value.actual) == (DIGEST, digest(other))


async def test_a_signed_length_must_fit(client: RegistryClient, registry: FakeRegistry) -> None:
    """The digest fits and the signed length does not: refused, with both lengths and the signers (S12)."""
    registry.holds(BODY)
    with pytest.raises(SignedLengthWrong) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY, length=1), NOBODY)
    facts = refusal.value
    assert (facts.signers, facts.signed, facts.actual) == (("alice", "ci"), 1, len(BODY))


async def test_a_header_that_differs_from_the_body_is_refused(client: RegistryClient, registry: FakeRegistry) -> None:
    """Bytes of the signed digest are still ambiguous under another media type."""
    registry.scripted[f"GET {PATH}"] = answering(body=BODY, Content_Type=MediaType.OCI_MANIFEST)
    with pytest.raises(ManifestAmbiguous):
        await client.get_manifest(TAGGED, allowed(BODY), NOBODY)


async def chunked(request: Any) -> Any:
    """More than a manifest may have, without saying how much."""
    from aiohttp import web  # noqa: PLC0415  (only this answer needs it)

    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(MANIFEST_BYTES // 65536 + 2):
        await response.write(b" " * 65536)
    return response


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answering(body=b" " * (MANIFEST_BYTES + 1)), id="of known length"),
        pytest.param(chunked, id="of unknown length"),
    ],
)
async def test_a_manifest_without_end_is_refused(
    client: RegistryClient, registry: FakeRegistry, answer: Callable[[Any], Awaitable[Any]]
) -> None:
    """No more is read than a manifest may have."""
    registry.scripted[f"GET {PATH}"] = answer
    with pytest.raises(ManifestAmbiguous):
        await client.get_manifest(TAGGED, allowed(BODY), NOBODY)


@pytest.mark.parametrize("status", [201, 206, 300, 304])
async def test_an_answer_that_is_neither_manifest_nor_error_is_none(
    client: RegistryClient, registry: FakeRegistry, status: int
) -> None:
    """Nothing asked for a part or a condition, and a choice is no redirect: none of it is served or handed on."""
    registry.scripted[f"GET {PATH}"] = answering(status=status, Location=TAG_PATH)
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY), NOBODY)
    assert refusal.value.why == f"it answered {status} where a manifest was asked for"
    assert registry.requests == [f"GET {PATH}"]


async def test_the_registrys_no_is_kept_for_the_client(client: RegistryClient, registry: FakeRegistry) -> None:
    """Status, every challenge and the body are the client's to see; nothing else of the answer is."""

    async def no(_request: Any) -> Any:
        answer = error(401, "UNAUTHORIZED", {"Docker-Content-Digest": DIGEST, "Retry-After": "7"})
        answer.headers.add("WWW-Authenticate", 'Bearer realm="https://auth.example.com/token",service="r"')
        answer.headers.add("WWW-Authenticate", 'Basic realm="r"')
        return answer

    registry.scripted[f"GET {PATH}"] = no
    with pytest.raises(Relayed) as raised:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    relayed = raised.value
    assert relayed.status == 401
    assert relayed.headers.getall("WWW-Authenticate") == [
        'Bearer realm="https://auth.example.com/token",service="r"',
        'Basic realm="r"',
    ]
    assert set(relayed.headers) == {"WWW-Authenticate", "Content-Type", "Retry-After"}
    assert b"UNAUTHORIZED" in relayed.body


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        pytest.param(REGISTRY_ERROR_BYTES, REGISTRY_ERROR_BYTES, id="as large as may be"),
        pytest.param(REGISTRY_ERROR_BYTES + 1, 0, id="too large"),
    ],
)
async def test_the_body_of_an_error_is_bounded(
    client: RegistryClient, registry: FakeRegistry, length: int, kept: int
) -> None:
    """An error without end is handed on without its body."""
    registry.scripted[f"GET {PATH}"] = answering(status=403, body=b"x" * length)
    with pytest.raises(Relayed) as raised:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert len(raised.value.body) == kept


async def test_an_error_never_looks_like_a_manifest(client: RegistryClient, registry: FakeRegistry) -> None:
    """Old clients take the body of some errors for a manifest, so its type is not handed on."""
    registry.scripted[f"GET {PATH}"] = answering(status=403, body=image("evil"), Content_Type=MediaType.DOCKER_MANIFEST)
    with pytest.raises(Relayed) as raised:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert raised.value.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("status", [200, 304, 302, 600, 99])
def test_only_an_error_can_be_relayed(status: int) -> None:
    """A success or a redirect cannot even be put into a relayed answer."""
    with pytest.raises(ValueError, match="must not be relayed"):
        Relayed(status, cast("Any", {}), b"")


async def test_a_missing_manifest_is_told_from_a_hidden_one(client: RegistryClient, registry: FakeRegistry) -> None:
    """404 for the digest and permission for the repository: the registry lacks what was signed."""
    with pytest.raises(ManifestMissing) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert refusal.value.digest == DIGEST
    assert registry.requests == [f"GET {PATH}", f"GET {UNKNOWN_PATH}"]


async def test_a_hidden_repository_stays_hidden(client: RegistryClient, registry: FakeRegistry) -> None:
    """A registry that says 404 to everything of a repository is relayed, and no refusal tells more."""
    registry.knows_conditions = False
    with pytest.raises(Relayed) as raised:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert raised.value.status == 404
    assert registry.requests == [f"GET {PATH}", f"GET {UNKNOWN_PATH}", f"HEAD {TAG_PATH}"]


async def test_what_is_to_be_signed_is_measured(client: RegistryClient, registry: FakeRegistry) -> None:
    """Length and kind come from bytes that hash to the digest, and the bytes themselves are not handed out."""
    body = index([BODY])
    registry.holds(body)
    measured = await client.measure(TAGGED.repository, digest(body), ALICE)
    assert measured
    assert (measured.digest, measured.length, measured.is_index) == (digest(body), len(body), True)
    assert await client.measure(TAGGED.repository, UNKNOWN_DIGEST, ALICE) is None


async def test_what_is_measured_is_believed_byte_for_byte(client: RegistryClient, registry: FakeRegistry) -> None:
    """Nobody is told to sign a length that other bytes have."""
    registry.scripted[f"GET {PATH}"] = answering(body=image("other"), Content_Type=MediaType.DOCKER_MANIFEST)
    with pytest.raises(ContentMismatch):
        await client.measure(TAGGED.repository, DIGEST, ALICE)


async def test_who_is_not_let_in_measures_nothing(client: RegistryClient, registry: FakeRegistry) -> None:
    """The registry's own answer is kept."""
    registry.scripted[f"GET {PATH}"] = answering(status=401)
    with pytest.raises(Relayed) as relayed:
        await client.measure(TAGGED.repository, DIGEST, ALICE)
    assert relayed.value.status == 401
