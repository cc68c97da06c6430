"""TLS towards a Notary server: whom to believe, and how to show who asks."""

import ssl
from pathlib import Path

from proxy.config.settings import NotarySettings
from proxy.errors import UserError


def tls_context(settings: NotarySettings) -> ssl.SSLContext:
    """Verify the server against `ca_file` alone if there is one, else against the system's authorities.

    Raises `UserError` for files that cannot be used.
    """
    where = f"notaries.{settings.name}"
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise _unusable(f"{where}.ca_file", settings.ca_file, error, "name a file of PEM certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = settings.client_certificate_file, settings.client_key_file
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, _PasswordNeeded) as error:
            advice = "name a PEM certificate and, as client_key_file, its key without a password"
            raise _unusable(f"{where}.client_certificate_file", certificate, error, advice) from None
    return context


class _PasswordNeeded(Exception):
    """The key is encrypted."""

    def __str__(self) -> str:
        return "its key is encrypted"


def _no_password() -> str:
    """Called for an encrypted key; without this, OpenSSL would ask at the terminal."""
    raise _PasswordNeeded


def _unusable(where: str, path: Path | None, error: Exception, advice: str) -> UserError:
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "not readable").lower().replace("_", " ")
    else:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
    return UserError(f"{where}: {path} cannot be used ({reason}): {advice}")
