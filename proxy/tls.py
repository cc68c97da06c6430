"""TLS files: whom to believe, and how to show who we are, to the servers that the configuration names."""

import ssl
from pathlib import Path

from proxy.errors import UserError


def client_context(
    where: str, ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Verify a server against `ca_file` alone if there is one, else against the system's authorities; TLS 1.2 or newer.

    Args:
        where: the section of the configuration, for what is said of its files.
        ca_file: PEM certificates.
        certificate_file: a PEM certificate to show to a server that asks for one.
        key_file: its key, without a password; None where it is in the same file.

    Raises:
        UserError: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise _unusable(f"{where}.ca_file", ca_file, error, "name a file of PEM certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file:
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


def show(context: ssl.SSLContext, certificate_file: Path, key_file: Path | None) -> None:
    """Give a context the certificate to show. Raises `OSError` and, for an encrypted key, `PasswordNeeded`."""
    context.load_cert_chain(certificate_file, key_file, password=_no_password)


def _no_password() -> str:
    """Called for an encrypted key; without this, OpenSSL would ask at the terminal."""
    raise PasswordNeeded


def _unusable(where: str, path: Path | None, error: Exception, advice: str) -> UserError:
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "not readable").lower().replace("_", " ")
    else:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
    return UserError(f"{where}: {path} cannot be used ({reason}): {advice}")
