"""The parts of the stack work together before the proxy comes between them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from certs.authority import SERVER, AlreadyThere, Authority
from deploy.stack import clients, docker_trust, keys, notary_client
from deploy.stack.clients import Pull
from deploy.stack.commands import CommandFailed
from deploy.stack.containerd import Containerd
from deploy.stack.daemons import DaemonFailed, running
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import Kind, image, multi_arch, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.programs import ProgramMissing, program
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login, ask

Signers = dict[str, Person]


@pytest.mark.parametrize("kind", [pytest.param("docker", id="docker"), pytest.param("oci", id="oci")])
def test_image_keeps_its_digest(registry: Registry, repository: str, kind: Kind) -> None:
    """An image pushed over HTTP alone is stored under the digest that was computed for it."""
    pushed = push(registry, repository, image("one", kind=kind), "1.0")
    stored = registry.get_manifest(repository, "1.0")
    assert stored.headers["Docker-Content-Digest"] == pushed.digest
    assert stored.headers["Content-Type"] == pushed.manifest.media_type
    assert len(stored.body) == pushed.length


def test_same_content_same_digest() -> None:
    """The same content has the same digest each time, and other content another."""
    assert image("one").digest == image("one").digest
    assert image("one").digest != image("two").digest


@pytest.mark.parametrize("kind", [pytest.param("docker", id="docker"), pytest.param("oci", id="oci")])
def test_index_brings_all_platforms(registry: Registry, repository: str, tmp_path: Path, kind: Kind) -> None:
    """A multi-arch index is copied whole by a real client, under the digest that was computed for it."""
    pushed = push(registry, repository, multi_arch("one", kind=kind), "1.0")
    pull = clients.skopeo_pull(tmp_path, f"{registry.host}/{repository}:1.0", every_platform=True)
    assert pull.digest == pushed.digest, pull.output
    assert {(tmp_path / "image" / f"{child.digest[7:]}.manifest.json").exists() for child in pushed.children} == {True}


def test_tag_moves_and_manifest_goes(registry: Registry, repository: str) -> None:
    """A tag can be moved to other content, and content can be deleted: what an attacker with push rights does."""
    first = push(registry, repository, image("one"), "1.0")
    second = push(registry, repository, image("two"), "1.0")
    assert registry.get_manifest(repository, "1.0").headers["Docker-Content-Digest"] == second.digest
    registry.delete_manifest(repository, first.digest)
    assert registry.get_manifest(repository, first.digest).status == 404


def test_registry_asks_for_password_over_tls(authority: Authority, repository: str, tmp_path: Path) -> None:
    """A registry with password and certificate serves who has both, and nobody else."""
    login = Login("tester", "secret")
    pair, ca_file = authority.pair("registry"), authority.certificate_file
    with run_registry(tmp_path, login=login, certificate=pair, ca_file=ca_file, on_disk=True) as started:
        pushed = push(started, repository, image("one"), "1.0")
        assert started.get_manifest(repository, pushed.digest).status == 200
        stranger = replace(started, login=Login("tester", "guess"))
        assert stranger.get_manifest(repository, pushed.digest).status == 401


def test_delegated_signers_sign_one_digest(
    registry: Registry, notary: Notary, owner: Person, signers: Signers, repository: str
) -> None:
    """The owner adds two signers; one signs with notary, the other with docker trust; docker reports both."""
    gun = f"{registry.host}/{repository}"
    pushed = push(registry, repository, image("one"), "1.0")
    for name in ("alice", "bob"):
        docker_trust.add_signer(owner, gun, name, signers[name].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", pushed.digest, pushed.length)
    docker_trust.sign(signers["bob"], f"{gun}:1.0")
    [report] = docker_trust.inspect(owner, gun)
    assert report["SignedTags"] == [
        {"SignedTag": "1.0", "Digest": pushed.digest.removeprefix("sha256:"), "Signers": ["alice", "bob"]}
    ]
    assert {each["Name"]: each["Keys"][0]["ID"] for each in report["Signers"]} == {
        name: keys.public_key_id(signers[name].public_key) for name in ("alice", "bob")
    }
    [listed] = notary_client.targets(owner, gun, "targets/bob")
    assert (listed.name, listed.digest, listed.length) == ("1.0", pushed.digest, pushed.length)
    assert set(notary.metadata(gun, "snapshot")["meta"]) >= {"targets/alice", "targets/bob", "targets/releases"}


def test_stranger_cannot_sign(registry: Registry, owner: Person, signers: Signers, repository: str) -> None:
    """Somebody whose key is not delegated can publish nothing."""
    gun = f"{registry.host}/{repository}"
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    with pytest.raises(CommandFailed):
        notary_client.sign_as(signers["mallory"], gun, "1.0", image("one").digest, image("one").length)
    assert notary_client.targets(owner, gun, notary_client.RELEASES) == []


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
def test_signature_can_be_taken_back(
    registry: Registry,
    owner: Person,
    signers: Signers,
    repository: str,
    take_back: Callable[[Person, str], None],
) -> None:
    """A revoked tag is in trust data no longer."""
    gun, alice = f"{registry.host}/{repository}", signers["alice"]
    docker_trust.add_signer(owner, gun, "alice", alice.public_key)
    for tag in ("1.0", "2.0"):
        notary_client.sign_as(alice, gun, tag, image(tag).digest, image(tag).length)
    take_back(alice, gun)
    assert [each.name for each in notary_client.targets(owner, gun, "targets/alice", notary_client.RELEASES)] == ["2.0"]


def test_role_with_three_keys(
    registry: Registry, notary: Notary, owner: Person, signers: Signers, repository: str
) -> None:
    """A delegation can have several keys, paths, and loses keys again."""
    gun = f"{registry.host}/{repository}"
    notary_client.initialise(owner, gun)
    files = [signers[name].public_key for name in ("alice", "bob", "carol")]
    notary_client.delegate(owner, gun, "targets/qa", *files, paths=("v", "release-"))
    [role] = notary.metadata(gun, "targets")["delegations"]["roles"]
    assert set(role["keyids"]) == {keys.public_key_id(each) for each in files}
    assert (role["name"], role["threshold"], set(role["paths"])) == ("targets/qa", 1, {"v", "release-"})
    notary_client.undelegate(owner, gun, "targets/qa", keys.public_key_id(files[0]))
    [role] = notary.metadata(gun, "targets")["delegations"]["roles"]
    assert set(role["keyids"]) == {keys.public_key_id(each) for each in files[1:]}


def test_given_root_key_anchors_collection(registry: Registry, notary: Notary, repository: str, scratch: Path) -> None:
    """A collection can be made with a root key that was made elsewhere; its id is what gets pinned."""
    gun = f"{registry.host}/{repository}"
    keeper = Person.settle("keeper", scratch / "people" / f"keeper-{repository}", notary)
    root = notary_client.generate_root_key(keeper)
    team = Person.settle("team", scratch / "people" / repository, notary)
    notary_client.initialise(team, gun, root_key=notary_client.root_key_file(keeper, root))
    assert keys.root_key_ids(notary, gun) == [root]
    notary_client.add_target(team, gun, "1.0", image("one").digest, image("one").length)
    [listed] = notary_client.targets(team, gun)
    assert (listed.name, listed.role) == ("1.0", "targets")


def test_every_top_key_can_be_rotated(
    notary_with_signer: Notary, registry: Registry, repository: str, scratch: Path
) -> None:
    """With the signer in a process of its own, all four keys are replaced and the collection still verifies."""
    gun = f"{registry.host}/{repository}"
    admin = Person.settle("admin", scratch / "people" / repository, notary_with_signer)
    notary_client.initialise(admin, gun)
    notary_client.add_target(admin, gun, "1.0", image("one").digest, image("one").length)
    before = notary_with_signer.metadata(gun, "root")
    for role in ("timestamp", "snapshot", "targets", "root"):
        notary_client.rotate_key(admin, gun, role)
    after = notary_with_signer.metadata(gun, "root")
    for role in ("timestamp", "snapshot", "targets", "root"):
        assert before["roles"][role]["keyids"] != after["roles"][role]["keyids"], role
    assert {after["keys"][each]["keytype"] for each in after["roles"]["timestamp"]["keyids"]} == {"ecdsa"}
    assert [each.name for each in notary_client.targets(admin, gun)] == ["1.0"]
    notary_client.delete_collection(admin, gun)
    assert notary_with_signer.file(gun, "root").status == 404


def test_docker_pushes_and_signs(
    registry: Registry, notary: Notary, owner: Person, docker_daemon: DockerDaemon, repository: str, scratch: Path
) -> None:
    """An image made by docker is pushed and signed by `docker trust sign` in one go."""
    gun = f"{registry.host}/{repository}"
    dora = Person.settle("dora", scratch / "people" / repository, notary, docker_daemon.host)
    docker_trust.add_signer(owner, gun, "dora", docker_trust.generate_key(dora))
    docker_daemon.import_image(f"{gun}:1.0", "made by docker")
    docker_trust.sign(dora, f"{gun}:1.0")
    digest = registry.get_manifest(repository, "1.0").headers["Docker-Content-Digest"]
    assert [each.digest for each in notary_client.targets(owner, gun, notary_client.RELEASES)] == [digest]
    assert clients.docker_pull(docker_daemon, f"{gun}:1.0").digest == digest


def test_docker_and_containerd_pull(
    registry: Registry, docker_daemon: DockerDaemon, containerd: Containerd, repository: str
) -> None:
    """Both docker and containerd pull what was built without them, and fail for what is not there."""
    pushed = push(registry, repository, image("one"), "1.0")
    name = f"{registry.host}/{repository}"
    for pull in (clients.docker_pull(docker_daemon, f"{name}:1.0"), clients.ctr_pull(containerd, f"{name}:1.0")):
        assert pull.digest == pushed.digest, pull.output
    assert not clients.docker_pull(docker_daemon, f"{name}:2.0").ok
    assert not clients.ctr_pull(containerd, f"{name}:2.0").ok


@pytest.mark.parametrize(
    "pull",
    [
        pytest.param(clients.skopeo_pull, id="skopeo"),
        pytest.param(clients.podman_pull, id="podman"),
        pytest.param(clients.buildah_pull, id="buildah"),
    ],
)
def test_daemonless_clients_pull(
    registry: Registry, repository: str, tmp_path: Path, pull: Callable[[Path, str], Pull]
) -> None:
    """skopeo, podman and buildah pull what is there, and fail for what is not."""
    pushed = push(registry, repository, image("one"), "1.0")
    arrived = pull(tmp_path, f"{registry.host}/{repository}:1.0")
    assert arrived.digest == pushed.digest, arrived.output
    assert not pull(tmp_path, f"{registry.host}/{repository}:2.0").ok


def test_daemon_can_hang_and_go_on(tmp_path: Path) -> None:
    """A daemon that hangs accepts connections and says nothing, until it is resumed."""
    with run_registry(tmp_path) as started:
        started.daemon.hang()
        with pytest.raises(TimeoutError):
            ask(f"{started.url}/v2/", seconds=0.3)
        started.daemon.resume()
        assert ask(f"{started.url}/v2/").status == 200


def test_certificates_are_made_once(tmp_path: Path) -> None:
    """A certificate has the names and usage asked for, its key is private, and nothing overwrites it."""
    authority = Authority.open(tmp_path)
    pair = authority.issue("registry.example.com", "10.0.0.1")
    certificate = x509.load_pem_x509_certificate(pair.certificate_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"registry.example.com", "localhost"}
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"10.0.0.1", "127.0.0.1"}
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {SERVER}
    assert pair.key_file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(AlreadyThere):
        authority.issue("registry.example.com")
    assert Authority.open(tmp_path).pair("registry.example.com") == pair


def test_missing_program_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program that is not installed fails with the command that installs it."""
    monkeypatch.setattr("deploy.stack.programs._PLACES", (tmp_path,))
    with pytest.raises(ProgramMissing, match=r"make setup.*apt-get install --no-install-recommends notary`"):
        program("notary-signer")


def test_daemon_that_ends_shows_its_log(tmp_path: Path) -> None:
    """A daemon that ends at once is reported with what it said last."""
    command = ["/bin/sh", "-c", "echo no such luck; exit 3"]
    with (
        pytest.raises(DaemonFailed, match=r"status 3(?s:.*)no such luck"),
        running(command, name="luckless", directory=tmp_path, answers=lambda: False),
    ):
        pytest.fail("it never answered")
