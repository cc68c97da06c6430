"""Signed repositories of one owner, for proxies whose Notary or trust store then goes away."""

import secrets
from dataclasses import dataclass

import pytest

from deploy.stack import notary_client
from deploy.stack.images import Image, image, push
from deploy.stack.people import Person
from deploy.stack.registry import Registry


@dataclass(frozen=True)
class Signed:
    """A repository whose tag `1.0` the owner signed."""

    repository: str
    gun: str
    content: Image

    @property
    def name(self) -> str:
        """The image as `REPOSITORY:TAG`."""
        return f"{self.repository}:1.0"


def sign(owner: Person, registry: Registry, repository: str) -> Signed:
    """Push an image of its own to a repository, and sign it as `1.0`."""
    gun, content = f"{registry.host}/{repository}", push(registry, repository, image(repository), "1.0")
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
    return Signed(repository, gun, content)


@pytest.fixture(scope="module")
def signed(registry: Registry, owner: Person) -> list[Signed]:
    """Three repositories under `shop`, and one under `tools`, on the shared Notary; nobody changes them."""
    names = [f"{group}/{secrets.token_hex(6)}" for group in ("shop", "shop", "shop", "tools")]
    return [sign(owner, registry, name) for name in names]
