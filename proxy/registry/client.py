"""The only code that talks to the registry.

Three ways to ask, and none of them forwards a tag under `enforce`: `get_manifest` takes an `Allowed` and
fetches by digest; `pass_manifest` takes an `Unenforced`; everything that is no manifest read goes through
`stream`. Paths are rebuilt from checked names by the caller and are sent as they are, never quoted again.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeAlias

from proxy.config.settings import RegistrySettings
from proxy.errors import DigestInvalid, ManifestMissing, RegistryUnreachable
from proxy.flights import Flights
from proxy.limits import MANIFEST_BYTES, TAGS_BYTES
from proxy.manifests import Manifest
from proxy.names import Digest, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Unenforced
from proxy.registry import exchanges
from proxy.registry.authorising import UNKNOWN_DIGEST, Authorising
from proxy.registry.catalogue import Catalogue
from proxy.registry.exchanges import READS, SMALL, Exchanges
from proxy.registry.headers import ClientCredentials
from proxy.registry.loops import passed
from proxy.registry.manifests import VerifiedManifest, check_length, measured, verified
from proxy.registry.permissions import Permissions
from proxy.registry.reading import Reader
from proxy.registry.streams import RegistryAnswer
from proxy.registry.tags import TagsPage, tags_page
from proxy.telemetry import traces

__all__ = ["UNKNOWN_DIGEST", "RegistryClient", "TagsPage", "VerifiedManifest", "check_length", "connect"]

_Fetch: TypeAlias = tuple[Reference, Digest, int | None, tuple[str, ...], ClientCredentials, bool, tuple[str, ...]]

_OF_A_DIGEST: Final = frozenset({404, 500})  # registries answer 500 to the digest of a layer


class RegistryClient:
    """The registry behind the proxy; made by `connect`.

    Redirects of manifests are followed inside, as far as `redirect_hosts` allows. What the registry lets in is
    remembered for 30 s, for one repository and one credential (design: Who may read).
    """

    def __init__(self, settings: RegistrySettings, upstream: Exchanges) -> None:
        """Ask over `upstream`."""
        self.origin = str(upstream.origin)
        self.account = settings.credentials.username if settings.credentials else ""
        self._upstream = upstream
        self._reader = Reader(settings, upstream)
        self._authorising = Authorising(self._reader, Permissions())
        self._catalogue = Catalogue(upstream, self._reader.login)
        self._fetches: Flights[_Fetch, VerifiedManifest] = Flights()

    @property
    def has_answered(self) -> bool:
        """Whether the registry answered anything since this began."""
        return self._upstream.has_answered

    @property
    def permissions(self) -> Permissions:
        """What the registry let in lately."""
        return self._authorising.permissions

    async def greet(self) -> None:
        """Ask for nothing in particular, so that it answers once, whatever that is. Raises `RegistryUnreachable`."""
        async with self.stream("GET", "/v2/", "", {}):
            pass

    def walker(self, client: ClientCredentials) -> ClientCredentials:
        """Who walks an index: the proxy itself if it has a credential, else the asking client; never for an answer.

        The proxy's own is for `get_manifest` alone, which answers a Bearer challenge for it with a token.
        """
        return self._reader.own or client

    async def get_manifest(
        self, reference: Reference, allowed: Allowed, credentials: ClientCredentials
    ) -> VerifiedManifest:
        """Fetch an admitted manifest by its digest, with the client's own credential, and check every byte.

        The answer 200 is also the registry's permission to read. Who asks for the same with the same credential at the
        same time gets the same answer.

        Args:
            reference: what the client asked for; where the registry lacks the digest it is asked about for its status.
            allowed: the permission, which names the digest.
            credentials: the client's.

        Raises:
            Relayed: the registry does not let this credential in.
            ManifestMissing: it does, but lacks the digest.
            ManifestAmbiguous, ContentMismatch, SignedLengthWrong: what it sent is not what was admitted.
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        is_own = credentials is self._reader.own
        key = reference, allowed.digest, allowed.length, allowed.signers, credentials, is_own, passed()
        name = f"fetch {reference}"
        return await self._fetches.join(key, lambda: self._fetch(reference, allowed, credentials), name=name)

    async def _fetch(self, reference: Reference, allowed: Allowed, credentials: ClientCredentials) -> VerifiedManifest:
        """See `get_manifest`."""
        repository = reference.repository
        with traces.manifest(repository, allowed.digest, self._upstream.origin.host) as span:
            async with self._reader.ask("GET", repository, allowed.digest, credentials) as reading:
                span.note(status=reading.answer.status)
                if reading.answer.status == 200:
                    self._authorising.note(reading, repository, credentials)
                    content_type = reading.answer.headers.get("Content-Type")
                    return verified(await reading.answer.read_up_to(MANIFEST_BYTES), content_type, allowed)
                relayed = await self._authorising.relayed(reading, repository, credentials)
        await self._authorising.explain(relayed, reference, credentials)
        raise ManifestMissing(allowed.digest)

    async def lets_in(self, repository: Repository, credentials: ClientCredentials) -> bool:
        """Whether this credential may read this repository, before anything of it is decided.

        True where the registry said so within 30 s, or says so now to a digest that nobody has. False where that
        is 404: it may have looked for the digest before it looked at the credential, so it cannot be told.

        Raises:
            Relayed: the registry does not let this credential in.
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        return await self._authorising.lets_in(repository, credentials)

    async def authorise(self, reference: Reference, digest: Digest, credentials: ClientCredentials) -> None:
        """Ask whether this credential may read this repository, for a digest that is decided and already at hand.

        A conditional GET costs the registry no storage access and answers 304 (clients 5).

        Raises:
            Relayed: the registry does not let this credential in.
            ManifestMissing: it does, but says that it lacks the digest.
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        await self._authorising.authorise(reference, digest, credentials)

    async def authorise_undecided(self, reference: Reference, credentials: ClientCredentials) -> None:
        """The same while no digest is decided: a refusal is only for those who may read (design: Who may read).

        A digest that nobody has is asked for. Where that is 404, the registry may have looked for it before it
        looked at the credential, so the client's own reference is asked for by HEAD, for its status only.

        Raises:
            Relayed: the registry does not let this credential in, or has nothing under this reference.
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        await self._authorising.authorise_undecided(reference, credentials)

    async def answers_manifest(self, repository: Repository, digest: Digest, credentials: ClientCredentials) -> bool:
        """Whether the registry answers a digest as a manifest: asked by HEAD, 200 with a manifest's type.

        Raises:
            Relayed: it answers something that says more of the credential or of the moment than of the digest.
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        async with self._reader.ask("HEAD", repository, digest, credentials) as reading:
            if reading.answer.status >= 400 and reading.answer.status not in _OF_A_DIGEST:
                raise await self._authorising.relayed(reading, repository, credentials)
            return reading.is_manifest

    async def named(self, reference: Reference, credentials: ClientCredentials) -> Digest | None:
        """The digest that the registry has under a reference by its own word: to be compared, never to be served.

        None where it has nothing there.

        Raises:
            Relayed: the registry does not let this credential in.
            RegistryUnreachable: it cannot be asked, redirects where it must not, or does not say.
        """
        async with self._reader.ask("HEAD", reference.repository, reference.target, credentials) as reading:
            if reading.answer.status == 404:
                return None
            if reading.answer.status != 200:
                raise await self._authorising.relayed(reading, reference.repository, credentials)
            try:
                return Digest(reading.answer.headers.get("Docker-Content-Digest", ""))
            except DigestInvalid:
                raise RegistryUnreachable("it does not say which digest a tag has") from None

    async def measure(self, repository: Repository, digest: Digest, credentials: ClientCredentials) -> Manifest | None:
        """What the manifest of a digest is, its length above all: to be signed, never to be served.

        None where the registry has nothing there.

        Raises:
            Relayed: the registry does not let this credential in.
            ManifestAmbiguous, ContentMismatch: what it sent could not be admitted under this digest.
            RegistryUnreachable: it cannot be asked, or redirects where it must not.
        """
        async with self._reader.ask("GET", repository, digest, credentials) as reading:
            if reading.answer.status == 404:
                return None
            if reading.answer.status != 200:
                raise await self._authorising.relayed(reading, repository, credentials)
            content_type = reading.answer.headers.get("Content-Type")
            return measured(await reading.answer.read_up_to(MANIFEST_BYTES), content_type, digest)

    async def tags(self, repository: Repository, query: str, credentials: ClientCredentials) -> TagsPage:
        """Fetch a page of the list of tags; `query` is raw, without `?`.

        Raises:
            Relayed: the registry does not let this credential in, or has no such repository.
            RegistryUnreachable: it cannot be asked, or its answer is no list of tags.
        """
        url = self._upstream.address(f"/v2/{repository}/tags/list", query)
        headers = {"Accept": "application/json", **credentials.as_headers()}
        async with self._upstream.open("GET", url, headers, bounds=SMALL) as answer:
            if answer.status != 200:
                raise await answer.as_error("a list of tags")
            return tags_page(await answer.read_up_to(TAGS_BYTES), answer.headers.getall("Link", ()))

    async def repositories(self) -> tuple[Repository, ...]:
        """All repositories of the registry, as far as it shows them to the proxy itself, without those of odd names.

        Raises:
            Relayed: it does not show them: 401 or 403 to this credential, 404 or 405 to nobody.
            RegistryUnreachable: it cannot be asked, or its list is none.
        """
        return await self._catalogue.repositories()

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """All tags of a repository, as far as the proxy itself may see them; none where there is no such repository.

        Raises:
            Relayed: the registry does not let the proxy's own credential in.
            RegistryUnreachable: it cannot be asked, or its list is none.
        """
        return await self._catalogue.tags_of(repository)

    def pass_manifest(
        self, unenforced: Unenforced, method: str, reference: Reference, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RegistryAnswer]:
        """Relay the client's own manifest request, by tag or digest, because the configuration says so.

        Raises:
            RegistryUnreachable: it cannot be asked.
        """
        if not isinstance(unenforced, Unenforced):
            raise TypeError("only an Unenforced lets a client's own request through")
        url = self._upstream.address(f"/v2/{reference.repository}/manifests/{reference.target}")
        return self._upstream.open(method, url, headers)

    def stream(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes] | None = None,
    ) -> AbstractAsyncContextManager[RegistryAnswer]:
        """Open an exchange that reads no manifest; leaving the context before the body's end closes the connection.

        Args:
            method: of the request.
            path: rebuilt from checked names.
            query: raw, without `?`; empty for none.
            headers: the complete headers; nothing is added but `Host`, where absent, and the framing.
            body: of the request, streamed; None for none. With a Content-Length header that length is sent.

        Raises:
            RegistryUnreachable: it cannot be asked, or nothing moved for too long.
            ConnectionError: the client broke off or stalled in the middle of its own body.
        """
        if method in READS and path.split("/")[-2] == "manifests":
            raise TypeError("a manifest is read with a permission only")
        return self._upstream.open(method, self._upstream.address(path, query), headers, body)


@asynccontextmanager
async def connect(settings: RegistrySettings) -> AsyncIterator[RegistryClient]:
    """Open the client for as long as the context lasts.

    Raises:
        UserError: `ca_file` or the client certificate cannot be used.
    """
    async with exchanges.connect(settings) as upstream:
        yield RegistryClient(settings, upstream)
