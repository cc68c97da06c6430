"""The trusted set: nothing becomes trust out of order, and every file passes every check."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import pytest

from proxy.errors import Expired, MetadataCorrupt, Rollback, ThresholdNotMet, TrustError
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Gun, RoleName
from proxy.tuf.collection import Role, Stored, Unusable
from proxy.tuf.delegations import Wanted
from proxy.tuf.metadata import Delegation, FileMeta, RoleKeys
from proxy.tuf.pins import Pins
from proxy.tuf.trusted import TrustedSet
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import remembered
from tests.support.signed_roles import EXPIRED, NOW

GUN: Final = "example.com/shop/api"
ALICE: Final = RoleName("targets/alice")
SOON: Final = "2026-11-21T12:00:00Z"  # the instant of the update itself
NOBODY: Final = Wanted(Delegation(ALICE, RoleKeys({}, 1), (), repeated=False), (), FileMeta(0, {}))


@pytest.fixture
def sim() -> NotarySimulator:
    """A published repository with one delegation."""
    sim = NotarySimulator(GUN)
    sim.delegate(ALICE)
    sim.sign("1.4", role=ALICE)
    for role in ("root", "timestamp", "snapshot", "targets", ALICE):
        sim[role].version = 5
    sim.publish()
    return sim


def _set(stored: Stored | None = None, now: datetime = NOW, grace: timedelta = timedelta()) -> TrustedSet:
    return TrustedSet(Gun(GUN), Pins.tofu(), stored, now, {}, grace)


STEPS: Final[dict[str, Callable[[TrustedSet, NotarySimulator], object]]] = {
    "root": lambda trusted, sim: trusted.first_root(sim.current["root"]),
    "timestamp": lambda trusted, sim: trusted.update_timestamp(sim.current["timestamp"]),
    "snapshot": lambda trusted, sim: trusted.update_snapshot(sim.current["snapshot"]),
    "top": lambda trusted, _sim: trusted.begin_targets(),
    "targets": lambda trusted, sim: trusted.update_targets(sim.current["targets"]),
    "delegation": lambda trusted, _sim: trusted.update_delegation(NOBODY, b""),
    "spoil": lambda trusted, _sim: trusted.spoil_delegation(NOBODY, MetadataCorrupt(ALICE, "missing")),
    "collection": lambda trusted, _sim: trusted.collection(),
}
ORDER: Final = ("root", "timestamp", "snapshot", "top", "targets")


def _walk(trusted: TrustedSet, sim: NotarySimulator, upto: str = "targets") -> list[Wanted]:
    """Take the steps in order, up to one of them; answers the delegations to load."""
    for step in ORDER[: ORDER.index(upto)]:
        STEPS[step](trusted, sim)
    last = STEPS[upto](trusted, sim)
    return last if isinstance(last, list) else []


def _refusal(trusted: TrustedSet, sim: NotarySimulator, upto: str = "targets") -> TrustError:
    with pytest.raises(TrustError) as caught:
        _walk(trusted, sim, upto)
    return caught.value


# --- order --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [step for step in STEPS if step != "root"])
@pytest.mark.parametrize("done", [0, 1, 2, 3, 4])
def test_no_step_can_be_taken_before_those_above_it(sim: NotarySimulator, done: int, step: str) -> None:
    """Whoever feeds it in another order has a defect, and gets no trust for it (dialect 5, row 66)."""
    trusted = _set()
    for earlier in ORDER[:done]:
        STEPS[earlier](trusted, sim)
    position = ORDER.index(step) if step in ORDER else len(ORDER)
    if position <= done:
        STEPS[step](trusted, sim)
    else:
        with pytest.raises(RuntimeError):
            STEPS[step](trusted, sim)


def test_there_is_no_root_before_one_was_trusted() -> None:
    """Nor anything that could be read from it."""
    with pytest.raises(RuntimeError):
        _ = _set().root


def test_a_new_root_makes_everything_below_it_start_over(sim: NotarySimulator) -> None:
    """What was verified under the old root is not verified under the new one."""
    trusted = _set()
    _walk(trusted, sim, "top")
    trusted.rotate_root(trusted.root)
    for step in ("snapshot", "top", "targets", "collection"):
        with pytest.raises(RuntimeError):
            STEPS[step](trusted, sim)


def test_a_new_root_must_be_closed_off_like_the_first(sim: NotarySimulator) -> None:
    """That the old root was unexpired and the right one says nothing of the new one."""
    trusted = _set()
    _walk(trusted, sim, "top")
    trusted.rotate_root(trusted.root)
    for step in ("timestamp", "snapshot"):
        STEPS[step](trusted, sim)
    with pytest.raises(RuntimeError):
        STEPS["targets"](trusted, sim)


def test_taken_in_order_the_steps_end_in_a_collection(sim: NotarySimulator) -> None:
    """With the versions and expiries of all, and the files to remember."""
    trusted = _set()
    (alice,) = _walk(trusted, sim)
    assert trusted.update_delegation(alice, sim.current[ALICE]) == []
    collection = trusted.collection()
    tops = (collection.root, collection.timestamp, collection.snapshot)
    assert [(top.name, top.version, top.expires.year) for top in tops] == [
        ("root", 5, 2100),
        ("timestamp", 5, 2100),
        ("snapshot", 5, 2100),
    ]
    assert collection.gun == GUN
    assert list(collection.root_keys) == [key.key_id for key in sim.root.roles["root"].keys]
    assert collection.files == sim.current
    assert collection.targets.signed_by == {sim.key("targets").public_key_id}
    assert collection.targets.paths == ("",)
    assert collection.skipped == ()


def test_targets_that_are_skipped_are_told(sim: NotarySimulator) -> None:
    """The log names what counts for nothing, whichever role says it (S10)."""
    sim.targets.tags["not a tag"] = sim.delegations[ALICE].tags["1.5"] = {"hashes": {}, "length": 1}
    sim.publish()
    trusted = _set()
    (alice,) = _walk(trusted, sim)
    trusted.update_delegation(alice, sim.current[ALICE])
    assert [text.split(":")[0] for text in trusted.collection().skipped] == ["targets", "targets/alice"]


# --- every file passes every check --------------------------------------------------------------

TOP: Final = [
    pytest.param("timestamp", "timestamp", id="timestamp"),
    pytest.param("snapshot", "snapshot", id="snapshot"),
    pytest.param("targets", "targets", id="targets"),
]


@pytest.mark.parametrize(("role", "step"), TOP)
def test_a_file_that_nobody_signed_is_refused(sim: NotarySimulator, role: str, step: str) -> None:
    """Each against its own role's keys."""
    sim[role].signers = [sim.key("a stranger")]
    sim.publish()
    refusal = _refusal(_set(), sim, step)
    assert isinstance(refusal, ThresholdNotMet)
    assert refusal.role == role


