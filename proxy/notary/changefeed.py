"""Follows the changefeed of a Notary, and tells which collections to look at anew (design: Freshness; dialect 1.5).

A hint triggers a check and is never evidence: whatever a server says here, it only moves a check that would come
anyway. Without hints everything works, and a change is noticed after `fresh_for`.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog

from proxy.clock import Clock
from proxy.errors import NameInvalid
from proxy.http_auth.login import CATALOGUE_SCOPE
from proxy.limits import (
    CHANGEFEED_AWAY_SECONDS,
    CHANGEFEED_KNOWN,
    CHANGEFEED_PAGES,
    CHANGEFEED_RECORDS,
    CHANGEFEED_SLOW_SECONDS,
    CHANNEL_GUN_LENGTH,
)
from proxy.names import Gun
from proxy.notary.changes import NEWEST, Change, NoChangefeed, Place, read
from proxy.notary.client import NotarySource
from proxy.tuf.messages import Fetched, Missing, TooLarge, Unavailable

_log = structlog.get_logger()

Told: TypeAlias = frozenset[Gun] | None
"""Collections that changed; None where any of the Notary's may have."""

_ANY: Final[Told] = None
_OFTEN: Final = 3  # failures in a row
_LISTED: Final = 10  # collections that one log line names


class _Unread(Exception):
    """The changefeed cannot be read: why, what to do, and how many seconds to wait."""

    def __init__(self, why: str, remedy: str, pause: float = CHANGEFEED_SLOW_SECONDS) -> None:
        super().__init__(why)
        self.remedy = remedy
        self.pause = pause


class _Misplaced(Exception):
    """What comes after our place cannot be told."""


@dataclass(slots=True)
class Changefeed:
    """The changefeed of all collections of a Notary, read again after `every` seconds."""

    source: NotarySource
    every: float
    clock: Clock
    _place: Place | None = None
    _is_first: bool = True
    _failures: int = 0
    _restarted: float = -math.inf
    _is_restless: bool = False
    _journal: "_Journal" = field(init=False)

    def __post_init__(self) -> None:
        self._journal = _Journal(self.source.name, self.every, self.clock)

    def heir(self, source: NotarySource, every: float, *, moved: bool) -> "Changefeed":
        """One that goes on where this one is, with another client; of a Notary that `moved` no place is known.

        Where none is known, anything may have changed until the first poll.
        """
        return Changefeed(source, every, self.clock, None if moved else self._place, _is_first=False)

    async def run(self, tell: Callable[[Told], None]) -> None:
        """Read it until cancelled.

        Args:
            tell: called at most once for each poll: with the collections that changed, or with None where that cannot
                be told, because the changefeed began anew, or there is too much of it, or it could not be read before.
                What was there at the start is not told.
        """
        while True:
            begun = self.clock.seconds()
            try:
                pause = await self._turn(tell)
            except Exception:  # noqa: BLE001  (a defect must not end the hints for good without a word)
                _log.exception("unexpected error", notary=self.source.name)
                self._place = None  # what was not told is made up for by a hint about everything
                pause = CHANGEFEED_SLOW_SECONDS
            await asyncio.sleep(max(begun + pause - self.clock.seconds(), 0.0))

    async def _turn(self, tell: Callable[[Told], None]) -> float:
        """Poll once, and tell; how many seconds after its begin to poll again."""
        try:
            told = await self._poll()
            if told is None or told:
                tell(told)
                self._journal.note_told(told)
            if self._is_restless:
                raise _Unread("it keeps beginning anew", "let all servers behind that address share one database")
        except _Unread as trouble:
            self._failures += 1
            self._journal.complain(trouble)
            return max(self.every, trouble.pause)
        finally:
            self._is_first = False
        self._failures = 0
        self._journal.note_read()
        return self.every

    async def _poll(self) -> Told:
        """What changed since the last poll. Raises `_Unread`."""
        place, self._is_restless = self._place, False
        told: Told
        try:
            if place is not None:
                self._place, told = await self._follow(place)
                return told
            told = frozenset() if self._is_first else _ANY
        except _Misplaced:
            told = _ANY
        self._place = Place.at_the_end(await self._page(NEWEST, CHANGEFEED_KNOWN + 1))
        if place is not None:
            self._note_restart()
        return told

    async def _follow(self, place: Place) -> tuple[Place, Told]:
        """Read on from a place to the end. Raises `_Misplaced`, `_Unread`."""
        changes: set[Change] = set()
        for _ in range(CHANGEFEED_PAGES):
            page = await self._page(place.before, CHANGEFEED_RECORDS)
            followed = place.follow(page)
            if followed is None:
                break
            place, new = followed
            changes |= new
            if len(page) < CHANGEFEED_RECORDS:
                return place, frozenset(_collections(changes))
        raise _Misplaced

    async def _page(self, after: str, records: int) -> tuple[Change, ...]:
        """Raises `_Misplaced`, `_Unread`."""
        section = f"notaries.{self.source.name}"
        otherwise = f"or write {section}.changefeed: off"
        match await self.source.changefeed_page(after, records):
            case Fetched(body):
                try:
                    page = read(body)
                except NoChangefeed as defect:
                    strange = f"what answers is no changefeed ({defect})"
                else:
                    if len(page) <= records:
                        return page
                    strange = "it answers more than it was asked for"
            case TooLarge():
                strange = "its answer is too long"
            case Missing():
                remedy = "let /v2/_trust/changefeed through to a Notary server of version 0.6 or newer"
                raise _Unread("it answers that there is none (404)", f"{remedy}, {otherwise}")
            case Unavailable(why, 401 | 403):
                remedy = f"give the account of {section}.credentials_file the right {CATALOGUE_SCOPE}"
                raise _Unread(f"it may not be read ({why})", f"{remedy}, {otherwise}")
            case Unavailable(_, status) if after != NEWEST and self._is_our_id_unknown(status):
                raise _Misplaced
            case Unavailable(why, status) if status is None or status >= 500:
                raise _Unread(f"no answer ({why})", "see whether Notary is well", CHANGEFEED_AWAY_SECONDS)
            case unavailable:
                strange = f"it is not answered ({unavailable.why})"
        raise _Unread(strange, f"see what answers at {section}.url, {otherwise}")

    def _is_our_id_unknown(self, status: int | None) -> bool:
        """Another kind of database has other ids: then it is a 400, or an error that does not go away."""
        return status == 400 or (status is not None and status >= 500 and self._failures >= _OFTEN)

    def _note_restart(self) -> None:
        """Each time everything is checked, so it must not happen at every poll."""
        now = self.clock.seconds()
        self._is_restless = now - self._restarted < CHANGEFEED_SLOW_SECONDS + self.every
        self._restarted = now


