"""Which keys of a root count: made out to the GUN, valid now, and pinned (dialect 3.5, 3.6; S2, S3, L1)."""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy.names import Gun
from proxy.tuf.keys import PublicKey, make_key
from proxy.tuf.pins import Pins, RootPin, common_name, root_keys, unbundle, why_none
from tests.support.certificates import (
    EXPIRED,
    LONG_AGO,
    Authority,
    authority,
    certificate,
    fingerprint,
    pem,
    signed_with_sha1,
    x509_key,
)
from tests.support.keys import Key, ecdsa_key, ed25519_key, rsa_key
from tests.support.signed_roles import NOW

GUN: Final = Gun("example.com/shop/api")
KEY, OTHER, RSA = ecdsa_key("root"), ecdsa_key("other"), rsa_key("rsa")
CA: Final = authority("corp")
BELOW: Final = authority("corp signing", CA)
LEAF_BELOW: Final = certificate(GUN, KEY, BELOW)
TOFU: Final = Pins.tofu()


def _leaf(name: str = GUN, key: Key = KEY, issuer: Authority | None = None, **how: Any) -> Key:
    return x509_key(key, certificate(name, key, issuer, **how))


ROOT: Final = _leaf()


def _made(*keys: Key) -> dict[str, PublicKey]:
    return {key.key_id: make_key(key.keytype, key.public) for key in keys}


def _counted(*keys: Key, pins: Pins = TOFU, now: datetime = NOW, dated: bool = True) -> list[str]:
    """The public key ids of those that count."""
    return [key.public_key_id for key in root_keys(_made(*keys), GUN, pins, now, dated=dated).values()]


def _pins(**pin: Any) -> Pins:
    return Pins((RootPin("corp", **pin),))


# --- made out to the GUN, and valid -------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ROOT, id="as notary makes it"),
        pytest.param(_leaf(key=rsa_key("rsa")), id="RSA"),
        pytest.param(_leaf(key=ecdsa_key("x", "P-384")), id="P-384"),
        pytest.param(_leaf(not_before=NOW + timedelta(days=1)), id="valid from tomorrow"),
        pytest.param(_leaf(not_after=NOW), id="valid until now"),
        pytest.param(x509_key(KEY, LEAF_BELOW, BELOW.certificate, CA.certificate), id="with its chain"),
        pytest.param(x509_key(KEY, LEAF_BELOW, CA.certificate, BELOW.certificate), id="chain in any order"),
    ],
)
def test_a_good_certificate_counts(key: Key) -> None:
    """It counts under the id that it is listed under."""
    assert list(root_keys(_made(key), GUN, TOFU, NOW)) == [key.key_id]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        pytest.param(KEY, "no usable x509 key", id="a plain key"),
        pytest.param(ed25519_key("root"), "no usable x509 key", id="Ed25519"),
        pytest.param(Key("ecdsa-x509", b"garbage", KEY.private), "no usable x509 key", id="garbage"),
        pytest.param(Key("ecdsa-x509", "\u00e9".encode(), KEY.private), "no usable x509 key", id="not ascii"),
        pytest.param(Key("ecdsa-x509", ROOT.public.replace(b"\n", b"\r\n"), KEY.private), "no usable", id="CRLF"),
        pytest.param(Key("ecdsa-x509", ROOT.public.rstrip(), KEY.private), "no usable", id="no final newline"),
        pytest.param(Key("ecdsa-x509", b"comment\n" + ROOT.public, KEY.private), "no usable", id="a comment before"),
        pytest.param(Key("ecdsa-x509", ROOT.public + b"\n", KEY.private), "no usable", id="an empty line behind"),
        pytest.param(Key("ecdsa", ROOT.public, KEY.private), "no usable", id="certificate called plain"),
        pytest.param(Key("rsa-x509", ROOT.public, KEY.private), "no usable", id="elliptic called RSA"),
        pytest.param(x509_key(CA.key, CA.certificate), "no usable", id="an authority"),
        pytest.param(x509_key(KEY, BELOW.certificate, LEAF_BELOW), "no usable", id="intermediate first"),
        pytest.param(x509_key(KEY, certificate(GUN, KEY), certificate(GUN, OTHER)), "no usable", id="two leaves"),
        pytest.param(_leaf(key=ecdsa_key("x", "secp256k1")), "no usable", id="other curve"),
        pytest.param(_leaf(key=rsa_key("short", 1024)), "no usable", id="short RSA"),
        pytest.param(_leaf("example.com/other"), "certificate is for 'example.com/other'", id="other name"),
        pytest.param(_leaf(""), "certificate is for ''", id="no name"),
        pytest.param(_leaf(f"{GUN} "), "certificate is for", id="a blank behind the name"),
        pytest.param(_leaf("*/shop/api"), "certificate is for", id="a star elsewhere is a star"),
        pytest.param(_leaf(not_after=EXPIRED), "valid until 2021-01-01", id="expired"),
        pytest.param(_leaf(not_after=NOW - timedelta(seconds=1)), "valid until 2026-11-21", id="expired a second ago"),
        pytest.param(_leaf(not_before=NOW + timedelta(days=1, seconds=1)), "valid until", id="valid too late"),
        pytest.param(x509_key(RSA, signed_with_sha1(certificate(GUN, RSA))), "too weak", id="SHA-1"),
        pytest.param(
            x509_key(KEY, certificate(GUN, KEY, CA), authority("old", CA, EXPIRED).certificate),
            "valid until", id="expired intermediate",
        ),
    ],
)  # fmt: skip
def test_a_bad_certificate_does_not_count_and_says_why(key: Key, why: str) -> None:
    """The reason is the one that helps an operator most."""
    assert _counted(key) == []
    assert why in why_none(_made(key), GUN, TOFU, NOW)


