"""What this program notes of a collection besides Notary's files.

What its roles said before, its tags so far, and whether Notary said something else last, which did not verify.

The tags are spread over a few notes, so that one more tag does not rewrite them all. A tag is never taken out.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from zlib import crc32

from proxy.names import Tag

PAST: Final = "past"
DOUBT: Final = "doubt"

_HOME: Final = "tags/"
_END: Final = b"\n"  # no tag holds it


def home(tag: Tag) -> str:
    """The name of the note in which a tag is, if the collection ever had it."""
    return f"{_HOME}{crc32(tag.encode()) % 16:x}"


def by_home(tags: Iterable[Tag]) -> Mapping[str, frozenset[bytes]]:
    """Tags by the name of their note, as `names` and `added` want them."""
    homes: dict[str, set[bytes]] = {}
    for tag in tags:
        homes.setdefault(home(tag), set()).add(tag.encode())
    return {name: frozenset(found) for name, found in homes.items()}


def is_home(name: str) -> bool:
    """Whether the note of this name holds tags."""
    return name.startswith(_HOME)


def tags(data: bytes) -> tuple[Tag, ...]:
    """The tags in a note of tags."""
    return tuple(Tag(tag.decode()) for tag in data.split(_END) if tag)


def names(data: bytes, tag: Tag) -> bool:
    """Whether a note of tags has this one."""
    return _END + tag.encode() + _END in _END + data


def added(data: bytes, tags: frozenset[bytes]) -> bytes:
    """A note of tags with these too; the same bytes where it has them all."""
    new = tags.difference(data.split(_END))
    return data + b"".join(tag + _END for tag in sorted(new))


def doubt(generation: int, at: int) -> bytes:
    """The note that a generation was in doubt, at `at` in microseconds."""
    return b"%d %d" % (generation, at)


def doubted_after(data: bytes, generation: int, checked: int, asked: int) -> int | None:
    """When a doubt that still stands was noted, if that was after `asked`; all in microseconds.

    A check that asked Notary before then says nothing about it. What cannot be read is not known to be later.
    """
    if not is_doubted(data, generation, checked):
        return None
    try:
        _, at = map(int, data.split())
    except ValueError:
        return None
    return at if at > asked else None


def is_doubted(data: bytes, generation: int, checked: int) -> bool:
    """Whether a note of doubt still stands for a generation that was last checked at `checked`, in microseconds.

    A program that does not know of doubts ends one with its next commit or note of a check all the same. What cannot
    be read stands.
    """
    try:
        doubted, at = map(int, data.split())
    except ValueError:
        return bool(data)
    return doubted == generation and checked <= at
