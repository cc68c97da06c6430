"""Parts for one configuration after another: what one of them has learnt the next one goes on with.

Evidence, floors, checks under way, rounds, places in changefeeds, connections and what indexes name outlive a change of
the configuration, as far as nothing about them has changed. Whoever decides is made anew, from the new rules alone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from proxy.admissions import Admissions
from proxy.assembly.clients import Clients, close
from proxy.assembly.parts import Parts
from proxy.checks import Checks
from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.renewal import Renewal
from proxy.resolver import Resolver
from proxy.store.protocol import TrustStore
from proxy.upkeep import Upkeep
from proxy.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the next configuration works with; nobody does yet."""

    settings: Settings
    clients: Clients
    parts: Parts

    async def drop(self) -> None:
        """Close what was opened for it: it is not to be."""
        await close(self.clients.opened)


class Assembly:
    """All parts, `parts` being those of now; made by `open`."""

    def __init__(self, settings: Settings, store: TrustStore, clients: Clients, checks: Checks) -> None:
        self._store, self._clock = store, checks.clock
        self._renewal = Renewal(checks)
        self._upkeep = Upkeep(self._renewal, store, clients.feeds)
        self._admissions = Admissions(store, checks.clock)
        self._clients = clients
        self._leases = set(clients.leases)
        self.parts = self._parts(settings, clients)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, store: TrustStore) -> AsyncIterator[Self]:
        """Open the clients for as long as the context lasts; the store stays the caller's.

        Raises `UserError` for TLS files that cannot be used.
        """
        clock = Clock()
        async with Verifier() as verifier:
            clients = await Clients.open(settings, store, clock)
            fetchers = {name: each.fetch for name, each in clients.notaries.items()}
            assembly = cls(settings, store, clients, Checks(settings.policy, store, fetchers, clock, verifier=verifier))
            try:
                yield assembly
            finally:
                await assembly._admissions.close()
                await close(assembly._leases)

    async def prepare(self, settings: Settings) -> Prepared:
        """Open what other settings need; nothing changes yet. Raises `UserError` for TLS files that cannot be used."""
        clients = await Clients.open(settings, self._store, self._clock, self._clients)
        return Prepared(settings, clients, self._parts(settings, clients))

    def take(self, prepared: Prepared) -> None:
        """Go on with what was prepared, all at once; what it replaces is closed when nobody uses it any more.

        Notaries that are not in the configuration any more answer those whose request began before.
        """
        before, self._clients = self._clients, prepared.clients
        moved = {name for name, _ in before.places ^ prepared.clients.places}
        fetchers = {name: each.fetch for name, each in {**before.notaries, **prepared.clients.notaries}.items()}
        self._renewal.rebind(prepared.settings.policy, fetchers, moved)
        self._upkeep.rebind(prepared.clients.feeds)
        self._leases = {each for each in self._leases if not each.is_closed} | set(prepared.clients.leases)
        for lease in set(before.leases) - set(prepared.clients.leases):
            lease.end()
        self.parts = prepared.parts

    def _parts(self, settings: Settings, clients: Clients) -> Parts:
        registry = clients.registry
        resolver = Resolver(
            policy=settings.policy,
            store=self._store,
            renewal=self._renewal,
            registry=registry.client,
            closure=registry.closure,
            clock=self._clock,
        )
        breakers = {name: each.breaker for name, each in clients.notaries.items()}
        closure, lease = registry.closure, registry.lease
        return Parts(resolver, registry.client, closure, self._upkeep, breakers, lease, self._admissions)
