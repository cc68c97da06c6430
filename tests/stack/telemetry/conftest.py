"""An image for whoever wants to see what a proxy says of it."""

import pytest

from deploy.stack import notary_client
from deploy.stack.images import Image, image, push
from deploy.stack.people import Person
from deploy.stack.registry import Registry


@pytest.fixture
def signed(registry: Registry, owner: Person, repository: str) -> Image:
    """What is signed as `1.0` in `repository`."""
    gun, content = f"{registry.host}/{repository}", push(registry, repository, image(repository), "1.0")
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
    return content
