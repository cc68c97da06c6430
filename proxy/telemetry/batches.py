"""Lines and counts of answers that are given too often to be told one by one; told together, a moment later.

A crash may lose what the last moment (`BATCH_SECONDS`) brought. Nothing of the audit stream passes here.
"""

import asyncio
from dataclasses import dataclass

from proxy.limits import BATCH_LINES, BATCH_SECONDS
from proxy.telemetry import logs
from proxy.telemetry.meters import Counter, Histogram, Values


@dataclass(slots=True, eq=False)
class Tally:
    """What is counted for each of certain answers: one of a counter, and hardly any time in a histogram."""

    counter: Counter
    counted: Values
    histogram: Histogram
    observed: Values
    times: int = 0


class Batch:
    """What is to be written and counted; of one event loop."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._tallies: list[Tally] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, line: str, tally: Tally, *, waited: float = 0.0) -> None:
        """Take a line of the log, complete but for its end, and count once; `waited` (seconds) is counted at once."""
        self._lines.append(line)
        if waited:
            tally.counter.inc(*tally.counted)
            tally.histogram.observe(waited, *tally.observed)
        else:
            if not tally.times:
                self._tallies.append(tally)
            tally.times += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self.flush)
        elif len(self._lines) >= BATCH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write and count what there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        tallies, self._tallies = self._tallies, []
        if lines:
            logs.write(lines)
        for tally in tallies:
            times, tally.times = tally.times, 0
            tally.counter.inc(*tally.counted, amount=times)
            tally.histogram.observe(0.0, *tally.observed, times=times)
