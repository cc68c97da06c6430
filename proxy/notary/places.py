"""Places on a line to one Notary, and who is next on each that becomes free.

Collections that Notary has and strangers (`Known`) wait in queues of their own, and go in turn. Strangers may not have
all places, so that slow answers about names that nobody knows never keep the others from asking.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """`most` places, of which strangers have at most as many as are not `reserved`, in one event loop."""

    def __init__(self, most: int, reserved: int) -> None:
        self._free = most
        self._free_for_strangers = most - reserved
        self._known: deque[asyncio.Future[None]] = deque()
        self._strangers: deque[asyncio.Future[None]] = deque()
        self._last: deque[asyncio.Future[None]] = self._strangers

    @asynccontextmanager
    async def one(self, *, is_stranger: bool) -> AsyncIterator[None]:
        """A place, once it is one's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._strangers if is_stranger else self._known).append(turn)
        self._give()
        try:
            await turn
            yield
        finally:
            if not turn.cancelled():  # it may have been given to one who left at this very moment
                self._free += 1
                self._free_for_strangers += is_stranger
                self._give()

    def _give(self) -> None:
        """Give what is free to those who are next."""
        while self._free and (queue := self._next()) is not None:
            self._free -= 1
            self._free_for_strangers -= queue is self._strangers
            self._last = queue
            queue.popleft().set_result(None)

    def _next(self) -> "deque[asyncio.Future[None]] | None":
        """The queue whose turn it is: the other one than last time, if somebody waits there and may have a place."""
        for queue in (self._known, self._strangers):
            while queue and queue[0].done():
                queue.popleft()  # who waited has left
        strangers = self._strangers if self._free_for_strangers else None
        first, second = (strangers, self._known) if self._last is self._known else (self._known, strangers)
        return first or second or None
