"""What is remembered is held against the same rules as what is fetched."""

from collections.abc import Callable

import pytest

from proxy.errors import MetadataCorrupt, RootNotTrusted
from proxy.limits import ROOT_BYTES
from proxy.names import Gun, RoleName
from proxy.tuf.collection import Collection, Stored, Unusable
from proxy.tuf.messages import Fetch
from proxy.tuf.pins import Pins, RootPin
from proxy.tuf.update import update
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered
from tests.support.signed_roles import NOW
from tests.support.wire import Json
from tests.unit.tuf.update.material import ALICE, GUN, SECOND, refused


def test_pins_are_checked_on_a_remembered_root_too(sim: NotarySimulator) -> None:
    """Whoever tightens the pins is heard at once (S2)."""
    stored = remembered(sim)
    with pytest.raises(RootNotTrusted):
        read(sim, stored, pins=Pins((RootPin("corp", public_key_ids=frozenset({SECOND.public_key_id})),)))


@pytest.mark.parametrize("files", [(), ("timestamp", "snapshot", "targets")], ids=["nothing", "all but the root"])
def test_memory_without_a_root_is_damage_and_no_first_contact(sim: NotarySimulator, files: tuple[str, ...]) -> None:
    """Else losing one file would mean trusting whoever answers first."""
    kept = {role: data for role, data in remembered(sim).files.items() if role in files}
    sim.requests.clear()
    refusal, requests = refused(sim, Stored(kept))
    assert isinstance(refusal, MetadataCorrupt)
    assert refusal.role == "root"
    assert requests == []


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", ALICE])
def test_damaged_memory_never_helps_anybody(sim: NotarySimulator, role: str) -> None:
    """It is a refusal, or the role is unusable; it is never an update without a floor."""
    stored = Stored(dict(remembered(sim).files) | {RoleName(role): b"damage"})
    sim.bump()
    sim.publish()
    if role == ALICE:
        assert isinstance(read(sim, stored).roles[ALICE], Unusable)
    else:
        assert isinstance(refused(sim, stored)[0], MetadataCorrupt)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda entry: entry.update(length=1), id="length"),
        pytest.param(lambda entry: entry["hashes"].update(sha512="A" * 86 + "=="), id="sha512"),
    ],
)
def test_a_remembered_delegation_is_held_against_every_fact_that_the_snapshot_states(
    sim: NotarySimulator, change: Callable[[Json], object]
) -> None:
    """Found by its sha256, it must fit the other hash and the length as well (S12)."""
    stored = remembered(sim)
    sim.snapshot.before_signing.append(lambda fields: change(fields["meta"][ALICE]))
    sim.bump("snapshot", "timestamp")
    sim.publish()
    assert isinstance(read(sim, stored).roles[ALICE], Unusable)


def test_an_update_that_is_given_up_leaves_nothing_behind(sim: NotarySimulator) -> None:
    """Whoever asked may leave at any step."""
    workflow = update(Gun(GUN), Pins.tofu(), None, NOW)
    assert next(workflow) == (Fetch("root", ROOT_BYTES),)
    workflow.close()
    with pytest.raises(StopIteration):
        next(workflow)
    assert isinstance(read(sim), Collection)
