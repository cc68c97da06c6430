"""One server, asked over HTTP: whole small answers, with what is needed to tell why there is none."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from proxy import __version__
from proxy.clock import Clock
from proxy.config.settings import Credentials
from proxy.doctor.reaching import Unreached, failed_at
from proxy.http_auth.login import Login, TokenUnavailable
from proxy.limits import DOCTOR_ANSWER_BYTES, DOCTOR_CONNECT_SECONDS, HTTP_LINE_BYTES
from proxy.notary.failures import why

API_VERSION: Final = "Docker-Distribution-Api-Version"
ODD_PATH: Final = "/v2/tagwarden/doctor"
"""No registry has it, and a Tagwarden refuses it in words of its own."""


class NoAnswer(Exception):
    """The server was reached and gave no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `received` is when its head was there, `seconds` how long that took, `refused` why no token."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    received: datetime
    seconds: float
    refused: str = ""


def is_tagwarden(answer: Answer) -> bool:
    """Whether the answer to `ODD_PATH` is a Tagwarden's."""
    return "X-Tagwarden-Decision" in answer.headers


class Server:
    """A server that answers; made by `talk`."""

    def __init__(self, url: URL, session: aiohttp.ClientSession, login: Login, seconds: float, clock: Clock) -> None:
        self.url = url
        self._base = str(url).rstrip("/")
        self._session = session
        self._login = login
        self._seconds = seconds
        self._clock = clock

    async def ask(self, path: str, *, method: str = "GET", accept: str = "") -> Answer:
        """Ask without showing who we are.

        Raises:
            NoAnswer: there is none in time, or it is no HTTP.
            Unreached: the connection did not come about.
        """
        return await self._ask(path, method, accept, None)

    async def ask_as_ourselves(self, path: str, scope: str, *, method: str = "GET", accept: str = "") -> Answer:
        """The same with our credential, and with a token for `scope` where the server asks for one.

        Where no token is to be had, that is in `refused`, and the answer is the one without. Raises the same.
        """
        shown = self._login.shown(scope)
        answer = await self._ask(path, method, accept, shown)
        if answer.status != 401:
            return answer
        try:
            other = await self._login.answer(answer.headers.getall("WWW-Authenticate", ()), scope, shown)
        except TokenUnavailable as failure:
            lines = (answer.status, answer.headers, answer.body, answer.received, answer.seconds)
            return Answer(*lines, refused=str(failure))
        return answer if other is None else await self._ask(path, method, accept, other)

    async def _ask(self, path: str, method: str, accept: str, authorization: str | None) -> Answer:
        headers = {"Accept": accept or "*/*"}
        if authorization is not None:
            headers["Authorization"] = authorization
        begun = self._clock.seconds()
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session.request(
                    method, URL(f"{self._base}{path}", encoded=True), headers=headers, allow_redirects=False
                ) as got,
            ):
                received, seconds = self._clock.now(), self._clock.seconds() - begun
                body = bytearray()
                while len(body) < DOCTOR_ANSWER_BYTES and (more := await got.content.readany()):
                    body += more
                return Answer(got.status, got.headers, bytes(body), received, seconds)
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._seconds:g} s") from None
        except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise self._unreached(error) from error
        except aiohttp.ClientError as error:
            raise self._without_answer(error) from error
        except (OSError, UnicodeError) as error:
            raise NoAnswer(why(error)) from error

    def _without_answer(self, error: aiohttp.ClientError) -> NoAnswer | Unreached:
        """TLS 1.3 tells only now that a server wants another certificate of us."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                return self._unreached(cause)
            cause = cause.__cause__ or cause.__context__
        return NoAnswer(why(error))

    def _unreached(self, error: BaseException) -> Unreached:
        return failed_at(error, with_tls=self.url.scheme == "https", where=f"{self.url.host}:{self.url.port}")


@asynccontextmanager
async def talk(
    url: URL,
    own: ssl.SSLContext | None,
    *,
    elsewhere: ssl.SSLContext | None = None,
    credentials: Credentials | None = None,
    seconds: float,
    clock: Clock,
) -> AsyncIterator[Server]:
    """Talk to a server for as long as the context lasts.

    Args:
        url: of the server; paths are added to it.
        own: for https: whom to believe and what to show; None for plain HTTP.
        elsewhere: the same for its token server; None: as for any server of the internet.
        credentials: our own, if there are any.
        seconds: for each answer.
        clock: tells when answers arrive.
    """
    async with _session(own) as session, _session(elsewhere) as other:
        yield Server(url, session, Login(url, credentials, other), seconds, clock)


def _session(tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=True if tls is None else tls),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=DOCTOR_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": f"tagwarden/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=HTTP_LINE_BYTES,
        max_field_size=HTTP_LINE_BYTES,
    )
