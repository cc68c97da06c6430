"""dockerd with the proxy as a mirror of Docker Hub goes to Docker Hub when it is refused, and says nothing of it.

A registry of our own plays Docker Hub: dockerd finds it under that name and trusts its certificate.
"""

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.clients import docker_build, docker_pull
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.docker_daemon import docker_daemon as run_docker_daemon
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.relays import relayed
from tests.stack.configuration import configuration

_SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "clients" / "docker" / "daemon.json"
_HUB: Final = "registry-1.docker.io"
_REPOSITORY: Final = "shop/mirrored"


@dataclass(frozen=True)
class Place:
    """A proxy before one registry, and another one as Docker Hub at `address`; both have every image."""

    registry: Registry
    proxy: Proxy
    hub: Registry
    address: str
    ca_file: Path
    signed: Image

    def push(self, content: Image, tag: str) -> None:
        """Upload an image to both registries."""
        for each in (self.registry, self.hub):
            push(each, _REPOSITORY, content, tag)

    def refusals_of(self, tag: str) -> int:
        """How often the proxy refused this tag."""
        return sum(
            event["decision"] == "refused" and event["path"].endswith(f"/{tag}") for event in self.proxy.events()
        )

    @contextmanager
    def open_network(self) -> Iterator[None]:
        """Let Docker Hub be reached."""
        port = int(self.hub.host.rpartition(":")[2])
        with relayed(socket.create_server((self.address, 443)), port):
            yield


@pytest.fixture(scope="module")
def place(
    scratch: Path,
    authority: Authority,
    registry: Registry,
    notary: Notary,
    owner: Person,
    signers: dict[str, Person],
    anchor: str,
) -> Iterator[Place]:
    """The proxy wants alice, who signed tag 1.0; then somebody moved it, in both registries."""
    settings = configuration(registry, notary, [anchor], signers)
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
    address = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}.1"
    certificate, ca_file = authority.issue(_HUB), authority.certificate_file.absolute()
    with (
        run_registry(scratch / "hub", certificate=certificate, ca_file=ca_file) as hub,
        run_proxy(scratch / "mirror", settings) as proxy,
    ):
        place = Place(registry, proxy, hub, address, ca_file, image("mirrored signed"))
        place.push(place.signed, "1.0")
        alice, gun = signers["alice"], f"{registry.host}/{_REPOSITORY}"
        docker_trust.add_signer(owner, gun, alice.name, alice.public_key)
        notary_client.sign_as(alice, gun, "1.0", place.signed.digest, place.signed.length)
        place.push(image("mirrored moved"), "1.0")
        yield place


@contextmanager
def dockerd(place: Place, directory: Path, settings: str) -> Iterator[DockerDaemon]:
    """A dockerd with its `daemon.json`, for which Docker Hub is the one of the place."""
    hosts = f"127.0.0.1 localhost\n{place.address} {_HUB}\n"
    with run_docker_daemon(directory, settings=settings, hosts=hosts, ca_file=place.ca_file) as running:
        yield running


@pytest.fixture(scope="module")
def mirroring(scratch: Path, place: Place) -> Iterator[DockerDaemon]:
    """A dockerd that has the proxy as a mirror."""
    with dockerd(place, scratch / "mirroring", json.dumps({"registry-mirrors": [place.proxy.url]})) as running:
        yield running


def test_trap_of_docker_mirror(place: Place, mirroring: DockerDaemon) -> None:
    """With the proxy as a mirror dockerd is refused and pulls from Docker Hub; the person hears nothing of it."""
    content = image("mirrored unsigned")
    place.push(content, "trap")
    with place.open_network():
        signed = docker_pull(mirroring, f"{_REPOSITORY}:1.0")
        pulled = docker_pull(mirroring, f"{_REPOSITORY}:trap")
    assert signed.digest == place.signed.digest, signed.output
    assert pulled.digest == content.digest, pulled.output
    assert place.refusals_of("trap")
    assert "tag_not_signed" not in pulled.output


def test_trap_of_a_mirror_for_builds(place: Place, mirroring: DockerDaemon) -> None:
    """A build goes the same way round the proxy to its unsigned base image."""
    for tag in ("base", "unseen-base"):
        place.push(image(f"mirrored {tag}"), tag)
    with place.open_network():
        built = docker_build(mirroring, f"{_REPOSITORY}:base")
    assert built.ok, built.output
    assert place.refusals_of("base")
    closed = docker_build(mirroring, f"{_REPOSITORY}:unseen-base")
    assert not closed.ok
    assert place.refusals_of("unseen-base")


def test_build_under_the_proxys_name_is_refused(place: Place, mirroring: DockerDaemon) -> None:
    """A build whose base image is named after the proxy gets the signed one, and ends where it is not signed."""
    place.push(image("mirrored base of nobody"), "nobody")
    signed = docker_build(mirroring, f"{place.proxy.host}/{_REPOSITORY}:1.0")
    assert signed.ok, signed.output
    with place.open_network():
        refused = docker_build(mirroring, f"{place.proxy.host}/{_REPOSITORY}:nobody")
    assert not refused.ok
    assert "[tag_not_signed]" in refused.output


def test_closed_network_disarms_the_mirror(place: Place, mirroring: DockerDaemon) -> None:
    """Where Docker Hub cannot be reached, a refusal by the mirror is the end of it, though not in the proxy's words."""
    place.push(image("mirrored and refused"), "closed")
    refused = docker_pull(mirroring, f"{_REPOSITORY}:closed")
    assert not refused.ok
    assert place.refusals_of("closed")
    assert "connection refused" in refused.output


def test_shipped_file_asks_no_mirror(place: Place, tmp_path: Path) -> None:
    """With the shipped daemon.json Docker Hub is Docker Hub, and only the network keeps dockerd from it."""
    content = image("mirrored nowhere")
    place.push(content, "nowhere")
    with dockerd(place, tmp_path / "shipped", _SHIPPED.read_text()) as docker:
        closed = docker_pull(docker, f"{_REPOSITORY}:nowhere")
        with place.open_network():
            opened = docker_pull(docker, f"{_REPOSITORY}:nowhere")
    assert not closed.ok
    assert opened.digest == content.digest, opened.output
    assert not place.refusals_of("nowhere")