def test_a_bad_certificate_does_not_spoil_a_good_one() -> None:
    """Of several root keys those count that can."""
    assert _counted(_leaf("example.com/other", OTHER), ROOT, KEY) == [KEY.public_key_id]


def test_a_root_without_keys_says_so() -> None:
    """Nothing is not a key."""
    assert "no usable x509 key" in why_none({}, GUN, TOFU, NOW)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(_leaf(not_after=EXPIRED), id="expired leaf"),
        pytest.param(
            x509_key(KEY, certificate(GUN, KEY, CA), authority("old", CA, EXPIRED).certificate),
            id="expired intermediate",
        ),
    ],
)
def test_a_root_may_vouch_for_its_successor_after_its_certificate_ran_out(key: Key) -> None:
    """Dates do not count for vouching (dialect 3.4), names and weaknesses do."""
    assert _counted(key, dated=False) == [KEY.public_key_id]
    assert _counted(_leaf("example.com/other", not_after=EXPIRED), dated=False) == []


def test_a_certificate_that_ends_before_it_begins_never_counts() -> None:
    """Not even for vouching."""
    der = certificate(GUN, KEY, not_after=EXPIRED).public_bytes(Encoding.DER)
    backwards = x509.load_der_x509_certificate(der.replace(b"210101000000Z", b"190101000000Z"))
    assert backwards.not_valid_after_utc < backwards.not_valid_before_utc
    assert _counted(x509_key(KEY, backwards), dated=False) == []


