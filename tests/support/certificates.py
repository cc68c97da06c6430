"""Certificates for root keys: leaves, authorities, and every defect that a root's certificate can have.

Source: dialect 3.5. Serial numbers and dates are fixed, so the same arguments give the same certificate.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.keys import Key, compressed, ecdsa_key, key_of_type, sequence

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
EXPIRED: Final = datetime(2021, 1, 1, tzinfo=UTC)
FAR_OFF: Final = datetime(2100, 1, 1, tzinfo=UTC)
CommonName: TypeAlias = str | tuple[str | tuple[str, ...], ...]
_SHA256_WITH_RSA: Final = bytes.fromhex("06092a864886f70d01010b")
_SHA1_WITH_RSA: Final = bytes.fromhex("06092a864886f70d010105")


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its key and its own certificate."""

    key: Key
    certificate: x509.Certificate


@cache
def authority(name: str, issuer: Authority | None = None, not_after: datetime = FAR_OFF) -> Authority:
    """The authority of that name, self-signed or an intermediate of `issuer`."""
    key = ecdsa_key(f"authority {name}")
    return Authority(key, certificate(name, key, issuer, is_ca=True, usage=None, not_after=not_after))


@cache
def certificate(
    common_name: CommonName,
    key: Key,
    issuer: Authority | None = None,
    *,
    not_before: datetime = LONG_AGO,
    not_after: datetime = FAR_OFF,
    is_ca: bool = False,
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CODE_SIGNING,
    alternative_name: str = "",
) -> x509.Certificate:
    """A certificate as `notary` makes them: self-signed unless `issuer` signs, code signing as its only usage.

    Several common names stand in the subject in the order given, those in a tuple of their own in one part of
    it; an empty name leaves it without one.
    """
    private = key.private
    assert isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey), "Notary has no Ed25519 certificates"
    subject = _subject(common_name)
    serial = hashlib.sha256(f"{common_name} {key.key_id} {not_before} {not_after} {is_ca}".encode()).digest()[:16]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(int.from_bytes(serial) >> 1)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if alternative_name:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative_name)]), critical=False)
    signer = issuer.key.private if issuer else private
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
    assert isinstance(signer, rsa.RSAPrivateKey)
    return builder.sign(signer, hashes.SHA256())


def _subject(common_name: CommonName) -> x509.Name:
    parts = (common_name,) if isinstance(common_name, str) else common_name
    named = [(part,) if isinstance(part, str) else part for part in parts if part]
    attributes = [[x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names] for names in named]
    return x509.Name(list(map(x509.RelativeDistinguishedName, attributes)))


def signed_with_sha1(leaf: x509.Certificate) -> x509.Certificate:
    """The RSA-signed certificate, relabelled as SHA-1; its signature is wrong, which Notary does not look at."""
    der = leaf.public_bytes(serialization.Encoding.DER)
    assert der.count(_SHA256_WITH_RSA) == 2, "only an RSA-signed certificate can be relabelled"
    return x509.load_der_x509_certificate(der.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA))


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """The certificates one after the other as PEM, as `public` of an x509 key holds them."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def fingerprint(key: Key) -> str:
    """SHA-256 hex of the DER of an x509 key's first certificate."""
    return x509.load_pem_x509_certificates(key.public)[0].fingerprint(hashes.SHA256()).hex()


def x509_key(key: Key, *bundle: x509.Certificate) -> Key:
    """The key in the clothes of a certificate bundle, leaf first."""
    return Key(f"{key.keytype}-x509", pem(bundle), key.private)


@cache
def root_key(gun: str, name: str = "root", kind: str = "ecdsa") -> Key:
    """An x509 key fit for the root role of a GUN: a self-signed certificate with the GUN as common name."""
    key = key_of_type(kind, name)
    return x509_key(key, certificate(gun, key))


def with_compressed_point(leaf: x509.Certificate, key: Key) -> x509.Certificate:
    """The certificate of a P-256 key with its point compressed; its signature is wrong, which nobody looks at."""
    tbs = leaf.tbs_certificate_bytes
    rest = leaf.public_bytes(serialization.Encoding.DER).partition(tbs)[2]
    fields = tbs[2 + _length_bytes(tbs) :].replace(key.public, compressed(key))
    return x509.load_der_x509_certificate(sequence(sequence(fields) + rest))


def _length_bytes(der: bytes) -> int:
    """How many bytes the length of a DER value takes beyond the first."""
    return der[1] & 0x7F if der[1] & 0x80 else 0
