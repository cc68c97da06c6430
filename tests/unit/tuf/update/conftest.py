"""A published repository for updates."""

import pytest

from tests.support.notary_simulator import NotarySimulator
from tests.unit.tuf.update.material import ALICE, DEEP, GUN, RELEASES


@pytest.fixture
def sim() -> NotarySimulator:
    """A published repository with two delegations, and one below the first."""
    sim = NotarySimulator(GUN)
    for role in (ALICE, RELEASES, DEEP):
        sim.delegate(role)
        sim.sign("1.4", role=role)
    sim.publish()
    return sim
