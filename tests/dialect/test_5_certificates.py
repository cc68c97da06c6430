"""Rows 43 to 58: certificates of root keys, and what they are pinned by.

The real client's pins name GUNs and prefixes; here the configuration has chosen the anchors of a GUN before the
verifier runs, so the rows about prefixes (52, 54, part of 53 and 55) become: what is configured is all that counts.
"""

from datetime import timedelta
from typing import Any, Final

import pytest

from proxy.errors import RootNotTrusted, RootRotationBroken, ThresholdNotMet, TrustError
from proxy.names import Gun
from proxy.tuf.collection import Stored
from proxy.tuf.pins import Pins, RootPin
from tests.dialect.fixture import GUN, fixture, is_complete, memory
from tests.dialect.pin_cases import authorities, keys
from tests.support.certificates import (
    EXPIRED,
    authority,
    certificate,
    fingerprint,
    root_key,
    x509_key,
)
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.signed_roles import NOW
from tests.support.swizzler.rotations import rotate

_KEY: Final = ecdsa_key("certified")
_CA: Final = authority("corp")
_BELOW: Final = authority("corp signing", _CA)
_OLD_BELOW: Final = authority("corp signing 2020", _CA, EXPIRED)
_OLD_CA: Final = authority("corp 2020", None, EXPIRED)
_ROOT: Final = root_key(GUN)
_NEXT: Final = root_key(GUN, "next")
_TOFU: Final = Pins.tofu()


def _with(*root_keys: Key, gun: str = GUN) -> NotarySimulator:
    """The repository with these root keys."""
    sim = fixture().clone()
    sim.gun = gun
    rotate(sim, root_keys, root_keys)
    sim.publish()
    return sim


def _expect(sim: NotarySimulator, pins: Pins, refusal: type[TrustError] | None, stored: Stored | None = None) -> None:
    """Reading ends as it should: complete, or in this refusal."""
    if refusal is None:
        assert is_complete(read(sim, stored, pins=pins))
    else:
        with pytest.raises(refusal):
            read(sim, stored, pins=pins)


def _leaf(name: str = GUN, **how: Any) -> Key:
    return x509_key(_KEY, certificate(name, _KEY, **how))


def _garbled(public: bytes) -> Key:
    return Key("ecdsa-x509", public, _KEY.private)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(_leaf(), id="row 43: common name is the GUN"),
        pytest.param(
            x509_key(_KEY, certificate(GUN, _KEY, _BELOW), _BELOW.certificate, _CA.certificate),
            id="row 46: leaf, intermediate, authority",
        ),
        pytest.param(_leaf(not_after=NOW + timedelta(days=30)), id="row 47: about to expire"),
        pytest.param(_leaf(not_before=NOW + timedelta(hours=23)), id="row 47: valid from tomorrow"),
        pytest.param(_leaf(not_after=NOW), id="row 47: valid until now"),
    ],
)
def test_a_good_certificate_is_trusted_on_first_use(key: Key) -> None:
    """A certificate made out to the GUN and valid now is trusted by a reader that pins nothing."""
    assert is_complete(read(_with(key)))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(_leaf("docker.com/other"), id="row 44: other common name"),
        pytest.param(
            _garbled(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), id="row 45: PEM garbage"
        ),
        pytest.param(x509_key(_CA.key, _CA.certificate), id="row 45: authority only"),
        pytest.param(
            x509_key(_KEY, _BELOW.certificate, certificate(GUN, _KEY, _BELOW)), id="row 45: intermediate first"
        ),
        pytest.param(_leaf(not_after=EXPIRED), id="row 47: expired leaf"),
        pytest.param(_leaf(not_after=NOW - timedelta(seconds=1)), id="row 47: expired a second ago"),
        pytest.param(_leaf(not_before=NOW + timedelta(hours=25)), id="row 47: valid from the day after tomorrow"),
        pytest.param(
            x509_key(_KEY, certificate(GUN, _KEY, _OLD_BELOW), _OLD_BELOW.certificate),
            id="row 48: expired intermediate",
        ),
    ],
)
def test_a_bad_certificate_is_not_trusted(key: Key) -> None:
    """A root key whose certificate has a defect is none, whoever signed with it."""
    with pytest.raises(RootNotTrusted):
        read(_with(key))


