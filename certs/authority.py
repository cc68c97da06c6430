"""Makes a certificate authority in a directory, and certificates for servers and clients that it signs.

Keys are ECDSA P-256, written with mode 0600 and never over an existing file. A server's certificate always
covers `localhost` and `127.0.0.1` besides its own name, because that is where people try things first.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_LIFE: Final = timedelta(days=3650)
_LEAF_LIFE: Final = timedelta(days=397)  # the longest that common TLS stacks accept
_CLOCK_SLACK: Final = timedelta(hours=1)
_ALWAYS: Final = ("localhost", "127.0.0.1")

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH


class AlreadyThere(Exception):
    """A file that would be overwritten; carries its path."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already: remove it first, or choose another name")
        self.path = path


class OtherName(Exception):
    """A certificate that is there is not for a name that it has to be for."""

    def __init__(self, pair: "Certificate", name: str) -> None:
        names = ", ".join(pair.names()) or "no host"
        super().__init__(
            f"{pair.certificate_file} is for {names}, not for {name}: remove it and {pair.key_file}, and run this again"
        )


@dataclass(frozen=True)
class Certificate:
    """One certificate and its key, as PEM files on disk."""

    certificate_file: Path
    key_file: Path

    def names(self) -> list[str]:
        """The DNS names and addresses that it is for, as it stands in its file."""
        certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]

    def check_name(self, name: str) -> None:
        """Raise `OtherName` unless clients that ask by this name accept it; an asterisk is for one label."""
        address = _address(name)
        known = [each.lower() for each in self.names()]
        fitting = (str(address),) if address else (name, f"*.{name.partition('.')[2]}")
        if not set(fitting) & set(known):
            raise OtherName(self, name)


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives in a directory as `ca.crt` and `ca.key`."""

    directory: Path

    @property
    def certificate_file(self) -> Path:
        """What others trust: `ca.crt`."""
        return self.directory / "ca.crt"

    @property
    def key_file(self) -> Path:
        """What signs: `ca.key`, which nobody else may read."""
        return self.directory / "ca.key"

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Use the authority in a directory, or make it there if there is none.

        Raises:
            AlreadyThere: Only one of the two files exists.
        """
        authority = cls(directory)
        if authority.certificate_file.exists() and authority.key_file.exists():
            return authority
        directory.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Tagwarden development authority {os.urandom(4).hex()}")
        certificate = (
            _unsigned(name, name, key.public_key(), _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_pair(Certificate(authority.certificate_file, authority.key_file), certificate, key)
        return authority

    def issue(self, name: str, *also: str, usages: tuple[x509.ObjectIdentifier, ...] = (SERVER,)) -> Certificate:
        """Make `NAME.crt` and `NAME.key`, valid for that name, `also`, and for the loopback if it is a server's.

        Args:
            name: DNS name or IP address; the common name and the name of the files.
            also: More DNS names or IP addresses.
            usages: `SERVER`, `CLIENT` or both.

        Raises:
            AlreadyThere: One of the files exists.
            ValueError: The name cannot be a file's, because it has a slash or nothing in it.
        """
        if not name or "/" in name:
            msg = f"{name!r} is neither a DNS name nor an address"
            raise ValueError(msg)
        names = dict.fromkeys((name, *also, *(_ALWAYS if SERVER in usages else ())))
        signer = load_pem_private_key(self.key_file.read_bytes(), password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            msg = f"{self.key_file} is not an elliptic-curve key: remove {self.directory} and start again"
            raise TypeError(msg)
        issuer = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _unsigned(_name(name), issuer.subject, key.public_key(), _LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        pair = self.files(name)
        _write_pair(pair, certificate, key)
        return pair

    def pair(self, name: str, *also: str, usages: tuple[x509.ObjectIdentifier, ...] = (SERVER,)) -> Certificate:
        """Return the certificate of a name, made now if there is none; the arguments are those of `issue`."""
        pair = self.files(name)
        return pair if pair.certificate_file.exists() else self.issue(name, *also, usages=usages)

    def files(self, name: str) -> Certificate:
        """Where the certificate of a name is, or would be."""
        return Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    address = _address(text)
    return x509.DNSName(text) if address is None else x509.IPAddress(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _write_pair(pair: Certificate, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    for path in (pair.certificate_file, pair.key_file):
        if path.exists():
            raise AlreadyThere(path)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(pair.key_file, private, mode=0o600)
    _write_new(pair.certificate_file, certificate.public_bytes(Encoding.PEM), mode=0o644)


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
