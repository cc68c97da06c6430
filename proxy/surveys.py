"""What many tags come to: made beside the event loop, once for everybody who waits, and kept while it holds.

Each tag costs some ten microseconds, and there may be a hundred thousand. The threads are few and their own, so that
whoever signs again and again keeps nobody waiting for anything else; of one collection one thing is made at a time,
and nothing that nobody waits for any more before its turn has come.
"""

import asyncio
import gc
import threading
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import cachetools

from proxy.errors import Refusal
from proxy.limits import DIGEST_ANSWERS, SURVEY_THREADS
from proxy.names import Digest, Tag
from proxy.policy.decisions import Allowed
from proxy.policy.entries import Entry
from proxy.registry.closure import Roots
from proxy.tasks import spawn

_ENTRIES_REMEMBERED: Final = 4  # entries that share one collection, such as two names for one GUN
_THREADS: Final = ThreadPoolExecutor(SURVEY_THREADS, thread_name_prefix="survey")


class _Lasting(Protocol):
    """Something that is good for a while."""

    def holds(self, now: datetime) -> bool:
        """Whether it still is."""


_Made = TypeVar("_Made", bound=_Lasting)
_Known: TypeAlias = "MutableMapping[Hashable, _Job[_Made]]"


@dataclass(frozen=True, slots=True)
class Survey:
    """What all tags of a collection come to under one entry: what is admitted by itself, and which tags have it."""

    roots: Roots
    tags: frozenset[Tag]
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether nothing in it has run out; time alone never admits anything more."""
        return self.until is None or now <= self.until


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tags of a collection say of one digest: what admits it, else why nothing does."""

    outcome: Allowed | Refusal
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether nothing that it rests on has run out."""
        return self.until is None or now < self.until


class _Job(Generic[_Made]):
    """One thing that is being made, or was."""

    def __init__(self, entry: Entry, make: Callable[[], _Made], turn: asyncio.Lock) -> None:
        self.entry = entry
        self._waiting = 0
        self._has_begun = False
        self._task = spawn(self._run(make, turn), name=f"survey {entry.pattern}")
        self._task.add_done_callback(_look_at)

    @property
    def is_lost(self) -> bool:
        """Whether it was given up, or ended by a defect of ours: without saying anything of the collection."""
        task = self._task
        if task.cancelled() or task.cancelling():
            return True
        return task.done() and not isinstance(task.exception(), Refusal | None)

    async def result(self) -> _Made:
        """What is made, or the exception of whoever makes it. The last to leave gives up what has not begun."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self._has_begun:
                self._task.cancel()

    async def _run(self, make: Callable[[], _Made], turn: asyncio.Lock) -> _Made:
        async with turn:
            return await asyncio.get_running_loop().run_in_executor(_THREADS, self._begin, make)

    def _begin(self, make: Callable[[], _Made]) -> _Made:
        self._has_begun = True
        with _COLLECTOR.resting():
            return make()


@dataclass(slots=True)
class Surveys:
    """Everything of this kind that was made of one collection. A refusal stands for as long as the collection.

    `turn` is whose turn it is; newer evidence of the same collection takes it over.
    """

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _surveys: "_Known[Survey]" = field(default_factory=lambda: cachetools.LRUCache(_ENTRIES_REMEMBERED))
    _answers: "_Known[Answer]" = field(default_factory=lambda: cachetools.LRUCache(DIGEST_ANSWERS))

    async def of(self, entry: Entry, make: Callable[[], Survey], now: datetime) -> Survey:
        """The survey for an entry, made anew when the first of its permissions has run out. Raises as `make` does."""
        return await self._shared(self._surveys, id(entry), entry, make, now)

    async def about(self, entry: Entry, digest: Digest, make: Callable[[], Answer], now: datetime) -> Answer:
        """The answer about a digest for an entry, made anew when it holds no more. Raises as `make` does."""
        return await self._shared(self._answers, (id(entry), digest), entry, make, now)

    async def _shared(
        self, known: "_Known[_Made]", key: Hashable, entry: Entry, make: Callable[[], _Made], now: datetime
    ) -> _Made:
        while (job := known.get(key)) and job.entry is entry and not job.is_lost:
            made = await job.result()
            if made.holds(now):
                return made
            if known.get(key) is job:  # else somebody else who waited has begun anew
                break
        job = known[key] = _Job(entry, make, self.turn)
        return await job.result()


class _Collector:
    """The garbage collector, which rests from the first who wishes that to the last, however their threads cross."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wishing = 0
        self._was_enabled = False

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Spare the event loop the collector, which would go through all that a survey makes, again and again."""
        with self._lock:
            if not self._wishing:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._wishing += 1
        try:
            yield
        finally:
            with self._lock:
                self._wishing -= 1
                if not self._wishing and self._was_enabled:
                    gc.enable()


_COLLECTOR: Final = _Collector()


def _look_at(task: "asyncio.Task[_Made]") -> None:
    """A survey that fails while nobody waits for it any more has been looked at."""
    if not task.cancelled():
        task.exception()