def test_row_45_a_key_that_is_no_base64_spoils_the_root() -> None:
    """A root whose key bytes are no base64 cannot be read."""
    sim = fixture().clone()
    sim.root.before_signing.append(lambda fields: fields["keys"][_ROOT.key_id]["keyval"].update(public="not base64!"))
    sim.publish()
    with pytest.raises(TrustError):
        read(sim)


def test_row_49_without_first_trust_an_unpinned_root_is_refused() -> None:
    """An entry that pins nothing trusts nothing, on first contact and for a remembered root alike (S2)."""
    nothing = Pins((RootPin("empty"),))
    with pytest.raises(RootNotTrusted):
        read(_with(_ROOT), pins=nothing)
    with pytest.raises(RootNotTrusted):
        read(fixture().clone(), memory(), pins=nothing)


@pytest.mark.parametrize(
    ("pins", "refusal"),
    [
        pytest.param(keys(_ROOT), None, id="row 50: right"),
        pytest.param(keys(_ROOT, _NEXT), None, id="row 50: right and others"),
        pytest.param(
            Pins((RootPin("c", certificates=frozenset({fingerprint(_ROOT)})),)), None, id="row 50: right certificate"
        ),
        pytest.param(keys(_NEXT), RootNotTrusted, id="row 51: another key"),
        pytest.param(Pins((RootPin("e", public_key_ids=frozenset({""})),)), RootNotTrusted, id="row 51: empty id"),
        pytest.param(keys(ecdsa_key("targets")), RootNotTrusted, id="row 51: the targets key"),
        pytest.param(
            Pins((RootPin("k", public_key_ids=frozenset({_ROOT.key_id})),)),
            RootNotTrusted,
            id="row 51: id of the certificate",
        ),
        pytest.param(keys(root_key("docker.com/other", "other")), RootNotTrusted, id="row 52: the key of another GUN"),
        pytest.param(_TOFU, None, id="row 52: nothing pinned, first trust allowed"),
    ],
)
def test_what_is_pinned_is_all_that_counts(pins: Pins, refusal: type[TrustError] | None) -> None:
    """A pinned key or certificate is trusted, and nothing else is once anything is pinned."""
    _expect(_with(_ROOT), pins, refusal)


@pytest.mark.parametrize(
    ("pins", "refusal"),
    [
        pytest.param((keys(_ROOT), keys(_NEXT)), None, id="row 53: first entry fits"),
        pytest.param((keys(_NEXT), keys(_ROOT)), None, id="row 54: second entry fits"),
        pytest.param((keys(_NEXT), keys(_KEY)), RootNotTrusted, id="row 53: none fits"),
    ],
)
def test_entries_together_form_the_pinned_set(pins: tuple[Pins, Pins], refusal: type[TrustError] | None) -> None:
    """Several entries add up: there is no precedence that could hide a right one behind a wrong one."""
    together = Pins(tuple(entry for each in pins for entry in each.entries))
    _expect(_with(_ROOT), together, refusal)


_CERTIFIED: Final = x509_key(_KEY, certificate(GUN, _KEY, _CA))
_THROUGH: Final = x509_key(_KEY, certificate(GUN, _KEY, _BELOW), _BELOW.certificate)
_BY_OLD: Final = x509_key(_KEY, certificate(GUN, _KEY, _OLD_CA))


@pytest.mark.parametrize(
    ("key", "pins", "refusal"),
    [
        pytest.param(_CERTIFIED, authorities(_CA.certificate), None, id="row 55: code signing certificate (L1)"),
        pytest.param(_THROUGH, authorities(_CA.certificate), None, id="row 55: through an intermediate"),
        pytest.param(_CERTIFIED, authorities(_OLD_CA.certificate, _CA.certificate), None, id="row 55: one has expired"),
        pytest.param(_BY_OLD, authorities(_OLD_CA.certificate), RootNotTrusted, id="row 55: only an expired one"),
        pytest.param(
            _CERTIFIED, authorities(authority("stranger").certificate), RootNotTrusted, id="row 55: unrelated"
        ),
        pytest.param(_ROOT, authorities(_CA.certificate), RootNotTrusted, id="row 55: self-signed leaf"),
    ],
)
def test_pinned_authorities(key: Key, pins: Pins, refusal: type[TrustError] | None) -> None:
    """A leaf is trusted if it chains to a pinned authority that is valid now, whatever it may be used for."""
    _expect(_with(key), pins, refusal)


