"""Arbitrary software: the attacker sits in the network or in Notary itself, with an image of their own."""

from collections.abc import Sequence
from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, Refusal, RootNotTrusted, RootRotationBroken, ThresholdNotMet
from proxy.tuf.pins import Pins, RootPin
from tests.attacks.shop import EVIL, GOOD, GUN, ROLES, SIGNERS, TAG, answer, digest_of, memory, resolve, shop
from tests.support.certificates import root_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read

_MINE: Final = root_key(GUN, "attacker")
_PINNED: Final = Pins((RootPin("corp", public_key_ids=frozenset({root_key(GUN).public_key_id})),))


def _tampered(role: str) -> NotarySimulator:
    """The attacker's image in one role's file, signed by a key of the attacker, and everything above described anew."""
    sim = shop()
    sim.sign(TAG, EVIL, role=role)
    sim[role].signers = [ecdsa_key("attacker")]
    sim.bump()
    sim.publish()
    return sim


@pytest.mark.parametrize("signed_by", ["attacker", "nobody"])
@pytest.mark.parametrize("role", SIGNERS)
def test_an_image_in_a_file_that_its_role_did_not_sign(role: str, signed_by: str) -> None:
    """Holding every key of the server is no help: a signer's file without the signer's signature is unusable."""
    sim = _tampered(role)
    if signed_by == "nobody":
        sim[role].after_signing.append(lambda envelope: envelope.signatures.clear())
        sim.bump("snapshot", "timestamp")
        sim.publish()
    assert answer(sim, memory()) in (digest_of(GOOD), ThresholdNotMet)
    assert answer(sim, None) is not digest_of(EVIL)


def test_an_image_in_targets_without_the_targets_key() -> None:
    """A `targets` that the targets key did not sign refuses everything."""
    assert answer(_tampered("targets"), memory()) is ThresholdNotMet


def _own_repository() -> NotarySimulator:
    """A repository of the attacker, consistent to the last byte, under the same GUN."""
    sim = NotarySimulator(GUN)
    sim.root.roles["root"].keys = sim.root.signers = [_MINE]
    for role in SIGNERS:
        sim.delegate(role, [ecdsa_key("attacker")])
        sim.sign(TAG, EVIL, role=role)
    sim.root.version = 3
    for role in ROLES[1:]:
        sim[role].version = 3
    sim.publish()
    return sim


def test_a_repository_of_the_attackers_own_is_not_pinned() -> None:
    """A whole repository made by the attacker fails at its root where the root is pinned."""
    with pytest.raises(RootNotTrusted):
        read(_own_repository(), pins=_PINNED)


def test_a_repository_of_the_attackers_own_does_not_follow_the_one_remembered() -> None:
    """Once a root is remembered, another one needs its signature, pinned or not."""
    sim = _own_repository()
    for role in ("timestamp", "snapshot", "targets"):
        sim.root.roles[role].keys = sim[role].signers = [ecdsa_key("attacker")]
    sim.publish()
    assert answer(sim, memory()) is RootRotationBroken


def test_first_trust_is_what_it_says() -> None:
    """Without pins and without memory the first repository seen is trusted: pin roots, or be first."""
    assert answer(_own_repository(), None) == digest_of(EVIL)


def _flips(data: bytes) -> Sequence[int]:
    """Positions spread over a file, its first and last bytes among them."""
    return [*range(0, len(data), max(1, len(data) // 24)), len(data) - 1]


@pytest.mark.parametrize("role", ROLES)
def test_no_flipped_bit_ever_changes_what_is_served(role: str) -> None:
    """A bit flipped anywhere in any file on its way is refused, or changes nothing."""
    honest = shop().current[role]
    for position in _flips(honest):
        for remembering in (False, True):
            sim = shop()
            sim.bump("timestamp")
            sim.publish("timestamp")
            sim.serve(role, honest[:position] + bytes([honest[position] ^ 0x01]) + honest[position + 1 :])
            assert answer(sim, memory() if remembering else None) in _HARMLESS


_HARMLESS: Final[tuple[object, ...]] = (digest_of(GOOD), MetadataCorrupt, ThresholdNotMet, RootNotTrusted)


@pytest.mark.parametrize("keys", [pytest.param([], id="no keys"), pytest.param([_MINE], id="another key")])
def test_a_root_that_the_pinned_key_did_not_sign(keys: list[Key]) -> None:
    """The pinned key may be listed in a root as often as one likes: it must have signed."""
    sim = shop()
    sim.root.roles["root"].keys = [root_key(GUN), *keys]
    sim.root.signers = [_MINE]
    sim.publish()
    with pytest.raises(ThresholdNotMet):
        read(sim, pins=_PINNED)


def test_an_answer_in_another_language_is_no_answer() -> None:
    """A captive portal that answers everything with a page is refused as corrupt, not taken for silence."""
    sim = shop()
    sim.fault("timestamp", 200, b"<html>please log in</html>")
    assert answer(sim, memory()) is MetadataCorrupt


def test_what_was_signed_is_what_is_resolved() -> None:
    """The honest repository resolves to the image that all signers signed."""
    assert resolve(read(shop())) == digest_of(GOOD)
    assert issubclass(ThresholdNotMet, Refusal)
