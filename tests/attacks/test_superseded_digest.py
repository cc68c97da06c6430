"""Superseded digest: an attacker wants an image served that a tag had once, or that the memory says it had."""

from datetime import timedelta
from typing import Final

import pytest

from proxy.errors import Blocked, Rollback
from proxy.names import RoleName
from proxy.policy.entries import Blocklist
from proxy.policy.past import Earlier, Past, Statement
from proxy.policy.signers import AllOf, AnyOf, Released, SignedBy
from proxy.tuf.collection import Target
from tests.attacks.shop import (
    BY_ALICE,
    EVIL,
    GOOD,
    OLD,
    SIGNERS,
    TAG,
    Reader,
    defect,
    digest_of,
    files_of_version_1,
    release,
    shop,
)
from tests.support.collections import signer
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.edits import always, declaration

_DAY: Final = timedelta(hours=24)
_NEWER: Final = b"the image after the good one"
_BOTH: Final = AllOf((signer("alice"), signer("ci")))
_RULES: Final = [
    pytest.param(Released(), id="released"),
    pytest.param(BY_ALICE, id="by alice"),
    pytest.param(_BOTH, id="by both"),
]


def _revoke(sim: NotarySimulator) -> None:
    """All signers withdraw the tag."""
    for role in SIGNERS:
        sim.targets_role(role).tags.clear()
    sim.bump()
    sim.publish()


@pytest.mark.parametrize("rule", _RULES)
def test_the_image_before_is_served_for_a_day_and_no_longer(rule: SignedBy) -> None:
    """What is not an attack: a service that is pinned to it goes on."""
    sim, reader = shop(), Reader(rule)
    reader.see(sim)
    release(sim, _NEWER)
    reader.see(sim)
    assert reader.admits(GOOD)
    assert reader.admits(GOOD, reader.now + _DAY - timedelta(seconds=1))
    assert not reader.admits(GOOD, reader.now + _DAY)
    assert reader.admits(_NEWER, reader.now + _DAY)


@pytest.mark.parametrize("rule", _RULES)
def test_a_superseded_image_does_not_return_after_a_revocation(rule: SignedBy) -> None:
    """Found to be bad, the tag was revoked; that it is signed again with a good image revives none of the bad ones."""
    sim, reader = shop(), Reader(rule)
    reader.see(sim)
    release(sim, EVIL)
    reader.see(sim)
    assert reader.admits(GOOD)
    _revoke(sim)
    reader.see(sim)
    assert not any(map(reader.admits, (GOOD, EVIL)))
    release(sim, _NEWER)
    reader.see(sim)
    assert [reader.admits(image) for image in (GOOD, EVIL, _NEWER)] == [False, False, True]


def test_a_revocation_that_was_never_read_is_known_by_what_came_after() -> None:
    """Between two reads the tag went and came back: it has what it has now, and had what was seen before."""
    sim, reader = shop(), Reader()
    reader.see(sim)
    _revoke(sim)
    release(sim, _NEWER)
    reader.see(sim)
    assert reader.admits(_NEWER)
    assert reader.admits(GOOD, reader.now + _DAY - timedelta(seconds=1))
    assert not reader.admits(GOOD, reader.now + _DAY)


@pytest.mark.parametrize("role", SIGNERS)
def test_an_older_file_does_not_make_its_image_a_superseded_one(role: str) -> None:
    """Who serves old files again gets a rollback; nothing of it is remembered as if it had been the tag's."""
    sim, reader = shop(), Reader(_BOTH)
    reader.see(sim)
    sim[role].on_the_wire.append(always(files_of_version_1()[role]))
    sim.bump("snapshot", "timestamp")
    sim.publish()
    reader.see(sim)
    assert not reader.admits(OLD)


def test_a_replayed_repository_ends_nothing_and_begins_nothing() -> None:
    """The whole of version 1, served again: the update is refused, and memory stays as it was."""
    sim, reader = shop(), Reader()
    reader.see(sim)
    before = reader.past
    sim.serve_again(files_of_version_1())
    with pytest.raises(Rollback):
        reader.see(sim)
    assert reader.past is before
    assert not reader.admits(OLD)


def test_a_stolen_key_that_was_replaced_keeps_nothing_alive() -> None:
    """What only the old key signed is over when the role has another key; what it was before the theft, too."""
    sim, reader = shop(), Reader(BY_ALICE)
    reader.see(sim)
    release(sim, EVIL)
    reader.see(sim)
    declaration(sim, "targets/alice").keys = sim["targets/alice"].signers = [ecdsa_key("new key")]
    release(sim, _NEWER)
    reader.see(sim)
    assert [reader.admits(image) for image in (GOOD, EVIL, _NEWER)] == [False, False, True]


