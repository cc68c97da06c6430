"""Logs this program in to one server: Basic, or with a token that the server's token server gives for it.

The credential goes to the server itself and to the token server that it names, and nowhere else: no redirect is
followed, and over plain HTTP it goes only where the server is one without TLS too.
"""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

import aiohttp
from cachetools import TLRUCache
from yarl import URL

from proxy.clock import Clock
from proxy.config.settings import Credentials
from proxy.flights import Flights
from proxy.http_auth.challenges import Challenge, challenges
from proxy.limits import HTTP_LINE_BYTES, TOKEN_ANSWER_BYTES, TOKEN_LIFE_SECONDS, TOKEN_SECONDS, TOKENS_CACHED

CATALOGUE_SCOPE: Final = "registry:catalog:*"
"""The right to lists of everything: a registry's catalogue, Notary's changefeed of all collections (dialect 1.4)."""

_TIMEOUT: Final = aiohttp.ClientTimeout(total=TOKEN_SECONDS)
_LIFE_UNSAID: Final = 60.0  # what a token server means that does not say it
_KEPT: Final = 0.75  # of its life: a token is replaced before its server finds it too old
_FIT_FOR_A_HEADER: Final = re.compile(r"[!-~]+")
_READS: Final = re.compile(r"repository:[!-~]+:pull")
_NOT_THAT_ONE: Final = frozenset({400, 401, 403})  # 400 is OAuth's answer to a grant that is not valid (any more)


