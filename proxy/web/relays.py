"""The client's own manifest request, answered by the registry as it is, because the configuration says so.

Under `protect` what `blocked` names does not pass, by whatever tag it is asked for: there the answer is looked at
before it goes on.
"""

from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from proxy.errors import DigestInvalid, ManifestAmbiguous, RegistryUnreachable
from proxy.limits import MANIFEST_BYTES
from proxy.manifests import digest_of
from proxy.names import Digest, Reference
from proxy.policy.decisions import Unenforced
from proxy.policy.entries import Mode
from proxy.registry.client import RegistryClient
from proxy.registry.headers import FROM_CLIENT
from proxy.registry.streams import RegistryAnswer
from proxy.web.answers import manifest_headers
from proxy.web.deciding import Resolver
from proxy.web.exchange import EXCHANGE, Exchange
from proxy.web.passthrough import answer_headers, request_headers, stream

_MAY_READ: Final = frozenset({200, 304})


class Relays:
    """Relays manifest reads."""

    def __init__(self, registry: RegistryClient, resolver: Resolver) -> None:
        """Relay to `registry`; `resolver` knows what is blocked."""
        self._registry = registry
        self._resolver = resolver

    async def answer(self, request: web.Request, reference: Reference, unenforced: Unenforced) -> web.StreamResponse:
        """Let the registry answer; a decision that is ready adds its headers, no more.

        Raises:
            Blocked: under `protect`, the registry's answer is what `blocked` names.
            RegistryUnreachable: it cannot be asked, or breaks off.
            ConnectionError: the client left.
        """
        headers = request_headers(request, FROM_CLIENT)
        protects = unenforced.mode is Mode.PROTECT
        async with self._registry.pass_manifest(unenforced, request.method, reference, headers) as answer:
            kept = answer_headers(request, answer, self._registry.origin, foreign=not protects)
            exchange, announced = request[EXCHANGE], _announced(kept)
            if answer.status in _MAY_READ:
                kept.update(_of_decision(exchange, announced))
            if protects and answer.status < 300:
                return await self._checked(request, reference, answer, kept)
            if answer.status in _MAY_READ:
                exchange.served, exchange.relayed = announced, True
            return await stream(request, answer, kept)

    async def _checked(
        self, request: web.Request, reference: Reference, answer: RegistryAnswer, headers: CIMultiDict[str]
    ) -> web.StreamResponse:
        """Answer what is not blocked: under GET by the digest of its bytes, under HEAD by the one it announces.

        Nobody asked for a part, or for another form, which clients would put together or unpack.
        """
        if answer.status != 200 or hdrs.CONTENT_ENCODING in headers:
            raise RegistryUnreachable("it answers with something else than the whole manifest")
        announced = headers.get("Docker-Content-Digest")
        if announced is not None:
            self._check(reference, announced)
        if request.method == hdrs.METH_HEAD:
            request[EXCHANGE].served = announced
            return await stream(request, answer, headers)
        body = await answer.read_up_to(MANIFEST_BYTES)
        if body is None:
            raise ManifestAmbiguous(f"it is larger than {MANIFEST_BYTES} bytes")
        self._check(reference, served := digest_of(body))
        request[EXCHANGE].served = served
        headers.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=answer.status, headers=headers, body=body)

    def _check(self, reference: Reference, digest: str) -> None:
        try:
            self._resolver.check_blocked(reference.repository, Digest(digest))
        except DigestInvalid:
            raise RegistryUnreachable("it announces a digest that is none") from None


def _announced(headers: CIMultiDict[str]) -> str | None:
    """The digest that an answer says it has; None where it says none, or more than one."""
    lines = headers.getall("Docker-Content-Digest", ())
    return lines[0] if len(lines) == 1 else None


def _of_decision(exchange: Exchange, announced: str | None) -> dict[str, str]:
    deciding, decision = exchange.deciding, exchange.decision
    if deciding is not None and deciding.done() and not deciding.cancelled():
        decision = deciding.result()
    return {} if decision is None else manifest_headers(exchange, decision, announced)
