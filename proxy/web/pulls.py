"""Manifest reads: where a tag becomes the digest that was signed for it, or a refusal.

Under `enforce` the registry is asked by digest alone, and HEAD and GET are answered from the same verified bytes.
Where the configuration says so, the client's own request is relayed instead (design: Manifests, Who may read).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol

import structlog
from aiohttp import hdrs, web
from cachetools import LRUCache

from proxy.errors import Internal, Refusal, RegistryUnreachable
from proxy.limits import MANIFEST_CACHE_BYTES
from proxy.manifests import check_acceptable
from proxy.names import Digest, Reference, Repository
from proxy.policy.decisions import Allowed, Decision, Unenforced
from proxy.policy.entries import Mode
from proxy.refusals import TABLE
from proxy.registry.client import RegistryClient, VerifiedManifest, check_length
from proxy.registry.closure import Closure
from proxy.registry.headers import FROM_CLIENT, ClientCredentials
from proxy.tasks import spawn
from proxy.web.answers import API_VERSION, decision_headers
from proxy.web.exchange import EXCHANGE, Exchange
from proxy.web.passthrough import answer_headers, request_headers, stream

log = structlog.get_logger()

_OVERHEAD_BYTES: Final = 1024  # what an entry of the cache takes besides its bytes
_MAY_READ: Final = frozenset({200, 304})


class Resolver(Protocol):
    """What decides about references."""

    def relaxed(self, repository: Repository) -> Unenforced | None:
        """The permission that `rollout` gives now for a whole repository (audit, disabled); None under `enforce`."""

    async def resolve(self, reference: Reference, credentials: ClientCredentials) -> Decision:
        """Decide; a refusal is part of the decision and is not raised. `credentials` are for walks of indexes."""


class Pulls:
    """Answers manifest reads; one for the whole process."""

    def __init__(self, registry: RegistryClient, resolver: Resolver, closure: Closure) -> None:
        """Decide with `resolver`, fetch from `registry`, and teach `closure` every index before it is answered."""
        self._registry = registry
        self._resolver = resolver
        self._closure = closure
        self._verified: LRUCache[tuple[Repository, Digest], VerifiedManifest] = LRUCache(
            MANIFEST_CACHE_BYTES, lambda verified: len(verified.body) + _OVERHEAD_BYTES
        )

    async def answer(self, request: web.Request, reference: Reference) -> web.StreamResponse:
        """Answer a GET or HEAD of a manifest.

        Raises:
            Refusal: and the client may read, so it may know why.
            Relayed: the registry does not let it read.
            ConnectionError: the client left.
        """
        exchange = request[EXCHANGE]
        exchange.reference = reference
        relaxed = self._resolver.relaxed(reference.repository)
        if relaxed is None:
            return await self._enforce(request, exchange, reference)
        if relaxed.mode is Mode.AUDIT:
            exchange.deciding = spawn(
                self._decide(reference, ClientCredentials.of(request.headers), Mode.AUDIT),
                name=f"audit {exchange.request_id}",
            )
        else:
            exchange.decision = Decision(reference, relaxed.mode, permission=relaxed)
        return await self._relay(request, exchange, reference, relaxed)

    async def _enforce(self, request: web.Request, exchange: Exchange, reference: Reference) -> web.StreamResponse:
        credentials = ClientCredentials.of(request.headers)
        decision = await self._decide(reference, credentials, Mode.ENFORCE)
        exchange.decision = decision
        permission = decision.permission
        if decision.refusal is None and isinstance(permission, Unenforced):
            return await self._relay(request, exchange, reference, permission)
        if decision.refusal is None and isinstance(permission, Allowed):
            with _let_in(exchange):
                verified = await self._fetch(reference, permission, credentials)
            return _served(request, decision, verified)
        with _let_in(exchange):
            await self._registry.authorise_undecided(reference, credentials)
        raise decision.refusal or Internal()

    async def _decide(self, reference: Reference, credentials: ClientCredentials, mode: Mode) -> Decision:
        """Ask the resolver; whatever it raises is a refusal, and an audit never hears of it but in the log."""
        try:
            decision = await self._resolver.resolve(reference, credentials)
        except Refusal as refusal:
            decision = Decision(reference, mode, refusal=refusal)
        except Exception:
            log.exception("resolver failed", reference=str(reference))
            return Decision(reference, mode, refusal=Internal())
        if decision.refusal is not None and type(decision.refusal) not in TABLE:
            log.error("refusal without words", reference=str(reference), refusal=type(decision.refusal).__name__)
            return replace(decision, refusal=Internal())
        return decision

    async def _fetch(self, reference: Reference, allowed: Allowed, credentials: ClientCredentials) -> VerifiedManifest:
        """The verified bytes, from memory or the registry; either way the registry let this client in just now."""
        key = (reference.repository, allowed.digest)  # who may read one repository may not read all
        verified = self._verified.get(key)
        if verified is None:
            verified = await self._registry.get_manifest(reference, allowed, credentials)
            self._verified[key] = verified
        else:
            await self._registry.authorise(reference, allowed.digest, credentials)
            check_length(len(verified.body), allowed)
        self._closure.remember(verified)
        return verified

    async def _relay(
        self, request: web.Request, exchange: Exchange, reference: Reference, unenforced: Unenforced
    ) -> web.StreamResponse:
        """Let the registry answer the client's own request; a decision that is ready adds its headers, no more."""
        headers = request_headers(request, FROM_CLIENT)
        async with self._registry.pass_manifest(unenforced, request.method, reference, headers) as answer:
            kept = answer_headers(request, answer, self._registry.origin, foreign=True)
            decision = exchange.decision
            if exchange.deciding is not None and exchange.deciding.done() and not exchange.deciding.cancelled():
                decision = exchange.deciding.result()
            if decision is not None and answer.status in _MAY_READ:
                kept.update(decision_headers(decision))
            return await stream(request, answer, kept)


@contextmanager
def _let_in(exchange: Exchange) -> Iterator[None]:
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
    check_acceptable(manifest.media_type, request.headers.getall(hdrs.ACCEPT, ()))
    headers = {
        **API_VERSION,
        **decision_headers(decision),
        "Docker-Content-Digest": manifest.digest,
        "ETag": f'"{manifest.digest}"',
    }
    if _is_known(manifest.digest, request.headers.getall(hdrs.IF_NONE_MATCH, ())):
        return web.Response(status=304, headers=headers)
    return web.Response(headers={**headers, "Content-Type": manifest.media_type}, body=verified.body)


def _is_known(digest: Digest, lines: Sequence[str]) -> bool:
    """Whether the client says that it has these bytes; some leave the quotes out."""
    tags = {tag.strip().removeprefix("W/").strip('"') for line in lines for tag in line.split(",")}
    return digest in tags or "*" in tags
