"""Proxies of one process and of two, whose configuration changes while they run: once for all tests of a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.registry import Registry
from tests.stack.lasting.simulated import SimulatedNotary, simulated_notary
from tests.stack.reloading.place import Place, Running, running


@pytest.fixture(scope="package")
def simulated() -> Iterator[SimulatedNotary]:
    """A Notary of its own."""
    with simulated_notary() as started:
        yield started


@pytest.fixture(scope="package")
def one_process(scratch: Path, registry: Registry, simulated: SimulatedNotary) -> Iterator[Running]:
    """One process."""
    with running(scratch / "alone", registry, simulated) as started:
        yield started


@pytest.fixture(scope="package")
def two_workers(scratch: Path, registry: Registry, simulated: SimulatedNotary) -> Iterator[Running]:
    """A supervisor and two workers."""
    with running(scratch / "two-workers", registry, simulated, 2) as started:
        yield started


@pytest.fixture
def alone(one_process: Running, repository: str) -> Iterator[Place]:
    """One process."""
    with one_process.visited(repository) as place:
        yield place


@pytest.fixture
def two(two_workers: Running, repository: str) -> Iterator[Place]:
    """Two workers."""
    with two_workers.visited(repository) as place:
        yield place


@pytest.fixture(params=[pytest.param("alone", id="alone"), pytest.param("two", id="two-workers")])
def place(request: pytest.FixtureRequest) -> Place:
    """One process, and then two workers."""
    chosen: Place = request.getfixturevalue(request.param)
    return chosen
