"""Notices that a tag is refused which was admitted not long ago: what somebody should look at before clients do.

The trust store keeps when each tag was admitted last. All of that is noted and looked up in the background, in batches,
so that no request waits for it; where the store is away, notes wait as far as there is room, and decisions hear nothing
of it. It is no evidence: nothing is decided by it.
"""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

import structlog

from proxy.clock import Clock
from proxy.errors import TrustStoreUnavailable
from proxy.limits import (
    ADMISSION_NOTED_SECONDS,
    ADMISSIONS_AT_ONCE,
    ADMISSIONS_AWAY_SECONDS,
    ADMISSIONS_CLOSE_SECONDS,
    ADMISSIONS_KNOWN,
    ADMISSIONS_PAUSE_SECONDS,
    ADMISSIONS_UNNOTED,
    REFUSALS_LOOKED_UP,
    REFUSALS_LOOKED_UP_SECONDS,
    REFUSALS_WAIT_SECONDS,
    REGRESSION_DAYS,
)
from proxy.names import Digest
from proxy.store.protocol import Admission, Tagged, TrustStore
from proxy.tasks import spawn
from proxy.telemetry import Audit
from proxy.telemetry.metrics import NO_RULE, REGRESSIONS

_Value = TypeVar("_Value")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a tag was refused, in the words of the log: `refusal` is a code."""

    rule: str | None
    mode: str
    refusal: str
    gun: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A refusal that is to be looked up from `since` on, on the clock of the event loop."""

    why: Refused
    at: datetime
    since: float


class Admissions:
    """What this process admitted and refused, as far as it is not noted yet. Made in, and used by, one event loop."""

    def __init__(self, store: TrustStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[Tagged, tuple[Digest, float]] = {}
        self._looked_up: dict[Tagged, float] = {}
        self._admitted: dict[Tagged, Admission] = {}
        self._refused: dict[Tagged, _Waiting] = {}
        self._work: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._is_away = False

    def admit(self, key: Tagged, digest: Digest) -> None:
        """A tag was admitted: note it, unless that was done within the hour."""
        noted = self._noted.get(key)
        if noted and noted[0] == digest and self._clock.seconds() - noted[1] < ADMISSION_NOTED_SECONDS:
            return
        self._looked_up.pop(key, None)
        if key in self._admitted or len(self._admitted) < ADMISSIONS_UNNOTED:
            self._admitted[key] = Admission(digest, self._clock.now())
            _put(self._noted, key, (digest, self._clock.seconds()), ADMISSIONS_KNOWN)
            self._begin()

    def refuse(self, key: Tagged, refused: Refused) -> None:
        """A tag was refused by what is signed, or by the configuration: find out whether it was admitted before."""
        looked_up = self._looked_up.get(key)
        if looked_up is not None and self._clock.seconds() - looked_up < REFUSALS_LOOKED_UP_SECONDS:
            return
        self._noted.pop(key, None)  # whatever it had before, the next admission says something new
        if key not in self._refused and len(self._refused) < ADMISSIONS_UNNOTED:
            since = asyncio.get_running_loop().time() + REFUSALS_WAIT_SECONDS
            self._refused[key] = _Waiting(refused, self._clock.now(), since)
            _put(self._looked_up, key, self._clock.seconds(), REFUSALS_LOOKED_UP)
            self._begin()

    async def close(self) -> None:
        """Note what is left, if that can be done at once."""
        self._closing.set()
        if self._work is not None:
            await asyncio.wait([self._work], timeout=ADMISSIONS_CLOSE_SECONDS)
            self._work.cancel()

    def _begin(self) -> None:
        if self._work is None or self._work.done():
            self._work = spawn(self._note_all(), name="note what was admitted")

    async def _note_all(self) -> None:
        """Go on until nothing is left to be noted; each turn gathers what comes meanwhile."""
        pause = ADMISSIONS_PAUSE_SECONDS
        while self._admitted or self._refused:
            await self._wait(pause)
            pause = ADMISSIONS_PAUSE_SECONDS
            try:
                await self._note_some()
                self._is_away = False
            except TrustStoreUnavailable as unavailable:
                pause = ADMISSIONS_AWAY_SECONDS
                if not self._is_away:
                    _log.warning("what was admitted is not noted for now", why=str(unavailable))
                self._is_away = True
            except Exception as defect:  # noqa: BLE001  (a defect of ours costs notes alone, and is told)
                _log.exception("what was admitted could not be noted", why=repr(defect))
                self._admitted.clear()
                self._refused.clear()
            if self._closing.is_set():
                return

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _note_some(self) -> None:
        """Admissions first: what was refused after them ends them. Raises `TrustStoreUnavailable`."""
        admitted = dict(islice(self._admitted.items(), ADMISSIONS_AT_ONCE))
        if admitted:
            await self._store.note_admissions(admitted)
            _drop(self._admitted, admitted)
        refused = dict(islice(self._due(), ADMISSIONS_AT_ONCE))
        if not refused or self._admitted.keys() & refused.keys():
            return
        since = self._clock.now() - timedelta(days=REGRESSION_DAYS)
        ended = await self._store.note_refusals({key: each.at for key, each in refused.items()}, since)
        _drop(self._refused, refused)
        for key, admission in ended.items():
            _tell(key, admission, refused[key].why)

    def _due(self) -> Iterator[tuple[Tagged, _Waiting]]:
        """The refusals that have waited long enough, all of them at the end."""
        now = math.inf if self._closing.is_set() else asyncio.get_running_loop().time()
        return ((key, each) for key, each in self._refused.items() if each.since <= now)


def _tell(key: Tagged, before: Admission, refused: Refused) -> None:
    REGRESSIONS.inc(refused.rule or NO_RULE)
    _log.warning(
        "regression: what was admitted before is refused",
        audit=Audit.REGRESSION,
        name=key.name,
        reference=f"{key.repository}:{key.tag}",
        digest=before.digest,
        admitted_at=before.at.isoformat(timespec="seconds"),
        rule=refused.rule,
        mode=refused.mode,
        refusal=refused.refusal,
        gun=refused.gun,
        request_id=refused.request_id,
    )


def _put(known: dict[Tagged, _Value], key: Tagged, value: _Value, most: int) -> None:
    """Remember something at the end, and let go of what was put there first where there is too much."""
    known.pop(key, None)
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]


def _drop(waiting: dict[Tagged, _Value], done: dict[Tagged, _Value]) -> None:
    """Take out what is done, unless something newer has taken its place."""
    for key, value in done.items():
        if waiting.get(key) is value:
            del waiting[key]
