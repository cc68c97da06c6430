"""Uploads that break off, and blobs that another repository has already."""

import hashlib
import random
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import Blob
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.pushers import Docker, Host
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.configuration import wait_for
from tests.stack.pushing import Place, Trust, place
from tests.support.relays import cutting_relay
from tests.support.token_server import TokenServer, User, token_server

_WRITER: Final = Login("writer", "writer's secret")
_GUEST: Final = Login("guest", "guest's secret")
_USERS: Final = (User(_WRITER, {"*": "pull,push"}), User(_GUEST, {"open/*": "pull,push"}))
_SERVICE: Final = "registry.example.com"
_BINARY: Final = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def tokens(scratch: Path) -> Iterator[TokenServer]:
    """Who says that a guest may only see `open/`."""
    with token_server(scratch / "upload-tokens", _USERS) as server:
        yield server


@pytest.fixture(scope="module")
def here(scratch: Path, tokens: TokenServer, notary: Notary, owner: Person, anchor: str) -> Iterator[Place]:
    """A proxy over a registry that keeps its content on disk and wants tokens."""
    trust = Trust(notary, owner, anchor)
    auth = tokens.auth(_SERVICE, _WRITER)
    with (
        run_registry(scratch / "upload-registry", login=auth, on_disk=True) as registry,
        place(scratch / "upload-place", registry, trust, login=_WRITER) as running,
    ):
        yield running


@pytest.fixture
def blob(request: pytest.FixtureRequest) -> Blob:
    """A megabyte that no other test has."""
    content = random.Random(request.node.name).randbytes(1 << 20)  # noqa: S311 - any bytes will do
    return Blob("application/octet-stream", content)


def _begin(through: Registry, repository: str) -> str:
    begun = through.request("POST", f"/v2/{repository}/blobs/uploads/")
    assert begun.status == 202, begun.body
    return begun.headers["Location"]


def _patch(through: Registry, location: str, content: bytes, start: int) -> str:
    headers = _BINARY | {"Content-Range": f"{start}-{start + len(content) - 1}"}
    patched = through.request("PATCH", location, body=content, headers=headers)
    assert patched.status == 202, patched.body
    assert patched.headers["Range"] == f"0-{start + len(content) - 1}"
    return patched.headers["Location"]


def _finish(through: Registry, location: str, digest: str) -> int:
    return through.request("PUT", f"{location}&digest={digest}", headers=_BINARY).status


