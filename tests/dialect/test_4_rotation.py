"""Rows 31 to 42: keys change, versions go back, and names of delegations."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, NameInvalid, Rollback, RootRotationBroken, ThresholdNotMet, TrustError
from proxy.names import RoleName
from tests.dialect.fixture import DELEGATIONS, GUN, defect, fixture, is_complete, memory, situation
from tests.support.certificates import root_key
from tests.support.keys import Key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered
from tests.support.signed_roles import EXPIRED, UNEXPIRED
from tests.support.swizzler.delegations import BAD_NAMES, GOOD_NAMES
from tests.support.swizzler.edits import declaration
from tests.support.swizzler.rotations import rotate
from tests.support.swizzler.swizzle import FRESH, NEWER

_OLD: Final = root_key(GUN)
_A, _B, _C, _D = (root_key(GUN, name) for name in "abcd")


def _next_version(sim: NotarySimulator, keys: Sequence[Key], signers: Sequence[Key], threshold: int = 1) -> None:
    """Publish one more root with these keys and signatures."""
    rotate(sim, keys, signers, threshold)
    sim.bump()
    sim.publish()


def _other_key(sim: NotarySimulator, role: str) -> None:
    """Declare another key for the role; the file stays signed by the one before."""
    declaration(sim, role).keys = [sim.key("another")]


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize(
    "role", [pytest.param(role, id=f"row 31: {role}") for role in ("timestamp", "snapshot", "targets")]
)
def test_a_new_key_must_sign_the_role(role: str, column: str) -> None:
    """After root names another key for a role, the old key's signature counts for nothing."""
    assert situation(column, _other_key, role).refusal() is ThresholdNotMet


@pytest.mark.parametrize("column", [pytest.param(column, id=f"row 32: {column}") for column in (FRESH, NEWER)])
def test_a_new_root_key_must_sign_the_root(column: str) -> None:
    """A root that names another root key, signed by the old one only, does not stand for itself."""
    changed = situation(column, lambda sim, _: rotate(sim, [_A], [_OLD]), "root")
    assert changed.refusal() is ThresholdNotMet


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize("role", [pytest.param(role, id=f"row 33: {role}") for role in DELEGATIONS])
def test_a_new_delegation_key_must_sign_the_delegation(role: str, column: str) -> None:
    """A delegation whose declared key did not sign is unusable; the rest stands."""
    collection = situation(column, _other_key, role).read()
    assert is_complete(collection, without=role)
    assert defect(collection, role) is ThresholdNotMet


def _two_of_three() -> NotarySimulator:
    """A repository whose root takes two of three keys."""
    sim = fixture().clone()
    _next_version(sim, [_OLD, _A, _B], [_OLD, _A, _B], threshold=2)
    return sim


def test_row_34_the_old_threshold_must_be_met() -> None:
    """A root that lowers its threshold from two to one still needs two signatures by the keys before it."""
    sim = _two_of_three()
    stored = remembered(sim)
    _next_version(sim, [_B, _C, _D], [_B])
    with pytest.raises(RootRotationBroken):
        read(sim, stored)


def test_row_35_two_shared_keys_carry_the_root_over() -> None:
    """The same step, signed by two keys that both roots share, holds."""
    sim = _two_of_three()
    stored = remembered(sim)
    _next_version(sim, [_A, _B, _D], [_A, _B])
    assert is_complete(read(sim, stored))


def test_row_36_only_the_root_before_counts() -> None:
    """After that step a signature by a key of the newest root alone is enough, whatever earlier roots asked for."""
    sim = _two_of_three()
    _next_version(sim, [_A, _B, _D], [_A, _B])
    stored = remembered(sim)
    sim.root.roles["snapshot"].keys = sim.snapshot.signers = [sim.key("another snapshot")]
    _next_version(sim, [_A, _B, _D], [_D])
    assert is_complete(read(sim, stored))


