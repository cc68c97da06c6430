"""The two clocks of the program, in one place so that tests can hold them."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time for what signatures and configuration say; monotonic seconds for how long ago something was."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Seconds on a clock that nobody can set back."""
        return time.monotonic()