@pytest.mark.parametrize("signer", ["root", "timestamp", "snapshot", "targets"])
@pytest.mark.parametrize(("role", "step"), TOP)
def test_the_key_of_one_role_does_not_sign_for_another(sim: NotarySimulator, role: str, step: str, signer: str) -> None:
    """Whoever holds the timestamp's key cannot sign targets."""
    sim[role].signers = list(sim[signer].signers)
    sim.publish()
    if role == signer:
        _walk(_set(), sim, step)
    else:
        assert isinstance(_refusal(_set(), sim, step), ThresholdNotMet)


@pytest.mark.parametrize(("role", "step"), TOP)
@pytest.mark.parametrize(
    ("expires", "good"),
    [pytest.param(EXPIRED, False, id="past"), pytest.param(SOON, True, id="this instant")],
)
def test_an_expired_file_is_refused(sim: NotarySimulator, role: str, step: str, expires: str, good: bool) -> None:  # noqa: FBT001  (a case by name)
    """Equal is not expired (dialect 2.1)."""
    sim[role].expires = expires
    sim.publish()
    if good:
        _walk(_set(), sim, step)
        with pytest.raises(Expired):
            _walk(_set(now=NOW + timedelta(microseconds=1)), sim, step)
    else:
        refusal = _refusal(_set(), sim, step)
        assert isinstance(refusal, Expired)
        assert (refusal.role, refusal.expires) == (role, datetime.fromisoformat(EXPIRED))


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_by_grace_an_expired_file_counts_a_while_longer(sim: NotarySimulator, role: str) -> None:
    """To the very end of the grace, and the refusal names the role's own expiry (L3)."""
    sim[role].expires = SOON
    sim.publish()
    grace = timedelta(days=30)
    _walk(_set(now=NOW + grace, grace=grace), sim)
    refusal = _refusal(_set(now=NOW + grace + timedelta(microseconds=1), grace=grace), sim, role)
    assert isinstance(refusal, Expired)
    assert (refusal.role, refusal.expires) == (role, NOW)


@pytest.mark.parametrize("role", ["root", "targets"])
def test_grace_is_for_what_the_server_signs_alone(sim: NotarySimulator, role: str) -> None:
    """Whatever people sign ends when it says that it ends."""
    sim[role].expires = EXPIRED
    sim.publish()
    refusal = _refusal(_set(grace=timedelta(days=3650)), sim)
    assert isinstance(refusal, Expired)
    assert refusal.role == role


