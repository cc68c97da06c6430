"""Keys of every type that Notary knows: their ids, and what they verify (dialect 2.5, 2.6)."""

import hashlib
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.tuf.keys import (
    decode_base64,
    first_certificate,
    from_pem,
    is_readable,
    is_sha1,
    is_short,
    load_certificate,
    make_key,
    plain_key,
)
from tests.support.certificates import authority, certificate, pem, signed_with_sha1, x509_key
from tests.support.keys import Key, ecdsa_key, ed25519_key, rsa_key, sign_der, sign_pss, spki

MESSAGE: Final = b'{"_type":"Targets"}'
ECDSA, RSA, ED25519 = ecdsa_key("alice"), rsa_key("rsa"), ed25519_key("alice")
LEAF = certificate("example.com/shop", ECDSA)
RSA_LEAF = certificate("example.com/shop", RSA)


# --- ids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [ECDSA, RSA, ED25519, x509_key(ECDSA, LEAF), x509_key(RSA, RSA_LEAF)])
def test_both_ids_are_notarys(key: Key) -> None:
    """The key id covers the key as it is listed, the public key id the key inside."""
    made = make_key(key.keytype, key.public)
    assert made.key_id == key.key_id
    assert made.public_key_id == key.public_key_id


def test_a_key_id_is_the_hash_of_a_fixed_text() -> None:
    """The formula, written out once by hand."""
    text = '{"keytype":"ed25519","keyval":{"private":null,"public":"%s"}}' % ("A" * 43 + "=")
    assert make_key("ed25519", bytes(32)).key_id == hashlib.sha256(text.encode()).hexdigest()


def test_certificates_of_one_key_share_its_public_key_id() -> None:
    """That is what thresholds count and what pins name (S1)."""
    other = certificate("example.com/other", ECDSA)
    first, second = (make_key("ecdsa-x509", pem([leaf])) for leaf in (LEAF, other))
    assert first.key_id != second.key_id
    assert first.public_key_id == second.public_key_id == make_key("ecdsa", ECDSA.public).key_id


def test_the_plain_key_of_any_key_is_the_key_itself() -> None:
    """Outside of a certificate both ids are one."""
    for key in (ECDSA, RSA, ED25519):
        made = make_key(key.keytype, key.public)
        assert made.material is not None
        assert plain_key(made.material) == made
        assert made.key_id == made.public_key_id


# --- which bytes are a key ----------------------------------------------------------------------


def _spki(*parts: bytes) -> bytes:
    """DER of a sequence of two parts, as SubjectPublicKeyInfo is."""
    return _der(0x30, b"".join(parts))


def _der(tag: int, body: bytes) -> bytes:
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size
    return bytes([tag]) + length + body


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def _rsa(modulus: int, exponent: int) -> bytes:
    algorithm = _der(0x30, bytes.fromhex("06092a864886f70d010101") + b"\x05\x00")
    return _spki(algorithm, _der(3, b"\0" + _der(0x30, _integer(modulus) + _integer(exponent))))


