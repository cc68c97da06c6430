"""Blocked key: a thief goes on signing with a key that the operator has blocked, before Notary knows of the theft."""

from itertools import chain, combinations
from typing import Final

import pytest

from proxy.errors import Blocked
from proxy.names import RoleName
from proxy.policy.signers import AllOf, AnyOf
from proxy.tuf.collection import Collection, Role
from tests.attacks.shop import (
    BY_ALICE,
    EVIL,
    GOOD,
    GUN,
    OLD,
    ROLES,
    SIGNERS,
    TAG,
    answer,
    defect,
    digest_of,
    memory,
    release,
    shop,
    usable,
)
from tests.support.certificates import root_key
from tests.support.collections import signer
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.swizzler.edits import declaration
from tests.support.swizzler.rotations import rotate

_HELD: Final = ("timestamp", "snapshot", "targets", "targets/alice", "targets/releases")
_HOLDINGS: Final = tuple(chain.from_iterable(combinations(_HELD, size) for size in range(1, len(_HELD) + 1)))
_THIEF, _SECOND = ecdsa_key("thief"), ecdsa_key("second")


def _blocking(*keys: Key) -> dict[str, str]:
    return {key.public_key_id: "laptop stolen" for key in keys}


def _declared(sim: NotarySimulator, role: str) -> list[Key]:
    """The keys that may sign for a role; the list itself, to be changed."""
    return sim.root.roles[role].keys if role in sim.root.roles else declaration(sim, role).keys


@pytest.mark.parametrize("held", [pytest.param(held, id=" and ".join(held)) for held in _HOLDINGS])
def test_keys_that_are_blocked_are_worth_nothing_whatever_their_holder_forges(held: tuple[str, ...]) -> None:
    """Any stolen keys, all of them blocked: the attacker's image is not served, by no rule."""
    sim = shop()
    for role in ("targets/alice", "targets/releases"):
        sim.sign(TAG, EVIL, role=role)
        if "targets" in held and role not in held:
            declaration(sim, role).keys = [_THIEF]
    blocked = _blocking(*(sim.key(role) for role in held))
    for role in _HELD:
        if role not in held:
            sim[role].signers = [_THIEF]
    sim.bump()
    sim.publish()
    for rule in (AnyOf((signer("alice"),)), AllOf((signer("alice"), signer("ci")))):
        assert isinstance(answer(sim, memory(), rule, blocked=blocked), type)
    assert isinstance(answer(sim, memory(), blocked=blocked), type)
    assert isinstance(answer(sim, None, blocked=blocked), type)


@pytest.mark.parametrize("role", ROLES)
def test_a_key_that_alone_signs_a_role_takes_it_away_when_it_is_blocked(role: str) -> None:
    """Until its owner has another key: decisions that rest on the role are refused, and it is said why."""
    blocked = _blocking(*_declared(shop(), role))
    if role not in SIGNERS:
        assert answer(shop(), memory(), blocked=blocked) is Blocked
        return
    collection = read(shop(), memory(), blocked=blocked)
    assert defect(collection, role) is Blocked
    assert all(usable(collection, other) for other in SIGNERS if other != role)


def test_what_does_not_rest_on_the_blocked_key_goes_on() -> None:
    """Alice's laptop is stolen: her rule is refused, the release and ci's rule are not."""
    blocked = _blocking(shop().key("targets/alice"))
    assert answer(shop(), memory(), BY_ALICE, blocked=blocked) is Blocked
    assert answer(shop(), memory(), blocked=blocked) == digest_of(GOOD)
    assert answer(shop(), memory(), AnyOf((signer("ci"),)), blocked=blocked) == digest_of(GOOD)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "root"])
def test_a_new_key_beside_the_blocked_one_is_enough(role: str) -> None:
    """The owner adds a key and signs; the stolen one may stay listed until somebody tidies up."""
    sim = shop()
    blocked = _blocking(sim.key(role))
    _declared(sim, role).append(_SECOND)
    sim[role].signers = [_SECOND]
    release(sim, GOOD)
    assert answer(sim, memory(), blocked=blocked) == digest_of(GOOD)
    assert answer(sim, memory(), BY_ALICE, blocked=blocked) == digest_of(GOOD)


@pytest.mark.parametrize("role", ROLES)
def test_a_blocked_signature_beside_good_ones_neither_helps_nor_harms(role: str) -> None:
    """The collection is the one that would be read if the thief had not signed at all."""
    thief = root_key(GUN, "thief") if role == "root" else _THIEF
    sim = shop()
    honest = list(_declared(sim, role))
    _declared(sim, role).append(thief)
    sim.bump()
    sim[role].signers = [thief, *honest]
    signed_by_both, signed_by_one = sim.clone(), sim.clone()
    signed_by_one[role].signers = honest
    for each in (signed_by_both, signed_by_one):
        each.publish()
    found = read(signed_by_both, memory(), blocked=_blocking(thief))
    assert _said(found) == _said(read(signed_by_one, memory()))


def _said(collection: Collection) -> dict[RoleName, object]:
    return {
        name: (role.version, role.signed_by, role.targets) if isinstance(role, Role) else type(role)
        for name, role in collection.roles.items()
    }


def test_two_of_two_keys_cannot_be_one_blocked_and_one_good() -> None:
    """A threshold of two is not met with the blocked key's help."""
    sim = shop()
    entry = declaration(sim, "targets/alice")
    entry.keys, entry.threshold = [sim.key("targets/alice"), _SECOND], 2
    sim["targets/alice"].signers = list(entry.keys)
    release(sim, EVIL)
    assert answer(sim, memory(), BY_ALICE) == digest_of(EVIL)
    assert answer(sim, memory(), BY_ALICE, blocked=_blocking(_SECOND)) is Blocked


def test_a_stolen_root_key_cannot_bring_in_another_root() -> None:
    """Blocked, it neither vouches for a new root nor makes one by itself, although the pins still name it."""
    sim = shop()
    mine = root_key(GUN, "mine")
    rotate(sim, [mine], [root_key(GUN), mine])
    release(sim, EVIL)
    assert answer(sim, memory()) == digest_of(EVIL)
    for stored in (memory(), None):
        got = answer(sim, stored, blocked=_blocking(root_key(GUN), mine))
        assert got is Blocked
    assert answer(sim, memory(), blocked=_blocking(root_key(GUN))) is Blocked


def test_blocking_a_key_brings_back_no_older_image() -> None:
    """The tag is refused, not served as it was before the thief."""
    sim = shop()
    release(sim, EVIL)
    blocked = _blocking(sim.key("targets/releases"))
    assert answer(sim, memory(), blocked=blocked) not in (digest_of(OLD), digest_of(GOOD), digest_of(EVIL))
