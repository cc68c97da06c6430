"""New roots: how they are reached, and what falls with the old ones (S8, S9)."""

import pytest

from proxy.errors import MetadataCorrupt, NotaryUnreachable, Refusal, Rollback, RootRotationBroken, ThresholdNotMet
from proxy.limits import ROOT_BYTES, ROOT_ROTATIONS
from proxy.names import RoleName
from tests.support.keys import Key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, read, remembered
from tests.support.wire import file_meta
from tests.unit.tuf.update.material import FIRST, FOURTH, SECOND, THIRD, Scripted, listed, refused


def _rotate(sim: NotarySimulator, key: Key, *signers: Key) -> None:
    """Publish a new version of the root with this key, and everything above it."""
    sim.root.roles["root"].keys, sim.root.signers = [key], list(signers)
    sim.bump("root", "snapshot", "timestamp")
    sim.publish()


def _new_key(sim: NotarySimulator, role: str) -> None:
    """Let root give a role another key."""
    sim.root.roles[role].keys = sim[role].signers = [sim.key(f"new {role}")]


def test_the_root_that_the_snapshot_names_is_asked_for_by_hash(sim: NotarySimulator) -> None:
    """And timestamp and snapshot once more, to be verified under it."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    reader = Reader(sim)
    collection = reader.read(stored)
    snapshot = listed(sim, "snapshot")
    assert reader.requests == ["timestamp", snapshot, listed(sim, "root"), "timestamp", snapshot]
    assert collection.root.version == 2
    assert collection.stored().files[RoleName("root")] == sim.current["root"]


def test_a_remembered_root_is_enough_while_the_snapshot_names_it(sim: NotarySimulator) -> None:
    """A newer root that no snapshot names is not asked for, and not believed."""
    stored = remembered(sim)
    sim.root.roles["root"].keys = sim.root.signers = [SECOND]
    sim.bump("root")
    sim.publish("root")
    reader = Reader(sim)
    assert reader.read(stored).root.version == 1
    assert reader.requests == ["timestamp"]


def test_versions_between_are_walked_where_the_newest_root_needs_them(sim: NotarySimulator) -> None:
    """Each signed by the one before, up to the newest."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    _rotate(sim, THIRD, SECOND, THIRD)
    _rotate(sim, FOURTH, THIRD, FOURTH)
    reader = Reader(sim)
    assert reader.read(stored).root.version == 4
    assert [name for name in reader.requests if name.endswith(".root")] == ["2.root", "3.root"]


def test_versions_between_are_not_asked_for_where_the_old_key_signed_the_newest_root(sim: NotarySimulator) -> None:
    """A jump is fine."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    _rotate(sim, THIRD, FIRST, THIRD)
    reader = Reader(sim)
    assert reader.read(stored).root.version == 3
    assert not [name for name in reader.requests if name.endswith(".root")]


def test_a_root_between_may_have_expired(sim: NotarySimulator) -> None:
    """Only the last one must be valid now."""
    stored = remembered(sim)
    sim.root.expires = "2021-01-01T00:00:00Z"
    _rotate(sim, SECOND, FIRST, SECOND)
    sim.root.expires = "2100-01-01T00:00:00Z"
    _rotate(sim, THIRD, SECOND, THIRD)
    assert read(sim, stored).root.version == 3


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(404, b"", RootRotationBroken, id="missing"),
        pytest.param(503, b"", NotaryUnreachable, id="outage"),
        pytest.param(200, b"{}", MetadataCorrupt, id="no metadata"),
        pytest.param(200, bytes(ROOT_BYTES + 1), MetadataCorrupt, id="endless"),
    ],
)
def test_a_walk_needs_every_version(sim: NotarySimulator, status: int, body: bytes, error: type[Refusal]) -> None:
    """Where one cannot be had, the chain is broken, or nothing is known."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    _rotate(sim, THIRD, SECOND, THIRD)
    sim.fault("2.root", status, body)
    assert type(refused(sim, stored)[0]) is error


