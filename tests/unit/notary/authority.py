"""Throw-away certificate authorities, servers and clients for TLS tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Pair:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Issues certificates and writes them, with its own, into a directory."""

    directory: Path
    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def file(self) -> Path:
        """Its own certificate."""
        return self._write(self._certificate(self.name, self.key, is_ca=True, host=None, days=1), self.key).certificate

    def issue(self, name: str, *, host: str | None = "127.0.0.1", days: int = 1, password: bytes | None = None) -> Pair:
        """A certificate for an address or host name, valid for `days` (negative: no longer)."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(self._certificate(name, key, is_ca=False, host=host, days=days), key, password)

    def _certificate(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, is_ca: bool, host: str | None, days: int
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if host:
            try:
                general: x509.GeneralName = x509.IPAddress(ip_address(host))
            except ValueError:
                general = x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([general]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _write(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, password: bytes | None = None
    ) -> Pair:
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        stem = f"{self.name} {certificate.serial_number}"
        pair = Pair(self.directory / f"{stem}.crt", self.directory / f"{stem}.key")
        pair.certificate.write_bytes(certificate.public_bytes(pem))
        pair.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption))
        return pair
