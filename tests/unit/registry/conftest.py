"""A fake registry and the real client in front of it."""

from collections.abc import AsyncIterator

import pytest

from proxy.registry.client import RegistryClient, connect
from tests.unit.registry.material import FakeRegistry, served, settings


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    """A registry that holds nothing yet and lets everybody in."""
    async with served(FakeRegistry()) as fake:
        yield fake


@pytest.fixture
async def client(registry: FakeRegistry) -> AsyncIterator[RegistryClient]:
    """The client under test, pointed at the fake registry."""
    async with connect(settings(registry.url)) as connected:
        yield connected
