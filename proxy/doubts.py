"""What Notary put in doubt: collections of which it said something else than what is known, as long as that counts.

Where it says something else just now, and nobody has verified that yet, what is known may still be fresh; but it is no
time for the outage rule: Notary is there. Where what it says did not verify, the old does not serve at all (design:
Freshness).
"""

from dataclasses import dataclass, field

from proxy.decision_cache import EvidenceKey
from proxy.limits import DOUBTS_REMEMBERED


@dataclass(slots=True)
class _Doubt:
    """Since when (monotonic seconds), and which generation in the trust store can serve nobody who has this doubt."""

    since: float
    harmless: int | None = None


@dataclass(slots=True)
class Doubts:
    """Doubts in memory; the first of very many is left to the trust store."""

    _contradicted: dict[EvidenceKey, _Doubt] = field(default_factory=dict)
    _changed: set[EvidenceKey] = field(default_factory=set)

    def is_contradicted(self, key: EvidenceKey) -> bool:
        """Whether what Notary said last did not verify."""
        return key in self._contradicted

    def is_changed(self, key: EvidenceKey) -> bool:
        """Whether Notary says something else, which a check that is under way may verify."""
        return key in self._changed

    def is_harmless(self, key: EvidenceKey, generation: int) -> bool:
        """Whether a contradiction need not outlive this process: what is remembered would not serve without it."""
        doubt = self._contradicted.get(key)
        return doubt is not None and doubt.harmless == generation

    def contradicted(self) -> tuple[EvidenceKey, ...]:
        """All that are contradicted."""
        return tuple(self._contradicted)

    def contradict(self, key: EvidenceKey, seconds: float) -> None:
        """Note that what Notary said then (monotonic seconds) did not verify."""
        doubt = self._contradicted.setdefault(key, _Doubt(seconds))
        doubt.since = max(doubt.since, seconds)
        while len(self._contradicted) > DOUBTS_REMEMBERED:
            del self._contradicted[next(iter(self._contradicted))]

    def note_harmless(self, key: EvidenceKey, generation: int) -> None:
        """Note that this generation in the trust store does not verify, so that it need not know of a contradiction."""
        if doubt := self._contradicted.get(key):
            doubt.harmless = generation

    def change(self, key: EvidenceKey) -> None:
        """Note that Notary says something else, until `end` or `end_change`."""
        self._changed.add(key)

    def end_change(self, key: EvidenceKey) -> bool:
        """Note that nobody is about to verify what Notary says; whether somebody was."""
        was_changed = key in self._changed
        self._changed.discard(key)
        return was_changed

    def end(self, key: EvidenceKey, asked: float) -> bool:
        """Note that what Notary was asked for then (monotonic seconds) is known; whether that ended a doubt."""
        self._changed.discard(key)
        return self.believe(key, asked)

    def believe(self, key: EvidenceKey, checked: float) -> bool:
        """Note that what Notary said then (monotonic seconds) is known, unless a doubt came after it."""
        doubt = self._contradicted.get(key)
        is_over = doubt is not None and doubt.since <= checked
        if is_over:
            del self._contradicted[key]
        return is_over
