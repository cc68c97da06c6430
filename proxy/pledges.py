"""Until when an earlier decision stands, so that it need not be made again to be known."""

from dataclasses import dataclass
from datetime import datetime
from weakref import ref

from proxy.decision_cache import EvidenceKey, Standing
from proxy.renewal import Renewal


@dataclass(frozen=True, slots=True)
class Pledge:
    """A decision stands while its evidence has its place, is fresh, and nothing has come to its end.

    `fresh_for` is in seconds, `ends` in POSIX seconds: the first instant at which something else may come of the same
    evidence. The place is not held: memory of evidence has its own bound, and what it let go of is gone.
    """

    key: EvidenceKey
    place: "ref[Standing]"
    fresh_for: float
    ends: float
    renewal: Renewal

    def confirmed(self, now: datetime) -> float | None:
        """When Notary last confirmed what the decision rests on (POSIX seconds); None where it does not stand any more.

        That is no refusal: it has to be made again.
        """
        utc, standing = now.timestamp(), self.place()
        if standing is None or utc >= self.ends or not self.renewal.serves(self.key, standing, self.fresh_for, utc):
            return None
        return standing.checked_utc
