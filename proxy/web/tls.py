"""TLS towards clients: who we are, and whom we want to be shown (design: Configuration, `listen.tls`)."""

import ssl
import time
from typing import Final, Self

from cryptography import x509

from proxy.config.pem import PemFile
from proxy.config.settings import TlsSettings
from proxy.errors import UserError
from proxy.tls import PasswordNeeded, show, tls_reason

# Reason phrases, which older containerd shows people in place of our message, exist in HTTP/1.1 alone (clients 2).
_PROTOCOLS: Final = ("http/1.1",)


class HandshakeFailed(ssl.SSLError):
    """A handshake that came to nothing: why, in a few words, and the bytes that tell the client so."""

    def __init__(self, why: str, alert: bytes) -> None:
        super().__init__(why)
        self.why = why
        self.alert = alert


class _Handshake(ssl.SSLObject):
    """One side of a handshake, which keeps the alert of a failure: event loops hang up without sending it."""

    _outgoing: ssl.MemoryBIO

    def sending_to(self, outgoing: ssl.MemoryBIO) -> Self:
        """Say where alerts are written."""
        self._outgoing = outgoing
        return self

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises `HandshakeFailed`, or that more has to be read or written first."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise HandshakeFailed(tls_reason(error), self._outgoing.read()) from None
        is_wanted = self.context.verify_mode is ssl.CERT_REQUIRED
        if self.session_reused and is_wanted and not _counts_still(self):
            raise HandshakeFailed("certificate has expired", self._outgoing.read())


class _Context(ssl.SSLContext):
    sslobject_class = _Handshake

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  (the library's own signature)
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        handshake = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        return handshake.sending_to(outgoing) if isinstance(handshake, _Handshake) else handshake


def server_context(settings: TlsSettings, key: str) -> ssl.SSLContext:
    """Make the context of a listener; with `client_ca_file` a client without a certificate of theirs is not let in.

    A handshake in it that fails raises `HandshakeFailed`. With TLS 1.3 who has a certificate shows it each time: nobody
    looks at one again where a session is resumed, and a ticket leads to the next one without an end. A session of
    TLS 1.2, which cannot be turned off here, ends after two hours, and with the certificate.

    Args:
        settings: of the listener.
        key: its name in the configuration: `listen`, `candidates`.

    Raises:
        UserError: a file cannot be used.
    """
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(_PROTOCOLS)
    _show(context, settings, f"{key}.tls")
    if settings.client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.num_tickets = 0
        _believe(context, settings.client_ca_file, f"{key}.tls")
    return context


def subject_shown_on(connection: ssl.SSLObject | None) -> str | None:
    """The subject of the certificate that a client showed, as RFC 4514 writes it; None where it showed none.

    Args:
        connection: its encrypted side, None without TLS.
    """
    shown = None if connection is None else connection.getpeercert(binary_form=True)
    if shown is None:
        return None
    try:
        return x509.load_der_x509_certificate(shown).subject.rfc4514_string()
    except (ValueError, x509.InvalidVersion):  # OpenSSL let it in, so it may ask, whatever it is called
        return "not readable"


def _counts_still(connection: ssl.SSLObject) -> bool:
    """Whether the certificate that a client showed when its session began has not expired since."""
    ends = (connection.getpeercert() or {}).get("notAfter")
    return isinstance(ends, str) and time.time() <= ssl.cert_time_to_seconds(ends)


def _show(context: ssl.SSLContext, settings: TlsSettings, where: str) -> None:
    try:
        show(context, settings.certificate_file, settings.key_file)
    except PasswordNeeded as needed:
        reason = str(needed)
    except OSError as error:
        reason = tls_reason(error)
    else:
        return
    raise UserError(
        f"{where}: {settings.certificate_file} with {settings.key_file} cannot be used ({reason}): "
        "name a PEM certificate that TLS accepts and, as key_file, its key without a password"
    )


def _believe(context: ssl.SSLContext, authorities: PemFile, where: str) -> None:
    try:
        with authorities.in_memory() as file:
            context.load_verify_locations(file)
    except OSError as error:
        raise UserError(
            f"{where}.client_ca_file: {authorities} cannot be used ({tls_reason(error)}): "
            "name a file of PEM certificates"
        ) from None