@dataclass(slots=True)
class _Journal:
    """What is said of a changefeed, each thing once."""

    notary: str
    every: float
    clock: Clock
    _was_read: bool = False
    _unread_since: float | None = None
    _complaints: set[str] = field(default_factory=set)

    def note_told(self, told: Told) -> None:
        """Something changed, or may have."""
        if told is None:
            _log.info("anything may have changed", notary=self.notary)
        else:
            _log.info("changed in Notary", notary=self.notary, gun=sorted(told)[:_LISTED], count=len(told))

    def complain(self, trouble: _Unread) -> None:
        """Say what is the matter, once until it is well again."""
        if self._unread_since is None:
            self._unread_since = self.clock.seconds()
        if trouble.remedy not in self._complaints:
            self._complaints.add(trouble.remedy)
            _log.warning(
                "changefeed not followed",
                notary=self.notary,
                why=str(trouble),
                remedy=trouble.remedy,
                meanwhile="changes are noticed after fresh_for",
            )

    def note_read(self) -> None:
        """Say that it is followed, at the start and whenever it is well again."""
        if self._unread_since is not None:
            unread_for = round(self.clock.seconds() - self._unread_since)
            _log.info("changefeed followed", notary=self.notary, every=self.every, unread_for=unread_for)
        elif not self._was_read:
            _log.info("changefeed followed", notary=self.notary, every=self.every)
        self._was_read, self._unread_since = True, None
        self._complaints.clear()


def _collections(changes: Iterable[Change]) -> Iterator[Gun]:
    """Those whose name some configuration could have, and that can be spoken of: a page is long enough for any name."""
    for change in changes:
        if len(change.gun) > CHANNEL_GUN_LENGTH:
            continue
        try:
            yield Gun(change.gun)
        except NameInvalid:
            continue
