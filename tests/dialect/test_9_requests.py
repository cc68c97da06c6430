"""What is asked for, and when: the timestamp always, a root only where the snapshot or a failure calls for it (S8)."""

import pytest

from proxy.errors import TrustError
from proxy.names import RoleName
from tests.dialect.fixture import GUN, fixture, is_complete, memory
from tests.support.notary_simulator import Answer, NotarySimulator
from tests.support.reading import Reader, read, remembered


def test_an_unchanged_collection_costs_one_request() -> None:
    """While nothing changes, an update asks for the timestamp and nothing else (S8)."""
    reader = Reader(fixture().clone())
    assert is_complete(reader.read(memory()))
    assert reader.requests == ["timestamp"]


def test_a_new_root_is_asked_for_by_the_hash_that_the_snapshot_names() -> None:
    """A newer root is fetched by hash, once the snapshot that names it has been verified (S8)."""
    sim = fixture().clone()
    sim.bump("root", "snapshot", "timestamp")
    sim.publish()
    reader = Reader(sim)
    assert is_complete(reader.read(memory()))
    assert [name.partition(".")[0] for name in reader.requests] == [
        "timestamp",
        "snapshot",
        "root",
        "timestamp",
        "snapshot",
    ]
    assert "root" not in reader.requests


def test_a_root_that_no_snapshot_names_is_not_taken() -> None:
    """A newer root beside an older snapshot is neither asked for nor remembered (S8)."""
    sim = fixture().clone()
    sim.bump("root")
    sim.publish("root")
    reader = Reader(sim)
    stored = reader.read(memory()).stored()
    assert stored.files[RoleName("root")] == memory().files[RoleName("root")]
    assert reader.requests == ["timestamp"]


def test_a_broken_targets_file_is_no_reason_to_ask_for_a_root() -> None:
    """Plain and numbered roots are asked for when timestamp or snapshot fail, and not when targets does (S8)."""
    sim = fixture().clone()
    sim.targets.signers = [sim.key("stranger")]
    sim.bump("targets", "snapshot", "timestamp")
    sim.publish()
    reader = Reader(sim)
    with pytest.raises(TrustError):
        reader.read(memory())
    assert not [name for name in reader.requests if name.partition(".")[0] == "root" or name.endswith(".root")]


def test_a_rekeyed_timestamp_is_explained_by_the_newest_root() -> None:
    """A timestamp that fails under the remembered root leads to the newest root, held to the snapshot then (S8)."""
    sim = fixture().clone()
    sim.root.roles["timestamp"].keys = sim.timestamp.signers = [sim.key("another timestamp")]
    sim.bump("root", "snapshot", "timestamp")
    sim.publish()
    reader = Reader(sim)
    assert is_complete(reader.read(memory()))
    assert reader.requests[:2] == ["timestamp", "root"]
    assert remembered(sim) == reader.read(memory()).stored()


class _PublishingMeanwhile(NotarySimulator):
    """A Notary where somebody publishes all roles anew right after the first root has been handed out."""

    published_again = False

    def answer(self, name: str) -> Answer:
        """Answer, and publish once more."""
        given = super().answer(name)
        if name.startswith("root.") and not self.published_again:
            self.published_again = True
            self.bump()
            self.publish()
        return given


def test_two_publications_within_one_update_are_followed() -> None:
    """A root that changes once more while the reader follows the first change starts the update over, and holds."""
    sim = _PublishingMeanwhile(GUN)
    sim.publish()
    stored = remembered(sim)
    sim.bump()
    sim.publish()
    assert read(sim, stored).root.version == 3
