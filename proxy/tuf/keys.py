"""Public keys of Notary's five types, their two kinds of id, and signatures by them (dialect 2.5, 2.6).

The key id covers the key as it is listed, so one key pair has several: plain, or wrapped in any number
of certificates. The public key id is that of the plain key: it names the key itself, is what pins and
policy use, and is what thresholds count (difference S1).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from cryptography.utils import CryptographyDeprecationWarning

from proxy.limits import KEY_REMEMBERED_BYTES, KEYS_REMEMBERED
from proxy.tuf.canonical import encode

Material: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey

SMALLEST_RSA_BITS: Final = 2048
_LARGEST_RSA_BITS: Final = 16384
_LARGEST_RSA_EXPONENT: Final = 2**31 - 1
_CURVES: Final = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
_X509_TYPES: Final = ("ecdsa-x509", "rsa-x509")
_TYPES: Final = ("ecdsa", "rsa", "ed25519", *_X509_TYPES)
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # where warnings are errors
)
# A block begins at the start of a line, as in Notary; without the anchor a hostile key costs time by its square.
_PEM: Final = re.compile(
    rb"^-----BEGIN ([A-Z0-9 ]+)-----\r?\n((?:[!-~]+: [^\r\n]*\r?\n)*(?:\r?\n)?)([A-Za-z0-9+/=\s]+?)^-----END \1-----",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as a role lists it.

    `public` is what the type says: SPKI DER (`ecdsa`, `rsa`), 32 raw bytes (`ed25519`) or PEM (`*-x509`).
    `material` is None where the bytes hold no key that may ever verify: then nothing does.
    """

    keytype: str
    public: bytes
    key_id: str
    public_key_id: str
    material: Material | None

    def verifies(self, method: str, signature: bytes, payload: bytes) -> bool:
        """Whether `signature` by `method` is this key's over `payload`; the key's type chooses the scheme (S16)."""
        match self.material:
            case ec.EllipticCurvePublicKey() as key if method == "ecdsa":
                return _verifies_ecdsa(key, signature, payload)
            case rsa.RSAPublicKey() as key if method in ("rsapss", "rsapkcs1v15"):
                return _verifies_rsa(key, method, signature, payload)
            case Ed25519PublicKey() as key if method == "eddsa":
                return _verified(lambda: key.verify(signature, payload))
            case _:
                return False


def make_key(keytype: str, public: bytes) -> PublicKey:
    """Compute both ids of a key and load it.

    A key of an unknown type or with unusable bytes is made and never verifies anything, as in Notary. Keys of known
    types and a usual size are remembered: the same few sign for many collections, and again each time.
    """
    is_usual = keytype in _TYPES and len(public) <= KEY_REMEMBERED_BYTES
    return _remembered(keytype, public) if is_usual else _made(keytype, public)


@lru_cache(maxsize=KEYS_REMEMBERED)
def _remembered(keytype: str, public: bytes) -> PublicKey:
    return _made(keytype, public)


def _made(keytype: str, public: bytes) -> PublicKey:
    material = _load(keytype, public)
    key_id = _id(keytype, public)
    if material is None or keytype not in _X509_TYPES:  # what could be loaded is the plain key, byte for byte
        return PublicKey(keytype, public, key_id, key_id, material)
    return PublicKey(keytype, public, key_id, public_key_id(material), material)


def from_pem(data: bytes) -> PublicKey:
    """Read a public key or certificate file, as `docker trust key generate` and openssl write them.

    The first block counts; headers such as `role: alice` are passed over. Raises `ValueError` with a reason.
    """
    blocks = _PEM.search(data)
    if not blocks:
        raise ValueError("holds no PEM block")
    label, _, body = blocks.groups()
    der = decode_base64(re.sub(rb"\s", b"", body).decode())
    if label == b"CERTIFICATE":
        certificate = load_certificate(der)
        material = _usable(certificate.public_key()) if certificate else None
    elif label == b"PUBLIC KEY":
        material = _load_der(der)
    else:
        raise ValueError(f"holds a {label.decode().lower()}, a public key or certificate is wanted")
    if material is None:
        raise ValueError("holds a key of a kind that Notary does not use")
    return plain_key(material)


def plain_key(material: Material) -> PublicKey:
    """The key itself in its plain type, outside of any certificate."""
    return make_key(*_plain(material))


def public_key_id(material: Material) -> str:
    """The id of the plain key; it is encoded anew, so that one key has one such id (S1)."""
    return _id(*_plain(material))