def test_the_last_common_name_counts() -> None:
    """As in Notary's language."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("example.com/other", GUN)]
    assert common_name(_custom(x509.Name(names))) == GUN


def _custom(subject: x509.Name, issuer: Authority | None = None, host: str = "") -> x509.Certificate:
    """A leaf without basic constraints, and with a host among its alternative names if one is given."""
    signer = issuer.key.private if issuer else KEY.private
    assert isinstance(KEY.private, ec.EllipticCurvePrivateKey)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder().subject_name(subject).serial_number(1)
    builder = builder.issuer_name(issuer.certificate.subject if issuer else subject)
    builder = builder.public_key(KEY.private.public_key()).not_valid_before(LONG_AGO).not_valid_after(NOW)
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def test_a_leaf_without_basic_constraints_is_a_leaf() -> None:
    """What does not say that it is an authority is none."""
    leaf = _custom(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, GUN)]))
    assert _counted(x509_key(KEY, leaf)) == [KEY.public_key_id]


# --- pinned -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param(_pins(public_key_ids=frozenset({KEY.public_key_id})), id="by public key"),
        pytest.param(_pins(certificates=frozenset({fingerprint(ROOT)})), id="by certificate"),
        pytest.param(
            Pins((RootPin("old"), RootPin("new", public_key_ids=frozenset({KEY.public_key_id})))),
            id="second of two entries",
        ),
        pytest.param(
            _pins(public_key_ids=frozenset({OTHER.public_key_id}), certificates=frozenset({fingerprint(ROOT)})),
            id="any part of an entry",
        ),
    ],
)
def test_a_pinned_key_counts(pins: Pins) -> None:
    """The parts of all entries together are the pinned set."""
    assert _counted(ROOT, pins=pins) == [KEY.public_key_id]


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param(Pins(()), id="no entries and no tofu"),
        pytest.param(_pins(), id="an empty entry"),
        pytest.param(_pins(public_key_ids=frozenset({OTHER.public_key_id})), id="another public key"),
        pytest.param(_pins(public_key_ids=frozenset({ROOT.key_id})), id="the id of the certificate as listed"),
        pytest.param(_pins(public_key_ids=frozenset({""})), id="an empty id"),
        pytest.param(_pins(certificates=frozenset({fingerprint(_leaf(key=OTHER))})), id="another certificate"),
        pytest.param(_pins(authorities=(CA.certificate,)), id="an authority that did not sign it"),
    ],
)
def test_an_unpinned_key_does_not_count_and_is_named(pins: Pins) -> None:
    """The id in the message is the one to pin, once it is confirmed elsewhere."""
    assert _counted(ROOT, pins=pins) == []
    assert KEY.public_key_id in why_none(_made(ROOT), GUN, pins, NOW)


def test_only_keys_that_are_pinned_count_of_a_root_that_has_others_too() -> None:
    """A threshold cannot be met by keys that the operator does not know (S2)."""
    pins = _pins(public_key_ids=frozenset({KEY.public_key_id}))
    assert _counted(ROOT, _leaf(key=OTHER), pins=pins) == [KEY.public_key_id]


@pytest.mark.parametrize("name", ["example.com/shop/*", "example.com/*", "*", "example.com/shop/api**", f"{GUN}*"])
def test_a_wildcard_name_must_be_allowed(name: str) -> None:
    """Else the trust data of one repository could be replayed as another's (S3)."""
    wild = _leaf(name)
    ids = frozenset({KEY.public_key_id})
    assert _counted(wild) == []
    assert _counted(wild, pins=_pins(public_key_ids=ids)) == []
    assert "allow_wildcard_name" in why_none(_made(wild), GUN, _pins(public_key_ids=ids), NOW)
    assert _counted(wild, pins=_pins(public_key_ids=ids, allow_wildcard_name=True)) == [KEY.public_key_id]


def test_allowing_wildcard_names_holds_for_its_own_entry_alone() -> None:
    """One root's permission is not another's."""
    strict = RootPin("strict", public_key_ids=frozenset({KEY.public_key_id}))
    lax = RootPin("lax", public_key_ids=frozenset({OTHER.public_key_id}), allow_wildcard_name=True)
    assert _counted(_leaf("*"), pins=Pins((strict, lax))) == []
    assert KEY.public_key_id in why_none(_made(_leaf("*")), GUN, Pins((strict, lax)), NOW)


def test_a_wildcard_name_must_still_fit_the_gun() -> None:
    """The part before the star is a plain prefix."""
    pins = _pins(public_key_ids=frozenset({KEY.public_key_id}), allow_wildcard_name=True)
    assert _counted(_leaf("example.com/other/*"), pins=pins) == []


# --- authorities --------------------------------------------------------------------------------


