"""Evidence in memory: verified collections, each for as long as it may answer without asking Notary again.

The key holds the pins and the grace that the collection was verified under, so a changed configuration never finds
evidence of the old one. How old a piece of evidence is, is told by a clock that cannot be set back.

Evidence is kept packed, beside what is asked of it all the time (`Standing`); what was in use lately lies unpacked.
"""

import math
import struct
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

import cachetools

from proxy.errors import DigestNotSigned, Refusal
from proxy.limits import EVIDENCE_BYTES, EVIDENCE_ENTRIES, HOT_EVIDENCE_BYTES, PACKED_PLAIN_BYTES
from proxy.names import ROOT, Digest, Gun
from proxy.policy.crowds import is_crowded, unchanged_until
from proxy.policy.decisions import Allowed
from proxy.policy.entries import Blocklist, Entry
from proxy.policy.evaluation import admit_digest, survey, why_not_admitted
from proxy.policy.expiry import in_outage, with_grace
from proxy.policy.past import Past
from proxy.policy.past_packed import keep, kept
from proxy.registry.closure import Roots
from proxy.surveys import Answer, Survey, Surveys
from proxy.telemetry.caches import watch
from proxy.tuf.collection import Collection, Unusable
from proxy.tuf.packed import pack, timestamp_of, unpack
from proxy.tuf.pins import Pins

EvidenceKey: TypeAlias = tuple[str, Gun, Pins, timedelta]
"""The Notary's name, the GUN, the pins, and the grace for timestamp and snapshot."""

_PIECE_BYTES: Final = 479  # with its head a block of 512, the largest that Python makes itself: the heap wastes a third
_SPARED: Final = 64  # at most, to make room once
_HOT_ENTRIES: Final = 256  # at most, and fewer where some are large: each takes that share of the room at least
_EXPIRES: Final = struct.Struct("<d")
_OVERHEAD_BYTES: Final = 600  # of one piece of evidence: its key, its standing, its place


@dataclass(slots=True)
class Evidence:
    """A verified collection, what its tags had before, and when Notary last confirmed it.

    `generation` is the trust store's, None where it was never committed. `checked_at` is UTC, `checked` monotonic
    seconds; `is_outage` where it serves because Notary cannot be reached. `standing` is its place in memory, if it has
    one: as long as that place is the same, nothing else would come of it.
    """

    collection: Collection
    past: Past
    generation: int | None
    checked_at: datetime
    checked: float
    surveys: Surveys = field(default_factory=Surveys, repr=False)
    is_outage: bool = False
    standing: "Standing | None" = field(default=None, repr=False, compare=False)
    _twin: "Evidence | None" = field(default=None, repr=False, compare=False)

    def is_fresh(self, fresh_for: timedelta, seconds: float) -> bool:
        """Whether it may answer without asking Notary again."""
        return seconds - self.checked < fresh_for.total_seconds()

    def in_outage(self) -> "Evidence":
        """The same for as long as Notary cannot be reached: the expiry of a timestamp that was good does not count.

        One object however often it is asked for, with surveys of its own: more may be admitted.
        """
        if self.is_outage:
            return self
        if self._twin is None:
            uncounted = in_outage(self.collection, self.checked_at)
            surveys = Surveys(self.surveys.turn)
            self._twin = replace(self, collection=uncounted, surveys=surveys, is_outage=True, standing=None)
        return self._twin

    def confirm(self, checked_at: datetime, checked: float) -> None:
        """Note that Notary still says the same; never an earlier instant than is known."""
        if self.collection.timestamp.expires < checked_at:
            self._twin = None  # the timestamp counts by grace alone, and that no outage lengthens
        for each in (self, self._twin):
            if each and checked >= each.checked:
                each.checked_at, each.checked = checked_at, checked

    def inherit(self, older: "Evidence") -> None:
        """Take over what was made of older evidence that says the same."""
        if older.collection.hashes == self.collection.hashes and older.past.encode() == self.past.encode():
            self.surveys = older.surveys
        self.surveys.turn = older.surveys.turn

    async def survey(self, entry: Entry, blocked: Blocklist, now: datetime) -> Survey:
        """What all its tags come to. Raises a `TrustError` where defects alone leave nothing admitted."""
        return await self.surveys.of(entry, partial(self._make, entry, blocked, now), now)

    async def admit(self, entry: Entry, digest: Digest, blocked: Blocklist, now: datetime) -> Allowed | None:
        """What `admit_digest` says; beside the event loop where too many tags have to do with a digest."""
        if not is_crowded(digest, self.collection, self.past):
            return admit_digest(entry, digest, self.collection, now, past=self.past, blocked=blocked)
        outcome = (await self._answer(entry, digest, blocked, now)).outcome
        return outcome if isinstance(outcome, Allowed) else None

    async def why_not(self, entry: Entry, digest: Digest, blocked: Blocklist, now: datetime) -> Refusal:
        """What `why_not_admitted` says of a digest that was not admitted, likewise. Raises as `admit` does."""
        if not is_crowded(digest, self.collection, self.past):
            return why_not_admitted(entry, digest, self.collection, now, past=self.past, blocked=blocked)
        outcome = (await self._answer(entry, digest, blocked, now)).outcome
        return outcome if isinstance(outcome, Refusal) else DigestNotSigned(digest)

    async def _answer(self, entry: Entry, digest: Digest, blocked: Blocklist, now: datetime) -> Answer:
        make = partial(self._judge, entry, digest, blocked, now)
        return await self.surveys.about(entry, digest, make, now)

    def _judge(self, entry: Entry, digest: Digest, blocked: Blocklist, now: datetime) -> Answer:
        collection, past = self.collection, self.past
        if admitted := admit_digest(entry, digest, collection, now, past=past, blocked=blocked):
            return Answer(admitted, admitted.valid_until)
        refusal = why_not_admitted(entry, digest, collection, now, past=past, blocked=blocked)
        return Answer(refusal, unchanged_until(entry, digest, collection, now, past))

    def _make(self, entry: Entry, blocked: Blocklist, now: datetime) -> Survey:
        allowed, tags = survey(entry, self.collection, now, past=self.past, blocked=blocked)
        roots = Roots(allowed)
        _ = roots.by_digest  # made here, beside the event loop, because it takes its time as well
        return Survey(roots, tags, min((each.valid_until for each in allowed), default=None))


