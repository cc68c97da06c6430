"""Asking the registry: by digest, with the client's own credential, and believing nothing."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, cast

import pytest
from aiohttp import ClientTimeout
from yarl import URL

from proxy.config.settings import Credentials
from proxy.errors import (
    ContentMismatch,
    ManifestAmbiguous,
    ManifestMissing,
    RegistryTimedOut,
    RegistryUnreachable,
    SignedLengthWrong,
)
from proxy.limits import MANIFEST_BYTES, REGISTRY_ERROR_BYTES
from proxy.manifests import MediaType
from proxy.names import Reference, Tag
from proxy.policy.decisions import Allowed, Unenforced, relax
from proxy.policy.entries import Mode, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.registry import client as client_module
from proxy.registry.client import UNKNOWN_DIGEST, RegistryClient, connect
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import (
    APP,
    ENTRY,
    NOW,
    FakeRegistry,
    allowed,
    answering,
    digest,
    error,
    eventually,
    image,
    index,
    of_unknown_length,
    settings,
    speaking,
)

BODY: Final = image()
DIGEST: Final = digest(BODY)
TAGGED: Final = Reference(APP, Tag("v1"))
PATH: Final = f"/v2/shop/app/manifests/{DIGEST}"
TAG_PATH: Final = "/v2/shop/app/manifests/v1"
UNKNOWN_PATH: Final = f"/v2/shop/app/manifests/{UNKNOWN_DIGEST}"
NOBODY: Final = ClientCredentials()
ALICE: Final = ClientCredentials("Bearer alice")


def unenforced() -> Unenforced:
    """A permission to relay, made by policy."""
    rollout = [Relaxation(RepositoryPattern("**"), Mode.DISABLED, None, None)]
    permission = relax(Policy("registry.example.com", [ENTRY], rollout), APP, NOW)
    assert permission is not None
    return permission


# --- get_manifest -----------------------------------------------------------------------------


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


@pytest.mark.parametrize("status", [206, 301, 302, 307, 308])
async def test_a_redirect_of_a_manifest_is_no_answer(
    client: RegistryClient, registry: FakeRegistry, status: int
) -> None:
    """A redirect would lead past the proxy, so it is neither followed nor handed on."""
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


# --- authorise --------------------------------------------------------------------------------


@pytest.mark.parametrize("knows_conditions", [pytest.param(True, id="304"), pytest.param(False, id="200")])
async def test_permission_is_a_conditional_get(
    client: RegistryClient, registry: FakeRegistry, *, knows_conditions: bool
) -> None:
    """200 and 304 are permission, to the client's own credential, asked anew every time."""
    registry.holds(BODY)
    registry.knows_conditions = knows_conditions
    for _ in range(2):
        await client.authorise(TAGGED, DIGEST, ALICE)
    assert registry.requests == [f"GET {PATH}"] * 2
    assert registry.asked[0].headers["If-None-Match"] == f'"{DIGEST}"'
    assert registry.asked[0].headers["Authorization"] == "Bearer alice"


async def test_without_permission_the_registry_answers(client: RegistryClient, registry: FakeRegistry) -> None:
    """Whoever is not let in hears it from the registry, decided digest or not."""
    registry.asks_for = "Bearer bob"
    registry.holds(BODY)
    for asking in (client.authorise(TAGGED, DIGEST, ALICE), client.authorise_undecided(TAGGED, ALICE)):
        with pytest.raises(Relayed) as raised:
            await asking
        assert raised.value.status == 401
        assert "realm" in raised.value.headers["WWW-Authenticate"]


async def test_a_decided_digest_that_is_gone_is_missing(client: RegistryClient, registry: FakeRegistry) -> None:
    """A registry that looks before it says 304 says 404; the tag shows that the client may read."""
    registry.knows_conditions = False
    registry.holds(image("moved"), tag="v1")
    with pytest.raises(ManifestMissing):
        await client.authorise(TAGGED, DIGEST, ALICE)
    assert registry.requests == [f"GET {PATH}", f"GET {UNKNOWN_PATH}", f"HEAD {TAG_PATH}"]


