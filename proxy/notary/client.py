"""Fetches files of collections, and pages of the changefeed, from a Notary server (dialect 1.1 to 1.5).

An answer is a value: 200 is `Fetched`, 404 is `Missing`, and everything that says nothing about the file is
`Unavailable`, so that a network error can never pass for a statement of Notary. Headers about caching and
dates are ignored: only what is signed counts.
"""

from types import TracebackType
from typing import Self
from urllib.parse import quote

from yarl import URL

from proxy.config.settings import NotarySettings
from proxy.http_auth.login import CATALOGUE_SCOPE, TokenRefused, TokenUnavailable
from proxy.limits import CHANGEFEED_BYTES, NOTARY_CONNECTIONS
from proxy.names import Gun
from proxy.notary.known import Known
from proxy.notary.line import Line
from proxy.telemetry import traces
from proxy.tls import client_context
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable


class NotarySource:
    """One Notary server, `name` in the configuration. An async context manager, made in a running event loop.

    Files are fetched over `NOTARY_CONNECTIONS` connections; the changefeed has one of its own, so that it never waits
    behind them. Raises `UserError` for TLS files that cannot be used.
    """

    def __init__(self, settings: NotarySettings) -> None:
        where = f"notaries.{settings.name}"
        self.name = settings.name
        self._base = str(settings.url).rstrip("/")
        self._host = settings.url.host
        certificate = settings.client_certificate_file, settings.client_key_file
        own, other = client_context(where, settings.ca_file, *certificate), client_context(where, settings.ca_file)
        self._files = Line(settings, own, other, NOTARY_CONNECTIONS)
        self._changefeed = Line(settings, own, other, 1)
        self._known = Known()

    async def __aenter__(self) -> Self:
        """Nothing is connected before the first fetch."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._files.close()
        await self._changefeed.close()

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Fetch one file of a collection, within the wish's size.

        Waits for a free connection as long as it takes, strangers (`Known`) in a queue of their own; from then on
        within the Notary's `timeout`. A 401 that asks for a token is answered with one; a 401 to that is Notary's
        answer. Never raises for anything that network or servers do.
        """
        # Both names come from checked types; whatever else they might contain is data within the path.
        path = f"{quote(gun, safe='/:')}/_trust/tuf/{quote(wish.name, safe='/')}.json"
        with traces.notary_file(self.name, gun, wish.name, self._host) as span:
            reply = await self._fetch(gun, wish, self._address(path))
            _note(span, reply)
        return reply

    async def _fetch(self, gun: Gun, wish: Fetch, address: URL) -> Reply:
        scope, is_stranger = f"repository:{gun}:pull", self._known.is_stranger(gun, wish)
        try:
            reply = await self._files.ask(address, scope, wish.limit, is_stranger=is_stranger)
        except TokenRefused as refused:
            return Unavailable(str(refused), status=401)  # about this collection alone: Notary is there
        except TokenUnavailable as failure:
            return Unavailable(str(failure), failure.status)
        self._known.note(gun, reply)
        return reply

    async def changefeed_page(self, after: str, records: int) -> Reply:
        """Fetch up to so many records of the changefeed of all collections, oldest first.

        Args:
            after: the id after which they come; `0` is the beginning, and `-1` asks for the newest.
            records: how many, at least one.

        Returns:
            As `fetch`; `Unavailable` with status 401 also where the token server gives us no token.
        """
        path = f"_trust/changefeed?records={records}&change_id={quote(after, safe='')}"
        try:
            return await self._changefeed.ask(self._address(path), CATALOGUE_SCOPE, CHANGEFEED_BYTES)
        except TokenRefused as refused:
            return Unavailable(str(refused), status=401)  # whoever of both says so: we lack the right
        except TokenUnavailable as failure:
            return Unavailable(str(failure))  # its status is none of the changefeed's

    def _address(self, path: str) -> URL:
        return URL(f"{self._base}/v2/{path}", encoded=True)


def _note(span: traces.Span, reply: Reply) -> None:
    """What a fetch came to."""
    match reply:
        case Fetched():
            span.note(status=200)
        case Missing():
            span.note(status=404)
        case TooLarge():
            span.note(error="too_large")
        case Unavailable(why, status):
            span.note(status=status, error="unreachable" if status is None else str(status), why=why)