class TokenUnavailable(Exception):
    """The token server gave no token; the text says why in a few words, `status` what it answered, if it did."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


class TokenRefused(TokenUnavailable):
    """The token server gave none to this credential."""


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """What some logins leave behind in place of a password: good for tokens alone, and shown to a token server alone.

    `secret` is an OAuth refresh token; where a server wants Basic there is nothing to show.
    """

    secret: str = field(repr=False)


class Login:
    """One server and the credential for it, if there is one; made in a running event loop.

    To use it: show `shown(scope)`, if anything; on a 401 show `answer(...)` once, if that is anything; a second 401
    is the server's answer.
    """

    def __init__(
        self, server: URL, credentials: Credentials | IdentityToken | None, session: aiohttp.ClientSession
    ) -> None:
        """Log in to `server`; `session` reaches it and its token server, and adds no credential of its own."""
        self._server = server
        self._session = session
        self._basic = _basic(credentials) if isinstance(credentials, Credentials) else None
        self._identity = credentials if isinstance(credentials, IdentityToken) else None
        self._wants_token = False
        clock = Clock()
        self._tokens: TLRUCache[str, tuple[str, float]] = TLRUCache(
            TOKENS_CACHED, lambda _, kept, __: kept[1], clock.seconds
        )
        self._seconds = clock.seconds
        self._flights: Flights[str, str] = Flights()

    def shown(self, scope: str) -> str | None:
        """The Authorization to try first: a token that is at hand, or Basic where no token was asked for yet."""
        if not self._wants_token:
            return self._basic
        kept = self._tokens.get(scope)
        return kept[0] if kept else None

    async def answer(self, lines: Sequence[str], scope: str, shown: str | None) -> str | None:
        """The Authorization to show after a 401; None where there is nothing new to show.

        Args:
            lines: the `WWW-Authenticate` of the 401.
            scope: what the token is for, should the challenge not say it; tokens are kept by it.
            shown: the Authorization that was answered 401.

        Raises:
            TokenUnavailable: a token is asked for, and there is none.
        """
        asked = challenges(lines)
        bearer = next((each for each in asked if each.scheme == "bearer" and "realm" in each.parameters), None)
        if bearer is not None:
            self._wants_token = True
            return await self._token(bearer, scope, shown)
        if any(each.scheme == "basic" for each in asked):
            self._wants_token = False
            return self._basic if self._basic != shown else None
        return None

    async def _token(self, challenge: Challenge, scope: str, shown: str | None) -> str:
        """A token that was not shown yet; everybody who wants one for the same scope waits for the same answer."""
        kept = self._tokens.get(scope)
        if kept and kept[0] != shown:
            return kept[0]
        self._tokens.pop(scope, None)
        return await self._flights.join(scope, lambda: self._fetch(challenge, scope), name=f"token for {scope}")

    async def _fetch(self, challenge: Challenge, scope: str) -> str:
        """Ask the token server, and keep its token. Raises `TokenUnavailable`."""
        realm = _realm(challenge.parameters["realm"], self._server)
        named = challenge.parameters.get("scope", "").split()
        scopes = named if named and all(map(_READS.fullmatch, named)) else [scope]  # never more than to read
        service = challenge.parameters.get("service")
        asked_at = self._seconds()
        try:
            async with self._exchange(realm, service, scopes) as answer:
                if answer.status != 200:
                    kind = TokenRefused if answer.status in _NOT_THAT_ONE else TokenUnavailable
                    raise kind(f"the token server answered {answer.status}", answer.status)
                body = b""
                while len(body) <= TOKEN_ANSWER_BYTES and (more := await answer.content.readany()):
                    body += more
        except (TimeoutError, aiohttp.ClientError, OSError, UnicodeError) as error:
            raise TokenUnavailable(_why(error)) from error
        token, life = _told(body)
        authorization = f"Bearer {token}"
        self._tokens[scope] = (authorization, asked_at + life * _KEPT)
        return authorization

    def _exchange(
        self, realm: URL, service: str | None, scopes: Sequence[str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask by GET as a user, or for an identity token by OAuth's POST: the two dialects of token servers."""
        named = [("service", service)] if service else []
        if self._identity is not None:
            grant = [("grant_type", "refresh_token"), ("refresh_token", self._identity.secret)]
            form = [*grant, *named, ("client_id", "tagwarden"), ("scope", " ".join(scopes))]
            return self._session.post(realm, data=form, allow_redirects=False, timeout=_TIMEOUT)
        query = [*realm.query.items(), *named, *(("scope", scope) for scope in scopes)]
        headers = {"Authorization": self._basic} if self._basic else {}
        url = realm.with_query(query)
        return self._session.get(url, headers=headers, allow_redirects=False, timeout=_TIMEOUT)


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _realm(text: str, server: URL) -> URL:
    """The token server's address, if a credential may go there. Raises `TokenUnavailable`."""
    try:
        realm = URL(text)
    except ValueError:
        raise TokenUnavailable("the token server's address is none") from None
    if realm.scheme not in ("http", "https") or not realm.host or realm.user or realm.password:
        raise TokenUnavailable("the token server's address is none")
    plain = server.scheme == "http" and (realm.host == server.host or _is_loopback(realm.host))
    if realm.scheme != "https" and not plain:
        raise TokenUnavailable("the token server has no TLS")
    return realm.with_fragment(None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _told(body: bytes) -> tuple[str, float]:
    """Token and life, in seconds, of a token server's answer. Raises `TokenUnavailable`."""
    if len(body) > TOKEN_ANSWER_BYTES:
        raise TokenUnavailable("the token server's answer is too long")
    try:
        told = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise TokenUnavailable("the token server's answer is no JSON object")
    token = told.get("token") or told.get("access_token")
    if not isinstance(token, str) or not _FIT_FOR_A_HEADER.fullmatch(token) or len(token) > HTTP_LINE_BYTES:
        raise TokenUnavailable("the token server's answer has no token")
    life = told.get("expires_in")
    if isinstance(life, bool) or not isinstance(life, int | float):
        return token, _LIFE_UNSAID
    return token, min(max(float(life), 0.0), TOKEN_LIFE_SECONDS)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "the token server did not answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return "the token server's certificate does not verify"
        case aiohttp.ClientConnectorError() | aiohttp.ClientSSLError():
            return "the token server cannot be reached"
        case _:
            return "the token server's answer broke off"
