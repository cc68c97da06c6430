"""Evidence in memory: verified collections, each for as long as it may answer without asking Notary again.

The key holds the pins that the collection was verified against, so a changed configuration never finds
evidence of the old one. How old a piece of evidence is, is told by a clock that cannot be set back.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import cachetools

from proxy.limits import COLLECTIONS_CACHED
from proxy.names import Gun
from proxy.policy.decisions import Allowed
from proxy.policy.entries import Entry
from proxy.policy.evaluation import admitted
from proxy.tuf.collection import Collection
from proxy.tuf.pins import Pins

EvidenceKey: TypeAlias = tuple[str, Gun, Pins]

_ENTRIES_REMEMBERED: Final = 4  # entries that share one collection, such as two names for one GUN


@dataclass(slots=True)
class Evidence:
    """A verified collection and when Notary last confirmed it: `checked_at` UTC, `checked` monotonic seconds."""

    collection: Collection
    checked_at: datetime
    checked: float
    _admitted: "cachetools.LRUCache[int, tuple[Entry, tuple[Allowed, ...]]]" = field(
        default_factory=lambda: cachetools.LRUCache(_ENTRIES_REMEMBERED), repr=False
    )

    def is_fresh(self, fresh_for: timedelta, seconds: float) -> bool:
        """Whether it may answer without asking Notary again."""
        return seconds - self.checked < fresh_for.total_seconds()

    def admitted(self, entry: Entry, now: datetime) -> tuple[Allowed, ...]:
        """Every digest that some tag has under an entry; computed once and dropped when the first runs out.

        Raises a `TrustError` where defects alone leave nothing admitted.
        """
        known = self._admitted.get(id(entry))
        if known and known[0] is entry and all(now <= allowed.valid_until for allowed in known[1]):
            return known[1]
        found = admitted(entry, self.collection, now)
        self._admitted[id(entry)] = (entry, found)
        return found


class DecisionCache:
    """A bounded number of pieces of evidence; the one not asked for longest goes first."""

    def __init__(self) -> None:
        self._evidence: cachetools.LRUCache[EvidenceKey, Evidence] = cachetools.LRUCache(COLLECTIONS_CACHED)

    def get(self, key: EvidenceKey) -> Evidence | None:
        """What is known under a key, fresh or not."""
        return self._evidence.get(key)

    def put(self, key: EvidenceKey, evidence: Evidence) -> None:
        """Keep newly verified evidence."""
        self._evidence[key] = evidence

    def drop(self, key: EvidenceKey) -> None:
        """Forget evidence that a later answer of Notary contradicts."""
        self._evidence.pop(key, None)
