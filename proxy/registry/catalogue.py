"""What the registry has, asked for as the proxy itself: all its repositories, all tags of one.

For people who set the proxy up and look after it. Nothing here is a basis for a decision.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import structlog
from yarl import URL

from proxy.errors import ReferenceInvalid, RegistryTimedOut, RegistryUnreachable
from proxy.http_auth.login import Login, TokenUnavailable
from proxy.limits import CATALOGUE_PAGES, CATALOGUE_REPOSITORIES, CATALOGUE_SECONDS, CATALOGUE_TAGS, TAGS_BYTES
from proxy.names import Repository, Tag
from proxy.registry.exchanges import SMALL, Exchanges
from proxy.registry.failures import Relayed
from proxy.registry.tags import listed, next_link
from proxy.telemetry import client_text

_REPOSITORIES: Final = "repositories"
_TAGS: Final = "tags"
_CATALOGUE: Final = "/v2/_catalog"
_SHOWN: Final = 5  # of the names that are left out
_LINK: Final = re.compile(r'\s*+<([^<>]*)>((?:[^<>,"]|"[^"]*")*+)(?:,|$)')  # RFC 8288

_Name = TypeVar("_Name", Repository, Tag)
_log = structlog.get_logger()


class Catalogue:
    """Lists of one registry; the proxy's own credential is shown to it and to its token server alone."""

    def __init__(self, exchanges: Exchanges, login: Login) -> None:
        """Ask over `exchanges` as whoever `login` is."""
        self._exchanges = exchanges
        self._login = login

    async def repositories(self) -> tuple[Repository, ...]:
        """See `RegistryClient.repositories`."""
        names = await self._all(_CATALOGUE, _REPOSITORIES, "registry:catalog:*", CATALOGUE_REPOSITORIES)
        return _checked(Repository, names, _REPOSITORIES)

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """See `RegistryClient.tags_of`."""
        scope = f"repository:{repository}:pull"
        try:
            names = await self._all(f"/v2/{repository}/tags/list", _TAGS, scope, CATALOGUE_TAGS)
        except Relayed as relayed:
            if relayed.status != 404:
                raise
            names = ()
        return _checked(Tag, names, f"tags of {repository}")

    async def _all(self, path: str, what: str, scope: str, limit: int) -> Iterable[str]:
        """Every name of a list, each once, in the registry's order. Raises `Relayed`, `RegistryUnreachable`."""
        try:
            async with asyncio.timeout(CATALOGUE_SECONDS):
                return await self._pages(path, what, scope, limit)
        except TimeoutError:
            raise RegistryTimedOut(f"its list of {what} took more than {CATALOGUE_SECONDS:.0f} s") from None

    async def _pages(self, path: str, what: str, scope: str, limit: int) -> Iterable[str]:
        names: dict[str, None] = {}
        query: str | None = ""
        seen: set[str] = set()
        while query is not None:
            if query in seen or len(seen) >= CATALOGUE_PAGES:
                raise RegistryUnreachable(f"its list of {what} has no end")
            seen.add(query)
            page, query = await self._page(path, query, what, scope)
            names.update(dict.fromkeys(page))
            if len(names) > limit:
                raise RegistryUnreachable(f"its list of {what} has more than {limit} names")
        return names

    async def _page(self, path: str, query: str, what: str, scope: str) -> tuple[tuple[str, ...], str | None]:
        """The names of a page and the query of the next; a challenge is answered once, by a token if one is asked."""
        url = self._exchanges.address(path, query)
        shown = self._login.shown(scope)
        try:
            return await self._read(url, what, shown)
        except Relayed as relayed:
            if relayed.status != 401:
                raise
            try:
                other = await self._login.answer(relayed.headers.getall("WWW-Authenticate", ()), scope, shown)
            except TokenUnavailable as failure:
                raise RegistryUnreachable(str(failure)) from failure
            if other is None:
                raise
        return await self._read(url, what, other)

    async def _read(self, url: URL, what: str, shown: str | None) -> tuple[tuple[str, ...], str | None]:
        headers = {"Accept": "application/json", **({"Authorization": shown} if shown else {})}
        async with self._exchanges.open("GET", url, headers, bounds=SMALL) as answer:
            if answer.status != 200:
                raise await answer.as_error(f"a list of {what}")
            names = listed(await answer.read_up_to(TAGS_BYTES), what)
            link = next_link(answer.headers.getall("Link", ()), what)
        return names, None if link is None else _next_query(url, link, what)


def _next_query(at: URL, link: str, what: str) -> str | None:
    """What to ask for the next page, None where a `Link` leads to none.

    Whatever host it names, the registry is asked, which may know itself by another name than the proxy does; and
    the same list, which may stand under a longer path there. So the query alone is followed.

    Raises:
        RegistryUnreachable: it cannot be read, or leads to another list.
    """
    targets: list[str] = []
    position = 0
    while position < len(link):
        value = _LINK.match(link, position)
        if value is None:
            raise RegistryUnreachable(f"the link to its next list of {what} is none")
        position = value.end()
        if _leads_on(value[2]):
            targets.append(value[1])
    if not targets:
        return None
    if len(targets) > 1 or (url := _joined(at, targets[0])) is None or not url.raw_path.endswith(at.raw_path):
        raise RegistryUnreachable(f"the link to its next list of {what} is none")
    return url.raw_query_string


def _joined(at: URL, target: str) -> URL | None:
    """The address that a link means, None where others might read it differently."""
    if not target.isascii() or not target.isprintable() or set(target) & set(" \\"):
        return None
    try:
        return at.join(URL(target, encoded=True))
    except ValueError:
        return None


def _leads_on(parameters: str) -> bool:
    """Whether the parameters of a link say that it is the one to the next page."""
    named = (parameter.partition("=") for parameter in parameters.split(";"))
    relations = [value for name, _, value in named if name.strip().lower() == "rel"]
    return any("next" in value.strip().strip('"').lower().split() for value in relations)


def _checked(kind: Callable[[str], _Name], names: Iterable[str], what: str) -> tuple[_Name, ...]:
    """The names that fit the grammar; how many do not is logged, for whoever misses one."""
    fitting: list[_Name] = []
    odd: list[str] = []
    for name in names:
        try:
            fitting.append(kind(name))
        except ReferenceInvalid:
            odd.append(name)
    if odd:
        _log.warning("names left out", of=what, count=len(odd), first=[client_text(name) for name in odd[:_SHOWN]])
    return tuple(fitting)