def _ec_point(point: bytes) -> bytes:
    return _spki(_der(0x30, bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")), _der(3, b"\0" + point))


def _public(key: Key, encoding: Encoding, form: PublicFormat) -> bytes:
    return key.private.public_key().public_bytes(encoding, form)


def _as_pem(body: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


def _point(encoding: PublicFormat) -> bytes:
    return _public(ECDSA, Encoding.X962, encoding)


UNCOMPRESSED = _point(PublicFormat.UncompressedPoint)
assert isinstance(RSA.private, rsa.RSAPrivateKey)
MODULUS = RSA.private.private_numbers().public_numbers.n


@pytest.mark.parametrize("curve", ["P-224", "P-256", "P-384", "P-521"])
def test_notarys_curves_verify_with_sha256(curve: str) -> None:
    """Two numbers side by side, each as long as the curve's field."""
    key = ecdsa_key("alice", curve)
    assert make_key("ecdsa", key.public).verifies("ecdsa", key.sign(MESSAGE), MESSAGE)


def test_hand_made_encodings_are_what_they_claim() -> None:
    """Otherwise the cases below would be refused for the wrong reason."""
    assert _rsa(MODULUS, 65537) == RSA.public
    assert _ec_point(UNCOMPRESSED) == ECDSA.public


@pytest.mark.parametrize(
    ("keytype", "public"),
    [
        pytest.param("ecdsa", b"", id="no bytes"),
        pytest.param("ecdsa", b"garbage", id="garbage"),
        pytest.param("ecdsa", ECDSA.public[:-1], id="cut off"),
        pytest.param("ecdsa", ECDSA.public + b"\0", id="bytes behind"),
        pytest.param("ecdsa", ecdsa_key("x", "secp256k1").public, id="curve that Notary does not verify"),
        pytest.param("ecdsa", RSA.public, id="rsa called ecdsa"),
        pytest.param("rsa", ECDSA.public, id="ecdsa called rsa"),
        pytest.param("ecdsa", spki(ED25519.private), id="ed25519 called ecdsa"),
        pytest.param("ecdsa", pem([LEAF]), id="certificate called ecdsa"),
        pytest.param("ecdsa", _ec_point(_point(PublicFormat.CompressedPoint)), id="compressed point"),
        pytest.param("ecdsa", _ec_point(bytes([6 | UNCOMPRESSED[-1] & 1]) + UNCOMPRESSED[1:]), id="hybrid point"),
        pytest.param("ecdsa", _ec_point(b"\0"), id="point at infinity"),
        pytest.param("ecdsa", _ec_point(UNCOMPRESSED[:-1] + bytes([UNCOMPRESSED[-1] ^ 1])), id="point off the curve"),
        pytest.param("ed25519", ED25519.public[:31], id="31 bytes"),
        pytest.param("ed25519", ED25519.public + b"\0", id="33 bytes"),
        pytest.param("ed25519", spki(ED25519.private), id="ed25519 as SubjectPublicKeyInfo"),
        pytest.param("rsa", rsa_key("short", 1024).public, id="rsa of 1024 bits"),
        pytest.param("rsa", _rsa(2**2046 + 1, 65537), id="rsa of 2047 bits"),
        pytest.param("rsa", _rsa(2**16384 + 1, 65537), id="rsa of 16385 bits"),
        pytest.param("rsa", _rsa(2**100_000 + 1, 65537), id="rsa of hundred thousand bits"),
        pytest.param("rsa", _rsa(MODULUS, 1), id="exponent 1"),
        pytest.param("rsa", _rsa(MODULUS, 2), id="exponent 2"),
        pytest.param("rsa", _rsa(MODULUS, 0), id="exponent 0"),
        pytest.param("rsa", _rsa(MODULUS, -3), id="negative exponent"),
        pytest.param("rsa", _rsa(MODULUS, 2**31 + 1), id="exponent over 31 bits"),
        pytest.param("rsa", _rsa(MODULUS, MODULUS - 2), id="exponent as long as the modulus"),
        pytest.param("rsa", _rsa(-MODULUS, 65537), id="negative modulus"),
        pytest.param("rsa", _rsa(0, 65537), id="modulus 0"),
        pytest.param("rsa", _public(RSA, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), id="rsa in PEM"),
        pytest.param("rsa", _public(RSA, Encoding.DER, PublicFormat.PKCS1), id="rsa as PKCS#1"),
        pytest.param("ecdsa-x509", b"", id="x509 without bytes"),
        pytest.param("ecdsa-x509", b"garbage", id="x509 garbage"),
        pytest.param("ecdsa-x509", ECDSA.public, id="x509 with a plain key"),
        pytest.param("ecdsa-x509", LEAF.public_bytes(Encoding.DER), id="x509 in DER"),
        pytest.param("ecdsa-x509", pem([RSA_LEAF]), id="rsa certificate called ecdsa"),
        pytest.param("rsa-x509", pem([LEAF]), id="ecdsa certificate called rsa"),
        pytest.param("ecdsa-x509", pem([LEAF]).replace(b"CERTIFICATE", b"PUBLIC KEY"), id="x509 with another label"),
        pytest.param("ecdsa-x509", b"x: y\n" + pem([LEAF])[:-2], id="x509 without its end"),
        pytest.param("ecdsa-x509", pem([LEAF]).replace(b"-----\nM", b"-----\na: b\n\nM"), id="x509 with headers"),
        pytest.param("ecdsa-x509", b"x" + pem([LEAF]), id="x509 begins inside a line"),
        pytest.param("ecdsa-x509", pem([LEAF]).replace(b"\nM", b"\n!M"), id="x509 with a bad character"),
        pytest.param("ecdsa-x509", pem([LEAF]).replace(b"\nM", b"\n\tM"), id="x509 with a tab"),
        pytest.param("ecdsa-x509", _as_pem(b"AAAA"), id="x509 with something else inside"),
        pytest.param("dilithium", ECDSA.public, id="unknown type"),
        pytest.param("ECDSA", ECDSA.public, id="type in upper case"),
        pytest.param("", ECDSA.public, id="no type"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_used_is_listed_and_never_verifies(keytype: str, public: bytes) -> None:
    """It is read, so that it spoils nothing beside it, and has an id of its own (dialect 2.5)."""
    key = make_key(keytype, public)
    assert key.material is None
    assert key.public_key_id == key.key_id
    for signer in (ECDSA, RSA, ED25519):
        for method in ("ecdsa", "rsapss", "rsapkcs1v15", "eddsa"):
            assert not key.verifies(method, signer.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize(
    "private",
    [
        pytest.param(dsa.generate_private_key(2048), id="DSA"),
        pytest.param(ed448.Ed448PrivateKey.generate(), id="Ed448"),
        pytest.param(x25519.X25519PrivateKey.generate(), id="X25519"),
    ],
)
def test_keys_of_other_kinds_never_verify(private: dsa.DSAPrivateKey | ed448.Ed448PrivateKey) -> None:
    """Whatever type they claim to be."""
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for keytype in ("ecdsa", "rsa", "ed25519"):
        assert make_key(keytype, der).material is None


# --- signatures ---------------------------------------------------------------------------------

GOOD: Final = [
    pytest.param(ECDSA, "ecdsa", id="ecdsa"),
    pytest.param(x509_key(ECDSA, LEAF), "ecdsa", id="ecdsa-x509"),
    pytest.param(RSA, "rsapss", id="rsapss"),
    pytest.param(RSA, "rsapkcs1v15", id="rsapkcs1v15"),
    pytest.param(x509_key(RSA, RSA_LEAF), "rsapss", id="rsa-x509"),
    pytest.param(ED25519, "eddsa", id="eddsa"),
]


@pytest.mark.parametrize(("key", "method"), GOOD)
def test_a_good_signature_verifies(key: Key, method: str) -> None:
    """Each type with each of its methods."""
    assert make_key(key.keytype, key.public).verifies(method, key.sign(MESSAGE, method), MESSAGE)


@pytest.mark.parametrize(("key", "method"), GOOD)
def test_a_signature_that_was_touched_does_not_verify(key: Key, method: str) -> None:
    """One bit, one byte more or less, other bytes signed, nothing at all."""
    made, signature = make_key(key.keytype, key.public), key.sign(MESSAGE, method)
    half = len(signature) // 2
    touched = [b"", bytes(len(signature)), signature[:-1], signature + b"\0", b"\0" + signature, signature * 2]
    touched.append(signature[:half] + b"\0" + signature[half:])
    touched += [signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :] for at in (0, len(signature) - 1)]
    assert not any(made.verifies(method, each, MESSAGE) for each in touched)
    assert not made.verifies(method, signature, MESSAGE + b" ")


@pytest.mark.parametrize(("key", "method"), GOOD)
def test_the_type_of_the_key_chooses_the_scheme(key: Key, method: str) -> None:
    """A method of another kind, an unknown one, or the dropped legacy one never counts (S16)."""
    made = make_key(key.keytype, key.public)
    others = {"ecdsa", "rsapss", "rsapkcs1v15", "eddsa", "", "none", "pycrypto-pkcs#1 pss", method.upper()} - {method}
    assert not any(made.verifies(other, key.sign(MESSAGE, method), MESSAGE) for other in others)


def test_an_ecdsa_signature_in_der_is_not_notarys() -> None:
    """Only r and s side by side."""
    assert isinstance(ECDSA.private, ec.EllipticCurvePrivateKey)
    assert not make_key("ecdsa", ECDSA.public).verifies("ecdsa", sign_der(ECDSA.private, MESSAGE), MESSAGE)
    zero = encode_dss_signature(0, 0)
    assert not make_key("ecdsa", ECDSA.public).verifies("ecdsa", zero.ljust(64, b"\0"), MESSAGE)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_a_pss_salt_of_another_length_does_not_verify(salt: int) -> None:
    """Exactly 32 bytes."""
    assert isinstance(RSA.private, rsa.RSAPrivateKey)
    assert not make_key("rsa", RSA.public).verifies("rsapss", sign_pss(RSA.private, MESSAGE, salt), MESSAGE)


def test_an_even_modulus_verifies_nothing_and_breaks_nothing() -> None:
    """No such key exists; bytes that claim it must not raise either."""
    key = make_key("rsa", _rsa(MODULUS + 1, 65537))
    assert not key.verifies("rsapss", RSA.sign(MESSAGE), MESSAGE)


# --- key files ----------------------------------------------------------------------------------


def _public_pem(key: Key) -> bytes:
    return _public(key, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key", [ECDSA, RSA, ED25519, ecdsa_key("x", "P-384")])
def test_a_public_key_file_gives_the_key(key: Key) -> None:
    """As `docker trust key generate` and openssl write them."""
    assert from_pem(_public_pem(key)).public_key_id == key.public_key_id


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pem([LEAF]), id="certificate"),
        pytest.param(pem([LEAF, RSA_LEAF]), id="the first of several"),
        pytest.param(_public_pem(ECDSA).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(_public_pem(ECDSA).replace(b"-----\nM", b"-----\nrole: alice\n\nM"), id="docker's header"),
        pytest.param(b"comment\n\n" + _public_pem(ECDSA) + b"more\n", id="text around"),
        pytest.param(_public_pem(ECDSA).rstrip(), id="no final newline"),
    ],
)
def test_a_key_file_may_look_as_people_make_them(data: bytes) -> None:
    """Certificates, line ends, headers and comments."""
    assert from_pem(data).public_key_id == ECDSA.public_key_id


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "no PEM block", id="empty"),
        pytest.param(ECDSA.public, "no PEM block", id="DER"),
        pytest.param(_public_pem(ECDSA)[:-20], "no PEM block", id="cut off"),
        pytest.param(_public_pem(ECDSA).replace(b"PUBLIC KEY", b"EC PRIVATE KEY"), "ec private key", id="private"),
        pytest.param(_public_pem(rsa_key("short", 1024)), "Notary does not use", id="short RSA"),
        pytest.param(_public_pem(ecdsa_key("x", "secp256k1")), "Notary does not use", id="other curve"),
        pytest.param(_public_pem(ECDSA).replace(b"\nM", b"\nA"), "Notary does not use", id="no key inside"),
        pytest.param(pem([LEAF]).replace(b"\nM", b"\nA", 1), "Notary does not use", id="no certificate inside"),
        pytest.param(_public_pem(ECDSA).replace(b"==\n", b"=\n"), "not base64", id="bad padding"),
    ],
)
def test_a_file_that_holds_no_usable_key_says_why(data: bytes, why: str) -> None:
    """One reason for the person who wrote the configuration, never another kind of exception."""
    with pytest.raises(ValueError, match=why):
        from_pem(data)


# --- base64 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data"),
    [
        pytest.param("", b"", id="empty"),
        pytest.param("AAEC", b"\0\1\2", id="no padding"),
        pytest.param("AA==", b"\0", id="two of padding"),
        pytest.param("AA\r\nEC\n", b"\0\1\2", id="line ends inside"),
        pytest.param("AB==", b"\0", id="stray bits, as in Notary"),
    ],
)
def test_base64_is_read_as_notary_reads_it(text: str, data: bytes) -> None:
    """Standard alphabet, padding, line ends anywhere."""
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AAA", "AA=", "AAAA=", "AAAA==", "AAAA====", "A===", "=AAA", "AA==AA==", "AA A", "AA\tA", "-_AA",
     "AAAA!", "\u0410AAA", "\ud800AAA", "\uff21AAA"],
)  # fmt: skip
def test_anything_else_is_not_base64(text: str) -> None:
    """Missing or superfluous padding, blanks, other alphabets."""
    with pytest.raises(ValueError, match="not base64"):
        decode_base64(text)


