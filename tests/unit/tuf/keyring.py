"""A key of each type, certificates of two of them, and encodings made by hand."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.certificates import certificate
from tests.support.keys import Key, ecdsa_key, ed25519_key, rsa_key

MESSAGE: Final = b'{"_type":"Targets"}'
ECDSA, RSA, ED25519 = ecdsa_key("alice"), rsa_key("rsa"), ed25519_key("alice")
LEAF = certificate("example.com/shop", ECDSA)
RSA_LEAF = certificate("example.com/shop", RSA)


def _spki(*parts: bytes) -> bytes:
    """DER of a sequence of two parts, as SubjectPublicKeyInfo is."""
    return _der(0x30, b"".join(parts))


def _der(tag: int, body: bytes) -> bytes:
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size
    return bytes([tag]) + length + body


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def rsa_spki(modulus: int, exponent: int) -> bytes:
    """An RSA key of these numbers as SubjectPublicKeyInfo, whether or not there can be such a key."""
    algorithm = _der(0x30, bytes.fromhex("06092a864886f70d010101") + b"\x05\x00")
    return _spki(algorithm, _der(3, b"\0" + _der(0x30, _integer(modulus) + _integer(exponent))))


def ec_spki(point: bytes) -> bytes:
    """A key on P-256 with these bytes for its point, as SubjectPublicKeyInfo."""
    return _spki(_der(0x30, bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")), _der(3, b"\0" + point))


def public_bytes(key: Key, encoding: Encoding, form: PublicFormat) -> bytes:
    """The public half of a key."""
    return key.private.public_key().public_bytes(encoding, form)


def ecdsa_point(encoding: PublicFormat) -> bytes:
    """The point of `ECDSA`, compressed or not."""
    return public_bytes(ECDSA, Encoding.X962, encoding)


UNCOMPRESSED = ecdsa_point(PublicFormat.UncompressedPoint)
assert isinstance(RSA.private, rsa.RSAPrivateKey)
MODULUS = RSA.private.private_numbers().public_numbers.n
