"""The clients of one configuration: those of the one before are taken over where nothing about them has changed."""

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self

from proxy.assembly.leases import Lease
from proxy.clock import Clock
from proxy.config.settings import BundleSettings, Doors, NotarySettings, RegistrySettings, Settings
from proxy.limits import REPLACED_SECONDS
from proxy.names import Gun
from proxy.notary.breaker import Breaker
from proxy.notary.changefeed import Changefeed
from proxy.notary.client import NotarySource
from proxy.notary.sources import Source, open_source
from proxy.registry.client import RegistryClient, connect
from proxy.registry.closure import Closure
from proxy.store.protocol import TrustStore
from proxy.tuf.messages import Fetch, Reply, Unavailable


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry, and what is known of its indexes."""

    settings: RegistrySettings
    client: RegistryClient
    closure: Closure
    lease: Lease

    @classmethod
    async def open(cls, settings: RegistrySettings, store: TrustStore) -> Self:
        """Open a client. Raises `UserError` for TLS files that cannot be used."""
        stack = AsyncExitStack()
        client = await stack.enter_async_context(connect(settings))
        return cls(settings, client, Closure(client.get_manifest, store), Lease(stack.aclose, REPLACED_SECONDS))

    def serves(self, settings: RegistrySettings) -> bool:
        """Whether these settings want the very same; which doors are open is nothing to the client."""
        return replace(settings, doors=Doors()) == replace(self.settings, doors=Doors())


@dataclass(frozen=True, slots=True)
class Notary:
    """One Notary, asked through a breaker; `feed` is its changefeed, if that is followed."""

    settings: NotarySettings | BundleSettings
    source: Source
    breaker: Breaker
    lease: Lease
    feed: Changefeed | None = None

    @classmethod
    async def open(cls, settings: NotarySettings | BundleSettings, clock: Clock) -> Self:
        """Open a client, with no changefeed yet. Raises `UserError` for TLS files that cannot be used."""
        stack = AsyncExitStack()
        source = await stack.enter_async_context(open_source(settings))
        return cls(settings, source, Breaker(source.fetch, clock), Lease(stack.aclose, REPLACED_SECONDS))

    def serves(self, settings: NotarySettings | BundleSettings) -> bool:
        """Whether these settings want the very same client."""
        return _without_feed(settings) == _without_feed(self.settings)

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """As the breaker does; whoever comes after the end is told so."""
        if self.lease.is_closed:
            return Unavailable("it is not configured any more")
        with self.lease:
            return await self.breaker.fetch(gun, wish)

    def followed(self, settings: NotarySettings | BundleSettings, before: "Notary | None", clock: Clock) -> "Notary":
        """The same with the changefeed that these settings want, which goes on where the one of `before` is."""
        feed = None
        if isinstance(settings, NotarySettings) and isinstance(self.source, NotarySource) and settings.changefeed:
            known = None if before is None else before.feed
            feed = known or Changefeed(self.source, settings.changefeed, clock)
            if before is not None and (feed.source, feed.every, known) != (self.source, settings.changefeed, feed):
                moved = known is None or before.settings.place != settings.place
                feed = feed.heir(self.source, settings.changefeed, moved=moved)
        return replace(self, settings=settings, feed=feed)


@dataclass(frozen=True, slots=True)
class Clients:
    """All of them. `opened` are those that no configuration before had."""

    registry: Registry
    notaries: Mapping[str, Notary]
    opened: tuple[Lease, ...]

    @classmethod
    async def open(cls, settings: Settings, store: TrustStore, clock: Clock, before: Self | None = None) -> Self:
        """Open what `before` does not have, all or nothing. Raises `UserError` for TLS files that cannot be used."""
        opened: list[Lease] = []
        try:
            if before is not None and before.registry.serves(settings.registry):
                registry = before.registry
            else:
                registry = await Registry.open(settings.registry, store)
                opened.append(registry.lease)
            notaries: dict[str, Notary] = {}
            for name, wanted in settings.notaries.items():
                known = before.notaries.get(name) if before is not None else None
                notary = known if known is not None and known.serves(wanted) else await Notary.open(wanted, clock)
                if notary is not known:
                    opened.append(notary.lease)
                notaries[name] = notary.followed(wanted, known, clock)
        except BaseException:
            await close(opened)
            raise
        return cls(registry, notaries, tuple(opened))

    @property
    def leases(self) -> tuple[Lease, ...]:
        """Of all clients."""
        return self.registry.lease, *(each.lease for each in self.notaries.values())

    @property
    def feeds(self) -> dict[str, Changefeed]:
        """The changefeeds that are followed, by the Notary's name."""
        return {name: each.feed for name, each in self.notaries.items() if each.feed is not None}

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """Each Notary's name, and where it is."""
        return frozenset((name, each.settings.place) for name, each in self.notaries.items())


async def close(leases: Iterable[Lease]) -> None:
    """Close all of these now."""
    for lease in leases:
        await lease.close()


def _without_feed(settings: NotarySettings | BundleSettings) -> NotarySettings | BundleSettings:
    return replace(settings, changefeed=None) if isinstance(settings, NotarySettings) else settings
