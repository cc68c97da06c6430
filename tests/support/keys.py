"""Signing keys of every type Notary knows, by name: the same name is the same key wherever it is asked for.

Elliptic and Ed25519 keys are computed from their names; RSA keys are made once a test run. Signatures are
remembered, so that publishing the same content twice gives the same bytes. Sources: dialect 2.5 and 2.6.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Final, Self, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.wire import Json, base64_text, canonical

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "P-224": ec.SECP224R1,
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
}
_SALT_BYTES: Final = 32


@dataclass(frozen=True)
class Key:
    """A key as trust data shows it (`keytype` and the bytes of `public`) and its private half."""

    keytype: str
    public: bytes
    private: PrivateKey = field(compare=False, repr=False)

    @cached_property
    def key_id(self) -> str:
        """The id that names it in metadata (dialect 2.5)."""
        return hashlib.sha256(canonical(self.as_json())).hexdigest()

    @cached_property
    def public_key_id(self) -> str:
        """The id of the plain public key, the same whatever certificate carries it (canonical id)."""
        return plain_key(self.private).key_id

    @property
    def method(self) -> str:
        """The signature method that Notary writes for such a key, whatever type it claims to be of."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return "eddsa"
        return "rsapss" if isinstance(self.private, rsa.RSAPrivateKey) else "ecdsa"

    def as_json(self) -> Json:
        """The key as metadata lists it."""
        return {"keytype": self.keytype, "keyval": {"private": None, "public": base64_text(self.public)}}

    def sign(self, message: bytes, method: str = "") -> bytes:
        """Sign as Notary does, by the key's own method unless another one of its kind is named."""
        return _sign(self, method or self.method, message)

    def signature(self, message: bytes, method: str = "") -> Json:
        """The entry of `signatures` for this key and message."""
        return {
            "keyid": self.key_id,
            "method": method or self.method,
            "sig": base64_text(self.sign(message, method)),
        }

    def __deepcopy__(self, _memo: object) -> Self:
        """Keys do not change, so copies of a repository share them."""
        return self


def spki(private: PrivateKey) -> bytes:
    """DER SubjectPublicKeyInfo of the public half."""
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def plain_key(private: PrivateKey) -> Key:
    """The key without certificate: `ecdsa`, `rsa` or `ed25519`."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return Key("ed25519", raw, private)
    return Key("rsa" if isinstance(private, rsa.RSAPrivateKey) else "ecdsa", spki(private), private)


@cache
def ecdsa_key(name: str, curve: str = "P-256") -> Key:
    """The elliptic key of that name on one of `CURVES`."""
    secret = int.from_bytes(hashlib.sha224(f"{curve} {name}".encode()).digest()) >> 1
    return plain_key(ec.derive_private_key(secret, CURVES[curve]()))


@cache
def ed25519_key(name: str) -> Key:
    """The Ed25519 key of that name."""
    return plain_key(ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


@cache
def rsa_key(name: str, bits: int = 2048) -> Key:
    """The RSA key of that name; made on first use, because that takes a while."""
    assert name
    return plain_key(rsa.generate_private_key(65537, bits))


def key_of_type(kind: str, name: str) -> Key:
    """The plain key of that name and kind: `ecdsa`, `rsa` or `ed25519`."""
    return {"ecdsa": ecdsa_key, "rsa": rsa_key, "ed25519": ed25519_key}[kind](name)


@lru_cache(maxsize=4096)
def _sign(key: Key, method: str, message: bytes) -> bytes:
    private = key.private
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    if isinstance(private, rsa.RSAPrivateKey):
        if method == "rsapkcs1v15":
            return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return sign_pss(private, message, _SALT_BYTES)
    r, s = decode_dss_signature(sign_der(private, message))
    octets = (private.curve.key_size + 7) // 8
    return r.to_bytes(octets) + s.to_bytes(octets)


def sign_der(private: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """An ECDSA signature in DER, which Notary does not read."""
    return private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def sign_pss(private: rsa.RSAPrivateKey, message: bytes, salt_length: int) -> bytes:
    """An RSA-PSS signature with a salt of that many bytes; Notary reads 32 only."""
    return private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), salt_length), hashes.SHA256())


def compressed(key: Key) -> bytes:
    """DER SubjectPublicKeyInfo of an elliptic key on P-256 with a compressed point, which Go does not read."""
    private = key.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


def of_the_pss_kind(key: Key) -> bytes:
    """DER SubjectPublicKeyInfo of an RSA key that is marked for PSS alone."""
    plain, marked = bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d01010a")
    body = spki(key.private).partition(plain)[2]
    return sequence(marked + body)


def sequence(content: bytes) -> bytes:
    """A DER SEQUENCE."""
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return b"\x30" + (octets if length < 0x80 else bytes([0x80 | len(octets)]) + octets) + content
