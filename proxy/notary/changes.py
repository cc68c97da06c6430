"""Pages of a changefeed, and one's place in it (dialect 1.5). Nothing here is evidence: it says where to look."""

from dataclasses import dataclass
from typing import Final, Self

import orjson

from proxy.limits import CHANGEFEED_ID_LENGTH, CHANGEFEED_KNOWN

BEGINNING: Final = "0"
"""The id before all others."""

NEWEST: Final = "-1"
"""In the place of an id: the newest changes."""


class NoChangefeed(Exception):
    """What answers is no changefeed; the text says what is wrong with its page."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to a collection: a new timestamp, whose SHA-256 is in `timestamp`; empty for a deletion.

    `id` is opaque, and says nothing of an order; `gun` is whatever the server wrote.
    """

    id: str
    gun: str
    timestamp: str


def read(body: bytes) -> tuple[Change, ...]:
    """The changes of one page, oldest first. Raises `NoChangefeed`."""
    try:
        page = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NoChangefeed("no JSON") from None
    match page:
        case {"records": None}:
            return ()
        case {"records": list(records)}:
            return tuple(map(_change, records))
        case _:
            raise NoChangefeed("no records")


def _change(record: object) -> Change:
    match record:
        case {"ID": str(name), "GUN": str(gun), "SHA256": str(timestamp)} if 0 < len(name) <= CHANGEFEED_ID_LENGTH:
            return Change(name, gun, timestamp)
        case _:
            raise NoChangefeed("a record without id, GUN or hash")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a changefeed is known: its newest changes, and the id after which they come.

    A page is always asked for from `before` on, so that it begins with what is known. Only if all of that is in it, it
    is a page of the same changefeed: ids that start over, or lead on after a restored backup, are noticed at once.
    What a server's other transactions wrote late, with a lower id than the newest, is found too.
    """

    before: str = BEGINNING
    known: tuple[Change, ...] = ()

    @classmethod
    def at_the_end(cls, page: tuple[Change, ...], before: str = BEGINNING) -> Self:
        """The place after a page, which came after `before` if it has no more than `CHANGEFEED_KNOWN` changes."""
        older, known = page[:-CHANGEFEED_KNOWN], page[-CHANGEFEED_KNOWN:]
        return cls(older[-1].id if older else before, known)

    def follow(self, page: tuple[Change, ...]) -> tuple[Self, frozenset[Change]] | None:
        """The place after a page that was asked for from here, and what is new in it; None: it does not fit."""
        read_now, known = frozenset(page), frozenset(self.known)
        if not known <= read_now or any(change.id == self.before for change in page):
            return None
        return self.at_the_end(page, self.before), read_now - known
