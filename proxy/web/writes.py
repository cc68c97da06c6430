"""Pushes and deletions: under the registry's own authentication, as far as `push` and `delete` leave the door open."""

from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import Final

from aiohttp import hdrs, web

from proxy.config.settings import Delete, Doors, Push
from proxy.errors import (
    BlobNotAdmitted,
    Blocked,
    DeleteRefused,
    DigestNotSigned,
    NoRule,
    NoTrustData,
    PushRefused,
    Refusal,
    SignerMissing,
    TagNotSigned,
)
from proxy.names import Reference, Tag
from proxy.policy.decisions import Decision
from proxy.policy.entries import Mode
from proxy.registry.client import RegistryClient
from proxy.registry.headers import ClientCredentials
from proxy.web import mounts
from proxy.web.blobs import BlobReads
from proxy.web.deciding import Resolver, decide
from proxy.web.exchange import EXCHANGE, Exchange
from proxy.web.passthrough import answer_headers, ask, confirm
from proxy.web.routes import BlobRoute, ManifestRoute, Upload, UploadStart

# What says that a digest, tag or blob is not admitted, on evidence that holds: any other refusal leaves it open.
# What is blocked may be signed all the same, and comes back when the operator takes a mistaken block away.
_NOT_ADMITTED: Final[tuple[type[Refusal], ...]] = (
    *(NoRule, NoTrustData, TagNotSigned, SignerMissing, DigestNotSigned, BlobNotAdmitted),
)


class Writes:
    """Answers everything that changes the registry."""

    def __init__(
        self, registry: RegistryClient, resolver: Resolver, doors: Doors, blobs: BlobReads, mirrored: frozenset[str]
    ) -> None:
        """Pass on to `registry` what `doors` let pass; `resolver` and `blobs` know what is admitted.

        `mirrored` are the names by which a client may ask besides the proxy's own (`?ns=`). What is admitted by any
        of them is kept, whichever the client uses.
        """
        self._registry = registry
        self._resolver = resolver
        self._doors = doors
        self._blobs = blobs
        self._names = (None, *sorted(mirrored))

    async def push(self, request: web.Request, route: ManifestRoute | UploadStart | Upload) -> web.StreamResponse:
        """Answer a pushed manifest, or any step of an upload.

        Raises:
            PushRefused: `push: refuse`.
            NameInvalid, DigestInvalid: a mount that cannot be read in one way.
        """
        exchange = request[EXCHANGE]
        exchange.reference = route.reference if isinstance(route, ManifestRoute) else route.repository
        if self._doors.push is Push.REFUSE:
            exchange.allow = _without(route, hdrs.METH_PUT) if isinstance(route, ManifestRoute) else frozenset()
            raise PushRefused
        if isinstance(route, UploadStart):
            route = replace(route, query=await self._mount(route, request))
        return await self._pass_on(request, route)

    async def delete(self, request: web.Request, route: ManifestRoute | BlobRoute) -> web.StreamResponse:
        """Answer the deletion of a manifest, a tag or a blob.

        Raises:
            DeleteRefused: `delete: refuse`, or `unsigned` and it is admitted or blocked.
            Refusal: `unsigned`, and whether it is admitted cannot be told.
            Relayed: the registry does not even let this client read.
        """
        exchange = request[EXCHANGE]
        exchange.allow = _without(route, hdrs.METH_DELETE)
        reference = route.reference if isinstance(route, ManifestRoute) else Reference(route.repository, route.digest)
        exchange.reference = reference
        if self._doors.delete is Delete.REFUSE:
            raise DeleteRefused("this proxy deletes nothing")
        if self._doors.delete is Delete.UNSIGNED and self._resolver.relaxed(reference.repository) is None:
            await self._check_not_admitted(request, route, reference)
        return await self._pass_on(request, route)

    async def _mount(self, route: UploadStart, request: web.Request) -> str:
        """The query to start an upload with; what may not be read in its repository is not mounted from there."""
        mount, rest = mounts.read(route.query)
        if mount is None:
            return rest
        credentials = ClientCredentials.of(request.headers)
        if not await self._blobs.may_leave(mount.source, mount.digest, credentials):
            return rest
        return f"{mount}&{rest}" if rest else str(mount)

    async def _check_not_admitted(
        self, request: web.Request, route: ManifestRoute | BlobRoute, reference: Reference
    ) -> None:
        """Refuse to delete what is admitted, or may be; who may not even read hears the registry's own answer.

        A blob may be a part of an admitted manifest. A tag that is not signed may name an admitted manifest, which
        some registries delete together with its last tag.
        """
        repository, credentials = reference.repository, ClientCredentials.of(request.headers)
        exchange = request[EXCHANGE]
        exchange.authorised = await self._registry.lets_in(repository, credentials)
        for name in self._names:
            resolve = partial(self._resolver.resolve, credentials=credentials, name=name)
            await self._check(exchange, reference, credentials, resolve(reference))
            if isinstance(route, BlobRoute):
                question = self._resolver.resolve_blob(repository, route.digest, credentials, name=name)
                await self._check(exchange, reference, credentials, question)
            elif isinstance(reference.target, Tag):
                digest = await self._registry.named(reference, credentials)
                if digest is not None:
                    await self._check(exchange, reference, credentials, resolve(Reference(repository, digest)))

    async def _check(
        self, exchange: Exchange, reference: Reference, credentials: ClientCredentials, question: Awaitable[Decision]
    ) -> None:
        """Refuse, unless the answer to a question is that this is certainly not admitted."""
        decision = await decide(reference, Mode.ENFORCE, question)
        if isinstance(decision.refusal, _NOT_ADMITTED):
            return
        exchange.decision = decision
        if not exchange.authorised:
            await self._registry.authorise_undecided(reference, credentials)
            exchange.authorised = True
        if isinstance(decision.refusal, Blocked):
            raise DeleteRefused("it is blocked")
        raise decision.refusal or DeleteRefused("a signature or this proxy's configuration admits it")

    async def _pass_on(
        self, request: web.Request, route: ManifestRoute | BlobRoute | UploadStart | Upload
    ) -> web.StreamResponse:
        async with ask(request, route, self._registry) as answer:
            kept = answer_headers(request, answer, self._registry.origin, foreign=False)
            return await confirm(answer, kept)


def _without(route: ManifestRoute | BlobRoute, method: str) -> frozenset[str]:
    return route.methods - {method}
