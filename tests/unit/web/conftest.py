"""A running proxy and the lines that it logs."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.registry.material import FakeRegistry, served
from tests.unit.web.material import Proxy, running


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """Every event that is logged."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    """A registry that holds nothing yet and lets everybody in."""
    async with served(FakeRegistry()) as fake:
        yield fake


@pytest.fixture
async def proxy(registry: FakeRegistry, events: list[Any]) -> AsyncIterator[Proxy]:  # noqa: ARG001  (logs are captured)
    """The proxy under test."""
    async with running(registry) as started:
        yield started
