"""Keys of every type that Notary knows: which bytes are one, and its ids (dialect 2.5)."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.limits import KEY_REMEMBERED_BYTES
from proxy.tuf.keys import make_key, plain_key
from tests.support.certificates import certificate, pem, x509_key
from tests.support.keys import Key, ecdsa_key, rsa_key, spki
from tests.unit.tuf.keyring import (
    ECDSA,
    ED25519,
    LEAF,
    MESSAGE,
    MODULUS,
    RSA,
    RSA_LEAF,
    UNCOMPRESSED,
    ec_spki,
    ecdsa_point,
    public_bytes,
    rsa_spki,
)

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


def test_keys_of_a_usual_size_are_read_once() -> None:
    """The same few sign for many collections; a hostile file's large ones are not kept in memory."""
    assert make_key("ecdsa", bytes(bytearray(ECDSA.public))) is make_key("ecdsa", ECDSA.public)
    large = pem([LEAF]) * 20
    assert len(large) > KEY_REMEMBERED_BYTES
    assert make_key("ecdsa-x509", large) is not make_key("ecdsa-x509", large)
    assert make_key("ecdsa-x509", large) == make_key("ecdsa-x509", large)


def test_types_that_nobody_knows_are_not_remembered() -> None:
    """A hostile file may invent as many as it likes, each as long as it likes."""
    made = make_key("invented" * 1000, b"public")
    assert made == make_key("invented" * 1000, b"public")
    assert made is not make_key("invented" * 1000, b"public")


def test_a_key_is_remembered_under_its_type() -> None:
    """The same bytes under another type are another key, or none."""
    assert make_key("ecdsa", ECDSA.public).material is not None
    assert make_key("rsa", ECDSA.public).material is None


def test_the_plain_key_of_any_key_is_the_key_itself() -> None:
    """Outside of a certificate both ids are one."""
    for key in (ECDSA, RSA, ED25519):
        made = make_key(key.keytype, key.public)
        assert made.material is not None
        assert plain_key(made.material) == made
        assert made.key_id == made.public_key_id


# --- which bytes are a key ----------------------------------------------------------------------


def _as_pem(body: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("curve", ["P-224", "P-256", "P-384", "P-521"])
def test_notarys_curves_verify_with_sha256(curve: str) -> None:
    """Two numbers side by side, each as long as the curve's field."""
    key = ecdsa_key("alice", curve)
    assert make_key("ecdsa", key.public).verifies("ecdsa", key.sign(MESSAGE), MESSAGE)


def test_hand_made_encodings_are_what_they_claim() -> None:
    """Otherwise the cases below would be refused for the wrong reason."""
    assert rsa_spki(MODULUS, 65537) == RSA.public
    assert ec_spki(UNCOMPRESSED) == ECDSA.public


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
        pytest.param("ecdsa", ec_spki(ecdsa_point(PublicFormat.CompressedPoint)), id="compressed point"),
        pytest.param("ecdsa", ec_spki(bytes([6 | UNCOMPRESSED[-1] & 1]) + UNCOMPRESSED[1:]), id="hybrid point"),
        pytest.param("ecdsa", ec_spki(b"\0"), id="point at infinity"),
        pytest.param("ecdsa", ec_spki(UNCOMPRESSED[:-1] + bytes([UNCOMPRESSED[-1] ^ 1])), id="point off the curve"),
        pytest.param("ed25519", ED25519.public[:31], id="31 bytes"),
        pytest.param("ed25519", ED25519.public + b"\0", id="33 bytes"),
        pytest.param("ed25519", spki(ED25519.private), id="ed25519 as SubjectPublicKeyInfo"),
        pytest.param("rsa", rsa_key("short", 1024).public, id="rsa of 1024 bits"),
        pytest.param("rsa", rsa_spki(2**2046 + 1, 65537), id="rsa of 2047 bits"),
        pytest.param("rsa", rsa_spki(2**16384 + 1, 65537), id="rsa of 16385 bits"),
        pytest.param("rsa", rsa_spki(2**100_000 + 1, 65537), id="rsa of hundred thousand bits"),
        pytest.param("rsa", rsa_spki(MODULUS, 1), id="exponent 1"),
        pytest.param("rsa", rsa_spki(MODULUS, 2), id="exponent 2"),
        pytest.param("rsa", rsa_spki(MODULUS, 0), id="exponent 0"),
        pytest.param("rsa", rsa_spki(MODULUS, -3), id="negative exponent"),
        pytest.param("rsa", rsa_spki(MODULUS, 2**31 + 1), id="exponent over 31 bits"),
        pytest.param("rsa", rsa_spki(MODULUS, MODULUS - 2), id="exponent as long as the modulus"),
        pytest.param("rsa", rsa_spki(-MODULUS, 65537), id="negative modulus"),
        pytest.param("rsa", rsa_spki(0, 65537), id="modulus 0"),
        pytest.param("rsa", public_bytes(RSA, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), id="rsa in PEM"),
        pytest.param("rsa", public_bytes(RSA, Encoding.DER, PublicFormat.PKCS1), id="rsa as PKCS#1"),
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


# --- hostile bytes ------------------------------------------------------------------------------


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
