"""Forty repositories as they come about over the years: signed well, signed by few, half signed, and not at all."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary, notary
from deploy.stack.people import Person
from deploy.stack.registry import Registry, registry

_CI: Final = tuple(f"shop/service-{number:02}" for number in range(14))
_TWO: Final = tuple(f"pay/ledger-{number}" for number in range(7))
_OWN: Final = tuple(f"tools/tool-{number}" for number in range(6))
_HALF: Final = tuple(f"shop/half-{number}" for number in range(4))
_UNSIGNED: Final = tuple(f"vendor/import-{number}" for number in range(9))


@dataclass(frozen=True)
class Estate:
    """A registry, its Notary, and the people who sign there."""

    registry: Registry
    notary: Notary
    people: dict[str, Person]
    content: Image

    signed: tuple[str, ...] = tuple(f"{name}:1.0" for name in (*_CI, *_TWO, *_OWN, *_HALF))
    unsigned: tuple[str, ...] = (*(f"{name}:2.0" for name in _HALF), *(f"{name}:1.0" for name in _UNSIGNED))
    repositories: tuple[str, ...] = (*_CI, *_TWO, *_OWN, *_HALF, *_UNSIGNED)

    def gun(self, repository: str) -> str:
        """The collection of a repository."""
        return f"{self.registry.host}/{repository}"


@contextmanager
def estate(directory: Path) -> Iterator[Estate]:
    """Run it for as long as the block lasts."""
    with ExitStack() as stack:
        there = stack.enter_context(registry(directory / "registry"))
        server = stack.enter_context(notary(directory / "notary", Authority.open(directory / "certs")))
        names = ("admin", "ci", "alice", "qa")
        people = {name: Person.settle(name, directory / "people" / name, server) for name in names}
        made = Estate(there, server, people, image("an image of the estate"))
        for name in names[1:]:
            docker_trust.generate_key(people[name])
        for repository in made.repositories:
            push(there, repository, made.content, "1.0", *(["2.0"] if repository in _HALF else []))
        for repository in (*_CI, *_HALF):
            _sign(made, repository, "ci")
        for repository in _TWO:
            _sign(made, repository, "alice", "qa")
        for repository in _OWN:
            notary_client.initialise(people["admin"], made.gun(repository))
            notary_client.add_target(
                people["admin"], made.gun(repository), "1.0", made.content.digest, made.content.length
            )
        yield made


def _sign(estate: Estate, repository: str, *names: str) -> None:
    gun = estate.gun(repository)
    for name in names:
        docker_trust.add_signer(estate.people["admin"], gun, name, estate.people[name].public_key)
    for name in names:
        notary_client.sign_as(estate.people[name], gun, "1.0", estate.content.digest, estate.content.length)
