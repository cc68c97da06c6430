"""Key compromise: what each stolen key gives the thief, and how one gets rid of the thief."""

from itertools import chain, combinations
from typing import Final

import pytest

from proxy.errors import Rollback, SignerMissing, TagNotSigned, ThresholdNotMet
from proxy.policy.signers import AllOf, AnyOf
from tests.attacks.shop import (
    BY_ALICE,
    EVIL,
    GOOD,
    GUN,
    OLD,
    SIGNERS,
    TAG,
    answer,
    defect,
    digest_of,
    files_of_version_1,
    memory,
    release,
    shop,
)
from tests.support.certificates import certificate, root_key, x509_key
from tests.support.collections import signer
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.swizzler.edits import always, declaration
from tests.support.swizzler.rotations import rotate

_ROLES: Final = ("timestamp", "snapshot", "targets", "targets/alice", "targets/releases")
_HOLDINGS: Final = tuple(chain.from_iterable(combinations(_ROLES, size) for size in range(len(_ROLES) + 1)))
_ONLINE: Final = frozenset({"timestamp", "snapshot"})
_THIEF: Final = ecdsa_key("thief")


def _forge(held: tuple[str, ...]) -> NotarySimulator:
    """Sign the attacker's image into alice's role and the release, with the stolen keys and the thief's own.

    Who holds the targets key delegates both roles to the thief's own key.
    """
    sim = shop()
    for role in _ROLES:
        if role not in held:
            sim[role].signers = [_THIEF]
    for role in ("targets/alice", "targets/releases"):
        sim.sign(TAG, EVIL, role=role)
        if "targets" in held and role not in held:
            declaration(sim, role).keys = [_THIEF]
    sim.bump()
    sim.publish()
    return sim


@pytest.mark.parametrize("held", [pytest.param(held, id=" and ".join(held) or "nothing") for held in _HOLDINGS])
def test_what_stolen_keys_are_worth(held: tuple[str, ...]) -> None:
    """Who holds the server's two keys and the targets key owns every rule but those that list a signer's own key.

    With fewer keys than that, a publication in which every file is new is refused.
    """
    stolen = set(held)
    released = stolen >= {*_ONLINE, "targets"}
    sim = _forge(held)
    got = answer(sim, memory())
    assert (got == digest_of(EVIL)) == released
    listed = signer("alice", ecdsa_key("targets/alice").public_key_id)
    by_her_key = answer(sim, memory(), AnyOf((listed,)))
    assert (by_her_key == digest_of(EVIL)) == (released and "targets/alice" in stolen)


def _sign_in_own_role(role: str, held: frozenset[str]) -> NotarySimulator:
    """Sign the attacker's image into one role whose key is stolen; all files that need no change stay as they are."""
    sim = shop()
    sim.sign(TAG, EVIL, role=role)
    for name in _ONLINE - held:
        sim[name].signers = [_THIEF]
    sim.bump(role, "snapshot", "timestamp")
    sim.publish()
    return sim


@pytest.mark.parametrize(
    ("held", "got"),
    [
        pytest.param(_ONLINE, digest_of(EVIL), id="with the server's keys"),
        pytest.param(frozenset({"snapshot"}), ThresholdNotMet, id="without the timestamp key"),
        pytest.param(frozenset({"timestamp"}), ThresholdNotMet, id="without the snapshot key"),
        pytest.param(frozenset(), ThresholdNotMet, id="alone"),
    ],
)
def test_a_stolen_release_key_needs_the_server_to_publish(held: frozenset[str], got: object) -> None:
    """The key of `targets/releases` releases what its holder likes, once Notary publishes it."""
    assert answer(_sign_in_own_role("targets/releases", held), memory()) == got


def test_a_stolen_release_key_does_not_sign_for_others() -> None:
    """Where the rule names signers, a release alone is not enough."""
    sim = _sign_in_own_role("targets/releases", _ONLINE)
    assert answer(sim, memory(), AllOf((signer("alice"), signer("ci")))) is SignerMissing


def test_a_stolen_signer_key_does_not_release() -> None:
    """Where the release names another image, the holder of one signer's key gets nothing served."""
    assert answer(_sign_in_own_role("targets/alice", _ONLINE), memory(), BY_ALICE) is SignerMissing


def _two_keys_for_releases() -> NotarySimulator:
    sim = shop()
    entry = declaration(sim, "targets/releases")
    entry.keys = [sim.key("targets/releases"), ecdsa_key("second")]
    entry.threshold = 2
    sim["targets/releases"].signers = list(entry.keys)
    release(sim, GOOD)
    return sim


