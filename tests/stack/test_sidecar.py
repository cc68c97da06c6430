"""The sidecar form, run as it is shipped: registry and proxy in one pod, and a client in another one beside it.

Both configurations are those of `deploy/kubernetes/sidecar`, with the paths and keys of this machine in them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.commands import Outcome
from deploy.stack.daemons import Daemon
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.programs import program
from deploy.stack.proxy import tagwarden
from deploy.stack.registry import registry as run_registry
from deploy.stack.relays import ports_reach_out
from tests.stack.pods import Pod, neighbours

_SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "kubernetes" / "sidecar"
_NAME: Final = "registry.example.com"
_REPOSITORY: Final = "shop/api"
_PROXY, _PROBES, _REGISTRY = 5000, 9596, 5001


@dataclass(frozen=True)
class Sidecar:
    """The pod that serves, the one that pulls, and what was signed as tag 1.0 before somebody moved it."""

    pod: Pod
    client: Pod
    signed: Image
    ca_directory: Path

    def pull(self, reference: str) -> Outcome:
        """Pull from the client's pod; the digest is what skopeo prints."""
        source = f"docker://{self.pod.address}:{_PROXY}/{reference}"
        return self.client.run(
            [program("skopeo"), "inspect", f"--cert-dir={self.ca_directory}", "--format={{.Digest}}", source]
        )


@pytest.fixture(scope="module")
def sidecar(
    scratch: Path, authority: Authority, notary: Notary, owner: Person, signers: dict[str, Person], anchor: str
) -> Iterator[Sidecar]:
    """The pod, ready as kubelet would see it."""
    directory = scratch / "sidecar"
    content, signed = directory / "filled", image("sidecar signed")
    with run_registry(content, on_disk=True) as filling:
        push(filling, _REPOSITORY, signed, "1.0")
        push(filling, _REPOSITORY, image("sidecar moved"), "1.0", "unsigned")
    gun, alice = f"{_NAME}/{_REPOSITORY}", signers["alice"]
    docker_trust.add_signer(owner, gun, alice.name, alice.public_key)
    notary_client.sign_as(alice, gun, "1.0", signed.digest, signed.length)

    with ExitStack() as stack:
        pod, client = stack.enter_context(neighbours(directory, "pod", "client"))
        stack.enter_context(ports_reach_out(pod.pid, [int(notary.host.rpartition(":")[2])]))
        registry = _shipped(pod, "registry.yaml", {"/var/lib/registry": f"{content}/content"})
        command = [program("docker-registry"), "serve", str(registry)]
        stack.enter_context(_running(pod, "registry", command, f"http://127.0.0.1:{_REGISTRY}/v2/"))
        changes = {
            "/var/lib/tagwarden": str(pod.directory),
            "https://notary.example.com:4443": notary.url,
            "0" * 64: anchor,
        }
        configuration = _shipped(pod, "config.yaml", changes)
        _put_files(pod, authority, notary)
        command = [str(tagwarden()), "serve", "-c", str(configuration)]
        stack.enter_context(_running(pod, "tagwarden", command, f"http://{pod.address}:{_PROBES}/readyz"))
        ca_directory = client.directory / "ca"
        ca_directory.mkdir()
        (ca_directory / "ca.crt").write_bytes(authority.certificate_file.read_bytes())
        yield Sidecar(pod, client, signed, ca_directory)


def test_signed_tag_is_served_as_it_was_signed(sidecar: Sidecar) -> None:
    """A client in another pod gets the signed image, although the registry's tag leads to another one by now."""
    assert sidecar.pull(f"{_REPOSITORY}:1.0").must().strip() == sidecar.signed.digest


def test_unsigned_tag_is_refused(sidecar: Sidecar) -> None:
    """What nobody signed is refused, with the reason."""
    outcome = sidecar.pull(f"{_REPOSITORY}:unsigned")
    assert not outcome.ok
    assert "[tag_not_signed]" in outcome.output


def test_registry_cannot_be_reached_from_outside_its_pod(sidecar: Sidecar) -> None:
    """The registry answers within the pod, and nobody else gets a connection; the client's way to the pod is open."""
    path = f"{_REGISTRY}/v2/{_REPOSITORY}/manifests/unsigned"
    assert sidecar.pod.reaches(f"http://127.0.0.1:{path}")
    assert not sidecar.client.reaches(f"http://{sidecar.pod.address}:{path}")
    assert not sidecar.pod.reaches(f"http://{sidecar.pod.address}:{path}")
    assert sidecar.client.reaches(f"http://{sidecar.pod.address}:{_PROBES}/readyz")


def test_registry_on_every_address_would_be_a_bypass(sidecar: Sidecar) -> None:
    """What keeps clients out is the registry's address alone: one that listens on all of them is reached at once."""
    changes = {"127.0.0.1:5001": "0.0.0.0:5011", "/var/lib/registry": str(sidecar.pod.directory / "open")}
    settings = _shipped(sidecar.pod, "registry.yaml", changes, name="open.yaml")
    command = [program("docker-registry"), "serve", str(settings)]
    with _running(sidecar.pod, "open-registry", command, "http://127.0.0.1:5011/v2/"):
        assert sidecar.client.reaches(f"http://{sidecar.pod.address}:5011/v2/")


def _shipped(pod: Pod, file: str, changes: dict[str, str], *, name: str | None = None) -> Path:
    """Put a shipped file into the pod; every change has to find what it replaces."""
    text = (_SHIPPED / file).read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    written = pod.directory / (name or file)
    written.write_text(text)
    return written


def _put_files(pod: Pod, authority: Authority, notary: Notary) -> None:
    pair = authority.issue(pod.address, _NAME)
    for path, source in {
        "tls/tls.crt": pair.certificate_file,
        "tls/tls.key": pair.key_file,
        "authorities/notary-ca.crt": notary.ca_file,
    }.items():
        target = pod.directory / path
        target.parent.mkdir(exist_ok=True)
        target.touch(mode=0o600)
        target.write_bytes(source.read_bytes())


def _running(pod: Pod, name: str, command: list[str], url: str) -> AbstractContextManager[Daemon]:
    return pod.running(command, name=name, answers=lambda: pod.run([program("curl"), "-fs", url]).ok)
