"""Puts the real programs on stage: certificates, registry, Notary server with signer, people, and dockerd if it can."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from certs.authority import Authority
from deploy.demo.screen import Screen
from deploy.stack import docker_trust
from deploy.stack.containerd import RootNeeded
from deploy.stack.daemons import DaemonFailed
from deploy.stack.docker_daemon import DockerDaemon, docker_daemon
from deploy.stack.notary import Notary, notary_with_signer
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.registry import Registry, registry

SIGNERS = ("alice", "bob", "carol", "mallory", "ci")


@dataclass(frozen=True)
class Stage:
    """Everything but the proxy.

    `name` is the address that the proxy will have: the images are signed for it, so it is fixed before it runs.
    """

    directory: Path
    name: str
    probes: str
    registry: Registry
    notary: Notary
    owner: Person
    signers: dict[str, Person]
    docker: DockerDaemon | None

    def gun(self, repository: str) -> str:
        """Return the name under which a repository's signatures are kept."""
        return f"{self.name}/{repository}"


@contextmanager
def stage(directory: Path, screen: Screen) -> Iterator[Stage]:
    """Start everything but the proxy, for as long as the block lasts."""
    with ExitStack() as daemons:
        with screen.step("Making a certificate authority"):
            authority = Authority.open(directory / "certs")
        with screen.step("Starting docker-registry"):
            content = daemons.enter_context(registry(directory / "registry", on_disk=True))
        with screen.step("Starting notary-signer and notary-server"):
            notary = daemons.enter_context(notary_with_signer(directory / "notary", authority))
        docker = _docker_if_possible(daemons, directory, screen)
        with screen.step(f"Making keys for {', '.join(SIGNERS)}"):
            people = directory / "people"
            signers = {name: Person.settle(name, people / name, notary) for name in SIGNERS}
            for person in signers.values():
                docker_trust.generate_key(person)
            owner = Person.settle("owner", people / "owner", notary)
        yield Stage(
            directory,
            f"localhost:{free_port()}",
            f"127.0.0.1:{free_port()}",
            content,
            notary,
            owner,
            signers,
            docker,
        )


def _docker_if_possible(daemons: ExitStack, directory: Path, screen: Screen) -> DockerDaemon | None:
    try:
        with screen.step("Starting containerd and dockerd"):
            return daemons.enter_context(docker_daemon(directory / "dockerd"))
    except (RootNeeded, DaemonFailed) as reason:
        screen.say(f"  The demo goes on without docker: {reason}")
        return None