@dataclass(slots=True, weakref_slot=True)
class Standing:
    """What is asked of evidence all the time, without looking at what it says; and that, packed.

    `noted` is when the trust store was last told of a check, `asked` when somebody last wanted it, and `verified` when
    all of it was verified, in monotonic seconds; `checked_utc` is the last check in POSIX seconds, which takes less
    than an instant. A check from before `questioned` makes nothing fresh. Its first expiry stands behind the rest.
    """

    generation: int | None
    checked_utc: float
    checked: float
    noted: float
    asked: float
    verified: float
    is_whole: bool
    _front: bytes = field(repr=False)
    _back: bytes = field(repr=False)
    _past: bytes = field(repr=False)
    questioned: float = -math.inf
    _is_wanted: bool = field(default=False, repr=False)

    @property
    def checked_at(self) -> datetime:
        """When Notary last confirmed it (UTC)."""
        return datetime.fromtimestamp(self.checked_utc, UTC)

    @property
    def expires(self) -> float:
        """The first expiry of root, timestamp, snapshot and targets, grace included (POSIX seconds)."""
        (seconds,) = _EXPIRES.unpack_from(self._back, len(self._back) - _EXPIRES.size)
        return float(seconds)

    @property
    def timestamp(self) -> bytes:
        """The SHA-256 of the timestamp's file."""
        return timestamp_of(self._front)

    def is_fresh(self, fresh_for: timedelta, seconds: float) -> bool:
        """Whether the evidence may answer without asking Notary again."""
        return seconds - self.checked < fresh_for.total_seconds()

    def has_expired(self, now: datetime) -> bool:
        """Whether nothing but a full verification will do, as from `expires` on."""
        return now.timestamp() >= self.expires

    def unpack(self) -> Evidence:
        """The evidence, as far as policy asks."""
        collection, past = unpack(self._front + self._back[: -_EXPIRES.size]), kept(self._past)
        return Evidence(collection, past, self.generation, self.checked_at, self.checked, standing=self)

    @property
    def size(self) -> int:
        """About how many bytes it takes as it is."""
        return len(self._front) + len(self._back) + len(self._past) + _OVERHEAD_BYTES

    @property
    def hot_size(self) -> int:
        """About how many bytes it takes unpacked; even the largest has a place, alone."""
        share = HOT_EVIDENCE_BYTES // _HOT_ENTRIES
        return min(max(2 * self.size, share), HOT_EVIDENCE_BYTES)

    def want(self) -> None:
        """Note that it was asked for, so that others go first."""
        self._is_wanted = True

    def spare(self) -> bool:
        """Whether it was asked for since it was last spared."""
        was_wanted, self._is_wanted = self._is_wanted, False
        return was_wanted


