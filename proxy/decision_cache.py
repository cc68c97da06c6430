"""Evidence in memory: verified collections, each for as long as it may answer without asking Notary again.

The key holds the pins that the collection was verified against, so a changed configuration never finds
evidence of the old one. How old a piece of evidence is, is told by a clock that cannot be set back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

import cachetools

from proxy.errors import Refusal
from proxy.limits import EVIDENCE_BYTES
from proxy.names import Gun, Tag
from proxy.policy.entries import Blocklist, Entry
from proxy.policy.evaluation import admitted, signed_tags
from proxy.policy.past import Past
from proxy.registry.closure import Roots
from proxy.tasks import spawn
from proxy.tuf.collection import Collection
from proxy.tuf.pins import Pins

EvidenceKey: TypeAlias = tuple[str, Gun, Pins]

_ENTRIES_REMEMBERED: Final = 4  # entries that share one collection, such as two names for one GUN
_PARSED: Final = 6  # bytes in memory for each byte of a file, raw and parsed; the largest legal collection fits
_OVERHEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Survey:
    """What all tags of a collection come to under one entry: what is admitted by itself, and which tags have it."""

    roots: Roots
    tags: frozenset[Tag]

    def holds(self, now: datetime) -> bool:
        """Whether nothing in it has run out; time alone never admits anything more."""
        return all(now <= allowed.valid_until for allowed in self.roots.allowed)


@dataclass(slots=True)
class Surveys:
    """Surveys that were made of one collection, by entry.

    Each tag costs some ten microseconds, and there may be a hundred thousand: so a survey is made beside the event
    loop, once for everybody, and one that fails is not made again.
    """

    _known: "cachetools.LRUCache[int, tuple[Entry, asyncio.Task[Survey]]]" = field(
        default_factory=lambda: cachetools.LRUCache(_ENTRIES_REMEMBERED)
    )

    async def of(self, entry: Entry, make: Callable[[], Survey], now: datetime) -> Survey:
        """The survey for an entry, made anew when the first of its permissions has run out. Raises as `make` does."""
        known = self._known.get(id(entry))
        if known and known[0] is entry and not _is_defect_of_ours(known[1]):
            survey = await asyncio.shield(known[1])
            if survey.holds(now):
                return survey
        task = spawn(asyncio.to_thread(make), name=f"survey {entry.pattern}")
        task.add_done_callback(_look_at)
        self._known[id(entry)] = (entry, task)
        return await asyncio.shield(task)


@dataclass(slots=True)
class Evidence:
    """A verified collection, what its tags had before, and when Notary last confirmed it.

    `checked_at` is UTC, `checked` monotonic seconds.
    """

    collection: Collection
    past: Past
    checked_at: datetime
    checked: float
    surveys: Surveys = field(default_factory=Surveys, repr=False)

    def is_fresh(self, fresh_for: timedelta, seconds: float) -> bool:
        """Whether it may answer without asking Notary again."""
        return seconds - self.checked < fresh_for.total_seconds()

    def inherit(self, older: "Evidence") -> None:
        """Take over what was made of older evidence that says the same."""
        if older.collection.stored() == self.collection.stored() and older.past.encode() == self.past.encode():
            self.surveys = older.surveys

    async def survey(self, entry: Entry, blocked: Blocklist, now: datetime) -> Survey:
        """What all its tags come to. Raises a `TrustError` where defects alone leave nothing admitted."""
        return await self.surveys.of(entry, partial(self._make, entry, blocked, now), now)

    def _make(self, entry: Entry, blocked: Blocklist, now: datetime) -> Survey:
        allowed = admitted(entry, self.collection, now, past=self.past, blocked=blocked)
        tags = signed_tags(entry, self.collection, now, past=self.past, blocked=blocked)
        return Survey(Roots(allowed), tags)


def _is_defect_of_ours(task: "asyncio.Task[Survey]") -> bool:
    """Whether a survey ended without saying anything of the collection."""
    return task.done() and (task.cancelled() or not isinstance(task.exception(), Refusal | None))


def _look_at(task: "asyncio.Task[Survey]") -> None:
    """A survey that fails while nobody waits for it any more has been looked at."""
    if not task.cancelled():
        task.exception()


def _size(evidence: Evidence) -> int:
    """About how many bytes it takes: what is parsed is several times as large as its files."""
    return _PARSED * sum(map(len, evidence.collection.files.values())) + _OVERHEAD_BYTES


class DecisionCache:
    """Pieces of evidence within a bounded memory; the one not asked for longest goes first."""

    def __init__(self) -> None:
        self._evidence: cachetools.LRUCache[EvidenceKey, Evidence] = cachetools.LRUCache(EVIDENCE_BYTES, _size)

    def get(self, key: EvidenceKey) -> Evidence | None:
        """What is known under a key, fresh or not."""
        return self._evidence.get(key)

    def put(self, key: EvidenceKey, evidence: Evidence) -> None:
        """Keep newly verified evidence."""
        self._evidence[key] = evidence

    def drop(self, key: EvidenceKey) -> None:
        """Forget evidence that a later answer of Notary contradicts."""
        self._evidence.pop(key, None)
