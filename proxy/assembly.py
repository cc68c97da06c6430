"""Puts the parts together for one configuration: clients, resolver, and the walk of indexes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.notary.client import NotarySource
from proxy.registry.client import RegistryClient, connect
from proxy.registry.closure import Closure
from proxy.renewal import Renewal
from proxy.resolver import Resolver
from proxy.store.protocol import TrustStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What a face of the program needs to decide and to serve."""

    resolver: Resolver
    registry: RegistryClient
    closure: Closure


@asynccontextmanager
async def assemble(settings: Settings, store: TrustStore) -> AsyncIterator[Parts]:
    """Open the clients for as long as the context lasts; the store stays the caller's.

    Raises `UserError` for TLS files that cannot be used.
    """
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(connect(settings.registry))
        sources = {
            name: await stack.enter_async_context(NotarySource(notary)) for name, notary in settings.notaries.items()
        }
        closure = Closure(registry.get_manifest, store)
        clock = Clock()
        renewal = Renewal(
            policy=settings.policy,
            store=store,
            notaries={name: source.fetch for name, source in sources.items()},
            clock=clock,
        )
        resolver = Resolver(
            policy=settings.policy, store=store, renewal=renewal, registry=registry, closure=closure, clock=clock
        )
        yield Parts(resolver, registry, closure)
