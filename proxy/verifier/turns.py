"""Whose turn it is in the process that verifies: one step at a time, and no collection keeps the others from it.

Steps of one collection are taken one after the other, and those of different collections in the order in which they
came. Whoever took long rests as long afterwards while there are others: half of the process is theirs.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proxy.names import Gun


class Turns:
    """Turns by collection, in one event loop; `seconds` is a clock that never goes back."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._present: Counter[Gun] = Counter()
        self._waiting: dict[Gun, deque[asyncio.Future[None]]] = {}  # whoever came first is first
        self._rests_until: dict[Gun, float] = {}
        self._taken_at: float | None = None
        self._alarm: asyncio.TimerHandle | None = None

    @contextmanager
    def present(self, gun: Gun) -> Iterator[None]:
        """Say that a verification of a collection is under way: others that took long let it go first."""
        self._present[gun] += 1
        try:
            yield
        finally:
            self._present[gun] -= 1
            if not self._present[gun]:
                del self._present[gun]
            self._give()

    async def come(self, gun: Gun) -> None:
        """Wait for a turn; it lasts until `leave`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(gun, deque()).append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given at this very moment
                self.leave(gun)
            raise

    def leave(self, gun: Gun) -> None:
        """End a turn."""
        now = self._seconds()
        self._rests_until = {each: until for each, until in self._rests_until.items() if until > now}
        if self._taken_at is not None:
            self._rests_until[gun] = now + (now - self._taken_at)
        self._taken_at = None
        self._give()

    def _give(self) -> None:
        """Give the turn to the next one, if there is one and the turn is free."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        while self._taken_at is None and self._waiting:
            now = self._seconds()
            gun = min(self._waiting, key=lambda each: max(now, self._rests_until.get(each, now)))
            rest = self._rests_until.get(gun, now) - now
            if rest > 0 and len(self._present) > 1:
                self._alarm = asyncio.get_running_loop().call_later(rest, self._give)
                return
            queue = self._waiting.pop(gun)
            turn = queue.popleft()
            if queue:
                self._waiting[gun] = queue  # behind all others
            if not turn.done():  # else whoever waited has left
                self._taken_at = now
                turn.set_result(None)