def test_upload_goes_on_where_it_stopped(here: Place, blob: Blob) -> None:
    """After a lost connection the registry says how far it got, and the rest completes the blob."""
    half = blob.length // 2
    location = _patch(here.through, _begin(here.through, "open/resumed"), blob.content[:half], 0)
    asked = here.through.request("GET", location)
    assert (asked.status, asked.headers["Range"]) == (204, f"0-{half - 1}")
    location = _patch(here.through, asked.headers["Location"], blob.content[half:], half)
    assert _finish(here.through, location, blob.digest) == 201
    assert here.through.request("GET", f"/v2/open/resumed/blobs/{blob.digest}").body == blob.content


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_half_a_chunk_is_never_taken_for_a_whole(here: Place, tokens: TokenServer, blob: Blob, framing: str) -> None:
    """A body that breaks off breaks off at the registry too: its half becomes no blob, and a new upload does."""
    repository, half = f"open/cut-{framing}", blob.content[: blob.length // 2]
    location = _begin(here.through, repository)
    parts = urlsplit(location)
    framed, head = (
        (b"%x\r\n%s\r\n" % (len(half), half), "Transfer-Encoding: chunked")
        if framing == "chunked"
        else (half, f"Content-Length: {blob.length}")
    )
    token = tokens.token(_SERVICE, f"repository:{repository}:pull,push", username="writer")
    lines = [
        f"PATCH {parts.path}?{parts.query} HTTP/1.1",
        f"Host: {here.host.name}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/octet-stream",
        head,
    ]
    log, upload = here.registry.daemon.log, parts.path.rpartition("/")[2]
    with socket.create_connection(("127.0.0.1", int(here.host.name.rpartition(":")[2])), 30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + framed)
        wait_for(lambda: _stored(here.registry, repository, upload), lambda size: size == len(half))
    lost = f'msg="client disconnected during blob PATCH".*{upload}'
    broken = wait_for(lambda: re.search(lost, log.read_text()), bool)
    assert broken
    digest = f"sha256:{hashlib.sha256(half).hexdigest()}"
    assert _finish(here.through, location, digest) >= 400
    assert not here.registry.has_blob(repository, digest)
    again = _patch(here.through, _begin(here.through, repository), blob.content, 0)
    assert _finish(here.through, again, blob.digest) == 201


def _stored(registry: Registry, repository: str, upload: str) -> int:
    assert registry.storage is not None
    data = registry.storage / "docker/registry/v2/repositories" / repository / "_uploads" / upload / "data"
    return data.stat().st_size if data.exists() else 0


def test_early_no_reaches_whoever_is_still_sending(here: Place) -> None:
    """A registry that wants a credential says so before it has read the body, and the client hears that each time."""
    stranger, body = replace(here.through, login=None), bytes(4 << 20)
    for _ in range(20):
        refused = stranger.request("PATCH", _begin(here.through, "open/early"), body=body, headers=_BINARY)
        assert refused.status == 401, refused.body
        assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


def test_docker_begins_again_after_a_cut(here: Place, docker_daemon: DockerDaemon) -> None:
    """Docker whose connection is reset in the middle of a layer begins it again by itself, and all of it arrives."""
    text = random.Random(1).randbytes(1 << 20).hex()  # noqa: S311 - any bytes will do
    with cutting_relay(here.host.name, after=200_000) as relay:
        pushed = Docker(docker_daemon, Host(relay.host, _WRITER)).push(text, f"{relay.host}/open/again:1.0")
        assert relay.cut == 1
    assert "Retrying" in pushed.output
    assert pushed.ok, pushed.output
    assert here.registry.get_manifest("open/again", str(pushed.digest)).status == 200


def test_docker_mounts_what_another_repository_has(here: Place, docker_daemon: DockerDaemon) -> None:
    """Docker pushes a layer once: the second repository gets it by a mount through the proxy."""
    docker = Docker(docker_daemon, here.host)
    first, second = here.name("1.0", "open/first"), here.name("1.0", "open/second")
    assert docker.push("mounted", first).ok
    docker_daemon.docker("tag", first, second).must()
    assert "Mounted from open/first" in docker_daemon.docker("push", second).must()


def test_mount_needs_a_credential_for_both(here: Place, tokens: TokenServer, blob: Blob) -> None:
    """Who may read the other repository gets its blob by a mount; who may not has to upload it."""
    here.registry.put_blob("closed/source", blob.digest, blob.content)
    mount = f"/v2/{{}}/blobs/uploads/?mount={blob.digest}&from=closed/source"
    assert here.through.request("POST", mount.format("open/writers")).status == 201
    assert here.registry.has_blob("open/writers", blob.digest)
    guest = replace(here.through, login=tokens.auth(_SERVICE, _GUEST))
    refused = guest.request("POST", mount.format("open/guests"))
    assert refused.status == 401
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert not here.registry.has_blob("open/guests", blob.digest)
    guest.put_blob("open/guests", blob.digest, blob.content)
    assert here.registry.has_blob("open/guests", blob.digest)


def test_docker_uploads_what_it_may_not_mount(here: Place, docker_daemon: DockerDaemon) -> None:
    """Docker with a login that may not read the other repository uploads the layer, and nothing fails."""
    source, target = here.name("1.0", "closed/docker"), here.name("1.0", "open/docker")
    assert Docker(docker_daemon, here.host).push("not for guests", source).ok
    docker_daemon.docker("tag", source, target).must()
    docker_daemon.log_in(here.host.name, _GUEST)
    printed = docker_daemon.docker("push", target).must()
    assert "Mounted from" not in printed
    assert "digest: sha256:" in printed
