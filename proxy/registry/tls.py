"""What goes wrong in TLS towards the registry."""

import ssl


def tls_failure(error: OSError) -> str:
    """What went wrong in a handshake, in a few words and without addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed, {error.verify_message.rstrip('.')}"
    return f"TLS failed, {_reason(error)}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (getattr(error, "reason", None) or "no reason given").lower().replace("_", " ")
    return (error.strerror or "no reason given").lower()
