"""Asks about manifests: always with all four types, redirects followed inside, credentials shown to nobody else."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from yarl import URL

from proxy.config.settings import Credentials, RegistrySettings
from proxy.errors import RegistryUnreachable
from proxy.http_auth.login import Login, TokenUnavailable
from proxy.limits import MANIFEST_REDIRECTS, REGISTRY_ERROR_BYTES
from proxy.manifests import MediaType
from proxy.names import Digest, Repository, Tag
from proxy.registry import redirects
from proxy.registry.exchanges import SMALL, Exchanges
from proxy.registry.headers import ALL_MANIFEST_TYPES, ClientCredentials
from proxy.registry.streams import RegistryAnswer

_DOCKER = "application/vnd.docker.distribution.manifest."
_FROM_ELSEWHERE = frozenset({200, 404})


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer about a manifest; a `redirected` one is no permission by itself, whatever its status."""

    answer: RegistryAnswer
    redirected: bool

    @property
    def is_manifest(self) -> bool:
        """Whether it is a manifest, be it of schema 1, as far as status and type say."""
        bare = self.answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return self.answer.status == 200 and (bare in frozenset(MediaType) or bare.startswith(_DOCKER))


class Reader:
    """Reads manifests of one registry, for clients with theirs and for the proxy with its own credential.

    `login` is the proxy's own, for whoever else asks as the proxy itself.
    """

    def __init__(self, settings: RegistrySettings, exchanges: Exchanges) -> None:
        """Ask over `exchanges`."""
        self._exchanges = exchanges
        self._redirects = redirects.Redirects(exchanges.origin, settings.redirect_hosts)
        self.login = Login(exchanges.origin, settings.credentials, exchanges.elsewhere)
        self.own = _own(settings.credentials)

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        repository: Repository,
        target: Tag | Digest,
        credentials: ClientCredentials,
        condition: Digest | None = None,
    ) -> AsyncIterator[Reading]:
        """Ask about a manifest. With the proxy's own credential a challenge is answered, by a token if one is asked.

        Args:
            method: GET or HEAD.
            repository: where it is.
            target: what is asked for.
            credentials: the client's, or `own`.
            condition: a digest that need not be sent. Only the registry itself hears of it.

        Raises:
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        url = self._exchanges.address(f"/v2/{repository}/manifests/{target}")
        if credentials is not self.own:
            async with self._follow(method, url, credentials, condition) as reading:
                yield reading
            return
        scope = f"repository:{repository}:pull"
        shown = self.login.shown(scope)
        async with self._follow(method, url, ClientCredentials(shown), condition) as reading:
            challenges = reading.answer.headers.getall("WWW-Authenticate", ())
            if reading.answer.status != 401:
                yield reading
                return
        try:
            other = await self.login.answer(challenges, scope, shown)
        except TokenUnavailable as failure:
            raise RegistryUnreachable(str(failure)) from failure
        async with self._follow(method, url, ClientCredentials(other or shown), condition) as reading:
            yield reading

    @asynccontextmanager
    async def _follow(
        self, method: str, url: URL, credentials: ClientCredentials, condition: Digest | None
    ) -> AsyncIterator[Reading]:
        """Ask, and where that redirects, so often and so far as is allowed. Raises `RegistryUnreachable`."""
        headers = {"Accept": ALL_MANIFEST_TYPES}
        conditional = {} if condition is None else {"If-None-Match": f'"{condition}"'}
        for hop in range(MANIFEST_REDIRECTS + 1):
            at_home = url.origin() == self._exchanges.origin
            shown = credentials.as_headers() if at_home else {}
            sent = {**headers, **shown, **({} if hop else conditional)}
            async with self._exchanges.open(method, url, sent, bounds=SMALL) as answer:
                if answer.status not in redirects.STATUSES:
                    if not at_home and answer.status not in _FROM_ELSEWHERE:
                        raise RegistryUnreachable(f"the host that it redirects to answered {answer.status}")
                    yield Reading(answer, redirected=hop > 0)
                    return
                url = self._redirects.follow(url, answer.headers.getall("Location", ()))
                await answer.read_up_to(REGISTRY_ERROR_BYTES)  # to keep the connection
        raise RegistryUnreachable(f"it redirects more than {MANIFEST_REDIRECTS} times")


def _own(credentials: Credentials | None) -> ClientCredentials | None:
    """Who the proxy is to the registry: told from a client's by identity, so that nobody else is taken for it."""
    if credentials is None:
        return None
    pair = f"{credentials.username}:{credentials.password}"
    return ClientCredentials(f"Basic {b64encode(pair.encode()).decode()}")
