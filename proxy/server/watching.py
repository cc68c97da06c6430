"""Waits until the configuration is to be read anew: because somebody asks for it, or because a file has changed."""

import asyncio
from enum import StrEnum

from proxy.config import Seen
from proxy.limits import WATCHED_SECONDS


class Cause(StrEnum):
    """Why it is read anew."""

    ASKED = "SIGHUP"
    CHANGED = "files changed"


class Watch:
    """Looks at files once a second, with no help of the system: they may lie anywhere, and where links lead counts.

    What has changed is read when it looks the same for two looks in a row, so hardly while it is being written; and
    if it was, it looks otherwise soon after.
    """

    def __init__(self) -> None:
        """Begin."""
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Have it read at once; asked several times before that, it is read once."""
        self._asked.set()

    async def wait(self, seen: Seen) -> Cause:
        """Wait until what was `seen` has to be read anew."""
        before = seen.looks
        while True:
            try:
                async with asyncio.timeout(WATCHED_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                now = await asyncio.to_thread(seen.look_again)
                if now == before != seen.looks:
                    return Cause.CHANGED
                before = now
            else:
                self._asked.clear()
                return Cause.ASKED
