"""Leaves a Notary alone for a moment once it failed often in a row, so that nobody waits for what will not come.

One collection that fails, however often it is asked for, stops only itself; several of them in a row stop all. Names
of which nobody knows whether Notary has them never stop collections that it has (`Known`): anybody can think of names.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import cachetools

from proxy.clock import Clock
from proxy.limits import BREAKER_COLLECTIONS, BREAKER_FAILURES, BREAKER_LONGEST_SECONDS, BREAKER_PAUSE_SECONDS
from proxy.names import Gun
from proxy.notary.known import Known
from proxy.tuf.messages import Fetch, Reply, Unavailable

# A server that answers otherwise is there: what it says may concern one collection alone.
_AWAY: Final = (None, 502, 503, 504)


@dataclass(slots=True)
class _Row:
    """Failures in a row, of one collection or of different ones; after enough of them one tries now and then."""

    failures: int = 0
    why: str = ""
    pause: float = BREAKER_PAUSE_SECONDS
    closed_again: float = 0.0
    began: float = math.inf
    probe: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_open(self) -> bool:
        """Whether there were enough of them."""
        return self.failures >= BREAKER_FAILURES

    def turns_away(self, seconds: float) -> bool:
        """Whether nobody else may try at that moment."""
        return self.is_open and (self.probe.locked() or seconds < self.closed_again)

    def note(self, why: str, seconds: float) -> None:
        """Count one more."""
        self.began = min(self.began, seconds)
        self.failures += 1
        self.why = why
        if self.is_open and seconds >= self.closed_again:  # those under way say nothing new
            self.closed_again = seconds + self.pause
            self.pause = min(2 * self.pause, BREAKER_LONGEST_SECONDS)


@dataclass(slots=True)
class _Crowd:
    """Different collections that failed in a row, with no answer about any in between."""

    row: _Row = field(default_factory=_Row)
    failing: set[Gun] = field(default_factory=set)

    def note(self, gun: Gun, why: str, seconds: float) -> None:
        """Count one more; each of them once, until there were enough."""
        if self.row.is_open or gun not in self.failing:
            self.failing.add(gun)
            self.row.note(why, seconds)


@dataclass(slots=True)
class Breaker:
    """Fetches through `source`.

    After `BREAKER_FAILURES` in a row of one collection, that one is only tried now and then; after failures of as many
    different ones, with no answer about any in between, so is the whole Notary; one fetch at a time.

    Strangers are counted apart, and stop only strangers; even these not while Notary answered a moment ago. They try
    on their own account too, so that they never keep a collection that Notary has from finding it well again, and find
    it themselves where nobody else asks. Each answer, about whomever, is the end for all: what failed since the one
    before may try at once.

    `answers` says whether Notary did when it was asked last, None where it never was; what strangers do not get says
    nothing while it answered a moment ago.
    """

    source: Callable[[Gun, Fetch], Awaitable[Reply]]
    clock: Clock
    answers: bool | None = None
    _known: Known = field(default_factory=Known)
    _all: _Crowd = field(default_factory=_Crowd)
    _strangers: _Crowd = field(default_factory=_Crowd)
    _answered: float = -math.inf
    _rows: "cachetools.LRUCache[Gun, _Row]" = field(default_factory=lambda: cachetools.LRUCache(BREAKER_COLLECTIONS))

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """As the source does, or `Unavailable` at once."""
        is_stranger = self._known.is_stranger(gun, wish)
        crowd = self._strangers if is_stranger else self._all
        rows = [row for row in (crowd.row, self._rows.get(gun)) if row and row.is_open]
        for row in rows:
            if row.turns_away(self.clock.seconds()):
                return Unavailable(f"{row.why}, not asked again yet")
        async with AsyncExitStack() as probes:
            for row in rows:
                await probes.enter_async_context(row.probe)
            return await self._ask(gun, wish, is_stranger=is_stranger)

    async def _ask(self, gun: Gun, wish: Fetch, *, is_stranger: bool) -> Reply:
        reply = await self.source(gun, wish)
        if isinstance(reply, Unavailable) and reply.status in _AWAY:
            self._note_failure(gun, reply.why, is_stranger=is_stranger)
        else:
            self._note_answer(gun, reply)
        return reply

    def _note_failure(self, gun: Gun, why: str, *, is_stranger: bool) -> None:
        seconds = self.clock.seconds()
        was_lately = seconds - self._answered < BREAKER_LONGEST_SECONDS
        self._rows.setdefault(gun, _Row()).note(why, seconds)
        if not is_stranger:
            self._all.note(gun, why, seconds)
        if not (is_stranger and was_lately):
            self.answers = False
        if self._all.row.is_open and not self._strangers.row.is_open:
            self._strangers.row = _Row(BREAKER_FAILURES, why, closed_again=self._all.row.closed_again)
        elif self._strangers.row.is_open or not was_lately:
            self._strangers.note(gun, why, seconds)

    def _note_answer(self, gun: Gun, reply: Reply) -> None:
        if self._all.row.is_open:
            self._rows.clear()  # it was not about them
        else:
            self._rows.pop(gun, None)
            self._let_try(self._all.failing | self._strangers.failing)
        self._all, self._strangers = _Crowd(), _Crowd()
        self.answers, self._answered = True, self.clock.seconds()
        self._known.note(gun, reply)

    def _let_try(self, failing: set[Gun]) -> None:
        """End the pauses of these, if nobody was answered since they began to fail: it may not have been about them."""
        for gun in failing:
            row = self._rows.get(gun)
            if row and row.began > self._answered:
                row.closed_again = self.clock.seconds()
