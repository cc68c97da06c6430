"""The rounds of one Notary: which of its collections is due to be checked when, and so many checks at once."""

import asyncio
import heapq
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Self, TypeAlias

from proxy.decision_cache import EvidenceKey
from proxy.limits import (
    FIRST_ROUND_SECONDS,
    RENEWED_AT_ONCE,
    RENEWED_FOR_DAYS,
    RENEWED_HOURLY_SECONDS,
    RENEWED_WHILE_SECONDS,
)
from proxy.renewal import Renewal
from proxy.tuf.pins import Pins

Kind: TypeAlias = tuple[Pins, timedelta]
"""Pins and grace: what entries that share evidence have in common."""

_NOW: Final = 0.0
_SHORTEST_SECONDS: Final = 1.0
_SPARE: Final = 64  # places in the heap that are not worth tidying
_EARLY: Final = (0.6, 0.9)  # parts of `fresh_for` after which evidence is renewed; a spread, so that they do not march


def _nobody(_: EvidenceKey) -> None:
    """Nobody else knows of anything."""


@dataclass(slots=True)
class Rounds:
    """The checks of one Notary's collections, in the order in which they are due."""

    renewal: Renewal
    fresh_for: Mapping[Kind, float]
    given_up: Callable[[EvidenceKey], None] = _nobody
    _due: dict[EvidenceKey, float] = field(default_factory=dict)
    _hinted: dict[EvidenceKey, float] = field(default_factory=dict)  # seconds to the next try, where this is in vain
    _heap: list[tuple[float, int, EvidenceKey]] = field(default_factory=list)
    _number: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, renewal: Renewal, notary: str, given_up: Callable[[EvidenceKey], None] = _nobody) -> Self:
        """Those of a Notary; evidence is renewed in time for the most impatient of the entries that share it.

        `given_up` is told of what nothing is known of after a check, and what is not tried again before it is wanted.
        """
        return cls(renewal, _patience(renewal, notary), given_up)

    def rebind(self, notary: str) -> None:
        """Go on under the policy that holds now; what has to be fresher than before is planned anew."""
        before, self.fresh_for = self.fresh_for, _patience(self.renewal, notary)
        for key, due in tuple(self._due.items()):
            kind = key[2:]
            if kind not in self.fresh_for:
                del self._due[key]
            elif self.fresh_for[kind] != before.get(kind) and due != _NOW:
                self.plan(key)

    async def run(self) -> None:
        """Check what is due, so many at once, until cancelled."""
        room = asyncio.Semaphore(RENEWED_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                key = await self._next()
                await room.acquire()
                checking = group.create_task(self._check(key), name=f"keep {key[1]} renewed")
                checking.add_done_callback(lambda _: room.release())

    def want(self, keys: Iterable[EvidenceKey]) -> None:
        """Check these as soon as there is room."""
        for key in keys:
            if self._due.get(key) != _NOW:
                self._put(key, _NOW)

    def begin(self, key: EvidenceKey) -> None:
        """Check for the first time, some time soon."""
        if key not in self._due:
            self._put(key, self.renewal.clock.seconds() + random.uniform(0, FIRST_ROUND_SECONDS))  # noqa: S311  (a spread)

    def plan(self, key: EvidenceKey) -> None:
        """Say when a collection that was checked just now is due again: never, if nobody asks for it any more."""
        standing = self.renewal.cache.standing(key)
        if self._due.get(key) == _NOW:
            return  # it was hinted at while the check was under way, which may have asked too early
        self._hinted.pop(key, None)
        if standing is None:
            self._due.pop(key, None)
            return
        idle = self.renewal.clock.seconds() - standing.asked
        if idle < RENEWED_WHILE_SECONDS:
            fresh = self.fresh_for.get(key[2:], RENEWED_HOURLY_SECONDS)
            early = fresh * random.uniform(*_EARLY)  # noqa: S311  (a spread)
            wait = min(max(early, _SHORTEST_SECONDS), RENEWED_HOURLY_SECONDS)
        elif idle < timedelta(days=RENEWED_FOR_DAYS).total_seconds():
            wait = RENEWED_HOURLY_SECONDS
        else:
            self._due.pop(key, None)
            return
        self._put(key, standing.checked + wait)

    def _put(self, key: EvidenceKey, due: float) -> None:
        self._due[key] = due
        self._number += 1
        if len(self._heap) > 2 * len(self._due) + _SPARE:  # what was planned anew since is in it only to be passed over
            self._heap = [each for each in self._heap if self._due.get(each[2]) == each[0]]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (due, self._number, key))
        self._more.set()

    async def _next(self) -> EvidenceKey:
        """The next key that is due, once it is."""
        while True:
            self._more.clear()
            wait = None
            while self._heap:
                due, _, key = self._heap[0]
                if self._due.get(key) != due:
                    heapq.heappop(self._heap)  # it was planned anew since
                    continue
                wait = due - self.renewal.clock.seconds()
                if wait <= 0:
                    heapq.heappop(self._heap)
                    del self._due[key]
                    if due == _NOW:
                        self._hinted[key] = _SHORTEST_SECONDS
                    return key
                break
            try:
                async with asyncio.timeout(wait):
                    await self._more.wait()
            except TimeoutError:
                continue

    async def _check(self, key: EvidenceKey) -> None:
        """Check, and plan the next time where this one brought nothing: Notary is away, or says no."""
        pause = self._hinted.pop(key, None)
        if not await self.renewal.renew(key):
            self._again(key, pause)

    def _again(self, key: EvidenceKey, pause: float | None) -> None:
        """Plan the next try: after a hint at first after `pause`, then ever more slowly."""
        standing = self.renewal.cache.standing(key)
        if self._due.get(key) == _NOW:
            return  # hinted at anew
        if standing is None:
            self.given_up(key)  # whoever asks next has it checked
            return
        fresh = self.fresh_for.get(key[2:], RENEWED_HOURLY_SECONDS)
        is_idle = self.renewal.clock.seconds() - standing.asked >= RENEWED_WHILE_SECONDS
        soon = min(max(fresh * _EARLY[0], _SHORTEST_SECONDS), RENEWED_HOURLY_SECONDS)
        wait = RENEWED_HOURLY_SECONDS if is_idle else soon
        if pause is not None and pause < wait:
            wait, self._hinted[key] = pause, 2 * pause
        self._put(key, self.renewal.clock.seconds() + wait)


def _patience(renewal: Renewal, notary: str) -> dict[Kind, float]:
    """For how many seconds evidence of each kind is fresh, for the most impatient of the entries that share it."""
    fresh_for: dict[Kind, float] = {}
    for entry in renewal.policy.entries:
        if entry.notary == notary:
            kind, seconds = (entry.pins, entry.expiry_grace), entry.fresh_for.total_seconds()
            fresh_for[kind] = min(fresh_for.get(kind, seconds), seconds)
    return fresh_for
