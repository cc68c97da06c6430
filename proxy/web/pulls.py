"""Manifest reads: where a tag becomes the digest that was signed for it, or a refusal.

Under `enforce` the registry is asked by digest alone, and HEAD and GET are answered from the same verified bytes.
Where the configuration says so, the client's own request is relayed instead (design: Manifests, Who may read).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from aiohttp import hdrs, web
from cachetools import LRUCache

from proxy.config.settings import Push
from proxy.errors import Internal, PusherHead, Refusal, RegistryUnreachable
from proxy.limits import MANIFEST_CACHE_BYTES
from proxy.manifests import check_acceptable
from proxy.names import Digest, Reference, Repository
from proxy.policy.decisions import Allowed, Decision, Unenforced
from proxy.policy.entries import Mode
from proxy.refusals import row_of
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Closure
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import VerifiedManifest, check_length
from proxy.tasks import spawn
from proxy.telemetry.caches import watch
from proxy.web import pushers
from proxy.web.answers import API_VERSION, manifest_headers
from proxy.web.closed import ClosedDigests
from proxy.web.deciding import Resolver, decide
from proxy.web.exchange import EXCHANGE, Exchange
from proxy.web.relays import Relays
from proxy.web.shapes import passes

_OVERHEAD_BYTES: Final = 1024  # what an entry of the cache takes besides its bytes


class Pulls:
    """Answers manifest reads of one application."""

    def __init__(
        self, registry: RegistryClient, resolver: Resolver, closure: Closure, closed: ClosedDigests, push: Push
    ) -> None:
        """Decide with `resolver` and fetch from `registry`.

        `closure` is taught every index before it is answered, `closed` every manifest that is refused; with `push`
        allowed, clients that ask before they push are told that there is nothing yet.
        """
        self._registry = registry
        self._resolver = resolver
        self._closure = closure
        self._closed = closed
        self._pushes = push is Push.ALLOW
        self._relays = Relays(registry, resolver)
        self._verified: LRUCache[tuple[Repository, Digest], VerifiedManifest] = LRUCache(
            MANIFEST_CACHE_BYTES, lambda verified: len(verified.body) + _OVERHEAD_BYTES
        )
        watch("manifests", self._verified, is_sized=True)

    async def answer(self, request: web.Request, reference: Reference, name: str | None) -> web.StreamResponse:
        """Answer a GET or HEAD of a manifest; `name` is an allowed `?ns=`.

        Raises:
            Refusal: and the client may read, so it may know why.
            Relayed: the registry does not let it read.
            ConnectionError: the client left.
        """
        exchange = request[EXCHANGE]
        exchange.reference = reference
        relaxed = self._resolver.relaxed(reference.repository)
        if relaxed is None:
            return await self._enforce(request, exchange, reference, name)
        if relaxed.mode is Mode.AUDIT:
            question = self._resolver.resolve(reference, ClientCredentials.of(request.headers), name=name)
            exchange.deciding = spawn(
                decide(reference, Mode.AUDIT, question),
                name=f"audit {exchange.request_id}",
            )
        else:
            exchange.decision = Decision(reference, relaxed.mode, permission=relaxed)
        return await self._relays.answer(request, reference, relaxed)

    async def _enforce(
        self, request: web.Request, exchange: Exchange, reference: Reference, name: str | None
    ) -> web.StreamResponse:
        """Answer under `enforce` and `protect`.

        1. The registry lets the client in, or cannot tell; a stranger costs Notary nothing.
        2. Whoever asks before pushing hears that there is nothing, whatever there is.
        3. What is decided is served, relayed where the decision says so, or refused.
        """
        credentials = ClientCredentials.of(request.headers)
        exchange.authorised = await self._registry.lets_in(reference.repository, credentials)  # (1)
        if self._pushes and pushers.asks_before_pushing(request.method, _lines(request, hdrs.ACCEPT)):  # (2)
            await self._let_in(exchange, reference, credentials)
            raise PusherHead
        question = self._resolver.resolve(reference, credentials, name=name)
        decision = exchange.decision = await decide(reference, Mode.ENFORCE, question)
        permission = decision.permission if passes(decision) else None  # (3)
        if isinstance(permission, Unenforced):
            return await self._relays.answer(request, reference, permission)
        if permission is not None:
            with _noting(exchange):
                verified = exchange.verified = await self._fetch(reference, permission, credentials)
            return _served(request, decision, verified)
        await self._let_in(exchange, reference, credentials)
        raise await self._refusal(request, reference, decision, credentials)

    async def _let_in(self, exchange: Exchange, reference: Reference, credentials: ClientCredentials) -> None:
        """See to it that the client may hear of a refusal. Raises `Relayed`, `RegistryUnreachable`."""
        if not exchange.authorised:
            await self._registry.authorise_undecided(reference, credentials)
            exchange.authorised = True

    async def _refusal(
        self, request: web.Request, reference: Reference, decision: Decision, credentials: ClientCredentials
    ) -> Refusal:
        """Why a client that may read does not get it; a refused manifest is closed as blob before that is said."""
        refusal = decision.refusal or Internal()
        if row_of(refusal).status != 403:
            return refusal
        await self._close(reference, credentials)
        if request.method != hdrs.METH_HEAD or not self._pushes:
            return refusal
        return PusherHead() if pushers.may_push(credentials.authorization, reference.repository) else refusal

    async def _close(self, reference: Reference, credentials: ClientCredentials) -> None:
        repository, digest = reference.repository, reference.target
        if not isinstance(digest, Digest) or self._closed.knows(repository, digest):
            return
        is_manifest = self._registry.answers_manifest(repository, digest, credentials)
        try:
            await self._closed.learn(repository, digest, is_manifest)
        except (Relayed, Refusal):
            return  # nothing was learnt; the refusal stands

    async def _fetch(self, reference: Reference, allowed: Allowed, credentials: ClientCredentials) -> VerifiedManifest:
        """The verified bytes, from memory or the registry, which let this client in."""
        key = (reference.repository, allowed.digest)  # who may read one repository may not read all
        verified = self._verified.get(key)
        if verified is None:
            verified = await self._registry.get_manifest(reference, allowed, credentials)
            self._verified[key] = verified
        else:
            await self._registry.authorise(reference, allowed.digest, credentials)
            check_length(len(verified.body), allowed)
        await self._closure.remember(verified)
        return verified


@contextmanager
def _noting(exchange: Exchange) -> Iterator[None]:
    """Note that the registry let the client in: it did if nothing was raised, or a refusal that comes after that."""
    try:
        yield
    except RegistryUnreachable:
        raise
    except Refusal:
        exchange.authorised = True
        raise
    exchange.authorised = True


def _served(request: web.Request, decision: Decision, verified: VerifiedManifest) -> web.Response:
    """Answer from verified bytes; the client may read, and only now hears anything about them.

    Raises:
        NotAcceptable: the client does not accept the signed media type.
    """
    manifest = verified.manifest
    check_acceptable(manifest.media_type, _lines(request, hdrs.ACCEPT))
    headers = {
        **API_VERSION,
        **manifest_headers(request[EXCHANGE], decision, manifest.digest),
        "Docker-Content-Digest": manifest.digest,
        "ETag": f'"{manifest.digest}"',
    }
    if _is_known(manifest.digest, _lines(request, hdrs.IF_NONE_MATCH)):
        return web.Response(status=304, headers=headers)
    return web.Response(headers={**headers, "Content-Type": manifest.media_type}, body=verified.body)


def _is_known(digest: Digest, lines: Sequence[str]) -> bool:
    """Whether the client says that it has these bytes; some leave the quotes out."""
    tags = {tag.strip().removeprefix("W/").strip('"') for line in lines for tag in line.split(",")}
    return digest in tags or "*" in tags


def _lines(request: web.Request, header: str) -> Sequence[str]:
    """Every line of a header; docker sends six of Accept."""
    return request.headers.getall(header, ())