async def test_while_nothing_is_decided_an_unknown_digest_is_asked_for(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """The registry says 304 for a digest that nobody has, which is permission enough to hear a refusal."""
    await client.authorise_undecided(TAGGED, ALICE)
    assert registry.requests == [f"GET {UNKNOWN_PATH}"]
    assert registry.asked[0].headers["If-None-Match"] == f'"{UNKNOWN_DIGEST}"'


async def test_where_an_unknown_digest_is_404_the_own_reference_counts(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """The client's own tag is asked for by HEAD, for its status only."""
    registry.knows_conditions = False
    registry.holds(BODY, tag="v1")
    await client.authorise_undecided(TAGGED, ALICE)
    assert registry.requests == [f"GET {UNKNOWN_PATH}", f"HEAD {TAG_PATH}"]
    assert registry.asked[1].headers["Accept"] == ", ".join(MediaType)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(404, b"MANIFEST_UNKNOWN", id="both 404: the first answer, which has a body"),
        pytest.param(403, b"", id="another status: that one"),
        pytest.param(401, b"", id="a challenge: that one"),
    ],
)
async def test_where_the_own_reference_is_no_permission_either(
    client: RegistryClient, registry: FakeRegistry, status: int, body: bytes
) -> None:
    """The registry's status for the client's reference is relayed."""
    registry.knows_conditions = False
    registry.scripted[f"HEAD {TAG_PATH}"] = answering(status=status, WWW_Authenticate="Basic")
    with pytest.raises(Relayed) as raised:
        await client.authorise_undecided(TAGGED, ALICE)
    assert raised.value.status == status
    assert body in raised.value.body
    assert ("WWW-Authenticate" in raised.value.headers) is (status != 404)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_redirect_is_no_permission(client: RegistryClient, registry: FakeRegistry, method: str) -> None:
    """Neither probe is satisfied by a redirect, and none is relayed."""
    registry.knows_conditions = False
    path = UNKNOWN_PATH if method == "GET" else TAG_PATH
    registry.scripted[f"{method} {path}"] = answering(status=307, Location="https://elsewhere.example.com/")
    with pytest.raises(RegistryUnreachable):
        await client.authorise_undecided(TAGGED, ALICE)


# --- the doors --------------------------------------------------------------------------------


async def test_a_clients_own_request_needs_a_permission(client: RegistryClient, registry: FakeRegistry) -> None:
    """What policy did not make opens nothing, even where no type checker looked."""
    registry.holds(BODY, tag="v1")
    with pytest.raises(TypeError):
        client.pass_manifest(cast("Unenforced", allowed(BODY)), "GET", TAGGED, {})
    with pytest.raises(TypeError):
        client.stream("GET", TAG_PATH, "", {})
    with pytest.raises(TypeError):
        client.stream("HEAD", PATH, "", {})
    assert registry.requests == []


def test_a_permission_cannot_be_made_up() -> None:
    """The capabilities come from policy or not at all."""
    with pytest.raises(TypeError):
        Allowed(DIGEST, None, (), ENTRY, "", NOW, object())


async def test_a_clients_own_request_is_relayed(client: RegistryClient, registry: FakeRegistry) -> None:
    """With the permission the tag goes out as it was asked for, with the given headers and no more."""
    registry.holds(BODY, tag="v1")
    async with client.pass_manifest(unenforced(), "GET", TAGGED, {"Accept": "x/y"}) as answer:
        assert answer.status == 200
        assert await answer.read_up_to(MANIFEST_BYTES) == BODY
    assert registry.requests == [f"GET {TAG_PATH}"]
    assert set(registry.asked[0].headers) == {"Host", "Accept"}


async def test_the_proxys_own_credential_walks(registry: FakeRegistry) -> None:
    """Where the proxy has a credential it reads indexes with it; else with the asking client's."""
    async with connect(settings(registry.url, Credentials("warden", "s3cret:x"))) as own:
        assert own.walker(ALICE).authorization == "Basic d2FyZGVuOnMzY3JldDp4"
        assert "s3cret" not in repr(own.walker(ALICE))
    async with connect(settings(registry.url)) as none:
        assert none.walker(ALICE) is ALICE


