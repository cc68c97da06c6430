"""Reads many repositories' trust data as if for the first time, for people who have yet to say whom they trust.

Nothing here is a basis for a decision: whoever answers for a collection is believed, and only to be shown.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

from proxy.clock import Clock
from proxy.drive import drive
from proxy.errors import Refusal
from proxy.limits import CENSUS_AT_ONCE
from proxy.names import Gun, Repository
from proxy.policy.entries import Policy
from proxy.renewal import Fetcher
from proxy.tasks import spawn
from proxy.tuf.collection import Collection
from proxy.tuf.pins import Pins
from proxy.tuf.update import update


@dataclass(frozen=True, slots=True)
class Seen:
    """What Notary serves for a repository: a collection that holds together, or why there is none.

    `gun` is None without an entry of `repositories` that says where the trust data is.
    """

    repository: Repository
    gun: Gun | None
    notary: str
    collection: Collection | None
    refusal: Refusal | None


async def take(
    repositories: Iterable[Repository], policy: Policy, notaries: Mapping[str, Fetcher], clock: Clock
) -> AsyncGenerator[Seen, None]:
    """What Notary serves for each repository under its entry, in the order in which answers arrive.

    `CENSUS_AT_ONCE` are asked about at the same time. Never raises a refusal: it is told. Whoever may stop before
    the end closes this (`contextlib.aclosing`); then, as when it is cancelled, nothing of it goes on.
    """
    waiting = iter(repositories)
    flights: set[asyncio.Task[Seen]] = set()
    try:
        while True:
            for each in islice(waiting, CENSUS_AT_ONCE - len(flights)):
                flights.add(spawn(_look(each, policy, notaries, clock), name=f"census of {each}"))
            if not flights:
                return
            landed, _ = await asyncio.wait(flights, return_when=asyncio.FIRST_COMPLETED)
            for flight in landed:
                flights.remove(flight)
                yield flight.result()
    finally:
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


async def _look(repository: Repository, policy: Policy, notaries: Mapping[str, Fetcher], clock: Clock) -> Seen:
    try:
        entry = policy.entry_for(repository)
        gun = entry.gun(policy.name, repository)
    except Refusal as refusal:
        return Seen(repository, None, "", None, refusal)
    fetch = partial(notaries[entry.notary], gun)
    try:
        collection = await drive(update(gun, Pins.tofu(), None, clock.now(), grace=entry.expiry_grace), fetch)
    except Refusal as refusal:
        return Seen(repository, gun, entry.notary, None, refusal)
    return Seen(repository, gun, entry.notary, collection, None)
