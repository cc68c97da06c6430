"""The order of one update: what is asked for, when it is asked again, and what an absent file means (S6, S8, S14)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest

from proxy.errors import (
    MetadataCorrupt,
    NotaryUnreachable,
    NoTrustData,
    Refusal,
    Rollback,
    RootNotTrusted,
    RootRotationBroken,
    ThresholdNotMet,
)
from proxy.limits import ROOT_BYTES, ROOT_ROTATIONS, SNAPSHOT_BYTES, TARGETS_BYTES, TIMESTAMP_BYTES
from proxy.names import Gun, RoleName
from proxy.tuf.collection import Collection, Role, Stored, Unusable
from proxy.tuf.messages import Fetch, Fetched, Reply
from proxy.tuf.pins import Pins, RootPin
from proxy.tuf.update import update
from tests.support.certificates import root_key
from tests.support.keys import Key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, read, remembered
from tests.support.signed_roles import NOW
from tests.support.wire import Json, file_meta

GUN: Final = "example.com/shop/api"
ALICE, DEEP, RELEASES = RoleName("targets/alice"), RoleName("targets/alice/deep"), RoleName("targets/releases")
FIRST, SECOND, THIRD, FOURTH = (root_key(GUN, name) for name in ("root", "second", "third", "fourth"))


@dataclass
class Scripted(Reader):
    """A reader that notes the limits, and gets these timestamps before the current one."""

    timestamps: list[bytes] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)

    def _reply(self, fetch: Fetch) -> Reply:
        self.limits[fetch.name] = fetch.limit
        if fetch.name == "timestamp" and self.timestamps:
            return Fetched(self.timestamps.pop(0))
        return super()._reply(fetch)


@pytest.fixture
def sim() -> NotarySimulator:
    """A published repository with two delegations, and one below the first."""
    sim = NotarySimulator(GUN)
    for role in (ALICE, RELEASES, DEEP):
        sim.delegate(role)
        sim.sign("1.4", role=role)
    sim.publish()
    return sim


def _listed(sim: NotarySimulator, role: str) -> str:
    """The address of a role's current file by its hash."""
    return f"{role}.{hashlib.sha256(sim.current[role]).hexdigest()}"


def _rotate(sim: NotarySimulator, key: Key, *signers: Key) -> None:
    """Publish a new version of the root with this key, and everything above it."""
    sim.root.roles["root"].keys, sim.root.signers = [key], list(signers)
    sim.bump("root", "snapshot", "timestamp")
    sim.publish()


def _new_key(sim: NotarySimulator, role: str) -> None:
    """Let root give a role another key."""
    sim.root.roles[role].keys = sim[role].signers = [sim.key(f"new {role}")]


def _refusal(sim: NotarySimulator, stored: Stored | None = None) -> tuple[Refusal, list[str]]:
    """What a reading ends in, and what it asked for."""
    reader = Reader(sim)
    with pytest.raises(Refusal) as caught:
        reader.read(stored)
    return caught.value, reader.requests


# --- what is asked for --------------------------------------------------------------------------


