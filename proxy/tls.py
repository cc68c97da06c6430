"""TLS files: whom to believe, and how to show who we are, to the servers that the configuration names."""

import ssl
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from proxy.config.pem import PemFile
from proxy.errors import UserError

_Believed: TypeAlias = bytes | tuple[tuple[int, ...] | None, ...]

_SHARED: Final[MutableMapping[_Believed, ssl.SSLContext]] = WeakValueDictionary()
"""Contexts in use that show no certificate, by whom they believe: a machine's authorities take long to load."""


def client_context(
    where: str, ca_file: PemFile | None, certificate_file: PemFile | None = None, key_file: PemFile | None = None
) -> ssl.SSLContext:
    """Verify a server against `ca_file` alone if there is one, else against the system's authorities; TLS 1.2 or newer.

    Whoever shows nothing shares the context with others who believe the same, so nobody may change it.

    Args:
        where: the section of the configuration, for what is said of its files.
        ca_file: PEM certificates.
        certificate_file: a PEM certificate to show to a server that asks for one.
        key_file: its key, without a password; None where it is in the same file.

    Raises:
        UserError: a file cannot be used.
    """
    if certificate_file is None:
        believed = _system() if ca_file is None else ca_file.data
        if (shared := _SHARED.get(believed)) is None:
            shared = _SHARED[believed] = _verifying(where, ca_file)
        return shared
    context = _verifying(where, ca_file)
    try:
        show(context, certificate_file, key_file)
    except (OSError, PasswordNeeded) as error:
        advice = "name a PEM certificate that TLS accepts and, as client_key_file, its key without a password"
        raise _unusable(f"{where}.client_certificate_file", certificate_file, error, advice) from None
    return context


class PasswordNeeded(Exception):
    """A private key is encrypted."""

    def __str__(self) -> str:
        return "its key is encrypted"


def show(context: ssl.SSLContext, certificate_file: PemFile, key_file: PemFile | None) -> None:
    """Give a context the certificate to show. Raises `OSError` and, for an encrypted key, `PasswordNeeded`."""
    with certificate_file.in_memory() as certificate, (key_file or certificate_file).in_memory() as key:
        context.load_cert_chain(certificate, key, password=_no_password)


def tls_reason(error: OSError) -> str:
    """What was wrong in TLS or with one of its files, in a few words and without addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed, {error.verify_message.rstrip('.')}"
    # OpenSSL's errors have no reason where a file ends too early
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or "no reason given").lower().replace("_", " ")


def tls_failure(error: OSError) -> str:
    """What went wrong in a handshake with a server, as a clause."""
    reason = tls_reason(error)
    return reason if isinstance(error, ssl.SSLCertVerificationError) else f"TLS failed, {reason}"


def _verifying(where: str, ca_file: PemFile | None) -> ssl.SSLContext:
    try:
        context = _believing(ca_file)
    except OSError as error:
        raise _unusable(f"{where}.ca_file", ca_file, error, "name a file of PEM certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _believing(ca_file: PemFile | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    with ca_file.in_memory() as authorities:
        return ssl.create_default_context(cafile=authorities)


def _system() -> tuple[tuple[int, ...] | None, ...]:
    """How the system's authorities look: others that are there for a later configuration are others."""
    paths = ssl.get_default_verify_paths()
    return tuple(_look(path) for path in (paths.cafile, paths.capath))


def _look(path: str | None) -> tuple[int, ...] | None:
    try:
        state = Path(path or "").stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def _no_password() -> str:
    """Called for an encrypted key; without this, OpenSSL would ask at the terminal."""
    raise PasswordNeeded


def _unusable(where: str, path: PemFile | None, error: Exception, advice: str) -> UserError:
    reason = tls_reason(error) if isinstance(error, OSError) else str(error)
    return UserError(f"{where}: {path} cannot be used ({reason}): {advice}")
