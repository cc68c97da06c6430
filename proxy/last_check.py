"""The newest check that any process of ours noted: by it our own clock is judged (design: Freshness)."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.errors import Undecided
from proxy.limits import CLOCK_BEHIND_SECONDS, LAST_CHECK_SECONDS
from proxy.store.protocol import TrustReader


@dataclass(slots=True)
class LastCheck:
    """When it was, as far as is known here. It never goes back."""

    _instant: datetime | None = None
    _asked: float = -math.inf

    def note(self, instant: datetime) -> None:
        """There was a check at `instant` (UTC)."""
        self._instant = max(self._instant or instant, instant)

    async def ask(self, store: TrustReader, seconds: float) -> None:
        """Learn from the trust store when others checked, now and then: clocks are judged by minutes.

        `seconds` is monotonic. Raises `TrustStoreUnavailable`.
        """
        if seconds - self._asked < LAST_CHECK_SECONDS:
            return
        last = await store.last_check()
        self._asked = seconds
        if last is not None:
            self.note(last)

    def hold_against(self, now: datetime) -> None:
        """Raise `Undecided` where our clock is far behind: expiry could not be judged by it."""
        if self._instant and self._instant - now > timedelta(seconds=CLOCK_BEHIND_SECONDS):
            raise Undecided("this proxy's clock is behind the last check of its trust store")
