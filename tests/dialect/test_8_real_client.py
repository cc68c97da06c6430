"""The real client and the simulated Notary, each held against what is known of the other (dialect 3.3)."""

import pytest

from tests.dialect.fixture import GUN, WRITTEN, fixture
from tests.support.notary_oracle import Listed, NotaryOracle, Refused
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.cases import ROLES, honest, honest_listing
from tests.support.swizzler.swizzle import KINDS


def _asked(sim: NotarySimulator) -> list[str]:
    """What was asked for, without the hashes."""
    return [name.partition(".")[0] if not name[0].isdigit() else name for name in sim.requests]


@pytest.mark.parametrize("kind", KINDS)
def test_the_real_client_accepts_what_is_simulated(kind: str, oracle: NotaryOracle) -> None:
    """With every kind of key the honest repository is read in full."""
    assert oracle.read(honest(kind).clone(), ROLES).reading == honest_listing(kind)


def test_the_real_client_remembers_the_files_as_they_came(oracle: NotaryOracle) -> None:
    """After a reading its cache holds the served bytes: that is why a cache can be written down instead of read."""
    sim = fixture().clone()
    assert oracle.read(sim, WRITTEN).remembered == sim.current


def test_a_first_reading_asks_for_everything(oracle: NotaryOracle) -> None:
    """The real client starts at the root and walks the tree depth first."""
    sim = fixture().clone()
    oracle.read(sim, WRITTEN)
    assert _asked(sim) == ["root", "timestamp", "snapshot", "targets", "targets/a", "targets/a/b", "targets/b"]


def test_a_second_reading_asks_for_the_timestamp(oracle: NotaryOracle) -> None:
    """While nothing changed the real client takes everything else from its cache."""
    sim = fixture().clone()
    oracle.read(sim, WRITTEN, remembered=fixture().current)
    assert _asked(sim) == ["timestamp"]


def test_a_changed_root_starts_the_reading_over(oracle: NotaryOracle) -> None:
    """The real client notices a new root by the snapshot's hash, fetches it, and begins again."""
    sim = fixture().clone()
    sim.bump("root", "snapshot", "timestamp")
    sim.publish()
    outcome = oracle.read(sim, WRITTEN, remembered=fixture().current)
    assert isinstance(outcome.reading, Listed)
    assert _asked(sim) == ["timestamp", "snapshot", "root", "timestamp", "snapshot"]


def test_an_unreachable_server_is_told(oracle: NotaryOracle) -> None:
    """A connection that is closed without an answer is a failure of the network."""
    sim = fixture().clone()
    sim.disconnect()
    reading = oracle.read(sim, WRITTEN).reading
    assert isinstance(reading, Refused)
    assert GUN not in reading.why
