"""Files that are not as their parent lists them, and files over the limits."""

from typing import Final

import pytest

from proxy.errors import MetadataCorrupt
from proxy.limits import ROOT_BYTES, SNAPSHOT_BYTES, TARGETS_BYTES, TIMESTAMP_BYTES
from proxy.tuf.collection import Role, Unusable
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, read
from tests.unit.tuf.update.material import ALICE, DEEP, RELEASES, listed, refused

WRONG: Final = [
    pytest.param(404, b"", "Notary does not have it", id="missing"),
    pytest.param(200, b"{}", "is not the listed one", id="other bytes"),
    pytest.param(200, b"x" * (1 << 20), "longer than listed", id="longer than listed"),
]


@pytest.mark.parametrize("role", ["snapshot", "targets", ALICE, DEEP])
@pytest.mark.parametrize(("status", "body"), [pytest.param(*each.values[:2], id=each.id) for each in WRONG])
def test_a_listed_file_that_is_wrong_once_starts_the_update_over(
    sim: NotarySimulator, role: str, status: int, body: bytes
) -> None:
    """Notary may have published between two requests."""
    sim.fault(role, status, body, times=1)
    reader = Reader(sim)
    collection = reader.read()
    assert all(isinstance(each, Role) for each in collection.roles.values())
    assert reader.requests.count("timestamp") == 2
    assert reader.requests.count(listed(sim, role)) == 2


@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize(("status", "body", "why"), WRONG)
def test_a_listed_file_that_is_wrong_twice_is_corrupt(
    sim: NotarySimulator, role: str, status: int, body: bytes, why: str
) -> None:
    """Without it nothing can be verified."""
    sim.fault(role, status, body)
    refusal, requests = refused(sim)
    assert isinstance(refusal, MetadataCorrupt)
    assert refusal.role == role
    assert why in refusal.why
    assert requests.count("timestamp") == 2


@pytest.mark.parametrize(("status", "body", "why"), WRONG)
def test_a_listed_delegation_that_is_wrong_twice_is_unusable(
    sim: NotarySimulator, status: int, body: bytes, why: str
) -> None:
    """With what is below it; the others go on (L2)."""
    sim.fault(ALICE, status, body)
    collection = read(sim)
    alice = collection.roles[ALICE]
    assert isinstance(alice, Unusable)
    assert isinstance(alice.error, MetadataCorrupt)
    assert why in alice.error.why
    assert isinstance(collection.roles[RELEASES], Role)
    assert DEEP not in collection.roles


@pytest.mark.parametrize(
    ("role", "limit"),
    [pytest.param("root", ROOT_BYTES, id="root"), pytest.param("timestamp", TIMESTAMP_BYTES, id="timestamp")],
)
def test_a_plain_file_over_the_limit_is_corrupt(sim: NotarySimulator, role: str, limit: int) -> None:
    """Endless data ends at a named limit."""
    sim.fault(role, 200, bytes(limit + 1))
    refusal, _ = refused(sim)
    assert isinstance(refusal, MetadataCorrupt)
    assert (refusal.role, refusal.why) == (role, "it is over the size limit")


@pytest.mark.parametrize(
    ("lister", "role", "limit"),
    [
        pytest.param("timestamp", "snapshot", SNAPSHOT_BYTES, id="snapshot"),
        pytest.param("snapshot", "targets", TARGETS_BYTES, id="targets"),
    ],
)
def test_a_file_that_is_listed_over_the_limit_is_not_asked_for(
    sim: NotarySimulator, lister: str, role: str, limit: int
) -> None:
    """A length that no file may have is refused before it costs anything."""
    sim[lister].before_signing.append(lambda fields: fields["meta"][role].update(length=limit + 1))
    sim.publish()
    refusal, requests = refused(sim)
    assert isinstance(refusal, MetadataCorrupt)
    assert not [name for name in requests if name.startswith(f"{role}.")]


def test_a_delegation_that_is_listed_over_the_limit_is_unusable(sim: NotarySimulator) -> None:
    """The others go on."""
    sim.snapshot.before_signing.append(lambda fields: fields["meta"][ALICE].update(length=TARGETS_BYTES + 1))
    sim.publish()
    collection = read(sim)
    assert isinstance(collection.roles[ALICE], Unusable)
    assert isinstance(collection.roles[RELEASES], Role)
