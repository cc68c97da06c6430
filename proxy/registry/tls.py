"""TLS towards the registry: whom to believe."""

import ssl
from pathlib import Path

from proxy.errors import UserError


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verify the registry against `ca_file` alone if there is one, else against the system's authorities.

    Raises `UserError` for a file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise UserError(
            f"registry.ca_file: {ca_file} cannot be used ({_reason(error)}): name a file of PEM certificates"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_failure(error: OSError) -> str:
    """What went wrong in a handshake, in a few words and without addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed, {error.verify_message.rstrip('.')}"
    return f"TLS failed, {_reason(error)}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (getattr(error, "reason", None) or "no reason given").lower().replace("_", " ")
    return (error.strerror or "no reason given").lower()
