"""The real programs, started once for each test worker and shared by its tests.

Nobody's content is in anybody's way: every test takes a `repository` name of its own. All of them start within a
second, and those that no test of a worker asks for are not started there.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, keys, notary_client
from deploy.stack.containerd import Containerd
from deploy.stack.containerd import containerd as run_containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.docker_daemon import docker_daemon as run_docker_daemon
from deploy.stack.forking import forking
from deploy.stack.notary import Notary
from deploy.stack.notary import notary as run_notary
from deploy.stack.notary import notary_with_signer as run_notary_with_signer
from deploy.stack.people import Person
from deploy.stack.proxy import tagwarden
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry

_SIGNERS = ("alice", "bob", "carol", "mallory", "ci")


@pytest.fixture(scope="session", autouse=True)
def _forked() -> Iterator[None]:
    """What is started of Tagwarden has its imports behind it, save the first of each command."""
    with forking(tagwarden()):
        yield


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for everything that lasts as long as the session."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def authority(scratch: Path) -> Authority:
    """Who issues the certificates of this session."""
    return Authority.open(scratch / "certs")


@pytest.fixture(scope="session")
def registry(scratch: Path) -> Iterator[Registry]:
    """A registry that anyone may use."""
    with run_registry(scratch / "registry") as running:
        yield running


@pytest.fixture(scope="session")
def notary(scratch: Path, authority: Authority) -> Iterator[Notary]:
    """A Notary server that keeps its own keys."""
    with run_notary(scratch / "notary", authority) as running:
        yield running


@pytest.fixture(scope="session")
def notary_with_signer(scratch: Path, authority: Authority) -> Iterator[Notary]:
    """A Notary server whose keys are kept by notary-signer, as in production."""
    with run_notary_with_signer(scratch / "notary-with-signer", authority) as running:
        yield running


@pytest.fixture(scope="session")
def owner(scratch: Path, notary: Notary) -> Person:
    """Who holds the root key of every collection on `notary`."""
    return Person.settle("owner", scratch / "people" / "owner", notary)


@pytest.fixture(scope="session")
def anchor(registry: Registry, notary: Notary, owner: Person) -> str:
    """The id of the owner's root key, which signs every collection of theirs: what a configuration pins."""
    gun = f"{registry.host}/anchor"
    notary_client.initialise(owner, gun)
    [key_id] = keys.root_key_ids(notary, gun)
    return key_id


@pytest.fixture(scope="session")
def signers(scratch: Path, notary: Notary) -> dict[str, Person]:
    """alice, bob, carol, mallory and ci, each with a key, working with `notary`."""
    people = {name: Person.settle(name, scratch / "people" / name, notary) for name in _SIGNERS}
    for person in people.values():
        docker_trust.generate_key(person)
    return people


@pytest.fixture(scope="session")
def docker_daemon(scratch: Path) -> Iterator[DockerDaemon]:
    """A dockerd."""
    with run_docker_daemon(scratch / "dockerd") as running:
        yield running


@pytest.fixture(scope="session")
def containerd(scratch: Path) -> Iterator[Containerd]:
    """A containerd that is not dockerd's."""
    with run_containerd(scratch / "containerd") as running:
        yield running


@pytest.fixture
def repository() -> str:
    """A repository name that no other test has."""
    return f"shop/{secrets.token_hex(6)}"