def load_certificate(der: bytes) -> x509.Certificate | None:
    """A certificate all of whose parts can be read, or None."""
    try:
        certificate = x509.load_der_x509_certificate(der)
    except _UNREADABLE:
        return None
    return certificate if is_readable(certificate) else None


def is_readable(certificate: x509.Certificate) -> bool:
    """Whether all parts of a certificate can be read, its key in the one encoding that Notary reads.

    They are read when they are asked for, and each can fail in its own way: whoever holds a certificate
    that passed need not expect that any more.
    """
    try:
        _ = (certificate.subject, certificate.extensions)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _UNREADABLE:
        return False
    return key in certificate.tbs_certificate_bytes  # other encodings, such as a compressed point, Notary cannot read


def first_certificate(key: PublicKey) -> x509.Certificate | None:
    """The first certificate of an x509 key, or None."""
    return _first_certificate(key.public) if key.keytype in _X509_TYPES else None


def is_sha1(certificate: x509.Certificate) -> bool:
    """Whether the certificate itself is signed with SHA-1, which Notary never accepts."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return isinstance(algorithm, hashes.SHA1)


def is_short(certificate: x509.Certificate) -> bool:
    """Whether the certificate's key is RSA below 2048 bits."""
    key = certificate.public_key()
    return isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALLEST_RSA_BITS


def decode_base64(text: str) -> bytes:
    """Standard base64 with padding; line ends inside are tolerated as Notary does. Raises `ValueError`."""
    packed = text.replace("\n", "").replace("\r", "") if "\n" in text or "\r" in text else text
    try:
        data = binascii.a2b_base64(packed, strict_mode=True)
        if len(packed) != (len(data) + 2) // 3 * 4:  # the decoder lets more padding pass than there is to pad
            raise ValueError
    except ValueError:
        raise ValueError("has bytes that are not base64") from None
    return data


def _id(keytype: str, public: bytes) -> str:
    keyval = {"private": None, "public": base64.b64encode(public).decode()}
    return hashlib.sha256(encode({"keytype": keytype, "keyval": keyval})).hexdigest()


def _plain(material: Material) -> tuple[str, bytes]:
    """Type and bytes of the key outside of any certificate."""
    if isinstance(material, Ed25519PublicKey):
        return "ed25519", material.public_bytes(Encoding.Raw, PublicFormat.Raw)
    keytype = "rsa" if isinstance(material, rsa.RSAPublicKey) else "ecdsa"
    return keytype, material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _load(keytype: str, public: bytes) -> Material | None:
    """The key inside, if it is of the kind its type says, encoded as Notary reads it, and one that may verify."""
    if keytype == "ed25519":
        return Ed25519PublicKey.from_public_bytes(public) if len(public) == 32 else None
    if keytype in _X509_TYPES:
        certificate = _first_certificate(public)
        material = _usable(certificate.public_key()) if certificate else None
        return material if material and _plain(material)[0] == keytype.removesuffix("-x509") else None
    material = _load_der(public) if keytype in ("ecdsa", "rsa") else None
    return material if material and _plain(material) == (keytype, public) else None


def _first_certificate(pem: bytes) -> x509.Certificate | None:
    block = _PEM.search(pem)
    if not block or block[1] != b"CERTIFICATE" or block[2].strip():
        return None
    try:
        return load_certificate(decode_base64(block[3].decode()))
    except ValueError:
        return None


def _load_der(der: bytes) -> Material | None:
    try:
        return _usable(load_der_public_key(der))
    except _UNREADABLE:
        return None


def _usable(key: object) -> Material | None:
    """Only the curves, sizes and exponents that Notary verifies with, and RSA small enough to be computed (S15)."""
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _CURVES:
            return key
        case rsa.RSAPublicKey() if (
            SMALLEST_RSA_BITS <= key.key_size <= _LARGEST_RSA_BITS and key.public_numbers().e <= _LARGEST_RSA_EXPONENT
        ):
            return key
        case Ed25519PublicKey():
            return key
        case _:
            return None


def _verifies_ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, payload: bytes) -> bool:
    """Raw r and s, each as long as the curve's field, SHA-256 for every curve."""
    half = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * half:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    return _verified(lambda: key.verify(der, payload, _ECDSA))


def _verifies_rsa(key: rsa.RSAPublicKey, method: str, signature: bytes, payload: bytes) -> bool:
    """PSS has a salt of exactly 32 bytes."""
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if method == "rsapss" else padding.PKCS1v15()
    return _verified(lambda: key.verify(signature, payload, scheme, hashes.SHA256()))


def _verified(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
