"""What an update asks for, when it asks again, and what an absent file means (S6, S14)."""

import pytest

from proxy.errors import NotaryUnreachable, NoTrustData, Rollback
from proxy.limits import ROOT_BYTES, TIMESTAMP_BYTES
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, remembered
from tests.unit.tuf.update.material import ALICE, DEEP, RELEASES, Scripted, listed, refused

# --- what is asked for --------------------------------------------------------------------------


def test_on_first_contact_everything_is_asked_for_once(sim: NotarySimulator) -> None:
    """Root and timestamp by plain name, the rest by hash; all delegations of a level at once."""
    reader = Reader(sim)
    reader.read()
    assert reader.rounds == [
        ("root",),
        ("timestamp",),
        (listed(sim, "snapshot"),),
        (listed(sim, "targets"),),
        (listed(sim, ALICE), listed(sim, RELEASES)),
        (listed(sim, DEEP),),
    ]


def test_when_nothing_changed_only_the_timestamp_is_asked_for(sim: NotarySimulator) -> None:
    """Everything else is remembered and still what the snapshot names."""
    reader = Reader(sim)
    again = reader.read(remembered(sim))
    assert reader.rounds == [("timestamp",)]
    assert again.stored() == remembered(sim)


def test_only_what_changed_is_asked_for(sim: NotarySimulator) -> None:
    """A new signature by alice is three small files."""
    stored = remembered(sim)
    sim.sign("1.5", role=ALICE)
    sim.bump(ALICE, "snapshot", "timestamp")
    sim.publish()
    reader = Reader(sim)
    reader.read(stored)
    assert reader.rounds == [("timestamp",), (listed(sim, "snapshot"),), (listed(sim, ALICE),)]


def test_no_more_bytes_are_asked_for_than_a_file_may_have(sim: NotarySimulator) -> None:
    """The named limits for plain names, the listed length for everything else."""
    reader = Scripted(sim)
    reader.read()
    roles = ("snapshot", "targets", ALICE, RELEASES, DEEP)
    assert reader.limits == {"root": ROOT_BYTES, "timestamp": TIMESTAMP_BYTES} | {
        listed(sim, role): len(sim.current[role]) for role in roles
    }


# --- 404 is an answer (S14) ---------------------------------------------------------------------


@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_without_root_or_timestamp_there_is_no_trust_data(sim: NotarySimulator, role: str) -> None:
    """Notary says that there is nothing, and is believed."""
    sim.withhold(role)
    refusal, _ = refused(sim)
    assert isinstance(refusal, NoTrustData)
    assert refusal.role == role


def test_a_remembered_timestamp_does_not_stand_in_for_one_that_is_gone(sim: NotarySimulator) -> None:
    """A deleted collection is refused at once."""
    stored = remembered(sim)
    sim.withhold("timestamp")
    refusal, requests = refused(sim, stored)
    assert isinstance(refusal, NoTrustData)
    assert requests == ["timestamp"]


# --- outages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        pytest.param(500, 2, id="server error"),
        pytest.param(503, 2, id="overloaded"),
        pytest.param(401, 1, id="not allowed"),
        pytest.param(302, 1, id="redirect"),
        pytest.param(400, 1, id="bad request"),
        pytest.param(0, 1, id="no connection"),
    ],
)
def test_a_server_error_on_the_timestamp_is_forgiven_once(sim: NotarySimulator, status: int, asked: int) -> None:
    """The real server fails now and then when it signs again (S6); nothing else is tried twice."""
    stored = remembered(sim)
    sim.fault("timestamp", status)
    refusal, requests = refused(sim, stored)
    assert isinstance(refusal, NotaryUnreachable)
    assert requests == ["timestamp"] * asked


def test_after_one_server_error_the_timestamp_is_read(sim: NotarySimulator) -> None:
    """A hiccup is no outage."""
    stored = remembered(sim)
    sim.fault("timestamp", 500, times=1)
    reader = Reader(sim)
    reader.read(stored)
    assert reader.requests == ["timestamp", "timestamp"]


@pytest.mark.parametrize("status", [500, 401, 0])
@pytest.mark.parametrize("role", ["root", "snapshot", "targets", ALICE, DEEP])
def test_an_outage_says_nothing_about_a_file(sim: NotarySimulator, role: str, status: int) -> None:
    """It is neither missing nor wrong, so no role becomes unusable and nothing starts over."""
    sim.fault(role, status)
    refusal, requests = refused(sim)
    assert isinstance(refusal, NotaryUnreachable)
    assert len(requests) == len(set(requests))


# --- timestamps (S6) ----------------------------------------------------------------------------


def test_a_timestamp_of_the_same_version_that_names_the_same_snapshot_is_equivalent(sim: NotarySimulator) -> None:
    """Replicas of the real server race when they sign again."""
    stored = remembered(sim)
    sim.timestamp.expires = "2099-01-01T00:00:00Z"
    sim.publish("timestamp")
    reader = Reader(sim)
    assert reader.read(stored).timestamp.expires.year == 2099
    assert reader.requests == ["timestamp"]


def test_a_timestamp_that_went_back_is_asked_for_once_more(sim: NotarySimulator) -> None:
    """A replica that lags behind is no attack if the next answer is right."""
    old = sim.current["timestamp"]
    sim.bump("timestamp")
    sim.publish("timestamp")
    reader = Scripted(sim, timestamps=[old])
    reader.read(remembered(sim))
    assert reader.requests == ["timestamp", "timestamp"]


@pytest.mark.parametrize("same_version", [True, False], ids=["same version, other snapshot", "lower version"])
def test_a_timestamp_that_went_back_twice_is_a_rollback(sim: NotarySimulator, same_version: bool) -> None:  # noqa: FBT001  (a case by name)
    """Whoever holds an old timestamp can show it only so often."""
    old = dict(sim.current)
    sim.bump("snapshot")
    if not same_version:
        sim.bump("timestamp")
    sim.publish()
    stored = remembered(sim)
    sim.serve_again(old)
    refusal, requests = refused(sim, stored)
    assert isinstance(refusal, Rollback)
    assert refusal.role == "timestamp"
    assert requests == ["timestamp", "timestamp"]