def test_one_key_of_a_threshold_of_two_is_worth_nothing() -> None:
    """With a threshold of two, one stolen key signs nothing, however often it signs."""
    sim = _two_keys_for_releases()
    assert answer(sim, memory()) == digest_of(GOOD)
    stored = read(sim, memory()).stored()
    sim.sign(TAG, EVIL, role="targets/releases")
    sim["targets/releases"].signers = [ecdsa_key("second")] * 2
    sim.bump("targets/releases", "snapshot", "timestamp")
    sim.publish()
    assert answer(sim, stored) is ThresholdNotMet


def test_one_key_in_two_certificates_is_one_key() -> None:
    """A threshold of two is not met by one key that is listed as two certificates (S1)."""
    key = ecdsa_key("second")
    twice = [x509_key(key, certificate(GUN, key)), x509_key(key, certificate("another name", key))]
    sim = _two_keys_for_releases()
    declaration(sim, "targets/releases").keys = sim["targets/releases"].signers = list(twice)
    release(sim, EVIL)
    assert answer(sim, memory()) is ThresholdNotMet


@pytest.mark.parametrize("role", SIGNERS)
def test_a_revoked_signer_key_is_worth_nothing(role: str) -> None:
    """After the targets key delegates the role to another key, the old one signs for nobody."""
    sim = shop()
    declaration(sim, role).keys = sim[role].signers = [ecdsa_key("new key")]
    release(sim, GOOD)
    stored = read(sim, memory()).stored()
    sim[role].signers = [sim.key(role)]
    release(sim, EVIL)
    assert defect(read(sim, stored), role) is ThresholdNotMet


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_revoked_top_key_is_worth_nothing(role: str) -> None:
    """After root names another key for a top role, files signed by the old one are refused."""
    sim = shop()
    sim.root.roles[role].keys = sim[role].signers = [ecdsa_key("new key")]
    release(sim, GOOD)
    stored = read(sim, memory()).stored()
    sim[role].signers = [sim.key(role)]
    release(sim, EVIL)
    assert answer(sim, stored) is ThresholdNotMet


def test_a_revoked_root_key_is_worth_nothing() -> None:
    """A root signed by a key that an earlier rotation retired does not follow the newest one."""
    sim = shop()
    rotate(sim, [root_key(GUN, "new")], [root_key(GUN), root_key(GUN, "new")])
    release(sim, GOOD)
    stored = read(sim, memory()).stored()
    rotate(sim, [root_key(GUN)], [root_key(GUN)])
    release(sim, EVIL)
    assert isinstance(answer(sim, stored), type)


def _fast_forwarded() -> NotarySimulator:
    """The thief of the server's keys published the largest versions there are."""
    sim = shop()
    sim.timestamp.version = sim.snapshot.version = 2**53
    sim.publish()
    return sim


def test_a_fast_forward_locks_nobody_out_for_good() -> None:
    """After a fast-forward a new root with new server keys starts the versions again (S9)."""
    sim = _fast_forwarded()
    stored = read(sim, memory()).stored()
    sim.timestamp.version, sim.snapshot.version = 3, 3
    sim.publish()
    assert answer(sim, stored) is Rollback

    for role in ("timestamp", "snapshot"):
        sim.root.roles[role].keys = sim[role].signers = [ecdsa_key(f"new {role}")]
    sim.root.version = 3
    sim.publish()
    assert answer(sim, stored) == digest_of(GOOD)


def test_recovery_from_a_fast_forward_is_no_way_back_for_the_thief() -> None:
    """The floors of targets and signers stand while those of timestamp and snapshot fall."""
    sim = _fast_forwarded()
    stored = read(sim, memory()).stored()
    for role in ("timestamp", "snapshot"):
        sim.root.roles[role].keys = sim[role].signers = [ecdsa_key(f"new {role}")]
        sim[role].version = 3
    sim.root.version = 3
    for role in ("targets", *SIGNERS):
        sim[role].on_the_wire.append(always(files_of_version_1()[role]))
    sim.publish()
    assert answer(sim, stored) is Rollback


def test_a_tag_that_was_revoked_is_gone() -> None:
    """A tag that its signers withdrew is not signed any more, although older files still say so."""
    sim = shop()
    for role in SIGNERS:
        sim.targets_role(role).tags.clear()
    sim.bump()
    sim.publish()
    assert answer(sim, memory()) is TagNotSigned
    assert digest_of(OLD) != digest_of(GOOD)