def _authority(
    name: str,
    issuer: Authority | None = None,
    *,
    is_ca: bool | None = True,
    path_length: int | None = None,
    may_sign: bool | None = None,
    names: x509.NameConstraints | None = None,
    key: Key | None = None,
) -> Authority:
    """An authority with one property of its own."""
    own = key or ecdsa_key(f"authority {name}")
    signer = issuer.key.private if issuer else own.private
    assert isinstance(own.private, ec.EllipticCurvePrivateKey)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).serial_number(x509.random_serial_number())
    builder = builder.issuer_name(issuer.certificate.subject if issuer else subject)
    builder = builder.public_key(own.private.public_key()).not_valid_before(LONG_AGO)
    builder = builder.not_valid_after(NOW + timedelta(days=1))
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
    if may_sign is not None:
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=may_sign, **usage), critical=True)
    if names is not None:
        builder = builder.add_extension(names, critical=True)
    return Authority(own, builder.sign(signer, hashes.SHA256()))


def _chain(*below: Authority, **how: Any) -> Key:
    """A leaf under the last of these authorities, bundled with all of them but the first."""
    return x509_key(KEY, certificate(GUN, KEY, below[-1], **how), *(each.certificate for each in reversed(below[1:])))


PATH_0, PATH_1 = _authority("path 0", path_length=0), _authority("path 1", path_length=1)
SIGNING, DEEPER = _authority("signing", CA), _authority("deeper", _authority("signing", CA))
EXAMPLE_ORG: Final = x509.NameConstraints([x509.DNSName("example.org")], None)
NOBODY: Final = x509.NameConstraints([x509.DirectoryName(x509.Name([]))], None)


@pytest.mark.parametrize(
    ("anchor", "key"),
    [
        pytest.param(CA, _chain(CA), id="directly"),
        pytest.param(CA, _chain(CA, usage=None), id="leaf without extended usage"),
        pytest.param(CA, _chain(CA, usage=ExtendedKeyUsageOID.CODE_SIGNING), id="leaf for code signing (L1)"),
        pytest.param(CA, _chain(CA, usage=ExtendedKeyUsageOID.SERVER_AUTH), id="leaf for servers"),
        pytest.param(CA, _chain(CA, SIGNING), id="over one intermediate"),
        pytest.param(CA, _chain(CA, SIGNING, DEEPER), id="over two intermediates"),
        pytest.param(SIGNING, x509_key(KEY, certificate(GUN, KEY, SIGNING)), id="an intermediate is the anchor"),
        pytest.param(PATH_0, _chain(PATH_0), id="path length 0, no intermediate"),
        pytest.param(PATH_1, _chain(PATH_1, _authority("below 1", PATH_1)), id="path length 1, one intermediate"),
    ],
)
def test_a_leaf_under_a_pinned_authority_counts(anchor: Authority, key: Key) -> None:
    """Whatever the leaf may be used for."""
    assert _counted(key, pins=_pins(authorities=(anchor.certificate,))) == [KEY.public_key_id]


NOT_CA, UNMARKED = _authority("not ca", is_ca=False), _authority("unmarked", is_ca=None)
NO_SIGN, CHILD_NO_SIGN = _authority("no sign", may_sign=False), _authority("child", CA, may_sign=False)
NAMESAKE: Final = Authority(OTHER, certificate("corp", OTHER, is_ca=True, usage=None))
OLD: Final = authority("corp 2020", None, EXPIRED)
CONSTRAINED: Final = _authority("constrained", CA, names=NOBODY)


