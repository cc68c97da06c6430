"""The commands of `docs/pushing.md`, run as they stand there: only its names are replaced by those of this machine."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.clients import containers_environment
from deploy.stack.commands import CommandFailed
from deploy.stack.containerd import Containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import multi_arch
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.pushers import Host, oci_archive
from deploy.stack.registry import registry as run_registry
from deploy.stack.sockets import short_directory
from deploy.stack.web import Login
from tests.stack.configuration import wait_for
from tests.stack.pushing import Place, Trust, candidates_at, place

_PAGE: Final = Path(__file__).parents[2] / "docs" / "pushing.md"
_ALICE: Final = Login("alice", "a secret")
_TAG: Final = "org.opencontainers.image.ref.name"

# The page's places in /etc, in a mount namespace of its own.
_IN_OWN_ETC: Final = """
mkdir -p /etc/docker /etc/containers
mount --bind "$1" /etc/docker
mount --bind "$2" /etc/containers
exec bash -eux -c "$3"
"""


def blocks(title: str) -> list[str]:
    """The commands of one section of the page, by blocks."""
    [section] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [str(block) for block in re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)]


@dataclass(frozen=True)
class Desk:
    """Where a person follows the page: `repository` stands for `shop/app`, `person` for alice."""

    here: Place
    person: Person
    repository: str
    candidates: str
    etc: tuple[Path, Path]
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        """The directory in which the commands are typed."""
        return self.person.directory

    def name(self, tag: str) -> str:
        """An image of the page."""
        return self.here.name(tag, self.repository)

    def type(self, commands: str) -> str:
        """Type commands as they stand on the page, and return what they print.

        Raises:
            CommandFailed: One of them failed.
        """
        for theirs, ours in {
            "registry.example.com:5002": self.candidates,
            "registry.example.com": self.here.host.name,
            "notary.example.com:4443": self.person.notary.host,
            "shop/app": self.repository,
        }.items():
            commands = commands.replace(theirs, ours)
        assert "example.com" not in commands
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        own = ["unshare", "--mount", "--propagation", "private", "--", "bash", "-ec", _IN_OWN_ETC, "bash"]
        return self.person.run("env", [*variables, *own, *map(str, self.etc), commands]).must()

    def sign(self) -> None:
        """Sign 1.0 as the page says for those without docker."""
        [signing] = blocks("Signing without docker")
        self.type(signing)
        self.here.signed("1.0", self.repository)


@pytest.fixture(scope="module")
def trust(notary: Notary, owner: Person, anchor: str) -> Trust:
    """The Notary of the session."""
    return Trust(notary, owner, anchor)


@pytest.fixture(scope="module")
def candidates(scratch: Path, authority: Authority) -> tuple[Host, Mapping[str, Any]]:
    """The door for scanners and co-signers."""
    return candidates_at(scratch / "page-candidates", authority)


@pytest.fixture(scope="module")
def here(
    scratch: Path, trust: Trust, authority: Authority, candidates: tuple[Host, Mapping[str, Any]]
) -> Iterator[Place]:
    """A proxy over https and a registry with a password: what the page is about."""
    directory = scratch / "page"
    with (
        run_registry(directory / "registry", login=_ALICE) as registry,
        place(directory, registry, trust, login=_ALICE, authority=authority, candidates=candidates[1]) as running,
    ):
        yield running


@pytest.fixture
def desk(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    here: Place,
    candidates: tuple[Host, Mapping[str, Any]],
    docker_daemon: DockerDaemon,
    containerd: Containerd,
) -> Iterator[Desk]:
    """Alice with all five clients, and a repository for herself."""
    repository = f"shop/{request.node.name.replace('[', '-').strip(']').replace('_', '-')}"
    here.delegate(repository)
    person = replace(here.alice, docker_host=docker_daemon.host)
    home, door = person.directory, candidates[0].authority
    assert here.host.authority is not None
    assert door is not None
    etc = (docker_daemon.directory / "etc", tmp_path / "containers")
    authority = (here.host.authority / "ca.crt").read_bytes()
    for each in etc:
        (each / "certs.d" / here.host.name).mkdir(parents=True, exist_ok=True)
        (each / "certs.d" / here.host.name / "ca.crt").write_bytes(authority)
    (home / "ca.crt").write_bytes(authority)
    (home / "password").write_text(_ALICE.password)
    for link, target in {".docker": home, "scanner": door}.items():
        (home / link).unlink(missing_ok=True)
        (home / link).symlink_to(target)
    with short_directory() as run_directory:
        (tmp_path / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{run_directory}/run"\ngraphroot = "{tmp_path}/root"\n'
        )
        (tmp_path / "containers.conf").write_text(
            f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "{tmp_path}/libpod"\n'
        )
        environment = {
            **containers_environment(home),
            "CONTAINERS_CONF": str(tmp_path / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf"),
            "CONTAINERD_ADDRESS": str(containerd.address),
            "CONTAINERD_SNAPSHOTTER": "native",
        }
        yield Desk(here, person, repository, candidates[0].name, etc, environment)


def test_signer_begins(desk: Desk, trust: Trust) -> None:
    """Whoever signs makes a key, and the owner of the repository lets them sign."""
    [beginning] = blocks("Before")
    key = notary_client.root_key_file(trust.owner, trust.anchor)
    bob = Person.settle("bob", desk.home / "bob", trust.notary)
    kept = notary_client.root_key_file(bob, trust.anchor)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(key.read_bytes())
    theirs = replace(desk, person=bob, repository="shop/bobs")
    theirs.type(beginning.replace("alice", "bob"))
    [report] = docker_trust.inspect(bob, theirs.here.gun("shop/bobs"))
    assert [signer["Name"] for signer in report["Signers"]] == ["bob"]


def test_docker(desk: Desk, docker_daemon: DockerDaemon) -> None:
    """Docker pushes, signs and pulls; then it pushes a list of signed images, and takes a signature back."""
    pushing, pulling, pushing_images, pushing_list = blocks("docker")
    for tag in ("1.0", "2.0-amd64", "2.0-arm64"):
        docker_daemon.import_image(desk.name(tag), tag)
    assert "Successfully signed" in desk.type(pushing)
    desk.here.signed("1.0", desk.repository)
    docker_daemon.docker("image", "rm", desk.name("1.0")).must()
    assert "Status: Downloaded newer image" in desk.type(pulling)
    desk.type(pushing_images)
    desk.here.signed("2.0-arm64", desk.repository)
    assert "sha256:" in desk.type(pushing_list)
    [revoking, _] = blocks("`registry.delete: unsigned`")
    desk.type(revoking)
    gone = wait_for(lambda: desk.here.ask("1.0", desk.repository), lambda answer: answer.status == 403)
    assert gone.status == 403


def test_containerd(desk: Desk) -> None:
    """Containerd pushes an archive and, when it is signed, pulls it."""
    pushing, pulling = blocks("containerd")
    (desk.home / "app.tar").write_bytes(oci_archive(multi_arch("for containerd", kind="oci"), {_TAG: "1.0"}))
    desk.type(pushing)
    desk.sign()
    desk.type(pulling)


def test_podman(desk: Desk) -> None:
    """Podman pushes an image and, when it is signed, pulls it; a list goes in with its images."""
    pushing, pulling, pushing_list = blocks("podman")
    for child in multi_arch("for podman", kind="oci").children:
        archive = oci_archive(child, {_TAG: "2.0"})
        (desk.home / f"app-{child.architecture}.tar").write_bytes(archive)
    desk.type(f"podman tag $(podman pull --quiet oci-archive:app-amd64.tar:2.0) {desk.name('1.0')}")
    desk.type(pushing)
    desk.sign()
    desk.type(pulling)
    desk.type(pushing_list)
    assert desk.here.registry.get_manifest(desk.repository, "2.0").status == 200


def test_buildah(desk: Desk) -> None:
    """Buildah pushes what it built and, when it is signed, pulls it."""
    pushing, pulling = blocks("buildah")
    desk.type(f"buildah commit $(buildah from scratch) {desk.name('1.0')}")
    desk.type(pushing)
    desk.sign()
    desk.type(pulling)


def test_skopeo(desk: Desk) -> None:
    """Skopeo copies in, copies out what is signed, and deletes what is not, through the candidates."""
    pushing, pulling = blocks("skopeo")
    (desk.home / "app.tar").write_bytes(oci_archive(multi_arch("for skopeo", kind="oci"), {_TAG: "1.0"}))
    desk.type(pushing)
    [_, deleting] = blocks("`registry.delete: unsigned`")
    desk.type(deleting)
    assert desk.here.registry.get_manifest(desk.repository, "1.0").status == 404
    desk.type(pushing)
    desk.sign()
    desk.type(pulling)
    with pytest.raises(CommandFailed, match="delete_refused"):
        desk.type(deleting)


def test_every_block_is_run() -> None:
    """The page has no commands that none of these tests runs."""
    sections = ("Before", "docker", "containerd", "podman", "buildah", "skopeo", "Signing without docker")
    run = [block for title in (*sections, "`registry.delete: unsigned`") for block in blocks(title)]
    assert sorted(run) == sorted(re.findall(r"^```\w*\n(.*?)^```$", _PAGE.read_text(), re.DOTALL | re.MULTILINE))
