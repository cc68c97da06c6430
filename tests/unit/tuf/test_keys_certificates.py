"""Certificates around keys: which can be read, and which are weak (dialect 3.5)."""

from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.tuf.keys import first_certificate, is_readable, is_sha1, is_short, load_certificate, make_key
from tests.support.certificates import authority, certificate, pem, signed_with_sha1
from tests.support.keys import rsa_key
from tests.unit.tuf.keyring import LEAF, RSA_LEAF, UNCOMPRESSED

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