def _rotated(*, under: Key = _NEXT) -> NotarySimulator:
    """The repository one version on, with another root key that both keys signed."""
    sim = fixture().clone()
    rotate(sim, [under], [_ROOT, under])
    sim.bump()
    sim.publish()
    return sim


@pytest.mark.parametrize(
    ("pins", "refusal"),
    [
        pytest.param(keys(_ROOT, _NEXT), None, id="row 56: both pinned"),
        pytest.param(_TOFU, None, id="row 56: nothing pinned"),
        pytest.param(keys(_ROOT), RootNotTrusted, id="row 56: only the old one"),
        pytest.param(keys(_NEXT), RootNotTrusted, id="row 56: only the new one (S2)"),
    ],
)
def test_a_rotation_under_pins(pins: Pins, refusal: type[TrustError] | None) -> None:
    """The root that is remembered and the one that follows it must both be pinned."""
    _expect(_rotated(), pins, refusal, memory())


def test_row_57_a_rotation_away_from_the_authority_is_refused() -> None:
    """A root that follows to a certificate outside the pinned authority is not trusted."""
    sim = fixture().clone()
    rotate(sim, [_CERTIFIED], [_ROOT, _CERTIFIED])
    sim.bump()
    sim.publish()
    both = Pins((*keys(_ROOT).entries, *authorities(_CA.certificate).entries))
    stored = read(sim, memory(), pins=both).stored()
    rotate(sim, [_NEXT], [_CERTIFIED, _NEXT])
    sim.bump()
    sim.publish()
    with pytest.raises(RootNotTrusted):
        read(sim, stored, pins=both)


_TEST_GUN: Final = "docker.com/notary/test"


@pytest.mark.parametrize(
    ("name", "gun", "refusal"),
    [
        *(
            pytest.param(name, gun, None, id=f"row 58: {name} fits {gun}")
            for name, gun in (
                ("docker.com/*", _TEST_GUN),
                ("docker.com/**", _TEST_GUN),
                ("*", _TEST_GUN),
                ("**", _TEST_GUN),
                ("test/*******", "test/wild"),
            )
        ),
        *(
            pytest.param(name, gun, RootNotTrusted, id=f"row 58: '{name}' does not fit {gun}")
            for name, gun in (
                ("test/**/*/", "test/wild"),
                ("test/*/wild", "test/wild"),
                ("*/all", "test/all"),
                ("docker.com/*/*", _TEST_GUN),
                ("*abc*", "abc"),
                ("", _TEST_GUN),
            )
        ),
    ],
)
def test_wildcards_in_common_names(name: str, gun: str, refusal: type[TrustError] | None) -> None:
    """Stars count at the end of a common name only; and a wildcard name counts only where it is allowed (S3)."""
    key = x509_key(_KEY, certificate(name, _KEY))
    sim = _with(key, gun=str(Gun(gun)))
    _expect(sim, keys(key, wildcard=True), refusal)
    for pins in (_TOFU, keys(key)):
        with pytest.raises(RootNotTrusted):
            read(sim, pins=pins)


def test_an_expired_certificate_still_vouches_for_its_successor() -> None:
    """A remembered root whose certificate ran out meanwhile can hand over, because expiry ends use, not identity."""
    lapsing = x509_key(_KEY, certificate(GUN, _KEY, not_after=NOW + timedelta(days=1)))
    sim = _with(lapsing)
    stored = read(sim).stored()
    rotate(sim, [_NEXT], [lapsing, _NEXT])
    sim.bump()
    sim.publish()
    later = NOW + timedelta(days=2)
    with pytest.raises((RootNotTrusted, RootRotationBroken, ThresholdNotMet)):
        read(sim, stored, now=later)  # as the real client: a remembered root with an expired certificate is a dead end
    assert is_complete(read(sim, stored))