def test_a_walk_does_not_accept_an_older_version_for_a_newer(sim: NotarySimulator) -> None:
    """What is served as version 2 must be at least that."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    _rotate(sim, THIRD, SECOND, THIRD)
    sim.fault("2.root", 200, stored.files[RoleName("root")])
    refusal, _ = refused(sim, stored)
    assert isinstance(refusal, RootRotationBroken)
    assert "older version" in refusal.why


@pytest.mark.parametrize(
    "newest", [pytest.param(2, id="nothing between"), pytest.param(ROOT_ROTATIONS + 3, id="too many between")]
)
def test_where_no_version_between_can_help_the_rotation_is_broken(sim: NotarySimulator, newest: int) -> None:
    """Nothing is asked for in vain, nor without end."""
    stored = remembered(sim)
    sim.root.version = newest - 1
    _rotate(sim, SECOND, SECOND)
    refusal, requests = refused(sim, stored)
    assert isinstance(refusal, RootRotationBroken)
    assert not [name for name in requests if name.endswith(".root")]


def test_an_older_root_that_a_snapshot_names_is_a_rollback(sim: NotarySimulator) -> None:
    """The update starts over once, because Notary may have been between two versions."""
    first = sim.current["root"]
    _rotate(sim, FIRST, FIRST)
    stored = remembered(sim)
    sim.snapshot.before_signing.append(lambda fields: fields["meta"].update(root=file_meta(first)))
    sim.bump("snapshot", "timestamp")
    sim.publish("snapshot", "timestamp")
    refusal, requests = refused(sim, stored)
    assert isinstance(refusal, Rollback)
    assert refusal.role == "root"
    assert requests.count("timestamp") == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_a_signature_that_the_old_root_does_not_know_leads_to_the_newest_root(sim: NotarySimulator, role: str) -> None:
    """A newer root may have given the role another key."""
    stored = remembered(sim)
    _new_key(sim, role)
    _rotate(sim, FIRST, FIRST)
    reader = Reader(sim)
    assert reader.read(stored).root.version == 2
    assert "root" in reader.requests


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_a_signature_that_no_root_explains_is_not_enough(sim: NotarySimulator, role: str) -> None:
    """The newest root is the one at hand: then the signature is simply missing."""
    stored = remembered(sim)
    sim[role].signers = [sim.key("a stranger")]
    sim.bump("snapshot", "timestamp")
    sim.publish()
    for memory in (stored, None):
        refusal, _ = refused(sim, memory)
        assert isinstance(refusal, ThresholdNotMet)
        assert refusal.role == role


def test_a_newest_root_that_is_no_successor_ends_the_update(sim: NotarySimulator) -> None:
    """A repository that was deleted and made anew is refused until it is forgotten."""
    stored = remembered(sim)
    _new_key(sim, "timestamp")
    _rotate(sim, SECOND, SECOND)
    assert isinstance(refused(sim, stored)[0], RootRotationBroken)


@pytest.mark.parametrize("changed", [["timestamp"], ["timestamp", "snapshot"]], ids=" and ".join)
def test_floors_fall_when_a_newer_root_changes_the_keys_of_timestamp_and_snapshot(
    sim: NotarySimulator, changed: list[str]
) -> None:
    """A stolen key that ran the versions up does not lock everybody out for ever (S9)."""
    sim.timestamp.version = sim.snapshot.version = 2**31
    sim.publish()
    stored = remembered(sim)
    for role in changed:
        _new_key(sim, role)
    sim.timestamp.version = sim.snapshot.version = 6
    _rotate(sim, FIRST, FIRST)
    collection = read(sim, stored)
    assert (collection.timestamp.version, collection.snapshot.version) == (7, 7)


def test_the_snapshots_floor_falls_with_its_key_alone(sim: NotarySimulator) -> None:
    """Whoever stole that key could run up that version only (S9)."""
    sim.snapshot.version = 2**31
    sim.publish()
    stored = remembered(sim)
    _new_key(sim, "snapshot")
    sim.snapshot.version = 6
    _rotate(sim, FIRST, FIRST)
    assert read(sim, stored).snapshot.version == 7


def test_floors_stay_when_a_newer_root_keeps_the_keys(sim: NotarySimulator) -> None:
    """A rotation of the root key alone is no way back: under the new root, too, the timestamp may not be older (S9)."""
    sim.bump("timestamp", "timestamp")
    sim.publish()
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    good = sim.current["timestamp"]
    sim.timestamp.version = 1
    sim.publish("timestamp")
    with pytest.raises(Rollback):
        Scripted(sim, timestamps=[good]).read(stored)


def test_a_root_that_changes_again_during_the_update_starts_it_over(sim: NotarySimulator) -> None:
    """Between the first and the second look at the snapshot Notary published another root."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    earlier = sim.current["timestamp"]
    _rotate(sim, THIRD, FIRST, SECOND, THIRD)
    reader = Scripted(sim, timestamps=[earlier])
    assert reader.read(stored).root.version == 3
    assert reader.requests.count("timestamp") == 4