@dataclass(frozen=True, slots=True)
class _Hot:
    """One piece of evidence, ready to be asked."""

    evidence: Evidence
    size: int


class DecisionCache:
    """Pieces of evidence within a bounded memory; those that nobody asked for since long go first.

    They stand in the order in which they came. To make room the first goes, unless it was asked for meanwhile: then
    it stands last once more. That is as good as the exact order, which would cost each a fifth of its memory.
    """

    def __init__(self) -> None:
        self._known: dict[EvidenceKey, Standing] = {}
        self._bytes = 0
        self._hot: cachetools.LRUCache[EvidenceKey, _Hot] = cachetools.LRUCache(HOT_EVIDENCE_BYTES, _size)
        watch("evidence", self, count=lambda cache: len(cache.keys()), is_sized=True)
        watch("unpacked", self._hot, is_sized=True)

    @property
    def currsize(self) -> int:
        """About how many bytes all of it takes packed."""
        return self._bytes

    def get(self, key: EvidenceKey) -> Evidence | None:
        """What is known under a key, fresh or not."""
        standing = self._known.get(key)
        if standing is None:
            return None
        standing.want()
        hot = self._hot.get(key)
        if hot is None:
            hot = self._hot[key] = _Hot(standing.unpack(), standing.hot_size)
        return hot.evidence

    def standing(self, key: EvidenceKey) -> Standing | None:
        """How it stands with what is known under a key; nothing is unpacked for it."""
        return self._known.get(key)

    def put(self, key: EvidenceKey, evidence: Evidence) -> None:
        """Keep newly verified evidence; what was made of the one before stays, where it says the same."""
        before = self._known.get(key)
        if hot := self._hot.get(key):
            evidence.inherit(hot.evidence)
        self.drop(key)
        collection = evidence.collection
        packed = pack(collection)
        cut = len(packed) if len(packed) > PACKED_PLAIN_BYTES else _PIECE_BYTES  # a large one is not copied
        standing = Standing(
            generation=evidence.generation,
            checked_utc=evidence.checked_at.timestamp(),
            checked=evidence.checked,
            noted=evidence.checked,
            asked=before.asked if before else evidence.checked,
            verified=evidence.checked,
            questioned=before.questioned if before else -math.inf,
            is_whole=not any(isinstance(role, Unusable) for role in collection.roles.values()),
            _front=packed[:cut],
            _back=packed[cut:] + _EXPIRES.pack(_expiry(collection, key[3]).timestamp()),
            _past=keep(evidence.past),
        )
        evidence.standing = self._known[key] = standing
        self._bytes += standing.size
        self._hot[key] = _Hot(evidence, standing.hot_size)
        self._make_room()

    def confirm(self, key: EvidenceKey, checked_at: datetime, checked: float) -> None:
        """Note that Notary still says the same (UTC, monotonic seconds); never an earlier instant than is known."""
        standing = self._known.get(key)
        if standing and checked >= standing.checked:
            standing.checked_utc, standing.checked = checked_at.timestamp(), checked
            if hot := self._hot.get(key):
                hot.evidence.confirm(checked_at, checked)

    def drop(self, key: EvidenceKey) -> None:
        """Forget evidence that a later answer of Notary contradicts."""
        self._hot.pop(key, None)
        if standing := self._known.pop(key, None):
            self._bytes -= standing.size

    def keys(self) -> tuple[EvidenceKey, ...]:
        """All keys under which something is known now."""
        return tuple(self._known)

    def standings(self) -> tuple[tuple[EvidenceKey, Standing], ...]:
        """How it stands with everything that is known now."""
        return tuple(self._known.items())

    def _make_room(self) -> None:
        spared = 0
        while self._bytes > EVIDENCE_BYTES or len(self._known) > EVIDENCE_ENTRIES:
            key = next(iter(self._known))
            if spared < _SPARED and self._known[key].spare():
                self._known[key] = self._known.pop(key)
                spared += 1
            else:
                self.drop(key)


def _size(hot: _Hot) -> int:
    return hot.size


def _expiry(collection: Collection, grace: timedelta) -> datetime:
    tops = (collection.root, collection.timestamp, collection.snapshot)
    instants = [with_grace(top.expires, grace) if top.name != ROOT else top.expires for top in tops]
    return min(*instants, collection.targets.expires)
