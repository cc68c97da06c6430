"""Warns of certificates of the listeners with which no connection would come about.

None of it is an error: clocks differ, somebody may renew the file in a minute, and clients may use another name.
"""

import ipaddress
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.files import Files
from proxy.config.shape import FileShape

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_UNREADABLE: Final = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError)
_CLIENTS: Final = "clients will not accept it"
_NOBODY: Final = "nobody will be let in"
_NO_AUTHORITY: Final = "holds no authority (it is no CA certificate)"
_NAME_ISSUER: Final = "name the certificate of the authority that issues those of your clients"


def warn_certificates(document: Document, shape: FileShape, files: Files, now: datetime | None) -> None:
    """Warn of certificates and authorities of the listeners; with `now` (aware) also of those outside their time.

    Only the certificate for `listen` is held against `name`: candidates may well be served under another one.
    """
    if shape.listen.tls:
        at: KeyPath = ("listen", "tls")
        file, ca_file = shape.listen.tls.certificate_file, shape.listen.tls.client_ca_file
        _warn_shown(document, (*at, "certificate_file"), file, files, now)
        for leaf in files.certificates((*at, "certificate_file"), file)[:1]:
            _warn_name(document, (*at, "certificate_file"), files.named(file), leaf, shape.name.partition(":")[0])
        if ca_file:
            _warn_authorities(document, (*at, "client_ca_file"), ca_file, files, now)
    if shape.candidates:
        at, own = ("candidates", "tls"), shape.candidates.tls
        if own.certificate_file:
            _warn_shown(document, (*at, "certificate_file"), own.certificate_file, files, now)
        _warn_authorities(document, (*at, "client_ca_file"), own.client_ca_file, files, now)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate says that it may issue others."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _warn_shown(document: Document, at: KeyPath, file: str, files: Files, now: datetime | None) -> None:
    """The first certificate is the listener's own; clients know better which of a chain they need."""
    for leaf in files.certificates(at, file)[:1]:
        why = _outside(leaf, now)
        if why:
            document.warn(at, f"{files.named(file)} {why[0]}, so {_CLIENTS}; {why[1]}")


def _warn_authorities(document: Document, at: KeyPath, file: str, files: Files, now: datetime | None) -> None:
    certificates = files.certificates(at, file)
    authorities = [each for each in certificates if is_authority(each)]
    outside = [why for why in (_outside(each, now) for each in authorities) if why]
    if not authorities and any(each.subject == each.issuer for each in certificates):
        document.warn(at, f"{files.named(file)} {_NO_AUTHORITY}, so at most its own holder is let in; {_NAME_ISSUER}")
    elif certificates and not authorities:
        document.warn(at, f"{files.named(file)} {_NO_AUTHORITY}, so {_NOBODY}; {_NAME_ISSUER}")
    elif outside and len(outside) == len(authorities):
        document.warn(at, f"{files.named(file)} {outside[0][0]}, so {_NOBODY}; {outside[0][1]}")
    else:
        for what, remedy in outside:
            sentence = f"an authority in {files.named(file)} {what}, so nobody is let in by it"
            document.warn(at, f"{sentence}; {remedy} or remove it")


def _outside(certificate: x509.Certificate, now: datetime | None) -> tuple[str, str] | None:
    """What is wrong with the time of a certificate, and what to do; None if nothing is."""
    if now is None:
        return None
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end < now:
        return f"expired on {end:%Y-%m-%d}", "renew it"
    if now < begin:
        return f"is not valid before {begin:%Y-%m-%dT%H:%M:%SZ}", "check the clock"
    return None


def _warn_name(document: Document, at: KeyPath, file: str, leaf: x509.Certificate, host: str) -> None:
    """Clients look at the alternative names alone, never at the common name."""
    names = _extension(leaf, x509.SubjectAlternativeName)
    domains = names.get_values_for_type(x509.DNSName) if names else []
    addresses = [str(each) for each in names.get_values_for_type(x509.IPAddress)] if names else []
    owners = quoted(", ".join([*domains, *addresses]))[1:-1]
    if not owners:
        sentence = f"is made out to no host (it has no subjectAltName), so {_CLIENTS}; renew it for {host}"
        document.warn(at, f"{file} {sentence}")
    elif not (host in addresses if _is_address(host) else any(_fits(host, domain.lower()) for domain in domains)):
        sentence = f"is made out to {owners}, not to {host}, the host in name"
        document.warn(at, f"{file} {sentence}; {_CLIENTS} unless they use another name")


def _fits(host: str, domain: str) -> bool:
    """Whether a name of a certificate is that of a host; an asterisk stands for its first label (RFC 6125)."""
    return host == domain or (domain.startswith("*.") and host.partition(".")[2] == domain[2:])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """What an extension says, or None where it is absent or cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except _UNREADABLE:
        return None
