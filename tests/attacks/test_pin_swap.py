"""Pin swap: the attacker brings a root that looks like the pinned one."""

from collections.abc import Sequence
from typing import Final

import pytest
from cryptography import x509

from proxy.errors import RootNotTrusted, ThresholdNotMet, TrustError
from proxy.tuf.pins import Pins, RootPin
from tests.attacks.shop import GOOD, GUN, digest_of, memory, release, resolve, shop
from tests.support.certificates import EXPIRED, Authority, authority, certificate, fingerprint, pem, root_key, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.swizzler.rotations import rotate

_OURS: Final = root_key(GUN)
_THIEF: Final = ecdsa_key("thief")
_THEIRS: Final = x509_key(_THIEF, certificate(GUN, _THIEF))
_CA: Final = authority("corp")


def by_key(*keys: Key) -> Pins:
    """Pinned by public key."""
    return Pins((RootPin("corp", public_key_ids=frozenset(key.public_key_id for key in keys)),))


_BY_KEY: Final = by_key(_OURS)
_BY_CERTIFICATE: Final = Pins((RootPin("corp", certificates=frozenset({fingerprint(_OURS)})),))
_BY_AUTHORITY: Final = Pins((RootPin("corp", authorities=(_CA.certificate,)),))
_EVERY_WAY: Final = [
    pytest.param(_BY_KEY, id="by key"),
    pytest.param(_BY_CERTIFICATE, id="by certificate"),
    pytest.param(_BY_AUTHORITY, id="by authority"),
]


def _rooted(keys: Sequence[Key], signers: Sequence[Key], threshold: int = 1) -> NotarySimulator:
    """The repository under other root keys."""
    sim = shop()
    rotate(sim, keys, signers, threshold)
    sim.publish()
    return sim


@pytest.mark.parametrize("pins", _EVERY_WAY)
def test_the_same_name_is_not_the_same_key(pins: Pins) -> None:
    """A certificate with the right name and a key of the attacker is not pinned."""
    with pytest.raises(RootNotTrusted):
        read(_rooted([_THEIRS], [_THEIRS]), pins=pins)


@pytest.mark.parametrize("pins", _EVERY_WAY[:2])
@pytest.mark.parametrize("threshold", [1, 2])
def test_a_pinned_key_listed_beside_the_attackers_must_have_signed(pins: Pins, threshold: int) -> None:
    """Listing the pinned key is no signature by it, and signatures by others count for nothing (S2)."""
    second = x509_key(ecdsa_key("thief 2"), certificate(GUN, ecdsa_key("thief 2")))
    with pytest.raises(ThresholdNotMet):
        read(_rooted([_OURS, _THEIRS, second], [_THEIRS, second], threshold), pins=pins)


def test_a_signature_in_the_name_of_the_pinned_key() -> None:
    """A signature that names the pinned key's id and was made by another key is none."""
    sim = _rooted([_OURS], [_THEIRS])
    sim.root.after_signing.append(lambda envelope: envelope.signatures[0].update(keyid=_OURS.key_id))
    sim.publish()
    with pytest.raises(ThresholdNotMet):
        read(sim, pins=_BY_KEY)


def test_the_attackers_key_under_the_id_of_the_pinned_one() -> None:
    """Ids are computed: a key listed under the pinned key's id is still the attacker's."""
    sim = _rooted([_OURS], [_THEIRS])
    sim.root.before_signing.append(lambda fields: fields["keys"].update({_OURS.key_id: _THEIRS.as_json()}))
    sim.root.after_signing.append(lambda envelope: envelope.signatures[0].update(keyid=_OURS.key_id))
    sim.publish()
    with pytest.raises(TrustError):
        read(sim, pins=_BY_KEY)


@pytest.mark.parametrize(
    "bundle",
    [
        pytest.param((certificate(GUN, _THIEF), _CA.certificate), id="authority put behind"),
        pytest.param((_CA.certificate, certificate(GUN, _THIEF)), id="authority put before"),
        pytest.param((certificate(GUN, _THIEF, authority("impostor")),), id="signed by an impostor"),
        pytest.param(
            (certificate("registry.example.com/shop/web", _THIEF, _CA),),
            id="signed, for another repository",
        ),
    ],
)
def test_a_certificate_that_borrows_the_authority(bundle: tuple[x509.Certificate, ...]) -> None:
    """The pinned authority's certificate in the bundle, or its signature on another name, anchors nothing."""
    key = Key("ecdsa-x509", pem(bundle), _THIEF.private)
    with pytest.raises(RootNotTrusted):
        read(_rooted([key], [key]), pins=_BY_AUTHORITY)


def test_an_authority_of_the_same_name_is_another_one() -> None:
    """A self-made authority with the pinned one's name does not pass for it."""
    namesake = ecdsa_key("authority namesake")
    impostor = Authority(namesake, certificate("corp", namesake, is_ca=True, usage=None))
    key = x509_key(_THIEF, certificate(GUN, _THIEF, impostor), impostor.certificate)
    with pytest.raises(RootNotTrusted):
        read(_rooted([key], [key]), pins=_BY_AUTHORITY)


@pytest.mark.parametrize("pins", _EVERY_WAY[:2])
def test_a_rotation_does_not_lead_away_from_the_pins(pins: Pins) -> None:
    """A root that the pinned key itself hands over to an unpinned one is refused: pins outrank rotation."""
    sim = shop()
    stored = read(sim, pins=pins).stored()
    rotate(sim, [_THEIRS], [_OURS, _THEIRS])
    release(sim, GOOD)
    with pytest.raises(RootNotTrusted):
        read(sim, stored, pins=pins)


def test_pins_are_asked_on_every_read() -> None:
    """A root that was trusted on first use is refused as soon as pins say otherwise (S2)."""
    sim = shop()
    assert resolve(read(sim, memory())) == digest_of(GOOD)
    with pytest.raises(RootNotTrusted):
        read(sim, memory(), pins=by_key(_THEIRS))
    assert sim.requests.count("root") == 0


def test_a_renewed_certificate_keeps_a_pinned_key() -> None:
    """A new certificate for the same key is pinned by key, and not by certificate."""
    renewed = x509_key(ecdsa_key("root"), certificate(GUN, ecdsa_key("root"), usage=None))
    assert renewed.key_id != _OURS.key_id
    sim = _rooted([renewed], [renewed])
    assert resolve(read(sim, pins=_BY_KEY)) == digest_of(GOOD)
    with pytest.raises(RootNotTrusted):
        read(sim, pins=_BY_CERTIFICATE)


def test_one_pinned_key_does_not_meet_a_threshold_of_two() -> None:
    """Two certificates of the one pinned key are one signature of two (S1)."""
    twin = x509_key(ecdsa_key("root"), certificate(GUN, ecdsa_key("root"), usage=None))
    with pytest.raises(ThresholdNotMet):
        read(_rooted([_OURS, twin], [_OURS, twin], threshold=2), pins=_BY_KEY)


def test_the_pinned_key_in_an_expired_certificate() -> None:
    """A pinned key does not outlive its certificate."""
    lapsed = x509_key(ecdsa_key("root"), certificate(GUN, ecdsa_key("root"), not_after=EXPIRED))
    with pytest.raises(RootNotTrusted):
        read(_rooted([lapsed], [lapsed]), pins=_BY_KEY)
