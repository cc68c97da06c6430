"""Keeps evidence: fetches a collection, verifies it against what was remembered, and remembers it.

One flight per collection goes on for everybody who waits for it, and goes on when they leave. Evidence answers
for `fresh_for` after Notary last confirmed it. What a tag had before is recorded in the same commit that changes
it (design: Which digests are admitted, 3), so that a restart or another replica knows it too.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import structlog

from proxy.clock import Clock
from proxy.decision_cache import DecisionCache, Evidence, EvidenceKey
from proxy.drive import drive, drive_in_turn
from proxy.errors import DeadlineExceeded, Refusal, TrustError, TrustStoreUnavailable, Undecided
from proxy.limits import CLOCK_BEHIND_SECONDS, COMMIT_ATTEMPTS, FLIGHT_SECONDS
from proxy.names import Gun
from proxy.policy.entries import Entry, Policy
from proxy.policy.past import Past, record
from proxy.store.protocol import Conflict, Remembered, TrustStore
from proxy.tasks import spawn
from proxy.tuf.collection import Collection
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.update import update

_log = structlog.get_logger()

Fetcher: TypeAlias = Callable[[Gun, Fetch], Awaitable[Reply]]


@dataclass(slots=True)
class Renewal:
    """Evidence under one policy. `notaries` fetch files of a GUN, by the Notary's name."""

    policy: Policy
    store: TrustStore
    notaries: Mapping[str, Fetcher]
    clock: Clock
    cache: DecisionCache = field(default_factory=DecisionCache)
    _flights: dict[EvidenceKey, asyncio.Task[Evidence]] = field(default_factory=dict)

    async def evidence(self, entry: Entry, gun: Gun) -> Evidence:
        """Verified trust data, fresh enough for the entry. Raises a `Refusal`."""
        key = (entry.notary, gun, entry.pins)
        known = self.cache.get(key)
        if known and known.is_fresh(entry.fresh_for, self.clock.seconds()):
            return known
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = spawn(self._renew(key), name=f"renew {gun}")
            flight.add_done_callback(lambda landed: self._land(key, landed))
        return await asyncio.shield(flight)  # the flight is everybody's: it does not end because one leaves

    def _land(self, key: EvidenceKey, flight: asyncio.Task[Evidence]) -> None:
        """Make room for the next flight; a failure that nobody waits for any more has been looked at."""
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()

    async def _renew(self, key: EvidenceKey) -> Evidence:
        """Verify a collection anew and remember it. Raises a `Refusal`."""
        try:
            async with asyncio.timeout(FLIGHT_SECONDS):
                renewed = await self._verify(key)
        except TimeoutError:
            raise DeadlineExceeded(int(FLIGHT_SECONDS)) from None
        except TrustError:
            self.cache.drop(key)  # an answer that does not verify ends older evidence at once
            raise
        self.cache.put(key, renewed)
        return renewed

    async def _verify(self, key: EvidenceKey) -> Evidence:
        """Fetch, verify and commit; where another process was first, start from what it left."""
        notary, gun, pins = key
        fetch = self.notaries[notary]
        for _ in range(COMMIT_ATTEMPTS):
            remembered = await self.store.load(notary, gun)
            await self._check_clock()
            now, seconds = self.clock.now(), self.clock.seconds()
            stored = remembered.stored if remembered else None
            collection = await drive(update(gun, pins, stored, now, self.policy.blocked.keys), partial(fetch, gun))
            before = self._before(key, remembered, collection)
            past = record(self._past(key, remembered), before, collection, now, self._keep_for())
            renewed = Evidence(collection, past, now, seconds)
            if known := self.cache.get(key):
                renewed.inherit(known)
            try:
                await self._remember(key, remembered, before, renewed)
            except Conflict:
                continue
            for what in collection.skipped:
                _log.warning("target skipped", gun=gun, what=what)
            return renewed
        raise Undecided("other processes keep changing the trust store")

    def _before(self, key: EvidenceKey, remembered: Remembered | None, collection: Collection) -> Collection | None:
        """The collection that was remembered, as it was verified then; None where that cannot be told any more."""
        if remembered is None or remembered.stored == collection.stored():
            return collection if remembered else None
        known = self.cache.get(key)
        if known and known.collection.stored() == remembered.stored:
            return known.collection
        _, gun, pins = key
        try:
            workflow = update(gun, pins, None, remembered.checked_at, self.policy.blocked.keys)
            return drive_in_turn(workflow, partial(_from_files, _by_name(remembered)))
        except Refusal as refusal:
            _log.warning("what tags had before cannot be told: superseded digests end now", gun=gun, why=repr(refusal))
            return None

    def _past(self, key: EvidenceKey, remembered: Remembered | None) -> Past:
        """What tags had before; read anew only where another process wrote it. Raises `TrustStoreUnavailable`."""
        written = remembered.past if remembered else b""
        known = self.cache.get(key)
        if known and known.past.encode() == written:
            return known.past
        try:
            return Past.decode(written)
        except ValueError:
            raise TrustStoreUnavailable("what it remembers of earlier tags cannot be read") from None

    def _keep_for(self) -> timedelta:
        return max((entry.superseded_for for entry in self.policy.entries), default=timedelta())

    async def _remember(
        self, key: EvidenceKey, remembered: Remembered | None, before: Collection | None, renewed: Evidence
    ) -> None:
        notary, gun, _ = key
        stored, past = renewed.collection.stored(), renewed.past.encode()
        if remembered and remembered.stored == stored and remembered.past == past:
            await self.store.touch(notary, gun, generation=remembered.generation, checked_at=renewed.checked_at)
            return
        had = before.tags() if before else frozenset()
        await self.store.commit(
            notary,
            gun,
            stored,
            expected=remembered.generation if remembered else None,
            checked_at=renewed.checked_at,
            past=past,
            new_tags=renewed.collection.tags() | had,  # those before too: an older store may not have noted them
        )

    async def _check_clock(self) -> None:
        """Refuse to believe a wall clock that is far behind the last check: expiry could not be judged."""
        last = await self.store.last_check()
        if last and last - self.clock.now() > timedelta(seconds=CLOCK_BEHIND_SECONDS):
            raise Undecided("this proxy's clock is behind the last check of its trust store")


def _by_name(remembered: Remembered) -> Mapping[str, bytes]:
    """Remembered files by the names under which Notary would be asked for them."""
    files = remembered.stored.files
    listed = {f"{role}.{hashlib.sha256(data).hexdigest()}": data for role, data in files.items()}
    return {str(role): data for role, data in files.items()} | listed


def _from_files(files: Mapping[str, bytes], wish: Fetch) -> Reply:
    data = files.get(wish.name)
    return Missing() if data is None else Fetched(data)