# --- a registry that fails --------------------------------------------------------------------

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(answer: bytes) -> Talk:
    """A peer that reads one request and says this, then hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return talk


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that resets the connection."""
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A peer that never answers."""
    await reader.read()


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        pytest.param(saying(b""), "it closed the connection", id="closed"),
        pytest.param(saying(b"SSH-2.0-OpenSSH\r\n\r\n"), "its answer is no HTTP", id="no HTTP"),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "the connection broke", id="body cut off"
        ),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
            "the connection broke",
            id="chunk cut",
        ),
        pytest.param(resetting, "the connection broke", id="reset"),
    ],
)
async def test_a_registry_that_fails_is_unreachable(talk: Talk, why: str) -> None:
    """Whatever goes wrong on the wire is one refusal, which says what it was."""
    async with speaking(talk) as url, connect(settings(url)) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.get_manifest(TAGGED, allowed(BODY), NOBODY)
    assert refusal.value.why == why


async def test_a_closed_port_is_unreachable(unused_tcp_port: int) -> None:
    """A registry that does not run refuses the connection."""
    async with connect(settings(URL(f"http://127.0.0.1:{unused_tcp_port}"))) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.authorise(TAGGED, DIGEST, NOBODY)
    assert not isinstance(refusal.value, RegistryTimedOut)
    assert refusal.value.why == "connection refused"


async def test_a_name_that_nobody_knows_is_unreachable() -> None:
    """A registry without an address is told apart from one that is down."""
    async with connect(settings(URL("http://registry.invalid"))) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.authorise(TAGGED, DIGEST, NOBODY)
    assert refusal.value.why == "its name cannot be resolved"


async def test_tls_that_fails_is_unreachable(registry: FakeRegistry) -> None:
    """A registry that speaks plain HTTP where TLS is configured is told apart from one that is away."""
    async with connect(settings(registry.url.with_scheme("https"))) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.authorise(TAGGED, DIGEST, NOBODY)
    assert refusal.value.why.startswith("TLS failed, ")


async def test_a_client_that_breaks_off_is_not_the_registrys_failure(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """An upload that ends in the middle is the client's doing, and the registry sees it broken."""
    whole: list[bytes] = []
    ended = asyncio.Event()

    async def patch(request: Any) -> Any:
        try:
            whole.append(await request.read())
        finally:
            ended.set()

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    registry.scripted["PATCH /v2/shop/app/blobs/uploads/x"] = patch
    with pytest.raises(ConnectionResetError, match="the client broke off its upload"):
        async with client.stream("PATCH", "/v2/shop/app/blobs/uploads/x", "", {}, body()):
            pytest.fail("there is no answer to half an upload")
    await eventually(ended.is_set)
    assert whole == []


async def test_a_timeout_of_the_caller_is_not_the_registrys(client: RegistryClient, registry: FakeRegistry) -> None:
    """What goes wrong beside an open exchange keeps its own name."""
    registry.scripted["GET /v2/"] = answering()
    with pytest.raises(TimeoutError):
        async with client.stream("GET", "/v2/", "", {}):
            raise TimeoutError


async def test_a_silent_registry_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest request has an end."""
    monkeypatch.setattr(client_module, "_MANIFEST", ClientTimeout(total=0.05))
    async with speaking(silent) as url, connect(settings(url)) as client:
        with pytest.raises(RegistryTimedOut):
            await client.get_manifest(TAGGED, allowed(BODY), NOBODY)


async def read_all(client: RegistryClient) -> bytes:
    """Read a blob to its end."""
    body = b""
    async with client.stream("GET", "/v2/shop/app/blobs/x", "", {}) as answer:
        while chunk := await answer.read_any():
            body += chunk
    return body


async def test_a_stalling_body_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream has no end, but it may not stand still."""

    async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        await reader.read()

    monkeypatch.setattr("proxy.registry.streams.STREAM_IDLE_SECONDS", 0.05)
    async with speaking(stalling) as url, connect(settings(url)) as client:
        with pytest.raises(RegistryTimedOut):
            await read_all(client)


async def test_a_kept_connection_that_was_closed_is_no_failure() -> None:
    """A registry may close an idle connection at any time: a read is repeated on a new one."""
    asked = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # the second request on this connection is never answered

    async with speaking(once) as url, connect(settings(url)) as client:
        await client.authorise(TAGGED, DIGEST, NOBODY)
        await client.authorise(TAGGED, DIGEST, NOBODY)
    assert len(asked) == 2
