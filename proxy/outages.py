"""Says once when a Notary or the trust store goes away, what comes of it, and once when it is back."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final, TypeAlias

import structlog

from proxy.errors import Refusal
from proxy.names import Gun
from proxy.policy.entries import Policy
from proxy.refusals import for_log
from proxy.tuf.pins import Pins

_log = structlog.get_logger()

_MOST: Final = 1000

Kind: TypeAlias = tuple[str, Pins, timedelta]
"""What entries under which one collection is verified alike have in common: Notary, pins, and grace."""


class Left(Enum):
    """What is left of a collection that cannot be confirmed: the event, and whether it is an error."""

    SERVES = "outage: what was checked before goes on serving", False
    TOO_OLD = "outage: what was checked before is too old for outage_for, and is refused", True
    NOTHING = "outage: nothing was checked before that could serve", False


@dataclass(slots=True)
class _Outage:
    """Since when (monotonic seconds), what was told, and collections that failed, as many as are remembered."""

    since: float
    told: set[Left] = field(default_factory=set)
    failed: set[Gun] = field(default_factory=set)

    def ends_with(self, gun: Gun, seconds: float) -> bool:
        """Whether a check of this collection, then, says something: its neighbours may have been well all the time."""
        return seconds >= self.since and (gun in self.failed or len(self.failed) >= _MOST)


@dataclass(slots=True)
class Outages:
    """Which Notaries' collections cannot be confirmed, for the log."""

    _outages: dict[str, _Outage] = field(default_factory=dict)
    _over: dict[str, float] = field(default_factory=dict)
    """When each Notary's last outage ended."""

    def note_away(self, notary: str, gun: Gun, began: float, why: Refusal, left: Left) -> None:
        """A check that began then failed for a reason that says nothing of the collection."""
        outage = self._outages.get(notary)
        if outage is None:
            if began < self._over.get(notary, began):
                return  # it waited through an outage that others have seen the end of
            outage = self._outages[notary] = _Outage(began)
        if left not in outage.told:
            outage.told.add(left)
            event, is_error = left.value
            tell = _log.error if is_error else _log.warning
            tell(event, notary=notary, gun=gun, why=for_log(why, gun, notary))
        if len(outage.failed) < _MOST:
            outage.failed.add(gun)

    def note_back(self, notary: str, gun: Gun, seconds: float) -> None:
        """A check succeeded then, here or in another process of ours (monotonic seconds)."""
        outage = self._outages.get(notary)
        if outage is not None and outage.ends_with(gun, seconds):
            del self._outages[notary]
            self._over[notary] = seconds
            _log.info("outage is over", notary=notary, gun=gun, seconds=round(seconds - outage.since))


def longest_spans(policy: Policy) -> dict[Kind, timedelta]:
    """For how long evidence may serve in an outage, by its kind: where entries differ, as the most patient one says."""
    spans: dict[Kind, timedelta] = {}
    for each in policy.entries:
        kind = each.notary, each.pins, each.expiry_grace
        spans[kind] = max(each.outage_for, spans.get(kind, timedelta()))
    return spans
