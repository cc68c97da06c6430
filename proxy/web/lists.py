"""What lists things: the API's root, repositories, tags, referrers. Names are no secret, but no list is a manifest.

A list passes as the registry has it, if it says that it is one. With `tags_list: signed` the list of tags has only
those that can be pulled, so that `docker pull -a` works (design: Configuration; clients 4.4).
"""

import asyncio
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict

from proxy.errors import DeadlineExceeded, RegistryUnreachable
from proxy.limits import DECISION_SECONDS, MANIFEST_BYTES
from proxy.manifests import MediaType
from proxy.names import Repository, Tag
from proxy.registry.client import RegistryClient
from proxy.registry.headers import ClientCredentials
from proxy.registry.streams import RegistryAnswer
from proxy.web.answers import API_VERSION
from proxy.web.deciding import Resolver
from proxy.web.exchange import EXCHANGE
from proxy.web.locations import localise, own_origins
from proxy.web.passthrough import answer_headers, ask, stream, with_body
from proxy.web.routes import ApiRoot, Catalog, Referrers, TagsList

_JSON: Final = "application/json"


class Lists:
    """Answers what lists things."""

    def __init__(self, registry: RegistryClient, resolver: Resolver) -> None:
        """Ask `registry`; `resolver` knows which tags are signed."""
        self._registry = registry
        self._resolver = resolver

    async def answer(self, request: web.Request, route: ApiRoot | Catalog | TagsList | Referrers) -> web.StreamResponse:
        """Let the registry answer.

        Raises:
            RegistryUnreachable: what it answers is no such list.
            ConnectionError: the client left.
        """
        async with ask(request, route, self._registry) as answer:
            kept = answer_headers(request, answer, self._registry.origin, foreign=False)
            if answer.status >= 300:
                return await stream(request, answer, kept)
            if isinstance(route, ApiRoot):
                return with_body(answer, kept, b"{}", _JSON)
            if isinstance(route, Referrers):
                return with_body(answer, kept, await _referrers(answer), MediaType.OCI_INDEX)
            kept.popall("Docker-Content-Digest", None)
            kept[hdrs.CONTENT_TYPE] = _type_of_list(answer)
            return await stream(request, answer, kept)

    async def tags(self, request: web.Request, route: TagsList, name: str | None) -> web.StreamResponse:
        """Answer a list of tags; where `tags_list` is `signed`, of those that have a digest now.

        Raises:
            Relayed: the registry does not let this client read.
            RegistryUnreachable: what it answers is no such list.
            Refusal: which tags are signed cannot be told.
        """
        repository = route.repository
        if not self._resolver.lists_signed_tags(repository):
            return await self.answer(request, route)
        exchange = request[EXCHANGE]
        exchange.reference = repository
        page = await self._registry.tags(repository, route.query, ClientCredentials.of(request.headers))
        exchange.authorised = True
        exchange.whereabouts = self._resolver.whereabouts(repository, name=name)
        signed = await self._signed(repository, name)
        headers = CIMultiDict({**API_VERSION, hdrs.CONTENT_TYPE: _JSON})
        if page.link is not None:
            headers[hdrs.LINK] = page.link
            own = own_origins(self._registry.origin, request.headers.get(hdrs.HOST))
            localise(headers, own, foreign=False)
        tags = [tag for tag in page.tags if tag in signed]
        return web.Response(headers=headers, body=orjson.dumps({"name": repository, "tags": tags}))

    async def _signed(self, repository: Repository, name: str | None) -> frozenset[Tag]:
        try:
            async with asyncio.timeout(DECISION_SECONDS):
                return await self._resolver.signed_tags(repository, name=name)
        except TimeoutError:
            raise DeadlineExceeded(int(DECISION_SECONDS)) from None


def _type_of_list(answer: RegistryAnswer) -> str:
    stated = answer.headers.get(hdrs.CONTENT_TYPE, _JSON)
    if answer.status != 200 or stated.partition(";")[0].strip().lower() != _JSON:
        raise RegistryUnreachable("it answered something else than the list that was asked for")
    return stated


async def _referrers(answer: RegistryAnswer) -> bytes:
    """A list of referrers has the type of an index, so what is no list of manifests is left out of it."""
    body = await answer.read_up_to(MANIFEST_BYTES)
    try:
        document: Any = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        document = None
    listed = document.get("manifests") if isinstance(document, dict) else None
    if answer.status != 200 or not isinstance(listed, list):
        raise RegistryUnreachable("it answered something else than the list of referrers that was asked for")
    return orjson.dumps({"schemaVersion": 2, "mediaType": MediaType.OCI_INDEX, "manifests": listed})
