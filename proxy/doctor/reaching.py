"""The way to a server, one step at a time: its name, a connection, TLS. The first step that fails is named.

Ordinary clients take all steps at once and cannot say as much.
"""

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Thread
from typing import Any, Final

from cryptography import x509
from yarl import URL

from proxy.limits import DOCTOR_CONNECT_SECONDS
from proxy.notary.failures import why

_DATES: Final = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, ..._HAS_EXPIRED
_NAMES: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, ..._IP_ADDRESS_MISMATCH
_LONGEST: Final = 160  # of what a stranger wrote into a certificate
# What a server says to a client certificate that it misses or does not like.
_ALERTS: Final = (
    "CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_ACCESS_DENIED",
    "ALERT_HANDSHAKE_FAILURE",
)


class Step(StrEnum):
    """Where the way ends; also the second half of a finding's name."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CA = "ca"
    CERTIFICATE_NAME = "certificate-name"
    CERTIFICATE_DATES = "certificate-dates"
    CLIENT_CERTIFICATE = "client-certificate"


class Unreached(Exception):
    """The way ends at `step`; `why` says it in a few words."""

    def __init__(self, step: Step, why: str) -> None:
        super().__init__(step, why)
        self.step = step
        self.why = why


@dataclass(frozen=True, slots=True)
class Reached:
    """The whole way works: the addresses of the name, and until when the server's certificate is valid, with TLS."""

    addresses: tuple[str, ...]
    valid_until: datetime | None = None


async def reach(url: URL, context: ssl.SSLContext | None) -> Reached:
    """Go all the way to a server; `context` is for https.

    Raises:
        Unreached: it ends before.
    """
    host, port = url.host or "", url.port or 0
    addresses = await resolve(host, port)
    await _connected(host, port, None)
    if context is None or url.scheme != "https":
        return Reached(addresses)
    try:
        certificate = await _connected(host, port, context)
    except Unreached as end:
        raise await _looked_at(end, host, port) from end
    ends = (certificate or {}).get("notAfter")
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
    return Reached(addresses, until)


async def listen(url: URL, context: ssl.SSLContext) -> None:
    """Say nothing to a server and hear what it says: TLS 1.3 tells only after the handshake what it thinks of us.

    Raises:
        Unreached: it hangs up in words of TLS.
    """
    await _connected(url.host or "", url.port or 0, context, listens=True)


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a name. Raises `Unreached`."""
    try:
        async with asyncio.timeout(DOCTOR_CONNECT_SECONDS):
            found = await _looked_up(host, port)
    except TimeoutError:
        raise Unreached(Step.DNS, f"no answer about {host} within {DOCTOR_CONNECT_SECONDS:g} s") from None
    except (OSError, UnicodeError):
        raise Unreached(Step.DNS, f"the name {host} is not known here") from None
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


async def _looked_up(host: str, port: int) -> list[tuple[Any, ...]]:
    """Ask the system in a thread that nobody waits for: a name service that is down may keep it for a minute."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[tuple[Any, ...]]] = loop.create_future()

    def tell(found: list[tuple[Any, ...]] | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def ask() -> None:
        found: list[tuple[Any, ...]] | None = None
        error: Exception | None = None
        try:
            found = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as failure:
            error = failure
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(tell, found, error)

    Thread(target=ask, name=f"look up {host}", daemon=True).start()
    return await answer


async def _connected(
    host: str, port: int, context: ssl.SSLContext | None, *, listens: bool = False
) -> dict[str, Any] | None:
    """Connect and hang up; the server's certificate, with TLS. Raises `Unreached`."""
    where = f"{host}:{port}"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(DOCTOR_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            certificate: dict[str, Any] | None = writer.get_extra_info("peercert")
            if listens:
                await reader.read(1)
            return certificate
    except TimeoutError:
        if listens and writer is not None:
            return None
        step = Step.TLS if context else Step.CONNECT
        raise Unreached(step, f"no answer from {where} within {DOCTOR_CONNECT_SECONDS:g} s") from None
    except OSError as error:
        raise failed_at(error, with_tls=context is not None, where=where) from error
    finally:
        if writer is not None:
            writer.transport.abort()


async def _looked_at(end: Unreached, host: str, port: int) -> Unreached:
    """Say of a certificate that does not verify what is in it."""
    if end.step not in (Step.CA, Step.CERTIFICATE_NAME, Step.CERTIFICATE_DATES):
        return end
    try:
        async with asyncio.timeout(DOCTOR_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=believing_everybody())
    except (TimeoutError, OSError):
        return end
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return Unreached(end.step, describe(end.step, x509.load_der_x509_certificate(shown)))
    except ValueError:
        return end
    finally:
        writer.transport.abort()


def describe(step: Step, certificate: x509.Certificate) -> str:
    """What of a certificate is to blame, in printable ASCII."""
    match step:
        case Step.CA:
            words = f"issued by {certificate.issuer.rfc4514_string() or 'nobody'}"
        case Step.CERTIFICATE_NAME:
            words = f"for {', '.join(_names(certificate)[:4]) or 'no host'}"
        case _:
            begin, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            words = f"it is valid from {begin:%Y-%m-%d} until {until:%Y-%m-%d}"
    return re.sub(r"[^ -~]", "?", words)[:_LONGEST]


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def failed_at(error: BaseException, *, with_tls: bool, where: str) -> Unreached:
    """Say which step an error of a connection belongs to."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return Unreached(Step.TLS if with_tls else Step.CONNECT, f"{where}: {why(error)}")
    return Unreached(_tls_step(cause), why(cause))


def _tls_step(error: ssl.SSLError) -> Step:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _DATES:
            return Step.CERTIFICATE_DATES
        return Step.CERTIFICATE_NAME if error.verify_code in _NAMES else Step.CA
    reason = getattr(error, "reason", None) or ""
    return Step.CLIENT_CERTIFICATE if any(alert in reason for alert in _ALERTS) else Step.TLS


def believing_everybody() -> ssl.SSLContext:
    """Who it is does not matter, only that somebody answers; nothing secret is ever shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
