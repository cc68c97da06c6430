"""Which pin a root meets, or why none, as the verification itself has it."""

from datetime import timedelta
from typing import Final

import pytest

from proxy import errors
from proxy.explanation.roots import anchors
from proxy.explanation.story import Anchor
from proxy.names import ROOT, Gun
from proxy.policy.signers import Released
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored
from proxy.tuf.keys import make_key
from proxy.tuf.pins import Pins, RootPin
from tests.support.certificates import LONG_AGO, authority, certificate, fingerprint, root_key, x509_key
from tests.support.collections import NOW
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.unit.explanation.bare import known, read
from tests.unit.explanation.situations import (
    GUN,
    entry,
)

CA: Final = authority("corp")


LEAF: Final = ecdsa_key("root under corp")


UNDER_CA: Final = x509_key(LEAF, certificate(GUN, LEAF, CA))


def _anchor(key: Key, pins: Pins) -> Anchor:
    made = make_key(key.keytype, key.public)
    [anchor] = anchors({made.key_id: made}, Gun(GUN), pins, NOW)
    return anchor


@pytest.mark.parametrize(
    ("key", "pin", "met"),
    [
        pytest.param(
            root_key(GUN), RootPin("a", frozenset({root_key(GUN).public_key_id})), "a (by its public key id)", id="id"
        ),
        pytest.param(
            root_key(GUN),
            RootPin("a", frozenset(), frozenset({fingerprint(root_key(GUN))})),
            "a (by its certificate)",
            id="cert",
        ),
        pytest.param(UNDER_CA, RootPin("a", authorities=(CA.certificate,)), "a (by its authority)", id="authority"),
    ],
)
def test_which_pin_a_root_meets(key: Key, pin: RootPin, met: str) -> None:
    """The pin's name and what it was met by, with both ids, as `pin` and `inspect` show them."""
    anchor = _anchor(key, Pins((RootPin("other"), pin)))
    assert (anchor.pins, anchor.why) == ((met,), "")
    assert (anchor.key_id, anchor.public_key_id) == (key.key_id, key.public_key_id)
    assert anchor.certificate == GUN


@pytest.mark.parametrize(
    ("key", "why"),
    [
        pytest.param(root_key(GUN), "is not pinned", id="other-key"),
        pytest.param(root_key("another"), "its certificate is for 'another'", id="other-name"),
        pytest.param(ecdsa_key("plain"), "no usable x509 key", id="no-certificate"),
    ],
)
def test_why_a_root_meets_no_pin(key: Key, why: str) -> None:
    """The reason is that of the verification itself."""
    anchor = _anchor(key, Pins((RootPin("a", frozenset({"7" * 64})),)))
    assert anchor.pins == ()
    assert why in anchor.why


def test_certificates_that_ran_out() -> None:
    """The dates of a root's certificate are told, whether it counts or not."""
    key = ecdsa_key("late")
    anchor = _anchor(x509_key(key, certificate(GUN, key, not_after=NOW - timedelta(days=1))), Pins.tofu())
    assert (anchor.valid_from, anchor.valid_until) == (LONG_AGO, NOW - timedelta(days=1))
    assert "valid until 2026-11-20" in anchor.why


def test_pins_are_shown_beside_the_root_that_meets_none() -> None:
    """Whatever is pinned stands there, an authority by its subject, and the root as Notary serves it."""
    sim = NotarySimulator(GUN)
    sim.publish()
    pin = RootPin("corp-2024", frozenset({"7" * 64}), frozenset({"8" * 64}), (CA.certificate,))
    pinning = entry(Released(), pins=Pins((pin,)))
    told = read(known(errors.RootNotTrusted("no"), pinning, served_root=sim.current["root"]))
    assert f"root key {root_key(GUN).public_key_id}: its public key is not pinned" in told
    assert f"listed as {root_key(GUN).key_id}" in told
    for part in (f"public key id {'7' * 64}", f"certificate {'8' * 64}", "authority CN=corp"):
        assert f"pinned: corp-2024: {part}\n" in told
    assert "mistyped" not in told


def test_a_pin_with_one_wrong_digit_is_told_from_the_key_that_was_meant() -> None:
    """Both ids stand there whole, and where they part."""
    sim = NotarySimulator(GUN)
    sim.publish()
    meant = root_key(GUN).public_key_id
    typo = f"{meant[:40]}{'0' if meant[40] != '0' else '1'}{meant[41:]}"
    pinning = entry(Released(), pins=Pins((RootPin("corp-2024", frozenset({typo, "7" * 64})),)))
    told = read(known(errors.RootNotTrusted("no"), pinning, served_root=sim.current["root"]))
    assert f"public key id {typo}; they differ from digit 41 on: mistyped?\n" in told
    assert told.count("mistyped") == 1


@pytest.mark.parametrize(
    ("is_remembered", "said"),
    [
        pytest.param(True, "trusted on first use", id="a-key-of-it"),
        pytest.param(False, "it is no key of the root that is remembered", id="another-key"),
    ],
)
def test_first_use_is_over_once_a_root_is_remembered(said: str, *, is_remembered: bool) -> None:
    """A new root that does not hold is shown beside the old one: only the keys of that were trusted on first use."""
    sim = NotarySimulator(GUN)
    sim.publish()
    stored = Stored({ROOT: sim.current["root"] if is_remembered else b"damaged"})
    refusal = errors.RootRotationBroken("0 of 1 signatures")
    remembered = Remembered(stored, 1, NOW)
    trusting = entry(Released(), pins=Pins.tofu())
    told = read(known(refusal, trusting, served_root=sim.current["root"], remembered=remembered))
    assert f"root key {root_key(GUN).public_key_id}: {said}" in told


def test_a_root_that_cannot_be_read() -> None:
    """Then there is no chain to show, and the rest is told all the same."""
    told = read(known(errors.RootNotTrusted("no"), served_root=b"no root"))
    assert "Chain of trust" not in told
    assert "tagwarden pin" in told
