"""A proxy that people push to, sign at and pull from: its own name is the registry's, as where it guards one."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from certs.authority import CLIENT, Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.pushers import Buildah, Ctr, Docker, Host, Podman, Pusher, Skopeo
from deploy.stack.registry import Registry
from deploy.stack.web import Answer, Login
from tests.stack.configuration import configuration, wait_for

REPOSITORY = "shop/app"
INDEX_PUSHERS = ("ctr", "skopeo", "podman", "buildah")
PUSHERS = ("docker", *INDEX_PUSHERS)

# This machine too, and to dockerd no loopback name, whose certificates it does not check.
_CHECKED = "0.0.0.0"  # noqa: S104 - a name for clients; nothing listens on it


@dataclass(frozen=True)
class Trust:
    """Where to sign: a Notary and the owner of its collections, whose root key the proxy pins: its id is `anchor`.

    `credentials` are the proxy's own there, if the Notary asks for any.
    """

    notary: Notary
    owner: Person
    anchor: str
    credentials: Login | None = None


@dataclass(frozen=True)
class Place:
    """A proxy over a registry. `alice` signs for `REPOSITORY`, and for what else `delegate` names.

    `host` is what clients are told. `registry` is asked directly, `through` by the proxy, with the same login.
    """

    host: Host
    proxy: Proxy
    registry: Registry
    through: Registry
    owner: Person
    alice: Person

    def name(self, tag: str, repository: str = REPOSITORY) -> str:
        """An image as people write it."""
        return f"{self.host.name}/{repository}:{tag}"

    def gun(self, repository: str = REPOSITORY) -> str:
        """The collection of a repository."""
        return f"{self.host.name}/{repository}"

    def delegate(self, repository: str) -> None:
        """Let alice sign for one more repository."""
        docker_trust.add_signer(self.owner, self.gun(repository), self.alice.name, self.alice.public_key)

    def ask(self, reference: str, repository: str = REPOSITORY) -> Answer:
        """Ask the proxy for a manifest."""
        return self.through.get_manifest(repository, reference)

    def sign(self, tag: str, digest: str | None, repository: str = REPOSITORY) -> None:
        """Let alice sign what was pushed, and wait until the proxy knows."""
        assert digest is not None
        length = len(self.registry.get_manifest(repository, digest).body)
        notary_client.sign_as(self.alice, self.gun(repository), tag, digest, length)
        self.signed(tag, repository)

    def signed(self, tag: str, repository: str = REPOSITORY) -> None:
        """Wait until the proxy knows of a signature."""
        answer = wait_for(lambda: self.ask(tag, repository), lambda answer: answer.status == 200)
        assert answer.status == 200, answer.body


@contextmanager
def place(
    directory: Path,
    registry: Registry,
    trust: Trust,
    *,
    login: Login | None = None,
    authority: Authority | None = None,
    doors: Mapping[str, str] | None = None,
    candidates: Mapping[str, Any] | None = None,
) -> Iterator[Place]:
    """Run a proxy that is asked under its own name, and let alice sign for `REPOSITORY` there.

    Args:
        directory: Of the proxy and of alice.
        registry: What it guards.
        trust: What it verifies.
        login: With which people push, sign and pull.
        authority: Serves TLS with a certificate of it, under a name whose certificate dockerd checks.
        doors: Further keys of `registry` in the configuration.
        candidates: `candidates` in the configuration.
    """
    port = free_port()
    name = f"{_CHECKED if authority else '127.0.0.1'}:{port}"
    alice = Person.settle("alice", directory / "alice", trust.notary)
    docker_trust.generate_key(alice)
    settings = _settings(directory, registry, trust, alice, name)
    settings["registry"] |= doors or {}
    settings |= {"candidates": candidates} if candidates else {}
    certificate = authority.pair(_CHECKED) if authority else None
    ca_file = authority.certificate_file.absolute() if authority else None
    with run_proxy(directory / "proxy", settings, port=port, certificate=certificate, ca_file=ca_file) as proxy:
        through = replace(registry, url=proxy.url, host=name, ca_file=ca_file)
        host = Host(name, login, _alone(directory / "authority", ca_file) if ca_file else None)
        owner = trust.owner
        if login:
            alice, owner = alice.log_in(name, login), owner.log_in(name, login)
        running = Place(host, proxy, registry, through, owner, alice)
        running.delegate(REPOSITORY)
        yield running


def candidates_at(directory: Path, authority: Authority) -> tuple[Host, dict[str, Any]]:
    """A second listener that wants client certificates: for those who have one, and for the configuration."""
    host = Host(f"127.0.0.1:{free_port()}", authority=_alone(directory, authority.certificate_file))
    client, server = authority.pair("scanner", usages=(CLIENT,)), authority.pair("proxy")
    (directory / "scanner.cert").write_bytes(client.certificate_file.read_bytes())
    (directory / "scanner.key").write_bytes(client.key_file.read_bytes())
    tls = {
        "certificate_file": str(server.certificate_file.absolute()),
        "key_file": str(server.key_file.absolute()),
        "client_ca_file": str(authority.certificate_file.absolute()),
    }
    return host, {"address": host.name, "tls": tls}


def pusher(request: pytest.FixtureRequest, name: str, host: Host) -> Pusher:
    """One of `PUSHERS`, with whatever it needs to run."""
    if name == "docker":
        return Docker(request.getfixturevalue("docker_daemon"), host)
    if name == "ctr":
        return Ctr(request.getfixturevalue("containerd"), host)
    containers: dict[str, Callable[[Path, Host], Pusher]] = {"skopeo": Skopeo, "podman": Podman, "buildah": Buildah}
    return containers[name](request.getfixturevalue("tmp_path"), host)


def _settings(directory: Path, registry: Registry, trust: Trust, alice: Person, name: str) -> dict[str, Any]:
    settings = configuration(registry, trust.notary, [trust.anchor], {"alice": alice})
    settings["name"] = name
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}, "fresh_for": "500ms"}}
    if trust.credentials:
        file = directory / "notary.json"
        file.write_text(json.dumps({"username": trust.credentials.username, "password": trust.credentials.password}))
        settings["notaries"]["corp"]["credentials_file"] = str(file.absolute())
    return settings


def _alone(directory: Path, ca_file: Path) -> Path:
    """A directory with nothing but `ca.crt`, as clients want it."""
    directory.mkdir(parents=True)
    (directory / "ca.crt").write_bytes(ca_file.read_bytes())
    return directory
