"""One pull from a whole crowd: the first is answered in full, and whoever asks in the same bytes waits for that.

A thousand nodes that are told to run one image ask for it at the same moment. Only what the fast path may remember is
led, and nobody waits twice for what it did not learn: who waited is answered by it as any warm request is, or takes
everybody's path after all.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Final, TypeAlias

from cachetools import TTLCache

from proxy.limits import FAST_REQUESTS_SEEN, FOLLOWERS_ALONE_SECONDS, FOLLOWERS_AT_ONCE

Wake: TypeAlias = Callable[[], None]
"""Told that somebody was answered; raises nothing."""

_MANIFESTS: Final = b"/manifests/"


class Followers:
    """Who waits for whose answer, by the bytes of the request."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[Wake]] = {}
        self._alone: TTLCache[int, None] = TTLCache(FAST_REQUESTS_SEEN, FOLLOWERS_ALONE_SECONDS)  # led in vain

    def lead(self, data: bytes) -> bool:
        """Whether these bytes, one whole request that takes everybody's path, are now waited for: then `end` it."""
        if _MANIFESTS not in data or data in self._waiting or hash(data) in self._alone:
            return False
        self._waiting[data] = []
        return True

    def follow(self, data: bytes, wake: Wake) -> bool:
        """Whether the same bytes are being answered, and `wake` will be called after that."""
        waiting = self._waiting.get(data)
        if waiting is None:
            return False
        waiting.append(wake)
        return True

    def are_with(self, data: bytes) -> bool:
        """Whether anybody waits for the answer to these bytes."""
        return bool(self._waiting.get(data))

    def end(self, data: bytes, *, in_vain: bool) -> None:
        """Wake everybody who waits for these bytes; where it was `in_vain`, they are not led again for a while."""
        if in_vain:
            self._alone[hash(data)] = None
        if waiting := self._waiting.pop(data, None):
            _wake(iter(waiting))

    def learnt(self, data: bytes) -> None:
        """These bytes can be answered from now on, so they may be led when that ends."""
        self._alone.pop(hash(data), None)


def _wake(waiting: Iterator[Wake]) -> None:
    """Wake some, and let others have a turn before the rest."""
    for wake in islice(waiting, FOLLOWERS_AT_ONCE):
        wake()
    if (following := next(waiting, None)) is not None:
        asyncio.get_running_loop().call_soon(_wake, chain((following,), waiting))
