"""A registry and trust stores that say, or fail to say, what a test wants."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

from multidict import CIMultiDict

from proxy.errors import TrustStoreUnavailable
from proxy.names import Digest, Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.store.overlay import Overlay
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored

UNAUTHORISED: Final = Relayed(401, CIMultiDict(), b"")


@dataclass
class Registry:
    """A registry that names a digest and has every manifest, or fails as a test says."""

    names: Digest | Exception | None = None
    has: Exception | None = None
    is_slow: bool = False
    asked: list[str] = field(default_factory=list)
    account: str = ""
    lists: dict[str, tuple[str, ...]] | Exception = field(default_factory=dict)

    def walker(self, client: ClientCredentials) -> ClientCredentials:
        """Nobody has a credential."""
        return client

    async def named(self, reference: Reference, _credentials: ClientCredentials) -> Digest | None:
        """What it has under a reference."""
        self.asked.append(str(reference))
        if self.is_slow:
            await asyncio.sleep(60)
        if isinstance(self.names, Exception):
            raise self.names
        return self.names

    async def repositories(self) -> tuple[Repository, ...]:
        """Its list of repositories."""
        return tuple(map(Repository, self._listed()))

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """Its tags of one."""
        return tuple(map(Tag, self._listed().get(repository, ())))

    def _listed(self) -> dict[str, tuple[str, ...]]:
        if isinstance(self.lists, Exception):
            raise self.lists
        return self.lists

    async def get_manifest(self, _reference: Reference, allowed: Allowed, _credentials: ClientCredentials) -> None:
        """Whether it has a manifest as it was signed."""
        self.asked.append(allowed.digest)
        if self.has:
            raise self.has


class ClosedStore(Overlay):
    """A trust store that cannot be read."""

    async def load(self, _notary: str, _gun: Gun) -> Remembered | None:
        """Not now."""
        raise TrustStoreUnavailable("it is locked")

    async def ever_had(self, _notary: str, _gun: Gun, _tag: Tag) -> bool:
        """Neither."""
        raise TrustStoreUnavailable("it is locked")

    async def indexes_naming(self, _digest: Digest) -> tuple[Digest, ...]:
        """Neither."""
        raise TrustStoreUnavailable("it is locked")


class ChangedStore(Overlay):
    """A trust store in which somebody has changed what is remembered of the collection."""

    async def load(self, _notary: str, _gun: Gun) -> Remembered | None:
        """Its seal does not fit."""
        raise TrustStoreUnavailable("its file is damaged")


class DamagedStore(Overlay):
    """A trust store whose files have lost their second halves."""

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """Half of what was committed."""
        found = await super().load(notary, gun)
        if found is None:
            return None
        halves = {role: data[: len(data) // 2] for role, data in found.stored.files.items()}
        return replace(found, stored=Stored(halves))

    async def generation(self, notary: str, gun: Gun) -> int | None:
        """Somebody has written since, so what is remembered has to be read."""
        return (await super().generation(notary, gun) or 0) + 1
