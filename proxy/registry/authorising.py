"""May this credential read this repository? The registry decides, and is believed for 30 s (design: Who may read).

Only 200 and 304 are permission. Every other answer is the client's to see, and nothing remembers it.
"""

from typing import Final, TypeAlias

from proxy.errors import ManifestMissing, RegistryUnreachable
from proxy.flights import Flights
from proxy.limits import MANIFEST_BYTES
from proxy.manifests import digest_of
from proxy.names import Digest, Reference, Repository
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.registry.loops import passed
from proxy.registry.permissions import Permissions
from proxy.registry.reading import Reader, Reading

UNKNOWN_DIGEST: Final = Digest(f"sha256:{'0' * 64}")

_Probe: TypeAlias = tuple[Repository, Digest, ClientCredentials, bool, tuple[str, ...]]

_MANIFEST: Final = "a manifest"
_NO_MORE: Final = frozenset({401, 403})


class Authorising:
    """Asks the registry on behalf of clients, and remembers its yes."""

    def __init__(self, reader: Reader, permissions: Permissions) -> None:
        """Ask with `reader`, remember in `permissions`."""
        self._reader = reader
        self._permissions = permissions
        self._probes: Flights[_Probe, Relayed | None] = Flights()

    @property
    def permissions(self) -> Permissions:
        """What the registry let in lately."""
        return self._permissions

    async def lets_in(self, repository: Repository, credentials: ClientCredentials) -> bool:
        """See `RegistryClient.lets_in`."""
        return await self._refused(repository, credentials) is None

    async def authorise(self, reference: Reference, digest: Digest, credentials: ClientCredentials) -> None:
        """See `RegistryClient.authorise`."""
        if self._permissions.holds(reference.repository, credentials):
            return
        relayed = await self._probe(reference.repository, digest, credentials)
        if relayed is not None:
            await self.explain(relayed, reference, credentials)
            raise ManifestMissing(digest)

    async def authorise_undecided(self, reference: Reference, credentials: ClientCredentials) -> None:
        """See `RegistryClient.authorise_undecided`."""
        relayed = await self._refused(reference.repository, credentials)
        if relayed is None:
            return
        async with self._reader.ask("HEAD", reference.repository, reference.target, credentials) as reading:
            if reading.answer.status == 200:
                if not reading.is_manifest:  # a page for people, such as one to log in at, is no permission
                    raise RegistryUnreachable("it answered something that is no manifest")
                self.note(reading, reference.repository, credentials)
                return
            status = await self.relayed(reading, reference.repository, credentials)
        raise relayed if status.status == 404 else status

    async def explain(self, relayed: Relayed, reference: Reference, credentials: ClientCredentials) -> None:
        """Tell a missing manifest from a repository that is hidden; returns only in the first case.

        Raises:
            Relayed: the second.
            RegistryUnreachable: it cannot be asked.
        """
        if relayed.status != 404:
            raise relayed
        await self.authorise_undecided(reference, credentials)

    def note(self, reading: Reading, repository: Repository, credentials: ClientCredentials) -> None:
        """Remember an answer 200 or 304 that the registry gave a client, itself and directly."""
        if not reading.redirected and credentials is not self._reader.own:
            self._permissions.note(repository, credentials)

    async def relayed(self, reading: Reading, repository: Repository, credentials: ClientCredentials) -> Relayed:
        """Keep an error for the client, and forget that it was let in if it is not any more."""
        if reading.answer.status in _NO_MORE:
            self._permissions.forget(repository, credentials)
        return await reading.answer.as_error(_MANIFEST)

    async def _refused(self, repository: Repository, credentials: ClientCredentials) -> Relayed | None:
        """None is permission, known or asked for; a 404 may be either. Raises `Relayed` for any other answer."""
        if self._permissions.holds(repository, credentials):
            return None
        relayed = await self._probe(repository, UNKNOWN_DIGEST, credentials)
        if relayed is not None and relayed.status != 404:
            raise relayed
        return relayed

    async def _probe(self, repository: Repository, digest: Digest, credentials: ClientCredentials) -> Relayed | None:
        """Ask conditionally, once for all who show the same; None is permission, else it is what the registry said."""
        key = repository, digest, credentials, credentials is self._reader.own, passed()
        name = f"permission for {repository}"
        return await self._probes.join(key, lambda: self._ask(repository, digest, credentials), name=name)

    async def _ask(self, repository: Repository, digest: Digest, credentials: ClientCredentials) -> Relayed | None:
        """Ask conditionally.

        A page for people who shall log in also is a 200: with that status only the manifest itself counts.
        """
        async with self._reader.ask("GET", repository, digest, credentials, condition=digest) as reading:
            if reading.answer.status not in (200, 304):
                return await self.relayed(reading, repository, credentials)
            body = await reading.answer.read_up_to(MANIFEST_BYTES)
            if (reading.answer.status == 200 or reading.redirected) and (body is None or digest_of(body) != digest):
                raise RegistryUnreachable("it answered something that is not the manifest")
            self.note(reading, repository, credentials)
            return None