def test_a_stolen_key_that_was_blocked_keeps_nothing_alive() -> None:
    """From the moment when the operator writes it down, also what it signed before."""
    sim, reader = shop(), Reader(AnyOf((signer("alice"), signer("ci"))))
    reader.see(sim)
    for role in ("targets/alice", "targets/releases"):
        sim.sign(TAG, EVIL, role=role)
    sim.targets_role("targets/ci").tags.clear()
    sim.bump()
    sim.publish()
    reader.see(sim)
    release(sim, _NEWER)
    reader.see(sim)
    assert reader.admits(EVIL)
    reader.blocked = Blocklist(keys={sim.key("targets/alice").public_key_id: "laptop stolen"})
    reader.see(sim)
    assert [reader.admits(image) for image in (EVIL, _NEWER)] == [False, True]


def test_a_bad_image_that_is_blocked_is_not_served_as_the_one_before() -> None:
    """Superseded or not."""
    sim, reader = shop(), Reader()
    reader.see(sim)
    release(sim, _NEWER)
    reader.see(sim)
    reader.blocked = Blocklist({digest_of(GOOD): "CVE-2026-1"})
    assert not reader.admits(GOOD)
    assert reader.admits(_NEWER)


# --- a memory that claims too much --------------------------------------------------------------


def _claiming(reader: Reader, *said: tuple[str, str], image: bytes = EVIL) -> None:
    """Put into the reader's memory that these roles said so a moment ago, signed by these keys."""
    target = Target(digest_of(image), len(image))
    statements = tuple(Statement(RoleName(role), target, frozenset({key})) for role, key in sorted(said))
    reader.past = Past.decode(Past((Earlier(TAG, reader.now, statements),)).encode())


def _key(role: str) -> str:
    return shop().key(role).public_key_id


_TRUE: Final = tuple((role, _key(role)) for role in SIGNERS)


def test_a_memory_by_the_right_keys_is_believed() -> None:
    """It is under seal in the store; so the next tests show what the keys of today add to that."""
    reader = Reader(_BOTH)
    reader.see(shop())
    _claiming(reader, *_TRUE)
    assert reader.admits(EVIL)


@pytest.mark.parametrize("role", SIGNERS)
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ecdsa_key("thief").public_key_id, id="the thief's own"),
        pytest.param(_key("targets"), id="the targets key"),
        pytest.param(_key("snapshot"), id="the server's key"),
        pytest.param(_key("targets/qa"), id="a signer's that is not delegated"),
    ],
)
def test_a_memory_cannot_claim_keys_that_a_role_does_not_have(role: str, key: str) -> None:
    """One of the required statements by another key, and the image was never the tag's."""
    reader = Reader(_BOTH)
    reader.see(shop())
    _claiming(reader, *(pair for pair in _TRUE if pair[0] != role), (role, key))
    assert not reader.admits(EVIL)


@pytest.mark.parametrize("role", SIGNERS)
def test_a_memory_without_one_of_the_required_statements_admits_nothing(role: str) -> None:
    """The rule is today's: both signers and the release."""
    reader = Reader(_BOTH)
    reader.see(shop())
    _claiming(reader, *(pair for pair in _TRUE if pair[0] != role))
    assert not reader.admits(EVIL)


def test_a_memory_of_one_signature_does_not_meet_a_threshold_of_two() -> None:
    """Whatever was enough then: the role asks for two today."""
    sim = shop()
    entry = declaration(sim, "targets/alice")
    entry.keys, entry.threshold = [sim.key("targets/alice"), ecdsa_key("second")], 2
    sim["targets/alice"].signers = list(entry.keys)
    release(sim, GOOD)
    reader = Reader(_BOTH)
    reader.see(sim)
    _claiming(reader, *_TRUE)
    assert not reader.admits(EVIL)


def test_a_memory_of_a_role_that_nobody_declares_any_more_says_nothing() -> None:
    """The signer is gone, and with it what it said."""
    sim = shop()
    reader = Reader(AnyOf((signer("alice"), signer("ci"))))
    sim.targets.delegations = [each for each in sim.targets.delegations if each.name != "targets/ci"]
    del sim.delegations["targets/ci"]
    release_without_ci(sim)
    reader.see(sim)
    _claiming(reader, ("targets/ci", _key("targets/ci")), ("targets/releases", _key("targets/releases")))
    assert not reader.admits(EVIL)


def release_without_ci(sim: NotarySimulator) -> None:
    """The two other signers sign the tag again."""
    for role in ("targets/alice", "targets/releases"):
        sim.sign(TAG, GOOD, role=role)
    sim.bump()
    sim.publish()


def test_a_memory_does_not_speak_for_a_tag_that_is_gone() -> None:
    """The tag is revoked; a superseded digest, however well it was signed, has no tag to stand on."""
    sim = shop()
    _revoke(sim)
    reader = Reader(_BOTH)
    reader.see(sim)
    _claiming(reader, *_TRUE)
    assert not reader.admits(EVIL)


def test_a_memory_does_not_speak_for_a_tag_whose_signer_is_blocked() -> None:
    """A required signer's role cannot be used any more: the tag has no digest, and had none."""
    reader = Reader(_BOTH)
    reader.blocked = Blocklist(keys={_key("targets/alice"): "laptop stolen"})
    reader.see(shop())
    _claiming(reader, *_TRUE)
    assert not reader.admits(EVIL)
    assert reader.today
    assert defect(reader.today, "targets/alice") is Blocked
