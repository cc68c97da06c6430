"""The two clocks of the program, in one place so that tests can hold them."""

import time
from datetime import UTC, datetime
from typing import Final

_SECONDS: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Wall time for what signatures and configuration say; monotonic seconds for how long ago something was.

    Those go on while the machine sleeps, where the platform can tell: evidence grows old then too.
    """

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Seconds on a clock that nobody can set back."""
        return time.clock_gettime(_SECONDS)
