"""A whole installation, its configuration, and examining it with something changed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from certs.authority import Authority, Certificate
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import write_configuration
from deploy.stack.registry import Registry
from deploy.stack.web import Login
from proxy.clock import Clock
from proxy.config import load
from proxy.doctor.examination import examine
from proxy.doctor.findings import Finding, Level
from proxy.names import Repository
from tests.unit.doctor.reading import read


@dataclass(frozen=True)
class Shop:
    """A registry, a Notary that wants tokens, a running proxy under `name`, and `shop/app`, signed by alice.

    `settings` are those of the proxy. `elsewhere` is a collection under the registry's own host.
    """

    name: str
    registry: Registry
    notary: Notary
    authority: Authority
    stranger: Authority
    owner: Person
    alice: Person
    bob: Person
    settings: Mapping[str, Any]
    configuration: Path

    def changed(self, directory: Path, change: Callable[[dict[str, Any]], None]) -> Path:
        """A configuration like that of the proxy, but for one change."""
        settings: dict[str, Any] = json.loads(json.dumps(self.settings))
        change(settings)
        return write_configuration(directory, settings)


class ShiftedClock(Clock):
    """A clock that is wrong by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        """The wrong time."""
        return super().now() + self._by


@dataclass(frozen=True)
class Seen:
    """What the doctor said."""

    findings: tuple[Finding, ...]

    @property
    def lines(self) -> list[str]:
        """All of it, for whoever has to find out why a test failed."""
        return [f"{each.level} {each.hop}: {each.sentence}: {each.remedy} [{each.name}]" for each in self.findings]

    @property
    def troubles(self) -> dict[str, str]:
        """The names of what failed or was warned of, and which of both."""
        return {str(each.name): str(each.level) for each in self.findings if _is_trouble(each)}

    def fine_hops(self) -> set[str]:
        """The hops in which everything was checked and is right."""
        troubled = {each.hop for each in self.findings if each.level is not Level.OK}
        return {each.hop for each in self.findings} - troubled

    def sentence(self, name: str) -> str:
        """What the first finding of a name says, and how to mend it."""
        found = next(each for each in self.findings if each.name == name and _is_trouble(each))
        return f"{found.sentence}: {found.remedy}"


async def examined(
    configuration: Path,
    *named: str,
    clock: Clock | None = None,
    addresses: tuple[str, ...] | None = None,
) -> Seen:
    """Examine the installation that a configuration file describes."""
    settings = load(configuration, {}, datetime.now(UTC))
    seen = Seen(await examine(settings, list(map(Repository, named)), clock=clock, addresses=addresses))
    read(seen.findings)
    return seen


def secret(file: Path, login: Login) -> str:
    """A file with a user name and a password, and its path."""
    file.touch(mode=0o600)
    file.write_text(json.dumps({"username": login.username, "password": login.password}))
    return str(file)


def issue(authority: Authority, directory: Path, name: str, *, begins: timedelta, ends: timedelta) -> Certificate:
    """A server's certificate for one name alone, valid from and until so long from now."""
    signer = load_pem_private_key(authority.key_file.read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.load_pem_x509_certificate(authority.certificate_file.read_bytes()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pair = Certificate(directory / f"{name}.crt", directory / f"{name}.key")
    pair.key_file.touch(mode=0o600)
    pair.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pair.certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return pair


def _is_trouble(finding: Finding) -> bool:
    return finding.level in (Level.FAILED, Level.WARNING)
