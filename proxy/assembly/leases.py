"""What is closed after its last use, once something else has taken its place."""

import asyncio
from collections.abc import Awaitable, Callable

from proxy.tasks import spawn


class Lease:
    """How long something stays open that several use; to be entered by each of them, for as long as that lasts.

    Once it is to `end`, it is closed `linger` seconds after its last use: whoever used it may have begun something that
    goes on beside. Made in a running event loop.
    """

    def __init__(self, close: Callable[[], Awaitable[None]], linger: float) -> None:
        self._close = close
        self._linger = linger
        self._users = 0
        self._is_ending = False
        self._waiting: asyncio.TimerHandle | None = None
        self.is_closed = False

    def __enter__(self) -> None:
        """Begin to use it."""
        self._users += 1

    def __exit__(self, *_: object) -> None:
        """Use it no more."""
        self._users -= 1
        self._wait()

    def end(self) -> None:
        """Nobody new gets it: close it when all are done."""
        self._is_ending = True
        self._wait()

    async def close(self) -> None:
        """Close it now."""
        if self._waiting:
            self._waiting.cancel()
        if not self.is_closed:
            self.is_closed = True
            await self._close()

    def _wait(self) -> None:
        if not self._is_ending or self._users or self.is_closed:
            return
        if self._waiting:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(self._linger, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._users:
            spawn(self.close(), name="close what was replaced")
