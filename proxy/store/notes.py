"""What this program notes of a collection besides Notary's files: what its roles said before, and its tags so far.

The tags are spread over a few notes, so that one more tag does not rewrite them all. A tag is never taken out.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from zlib import crc32

from proxy.names import Tag

PAST: Final = "past"

_END: Final = b"\n"  # no tag holds it


def home(tag: Tag) -> str:
    """The name of the note in which a tag is, if the collection ever had it."""
    return f"tags/{crc32(tag.encode()) % 16:x}"


def by_home(tags: Iterable[Tag]) -> Mapping[str, frozenset[bytes]]:
    """Tags by the name of their note, as `names` and `added` want them."""
    homes: dict[str, set[bytes]] = {}
    for tag in tags:
        homes.setdefault(home(tag), set()).add(tag.encode())
    return {name: frozenset(found) for name, found in homes.items()}


def names(data: bytes, tag: Tag) -> bool:
    """Whether a note of tags has this one."""
    return _END + tag.encode() + _END in _END + data


def added(data: bytes, tags: frozenset[bytes]) -> bytes:
    """A note of tags with these too; the same bytes where it has them all."""
    new = tags.difference(data.split(_END))
    return data + b"".join(tag + _END for tag in sorted(new))
