"""The bait, and the proxy that guards it: once for all attempts of a worker."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.bypass.bait import Bait, lay, sign
from tests.stack.configuration import configuration


@pytest.fixture(scope="package")
def bait(registry: Registry, owner: Person, signers: dict[str, Person]) -> Bait:
    """What is to be protected, behind the proxy."""
    return sign(lay(registry, f"bypass/{secrets.token_hex(6)}"), registry, owner, signers["alice"])


@pytest.fixture(scope="package")
def open_bait(registry: Registry) -> Bait:
    """The same once more, for those who ask the registry itself."""
    return lay(registry, f"bypass/{secrets.token_hex(6)}")


@pytest.fixture(scope="package")
def proxy(
    scratch: Path, registry: Registry, notary: Notary, signers: dict[str, Person], anchor: str
) -> Iterator[Proxy]:
    """A proxy that wants alice for everything."""
    settings = configuration(registry, notary, [anchor], signers)
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
    with run_proxy(scratch / "bypass", settings) as running:
        yield running
