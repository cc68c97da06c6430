"""Real clients pull through the proxy what real tools signed, and are refused the rest."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.stack import clients, docker_trust, notary_client
from deploy.stack.clients import Pull
from deploy.stack.containerd import Containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import Image, image, multi_arch, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.configuration import configuration, wait_for

Signers = dict[str, Person]
Puller = Callable[[str], Pull]


@pytest.fixture(scope="module")
def proxy(scratch: Path, registry: Registry, notary: Notary, signers: Signers, anchor: str) -> Iterator[Proxy]:
    """A proxy that wants alice or bob for everything, and asks Notary again after a second."""
    settings = configuration(registry, notary, [anchor], signers)
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice", "bob"]}, "fresh_for": "1s"}}
    with run_proxy(scratch / "proxy", settings) as running:
        yield running


@pytest.fixture(params=["docker", "ctr", "skopeo", "podman"])
def pull(request: pytest.FixtureRequest, tmp_path: Path) -> Puller:
    """One real client after another."""
    match request.param:
        case "docker":
            daemon: DockerDaemon = request.getfixturevalue("docker_daemon")
            return lambda reference: clients.docker_pull(daemon, reference)
        case "ctr":
            containerd: Containerd = request.getfixturevalue("containerd")
            return lambda reference: clients.ctr_pull(containerd, reference)
        case "skopeo":
            return lambda reference: clients.skopeo_pull(tmp_path, reference, every_platform=True)
        case _:
            directories = (tmp_path / str(number) for number in itertools.count())
            return lambda reference: clients.podman_pull(next(directories), reference)


def signed(registry: Registry, owner: Person, signer: Person, repository: str, tag: str, content: Image) -> Image:
    """Push an image and let a signer sign it as `docker trust sign` does."""
    gun = f"{registry.host}/{repository}"
    push(registry, repository, content, tag)
    docker_trust.add_signer(owner, gun, signer.name, signer.public_key)
    notary_client.sign_as(signer, gun, tag, content.digest, content.length)
    return content


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(image("single"), id="single"),
        pytest.param(image("single oci", kind="oci"), id="single-oci"),
        pytest.param(multi_arch("index"), id="index"),
        pytest.param(multi_arch("index oci", kind="oci"), id="index-oci"),
    ],
)
def test_signed_tag_is_served_by_its_signed_digest(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, repository: str, pull: Puller, content: Image
) -> None:
    """A client that pulls a signed tag gets exactly what was signed."""
    signed(registry, owner, signers["alice"], repository, "1.0", content)
    pulled = pull(f"{proxy.host}/{repository}:1.0")
    assert pulled.ok, pulled.output
    assert pulled.digest == content.digest


def test_unsigned_tag_is_refused_in_words(
    registry: Registry,
    owner: Person,
    signers: Signers,
    proxy: Proxy,
    repository: str,
    pull: Puller,
) -> None:
    """A client that pulls an unsigned tag is refused, and the person at it can read why and what to do."""
    signed(registry, owner, signers["alice"], repository, "1.0", image("signed"))
    push(registry, repository, image("not signed"), "2.0")
    pulled = pull(f"{proxy.host}/{repository}:2.0")
    assert not pulled.ok
    assert "is not signed in Notary" in pulled.output
    assert "[tag_not_signed]" in pulled.output


def test_moved_tag_changes_nothing(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, repository: str, pull: Puller
) -> None:
    """Somebody who moves the tag in the registry does not reach the clients."""
    before = signed(registry, owner, signers["alice"], repository, "1.0", image("good"))
    push(registry, repository, image("evil"), "1.0")
    pulled = pull(f"{proxy.host}/{repository}:1.0")
    assert pulled.digest == before.digest, pulled.output


def test_digest_of_a_signed_image_and_of_a_child_are_served(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, repository: str, pull: Puller
) -> None:
    """A pull by digest is served for what is signed and for the children of a signed index, not for others."""
    content = signed(registry, owner, signers["bob"], repository, "1.0", multi_arch("admitted"))
    stranger = push(registry, repository, image("stranger"))
    assert pull(f"{proxy.host}/{repository}@{content.digest}").ok
    assert pull(f"{proxy.host}/{repository}@{content.children[0].digest}").ok
    refused = pull(f"{proxy.host}/{repository}@{stranger.digest}")
    assert not refused.ok
    assert "[digest_not_signed]" in refused.output


@pytest.mark.parametrize(
    "take_back",
    [
        pytest.param(lambda alice, gun: docker_trust.revoke(alice, f"{gun}:1.0"), id="docker-trust-revoke"),
        pytest.param(
            lambda alice, gun: notary_client.remove_target(
                alice, gun, "1.0", roles=("targets/alice", notary_client.RELEASES)
            ),
            id="notary-remove",
        ),
    ],
)
def test_revoked_tag_is_refused_within_fresh_for(
    registry: Registry,
    owner: Person,
    signers: Signers,
    proxy: Proxy,
    repository: str,
    tmp_path: Path,
    take_back: Callable[[Person, str], None],
) -> None:
    """A signature that is taken back ends by tag and by digest as soon as Notary is asked again."""
    content = signed(registry, owner, signers["alice"], repository, "1.0", image("for a while"))
    assert clients.skopeo_pull(tmp_path, f"{proxy.host}/{repository}:1.0").ok
    take_back(signers["alice"], f"{registry.host}/{repository}")
    path = f"/v2/{repository}/manifests/1.0"
    refused = wait_for(lambda: proxy.request("GET", path), lambda answer: answer.status == 403)
    assert refused.headers["X-Tagwarden-Refusal"] == "tag_not_signed"
    assert proxy.request("GET", f"/v2/{repository}/manifests/{content.digest}").status == 403


def test_wrong_signer_is_refused_by_name(
    registry: Registry, owner: Person, signers: Signers, proxy: Proxy, repository: str, pull: Puller
) -> None:
    """A tag that somebody else signed is refused, and the message names who did and who is missing."""
    signed(registry, owner, signers["mallory"], repository, "1.0", image("by mallory"))
    refused = pull(f"{proxy.host}/{repository}:1.0")
    assert not refused.ok
    assert "is signed by mallory, its rule needs 1 more of alice, bob" in refused.output


def test_password_of_the_registry_stays_its_own(
    scratch: Path, notary: Notary, owner: Person, signers: Signers, anchor: str, repository: str, tmp_path: Path
) -> None:
    """Behind a registry with passwords, a stranger learns nothing and a user pulls with the same password."""
    login = Login("tester", "secret")
    with run_registry(scratch / repository, login=login) as private:
        settings = configuration(private, notary, [anchor], signers)
        settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
        content = signed(private, owner, signers["alice"], repository, "1.0", image("private"))
        with run_proxy(tmp_path / "proxy", settings) as running:
            stranger = running.request("GET", f"/v2/{repository}/manifests/1.0")
            assert (stranger.status, stranger.headers["WWW-Authenticate"]) == (401, 'Basic realm="registry"')
            assert "X-Tagwarden-Decision" not in stranger.headers
            pulled = clients.skopeo_pull(tmp_path, f"{running.host}/{repository}:1.0", login=login)
            assert pulled.digest == content.digest, pulled.output