@pytest.mark.parametrize(
    ("anchor", "key"),
    [
        pytest.param(NAMESAKE, _chain(CA), id="another authority of the same name"),
        pytest.param(CA, x509_key(KEY, certificate(GUN, KEY, SIGNING)), id="intermediate is missing"),
        pytest.param(CA, _chain(CA, _authority("signing", NAMESAKE)), id="intermediate of somebody else"),
        pytest.param(CA, _leaf(), id="self-signed leaf"),
        pytest.param(NOT_CA, _chain(NOT_CA), id="anchor is no authority"),
        pytest.param(UNMARKED, _chain(UNMARKED), id="anchor does not say that it is one"),
        pytest.param(NO_SIGN, _chain(NO_SIGN), id="anchor may not sign"),
        pytest.param(CA, _chain(CA, CHILD_NO_SIGN), id="intermediate may not sign"),
        pytest.param(OLD, _chain(OLD), id="anchor has expired"),
        pytest.param(PATH_0, _chain(PATH_0, _authority("below 0", PATH_0)), id="path length 0, one intermediate"),
        pytest.param(
            CA, _chain(CA, PATH := _authority("path", CA, path_length=0), _authority("too deep", PATH)),
            id="intermediate's path length exceeded",
        ),
        pytest.param(CA, _chain(CA, CONSTRAINED), id="intermediate constrained to other names"),
        pytest.param(CA, _chain(CA, not_before=NOW + timedelta(hours=1)), id="leaf not valid yet"),
    ],
)  # fmt: skip
def test_a_leaf_that_does_not_chain_does_not_count(anchor: Authority, key: Key) -> None:
    """A chain of authorities that may sign, in their time, up to the pinned one."""
    assert _counted(key, pins=_pins(authorities=(anchor.certificate,))) == []


def test_name_constraints_bind_the_alternative_names_of_a_leaf() -> None:
    """A constrained authority cannot speak for other hosts."""
    narrow = _authority("narrow", names=EXAMPLE_ORG)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, GUN)])
    inside, outside = (x509_key(KEY, _custom(name, narrow, host)) for host in ("www.example.org", "example.com"))
    pins = _pins(authorities=(narrow.certificate,))
    assert _counted(_chain(narrow), inside, pins=pins) == [KEY.public_key_id] * 2
    assert _counted(outside, pins=pins) == []


def test_one_good_authority_of_several_is_enough() -> None:
    """An expired one beside it does no harm (dialect 5, row 55)."""
    both = (OLD.certificate, CA.certificate)
    assert _counted(_chain(CA), pins=_pins(authorities=both)) == [KEY.public_key_id]


def test_an_authority_that_expired_may_still_stand_behind_a_root_that_vouches() -> None:
    """The chain is looked at as it was when the leaf began."""
    pins = _pins(authorities=(OLD.certificate,))
    assert _counted(_chain(OLD), pins=pins) == []
    assert _counted(_chain(OLD), pins=pins, dated=False) == [KEY.public_key_id]


def test_an_authority_that_cannot_be_read_counts_for_nothing() -> None:
    """A file of the operator may hold anything; it must not stop every decision."""
    der = CA.certificate.public_bytes(Encoding.DER)
    curve = bytes.fromhex("06082a8648ce3d030107")
    strange = x509.load_der_x509_certificate(der.replace(curve, curve[:-1] + b"\x63"))
    assert _counted(_chain(CA), pins=_pins(authorities=(strange,))) == []
    assert _counted(_chain(CA), pins=_pins(authorities=(strange, CA.certificate))) == [KEY.public_key_id]


@pytest.mark.timeout(60)
def test_a_thicket_of_intermediates_does_not_cost_more_than_it_is_worth() -> None:
    """Authorities that all signed each other make more paths than anybody can walk."""
    shared = ecdsa_key("shared")
    thicket = [_authority("thicket", key=shared) for _ in range(12)]
    key = x509_key(KEY, certificate(GUN, KEY, thicket[0]), *(each.certificate for each in thicket))
    assert unbundle(make_key(key.keytype, key.public))
    assert _counted(key, pins=_pins(authorities=(CA.certificate,))) == []


def test_a_bundle_is_taken_apart() -> None:
    """The leaf, what stands behind it, and the key as Notary writes it again."""
    bundle = unbundle(make_key("ecdsa-x509", pem([certificate(GUN, KEY, BELOW), BELOW.certificate])))
    assert bundle
    assert common_name(bundle.leaf) == GUN
    assert bundle.intermediates == (BELOW.certificate,)
    assert bundle.key.public_key_id == KEY.public_key_id