def test_grace_is_not_for_delegations_either(sim: NotarySimulator) -> None:
    """An expired signer's role is unusable, as without it (L2)."""
    sim[ALICE].expires = EXPIRED
    sim.publish()
    trusted = _set(grace=timedelta(days=3650))
    (alice,) = _walk(trusted, sim)
    trusted.update_delegation(alice, sim.current[ALICE])
    found = trusted.collection().roles[ALICE]
    assert isinstance(found, Unusable)
    assert isinstance(found.error, Expired)


def test_grace_forgives_nothing_but_expiry(sim: NotarySimulator) -> None:
    """What went back is refused, however long the grace."""
    stored = remembered(sim)
    sim.timestamp.version = 4
    sim.timestamp.expires = EXPIRED
    sim.publish()
    assert isinstance(_refusal(_set(stored, grace=timedelta(days=3650)), sim, "timestamp"), Rollback)


def test_an_expired_root_is_refused_at_the_end(sim: NotarySimulator) -> None:
    """It may lead to a newer one; it may not stand under targets, remembered or not."""
    sim.root.expires = EXPIRED
    sim.publish()
    _walk(_set(), sim, "snapshot")
    for trusted in (_set(), _set(Stored({ROOT: sim.current["root"]}))):
        refusal = _refusal(trusted, sim, "top")
        assert isinstance(refusal, Expired)
        assert refusal.role == "root"


@pytest.mark.parametrize(("role", "step"), TOP)
def test_a_file_of_another_kind_is_refused(sim: NotarySimulator, role: str, step: str) -> None:
    """Signed by the right key, and yet something else."""
    sim[role].before_signing.append(lambda fields: fields.update(_type="Root"))
    sim.publish()
    assert isinstance(_refusal(_set(), sim, step), MetadataCorrupt)


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_a_file_that_is_not_the_listed_one_is_refused(sim: NotarySimulator, role: str) -> None:
    """However well it is signed."""
    before = dict(sim.current)
    sim.bump(role)
    sim.publish(role)
    assert sim.current[role] != before[role]
    assert isinstance(_refusal(_set(), sim, role), MetadataCorrupt)


def test_a_root_that_the_snapshot_does_not_name_is_refused(sim: NotarySimulator) -> None:
    """Targets are looked at only under the root that belongs to them (S8)."""
    sim.bump("root")
    sim.publish("root")
    refusal = _refusal(_set(), sim, "top")
    assert isinstance(refusal, MetadataCorrupt)
    assert refusal.role == "root"


# --- floors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "step"), TOP)
@pytest.mark.parametrize(
    ("version", "is_rollback"),
    [
        pytest.param(4, True, id="lower"),
        pytest.param(5, True, id="same version, other bytes (S5)"),
        pytest.param(6, False, id="higher"),
    ],
)
def test_no_file_goes_back(sim: NotarySimulator, role: str, step: str, version: int, is_rollback: bool) -> None:  # noqa: FBT001  (a case by name)
    """Against what an earlier update accepted; what describes the file is one version on."""
    stored = remembered(sim)
    for described_by in ("timestamp", "snapshot"):
        sim[described_by].version = 6
    sim[role].version = version
    sim[role].fields = {"note": "changed"}
    if role == "timestamp":
        sim.bump("snapshot")
    sim.publish()
    trusted = _set(stored)
    if is_rollback:
        refusal = _refusal(trusted, sim, step)
        assert isinstance(refusal, Rollback)
        assert refusal.role == role
    else:
        _walk(trusted, sim)
        taken = trusted.collection()
        targets = taken.roles[TARGETS]
        assert isinstance(targets, Role)
        versions = {TIMESTAMP: taken.timestamp.version, SNAPSHOT: taken.snapshot.version, TARGETS: targets.version}
        assert versions[RoleName(role)] == version


def test_memory_of_another_role_is_no_floor(sim: NotarySimulator) -> None:
    """Each role has its own."""
    stored = Stored({ROOT: sim.current["root"], TARGETS: sim.current["timestamp"]})
    sim.timestamp.version = 1
    sim.publish("timestamp")
    trusted = _set(stored)
    trusted.remember_root()
    trusted.update_timestamp(sim.current["timestamp"])
    assert trusted._timestamp is not None
    assert trusted._timestamp.version == 1


def test_a_remembered_root_is_started_from(sim: NotarySimulator) -> None:
    """It is verified anew like any other."""
    trusted = _set(remembered(sim))
    trusted.remember_root()
    assert trusted.root.data == sim.current["root"]


def test_without_a_remembered_root_there_is_nothing_to_start_from() -> None:
    """Other files are there, the root is lost: that is damage."""
    with pytest.raises(MetadataCorrupt) as caught:
        _set(Stored({TIMESTAMP: b"{}", SNAPSHOT: b"{}"})).remember_root()
    assert (caught.value.role, caught.value.why) == ("root", "the remembered one is gone")
