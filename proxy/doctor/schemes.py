"""Which of the two a server speaks, plain HTTP or TLS, where the other one was tried: one letter is soon mistaken."""

import asyncio
import re
import ssl
from typing import Final

from yarl import URL

from proxy.doctor.reaching import believing_everybody
from proxy.limits import DOCTOR_CONNECT_SECONDS

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (?!400)\d{3}[ \r]")  # servers of TLS say 400 to plain HTTP
_LONGEST: Final = 13
_QUESTION: Final = b"GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


async def other_scheme(url: URL) -> URL | None:
    """The same address under the scheme that is spoken there; None where that is the one it has, or neither."""
    scheme, is_spoken = ("http", _speaks_http) if url.scheme == "https" else ("https", _speaks_tls)
    if not await is_spoken(url):
        return None
    return URL.build(scheme=scheme, host=url.host or "", port=url.port, path=url.path)


async def _speaks_http(url: URL) -> bool:
    try:
        async with asyncio.timeout(DOCTOR_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            try:
                writer.write(_QUESTION % (url.authority or "").encode())
                return _STATUS_LINE.match(await reader.readexactly(_LONGEST)) is not None
            finally:
                writer.transport.abort()
    except (OSError, EOFError, TimeoutError):
        return False


async def _speaks_tls(url: URL) -> bool:
    """Whether a handshake comes about, or fails in words of TLS that a stranger gets to hear."""
    try:
        async with asyncio.timeout(DOCTOR_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=believing_everybody())
    except ssl.SSLError as error:
        return "ALERT" in (getattr(error, "reason", None) or "")
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
