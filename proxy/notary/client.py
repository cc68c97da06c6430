"""Fetches files of collections from a Notary server (dialect 1.1 to 1.3).

An answer is a value: 200 is `Fetched`, 404 is `Missing`, and everything that says nothing about the file is
`Unavailable`, so that a network error can never pass for a statement of Notary. Headers about caching and
dates are ignored: only what is signed counts.
"""

import asyncio
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from proxy import __version__
from proxy.config.settings import NotarySettings
from proxy.http_auth.login import Login, TokenUnavailable
from proxy.limits import NOTARY_CONNECT_SECONDS, NOTARY_CONNECTIONS, NOTARY_KEEPALIVE_SECONDS
from proxy.names import Gun
from proxy.notary.failures import why
from proxy.tls import client_context
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable


class NotarySource:
    """One Notary server. An async context manager, made in a running event loop.

    Raises `UserError` for TLS files that cannot be used.
    """

    def __init__(self, settings: NotarySettings) -> None:
        where = f"notaries.{settings.name}"
        self._base = str(settings.url).rstrip("/")
        self._seconds = settings.timeout
        certificate = settings.client_certificate_file, settings.client_key_file
        own, other = client_context(where, settings.ca_file, *certificate), client_context(where, settings.ca_file)
        self._session = _session(own)
        self._elsewhere = _session(other)  # a token server is shown no certificate
        self._login = Login(settings.url, settings.credentials, self._elsewhere)

    async def __aenter__(self) -> Self:
        """Nothing is connected before the first fetch."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._session.close()
        await self._elsewhere.close()

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Fetch one file of a collection, within the wish's size and the Notary's `timeout`.

        A 401 that asks for a token is answered with one; a 401 to that is Notary's answer. Never raises for anything
        that network or servers do.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask(gun, wish)
        except aiohttp.ConnectionTimeoutError:
            return Unavailable(f"no connection after {NOTARY_CONNECT_SECONDS:g} s")
        except TimeoutError:
            return Unavailable(f"timed out after {self._seconds:g} s")
        except TokenUnavailable as failure:
            return Unavailable(str(failure))
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # the last for hosts that can be no name
            return Unavailable(why(error))

    async def _ask(self, gun: Gun, wish: Fetch) -> Reply:
        """Ask, and once more with what a challenge asks for."""
        address = self._address(gun, wish.name)
        scope = f"repository:{gun}:pull"
        shown = self._login.shown(scope)
        reply, challenges = await self._ask_as(shown, address, wish.limit)
        if challenges:
            other = await self._login.answer(challenges, scope, shown)
            if other is not None:
                reply, _ = await self._ask_as(other, address, wish.limit)
        return reply

    async def _ask_as(self, authorization: str | None, address: URL, limit: int) -> tuple[Reply, Sequence[str]]:
        """Ask with this Authorization: the reply and, where it is a 401, its challenges."""
        headers = {} if authorization is None else {"Authorization": authorization}
        async with self._session.get(address, headers=headers, allow_redirects=False) as answer:
            if answer.status == 404:
                return Missing(), ()
            if answer.status != 200:
                challenges = answer.headers.getall("WWW-Authenticate", ()) if answer.status == 401 else ()
                return Unavailable(f"status {answer.status}", status=answer.status), challenges
            if "Content-Encoding" in answer.headers:
                return Unavailable("compressed answer, which was not asked for"), ()
            body = await _read(answer, limit)
        return (TooLarge() if body is None else Fetched(body)), ()

    def _address(self, gun: Gun, name: str) -> URL:
        """Both names come from checked types; whatever else they might contain is data within the path."""
        return URL(f"{self._base}/v2/{quote(gun, safe='/:')}/_trust/tuf/{quote(name, safe='/')}.json", encoded=True)


def _session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=NOTARY_CONNECTIONS, keepalive_timeout=NOTARY_KEEPALIVE_SECONDS),
        # The whole fetch is timed in `fetch`, the body included.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=NOTARY_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": f"tagwarden/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The body, or None as soon as it shows that it is longer than `limit` bytes, announced or not."""
    if answer.content_length is not None and answer.content_length > limit:
        return None
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
