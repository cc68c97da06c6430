"""A line to one Notary: some connections, over each of which one thing is asked at a time (dialect 1.2 to 1.4).

Whoever finds none free waits in turn (`Places`). That wait is this proxy's own: it takes nothing from the Notary's
`timeout`, and it is nobody's failure.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from proxy import __version__
from proxy.config.settings import NotarySettings
from proxy.http_auth.login import Login, TokenRefused, TokenUnavailable
from proxy.limits import NOTARY_CONNECT_SECONDS, NOTARY_KEEPALIVE_SECONDS, NOTARY_RESERVED
from proxy.notary.failures import why
from proxy.notary.places import Places
from proxy.telemetry.metrics import UPSTREAM_REQUESTS, UPSTREAM_SECONDS, outcome
from proxy.tuf.messages import Fetched, Missing, Reply, TooLarge, Unavailable


@dataclass(slots=True)
class _Silence:
    """How many got no answer in a row, and how often that were as many as there are places for them."""

    places: int
    unanswered: int = 0
    times: int = 0
    reply: Unavailable = field(default_factory=lambda: Unavailable("no answer"))

    def note(self, reply: Unavailable) -> None:
        """Count one more."""
        self.unanswered += 1
        if self.unanswered % self.places == 0:
            self.reply = reply
            self.times += 1


class Line:
    """At most `most` connections to one Notary; made in a running event loop, and closed by `close`.

    `own` is TLS towards Notary, `other` towards its token server, which is shown no certificate.
    """

    def __init__(self, settings: NotarySettings, own: ssl.SSLContext, other: ssl.SSLContext, most: int) -> None:
        self._upstream = f"notary:{settings.name}"
        self._seconds = settings.timeout
        reserved = most // NOTARY_RESERVED
        self._places = Places(most, reserved)
        self._known, self._strangers = _Silence(most), _Silence(most - reserved)
        self._session = _session(own, most)
        self._elsewhere = _session(other, most)
        self._login = Login(settings.url, settings.credentials, self._elsewhere)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._elsewhere.close()

    async def ask(self, address: URL, scope: str, limit: int, *, is_stranger: bool = False) -> Reply:
        """GET up to `limit` bytes, once a connection is free, within the Notary's `timeout` from then on.

        Where meanwhile as many as there are connections got no answer in a row, that is the answer for those who
        waited: they would learn nothing else, and each only after one more `timeout`. What a stranger (`Known`) does
        not get says something to strangers alone.

        Raises nothing for anything that network or servers do, but `TokenUnavailable` where a token server answers
        with something else than a token.
        """
        silence = self._strangers if is_stranger else self._known
        silences = silence.times
        async with self._places.one(is_stranger=is_stranger):
            if silence.times != silences:
                return silence.reply
            begun, came_to = time.monotonic(), "error"
            try:
                reply, came_to = await self._timed(address, scope, limit)
            except TokenRefused:
                came_to = "unauthorised"
                raise
            finally:
                UPSTREAM_SECONDS.observe(time.monotonic() - begun, self._upstream)
                UPSTREAM_REQUESTS.inc(self._upstream, came_to)
            self._count(reply, is_stranger=is_stranger)
            return reply

    def _count(self, reply: Reply, *, is_stranger: bool) -> None:
        if not isinstance(reply, Unavailable) or reply.status is not None:
            self._known.unanswered = self._strangers.unanswered = 0
            return
        self._strangers.note(reply)
        if not is_stranger:
            self._known.note(reply)

    async def _timed(self, address: URL, scope: str, limit: int) -> tuple[Reply, str]:
        """The reply, and what it comes to in a word of `UPSTREAM_REQUESTS`. Raises `TokenUnavailable`."""
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._ask(address, scope, limit)
        except aiohttp.ConnectionTimeoutError:
            return Unavailable(f"no connection after {NOTARY_CONNECT_SECONDS:g} s"), "timeout"
        except TimeoutError:
            return Unavailable(f"timed out after {self._seconds:g} s"), "timeout"
        except TokenUnavailable as failure:
            if failure.status is not None:
                raise
            return Unavailable(str(failure)), "unreachable"
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # the last for hosts that can be no name
            return Unavailable(why(error)), "unreachable"
        return reply, _outcome(reply)

    async def _ask(self, address: URL, scope: str, limit: int) -> Reply:
        """Ask, and once more with what a challenge asks for."""
        shown = self._login.shown(scope)
        reply, challenges = await self._ask_as(shown, address, limit)
        if challenges:
            other = await self._login.answer(challenges, scope, shown)
            if other is not None:
                reply, _ = await self._ask_as(other, address, limit)
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


def _outcome(reply: Reply) -> str:
    match reply:
        case Unavailable(status=status):
            return "error" if status is None else outcome(status)
        case Missing():
            return "missing"
        case _:
            return "ok"


def _session(tls: ssl.SSLContext, most: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=most, keepalive_timeout=NOTARY_KEEPALIVE_SECONDS),
        # All of it is timed in `Line`, the body included.
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
