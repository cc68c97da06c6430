"""Puts the parts together for one configuration: clients, resolver, upkeep, and the walk of indexes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.assembly.lasting import Assembly, Prepared
from proxy.assembly.parts import Parts
from proxy.config.settings import Settings
from proxy.store.protocol import TrustStore

__all__ = ["Assembly", "Parts", "Prepared", "assemble"]


@asynccontextmanager
async def assemble(settings: Settings, store: TrustStore) -> AsyncIterator[Parts]:
    """Open the clients for as long as the context lasts; the store stays the caller's.

    Raises `UserError` for TLS files that cannot be used.
    """
    async with Assembly.open(settings, store) as assembly:
        yield assembly.parts