@pytest.mark.parametrize(
    ("signers", "refusal"),
    [
        pytest.param([_A], ThresholdNotMet, id="row 37: previous key only"),
        pytest.param([_B], RootRotationBroken, id="row 37: new key only"),
        pytest.param([_A, _B], None, id="row 37: both"),
        pytest.param([_OLD, _A, _B], None, id="row 37: all there ever were"),
    ],
)
def test_a_rotation_is_signed_by_the_old_and_the_new_key(signers: list[Key], refusal: type[TrustError] | None) -> None:
    """A reader one version behind follows a rotation that both keys signed, and no other."""
    sim = fixture().clone()
    _next_version(sim, [_A], [_OLD, _A])
    stored = remembered(sim)
    _next_version(sim, [_B], signers)
    if refusal is None:
        assert is_complete(read(sim, stored))
    else:
        with pytest.raises(refusal):
            read(sim, stored)


def test_row_38_a_version_between_must_be_vouched_for() -> None:
    """A reader two versions behind does not follow a chain whose first link only vouches for itself."""
    sim = fixture().clone()
    _next_version(sim, [_A], [_A])
    _next_version(sim, [_B], [_A, _B])
    with pytest.raises(RootRotationBroken):
        read(sim, memory())


def test_row_39_a_version_between_may_have_expired() -> None:
    """An expired version between is a good link, because it only vouches for the next one."""
    sim = fixture().clone()
    sim.root.expires = EXPIRED
    _next_version(sim, [_A], [_OLD, _A])
    sim.root.expires = UNEXPIRED
    _next_version(sim, [_B], [_A, _B])
    assert is_complete(read(sim, memory()))


@pytest.mark.parametrize("steps", [pytest.param(steps, id=f"row 40: {steps} steps") for steps in (1, 2, 5)])
def test_everybody_follows_a_good_chain(steps: int) -> None:
    """A new reader and one from before all rotations end at the same root."""
    sim = fixture().clone()
    keys = [_OLD, *(root_key(GUN, f"step {number}") for number in range(steps))]
    for old, new in pairwise(keys):
        _next_version(sim, [new], [old, new])
    fresh, returning = read(sim), read(sim, memory())
    assert is_complete(fresh)
    assert is_complete(returning)
    assert set(fresh.root_keys) == set(returning.root_keys) == {keys[-1].key_id}


def _older(sim: NotarySimulator, role: str) -> None:
    sim[role].version = 4


@pytest.mark.parametrize("role", [pytest.param(role, id=f"row 41: {role} (L2)") for role in DELEGATIONS])
def test_a_delegation_below_its_floor_is_not_used(role: str) -> None:
    """A delegation older than the one remembered is unusable as a rollback, and its floor is kept."""
    found = situation(NEWER, _older, role)
    collection = found.read()
    assert is_complete(collection, without=role)
    assert defect(collection, role) is Rollback
    assert collection.stored().files[RoleName(role)] == memory().files[RoleName(role)]


_MORE_GOOD: Final = ("targets/level1", "targets/level1/level2/level3")


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=f"row 42: {name[:40]}") for name in (*GOOD_NAMES.values(), *_MORE_GOOD)]
)
def test_names_of_delegations(name: str) -> None:
    """Every name that Notary takes for a delegation is a role name here."""
    assert RoleName(name) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=f"row 42: {why}")
        for why, name in BAD_NAMES.items()
        if why not in ("of a top role", "of its own parent", "two levels down")
    ],
)
def test_what_is_no_name_of_a_delegation(name: str) -> None:
    """Whatever Notary does not take for a delegation is no role name here."""
    with pytest.raises(NameInvalid):
        RoleName(name)


def _renamed(to: str) -> Callable[[NotarySimulator, str], None]:
    def change(sim: NotarySimulator, _role: str) -> None:
        sim.targets.delegations[0].name = to

    return change


@pytest.mark.parametrize("name", [pytest.param(name, id=f"row 42: {why}") for why, name in BAD_NAMES.items()])
def test_a_file_that_declares_a_bad_name_is_corrupt(name: str) -> None:
    """A bad name makes the whole file invalid, also the name of a role that is not a direct child."""
    assert situation(FRESH, _renamed(name), "targets").refusal() is MetadataCorrupt