# --- certificates -------------------------------------------------------------------------------

DER: Final = LEAF.public_bytes(Encoding.DER)
CONSTRAINTS: Final = bytes.fromhex("0603551d13")
USAGE: Final = bytes.fromhex("0603551d25")
CURVE: Final = bytes.fromhex("06082a8648ce3d030107")
UTF8_NAME: Final = b"\x0c" + bytes([len("example.com/shop")]) + b"example.com/shop"


def _changed(old: bytes, new: bytes) -> bytes:
    assert old in DER
    return DER.replace(old, new)


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="empty"),
        pytest.param(DER[:-1], id="cut off"),
        pytest.param(DER + b"\0", id="bytes behind"),
        pytest.param(_changed(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03"), id="version 4"),
        pytest.param(_changed(USAGE, CONSTRAINTS), id="the same extension twice"),
        pytest.param(_changed(UTF8_NAME, b"\x0c" + UTF8_NAME[1:-1] + b"\xff"), id="name is not UTF-8"),
        pytest.param(_changed(CURVE, CURVE[:-1] + b"\x63"), id="unknown curve"),
        pytest.param(_changed(UNCOMPRESSED[1:], b"\x01" * 64), id="point off the curve"),
        pytest.param(_changed(b"\x04\x02\x30\x00", b"\x04\x02\x30\x01"), id="extension cut off"),
    ],
)
def test_a_certificate_that_cannot_be_read_in_full_is_none(der: bytes) -> None:
    """Parts are read when they are asked for, and each fails in its own way: here all of them are asked for."""
    assert load_certificate(der) is None


