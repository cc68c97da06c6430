"""Blob reads: streamed as the registry has them, unless something must be decided first.

A digest that was refused as manifest is refused as blob, and so is what `blocked` names; with `blobs: admitted` only
what an admitted manifest names is read (design: Manifests; Which digests are admitted).
"""

from aiohttp import hdrs, web

from proxy.config.settings import Blobs, Doors
from proxy.errors import Blocked, Internal, RegistryUnreachable
from proxy.names import Digest, Reference, Repository
from proxy.policy.decisions import Decision
from proxy.policy.entries import Mode
from proxy.registry.client import RegistryClient
from proxy.registry.failures import Relayed
from proxy.registry.headers import OCTET_STREAM, ClientCredentials
from proxy.web.answers import decision_headers
from proxy.web.closed import ClosedDigests
from proxy.web.deciding import Resolver, decide
from proxy.web.exchange import EXCHANGE
from proxy.web.passthrough import answer_headers, ask, stream
from proxy.web.routes import BlobRoute
from proxy.web.shapes import passes


class BlobReads:
    """Answers reads of blobs; also says which blobs may be mounted elsewhere."""

    def __init__(
        self,
        registry: RegistryClient,
        resolver: Resolver,
        doors: Doors,
        closed: ClosedDigests,
        *,
        straight: bool = True,
    ) -> None:
        """Decide with `resolver`, as `doors` want it, about what `registry` has; large ones may go `straight`."""
        self._registry = registry
        self._resolver = resolver
        self._doors = doors
        self._closed = closed
        self._straight = straight

    async def answer(self, request: web.Request, route: BlobRoute, name: str | None) -> web.StreamResponse:
        """Answer a GET or HEAD of a blob.

        With `blobs: admitted` a HEAD is not decided, because pushers ask what they need not send: it tells that a
        blob is there, and a redirect to where its content is does not pass. With `push: refuse` it is the same, so
        that pushers come to the step that is refused in the right words.

        Raises:
            Refusal: and the client may read, so it may know why.
            Relayed: the registry does not let it read.
            ConnectionError: the client left.
        """
        repository, digest = route.repository, route.digest
        if not self._guards(repository, digest):
            return await self._relay(request, route)
        if request.method == hdrs.METH_HEAD and self._is_open(repository, digest):
            return await self._relay(request, route, foreign=False)
        exchange = request[EXCHANGE]
        exchange.reference = reference = Reference(repository, digest)
        credentials = ClientCredentials.of(request.headers)
        exchange.authorised = await self._registry.lets_in(repository, credentials)
        decision = exchange.decision = await self._decide(reference, digest, credentials, name)
        if passes(decision):
            return await self._relay(request, route, decision)
        if not exchange.authorised:
            await self._registry.authorise_undecided(reference, credentials)
            exchange.authorised = True
        raise decision.refusal or Internal()

    async def may_leave(self, repository: Repository, digest: Digest, credentials: ClientCredentials) -> bool:
        """Whether a blob may be mounted from its repository into another one; in doubt it may not."""
        if not self._guards(repository, digest):
            return True
        try:
            await self._registry.lets_in(repository, credentials)
        except (Relayed, RegistryUnreachable):
            return False
        return passes(await self._decide(Reference(repository, digest), digest, credentials, None))

    async def _relay(
        self, request: web.Request, route: BlobRoute, decision: Decision | None = None, *, foreign: bool = True
    ) -> web.StreamResponse:
        """Let the registry answer; a blob is octets, never a type that a client could take for a manifest's."""
        async with ask(request, route, self._registry) as answer:
            kept = answer_headers(request, answer, self._registry.origin, foreign=foreign)
            if answer.status < 400 and decision is not None:
                kept.update(decision_headers(request[EXCHANGE], decision))
            if answer.status < 300:
                kept[hdrs.CONTENT_TYPE] = OCTET_STREAM
            return await stream(request, answer, kept, straight=self._straight and request.method == hdrs.METH_GET)

    def _guards(self, repository: Repository, digest: Digest) -> bool:
        """Whether something must be decided before a blob is read."""
        if self._resolver.relaxed(repository) is not None:
            return False
        return self._doors.blobs is Blobs.ADMITTED or not self._is_open(repository, digest)

    def _is_open(self, repository: Repository, digest: Digest) -> bool:
        """Whether a blob is neither blocked nor closed."""
        try:
            self._resolver.check_blocked(repository, digest)
        except Blocked:
            return False
        return (repository, digest) not in self._closed

    async def _decide(
        self, reference: Reference, digest: Digest, credentials: ClientCredentials, name: str | None
    ) -> Decision:
        """Decide about a blob: a closed one is open again once it is admitted, as manifest or as a part of one."""
        repository = reference.repository
        try:
            self._resolver.check_blocked(repository, digest)
        except Blocked as refusal:
            return Decision(reference, Mode.ENFORCE, refusal=refusal)
        if self._doors.blobs is Blobs.ANY:
            question = self._resolver.resolve(reference, credentials, name=name)
            decision = await decide(reference, Mode.ENFORCE, question)
            if passes(decision):
                return decision
        question = self._resolver.resolve_blob(repository, digest, credentials, name=name)
        return await decide(reference, Mode.ENFORCE, question)
