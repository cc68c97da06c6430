"""One HTTP request and its whole answer, for talking to the daemons of the stack."""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from certs.authority import Certificate

_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    reason: str
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Login:
    """User name and password for Basic authentication."""

    username: str
    password: str

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()


def ask(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    ca_file: Path | None = None,
    certificate: Certificate | None = None,
    seconds: float = _SECONDS,
) -> Answer:
    """Send one request and read the whole answer; redirects are not followed.

    Args:
        url: Absolute, `http` or `https`; path and query are sent exactly as written.
        method: Any HTTP method.
        headers: Sent besides `Host`, `Accept-Encoding` and `Content-Length`.
        body: Sent with its length.
        ca_file: Whom to trust for `https`.
        certificate: What to show for `https`, where a client has to show something.
        seconds: For connecting, and for each wait for data.

    Raises:
        OSError: No connection, or TLS failed.
        HTTPException: What came back is no HTTP.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        if certificate:
            context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=seconds, context=context)
    else:
        connection = HTTPConnection(host, port, timeout=seconds)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.headers, response.read())
    finally:
        connection.close()


def answers(url: str, *, ca_file: Path | None = None, expected: tuple[int, ...] = (200,)) -> bool:
    """Say whether a URL answers with one of the expected statuses by now."""
    try:
        return ask(url, ca_file=ca_file, seconds=2.0).status in expected
    except (OSError, HTTPException):
        return False