def test_a_certificate_that_can_be_read_in_full_is_one() -> None:
    """Leaves, authorities, RSA and elliptic keys."""
    for each in (LEAF, RSA_LEAF, authority("corp").certificate):
        assert load_certificate(each.public_bytes(Encoding.DER)) == each
        assert is_readable(each)


def test_an_x509_key_knows_its_first_certificate() -> None:
    """Of other keys there is none, whatever their bytes are."""
    bundle = pem([LEAF, authority("corp").certificate])
    assert first_certificate(make_key("ecdsa-x509", bundle)) == LEAF
    assert first_certificate(make_key("ecdsa", bundle)) is None
    assert first_certificate(make_key("ecdsa-x509", b"garbage")) is None


def test_weak_certificates_are_told() -> None:
    """SHA-1 in its own signature, or an RSA key below 2048 bits (dialect 3.5)."""
    short = certificate("example.com/shop", rsa_key("short", 1024))
    assert [is_sha1(each) for each in (LEAF, RSA_LEAF, signed_with_sha1(RSA_LEAF))] == [False, False, True]
    assert [is_short(each) for each in (LEAF, RSA_LEAF, short)] == [False, False, True]


def test_an_unknown_signature_algorithm_is_not_sha1() -> None:
    """As in Notary, which looks for SHA-1 alone; nobody relies on that signature."""
    sha256_with_rsa = bytes.fromhex("06092a864886f70d01010b")
    der = RSA_LEAF.public_bytes(Encoding.DER).replace(sha256_with_rsa, sha256_with_rsa[:-1] + b"\x63")
    assert not is_sha1(x509.load_der_x509_certificate(der))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"x: -----BEGIN CERTIFICATE-----\n", id="headers that hold beginnings"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\n", id="beginnings"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n", id="beginnings with bodies"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\na: b\n", id="beginnings with headers"),
        pytest.param(b"-----BEGIN ", id="beginnings without an end"),
        pytest.param(b"\n", id="empty lines"),
        pytest.param(b"a: b\n", id="headers"),
        pytest.param(b"x", id="one long line"),
        pytest.param(b": ", id="one long line of separators"),
    ],
)
def test_a_hostile_key_costs_no_more_than_its_length(line: bytes) -> None:
    """Whoever answers for Notary can put megabytes into a root that nobody signed."""
    data = (b"-----BEGIN CERTIFICATE-----\n" + line * ((1 << 20) // len(line)))[: 1 << 20]
    assert make_key("ecdsa-x509", data).material is None