def test_on_first_contact_everything_is_asked_for_once(sim: NotarySimulator) -> None:
    """Root and timestamp by plain name, the rest by hash; all delegations of a level at once."""
    reader = Reader(sim)
    reader.read()
    assert reader.rounds == [
        ("root",),
        ("timestamp",),
        (_listed(sim, "snapshot"),),
        (_listed(sim, "targets"),),
        (_listed(sim, ALICE), _listed(sim, RELEASES)),
        (_listed(sim, DEEP),),
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
    assert reader.rounds == [("timestamp",), (_listed(sim, "snapshot"),), (_listed(sim, ALICE),)]


def test_no_more_bytes_are_asked_for_than_a_file_may_have(sim: NotarySimulator) -> None:
    """The named limits for plain names, the listed length for everything else."""
    reader = Scripted(sim)
    reader.read()
    roles = ("snapshot", "targets", ALICE, RELEASES, DEEP)
    assert reader.limits == {"root": ROOT_BYTES, "timestamp": TIMESTAMP_BYTES} | {
        _listed(sim, role): len(sim.current[role]) for role in roles
    }


# --- 404 is an answer (S14) ---------------------------------------------------------------------


@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_without_root_or_timestamp_there_is_no_trust_data(sim: NotarySimulator, role: str) -> None:
    """Notary says that there is nothing, and is believed."""
    sim.withhold(role)
    refusal, _ = _refusal(sim)
    assert isinstance(refusal, NoTrustData)
    assert refusal.role == role


def test_a_remembered_timestamp_does_not_stand_in_for_one_that_is_gone(sim: NotarySimulator) -> None:
    """A deleted collection is refused at once."""
    stored = remembered(sim)
    sim.withhold("timestamp")
    refusal, requests = _refusal(sim, stored)
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
    refusal, requests = _refusal(sim, stored)
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
    refusal, requests = _refusal(sim)
    assert isinstance(refusal, NotaryUnreachable)
    assert len(requests) == len(set(requests))


# --- files that a parent lists ------------------------------------------------------------------

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
    assert reader.requests.count(_listed(sim, role)) == 2


@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize(("status", "body", "why"), WRONG)
def test_a_listed_file_that_is_wrong_twice_is_corrupt(
    sim: NotarySimulator, role: str, status: int, body: bytes, why: str
) -> None:
    """Without it nothing can be verified."""
    sim.fault(role, status, body)
    refusal, requests = _refusal(sim)
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
    refusal, _ = _refusal(sim)
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
    refusal, requests = _refusal(sim)
    assert isinstance(refusal, MetadataCorrupt)
    assert not [name for name in requests if name.startswith(f"{role}.")]


def test_a_delegation_that_is_listed_over_the_limit_is_unusable(sim: NotarySimulator) -> None:
    """The others go on."""
    sim.snapshot.before_signing.append(lambda fields: fields["meta"][ALICE].update(length=TARGETS_BYTES + 1))
    sim.publish()
    collection = read(sim)
    assert isinstance(collection.roles[ALICE], Unusable)
    assert isinstance(collection.roles[RELEASES], Role)


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
    refusal, requests = _refusal(sim, stored)
    assert isinstance(refusal, Rollback)
    assert refusal.role == "timestamp"
    assert requests == ["timestamp", "timestamp"]


# --- rotation (S8) ------------------------------------------------------------------------------


def test_the_root_that_the_snapshot_names_is_asked_for_by_hash(sim: NotarySimulator) -> None:
    """And timestamp and snapshot once more, to be verified under it."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    reader = Reader(sim)
    collection = reader.read(stored)
    snapshot = _listed(sim, "snapshot")
    assert reader.requests == ["timestamp", snapshot, _listed(sim, "root"), "timestamp", snapshot]
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
    assert type(_refusal(sim, stored)[0]) is error


def test_a_walk_does_not_accept_an_older_version_for_a_newer(sim: NotarySimulator) -> None:
    """What is served as version 2 must be at least that."""
    stored = remembered(sim)
    _rotate(sim, SECOND, FIRST, SECOND)
    _rotate(sim, THIRD, SECOND, THIRD)
    sim.fault("2.root", 200, stored.files[RoleName("root")])
    refusal, _ = _refusal(sim, stored)
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
    refusal, requests = _refusal(sim, stored)
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
    refusal, requests = _refusal(sim, stored)
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
        refusal, _ = _refusal(sim, memory)
        assert isinstance(refusal, ThresholdNotMet)
        assert refusal.role == role


def test_a_newest_root_that_is_no_successor_ends_the_update(sim: NotarySimulator) -> None:
    """A repository that was deleted and made anew is refused until it is forgotten."""
    stored = remembered(sim)
    _new_key(sim, "timestamp")
    _rotate(sim, SECOND, SECOND)
    assert isinstance(_refusal(sim, stored)[0], RootRotationBroken)


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


# --- memory -------------------------------------------------------------------------------------


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
    refusal, requests = _refusal(sim, Stored(kept))
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
        assert isinstance(_refusal(sim, stored)[0], MetadataCorrupt)


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
