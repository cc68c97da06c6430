"""Targets: what a role's file says of its tags; plain while it is read, packed while it is kept."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from struct import Struct, calcsize
from types import MappingProxyType
from typing import Final, Self

from proxy.names import Digest, Tag

_HASH: Final = 32  # bytes of a SHA-256
_END: Final = b"\n"  # no tag holds it
_HEAD: Final = Struct("=Iccc")  # how many there are, and of what kind their lengths, ends and places are


@dataclass(frozen=True, slots=True)
class Target:
    """What a role says of a tag: the manifest's digest and its length in bytes."""

    digest: Digest
    length: int


NOTHING_SAID: Final[Mapping[Tag, Target]] = MappingProxyType({})


class PackedTargets(Mapping[Tag, Target]):
    """Targets in one run of bytes: some fifty a tag instead of some eight hundred, and nothing for the collector.

    For all of them, sorted by tag: the lengths of their manifests; where their tags end; which comes where by
    digest; the digests; the tags. Everything is found by bisection, and who goes through the tags in order finds
    each at once. Two that say the same are the same bytes.
    """

    __slots__ = ("_data", "_digests", "_ends", "_lengths", "_next", "_order", "_texts")

    def __init__(self, data: bytes) -> None:
        """Read what `pack` wrote."""
        count, *kinds = _HEAD.unpack_from(data)
        view = memoryview(data)[_HEAD.size :]
        columns = []
        for kind in kinds:
            size = count * calcsize(kind)
            columns.append(view[:size].cast(kind.decode()))
            view = view[size:]
        self._data = data
        self._lengths, self._ends, self._order = columns
        self._digests, self._texts = view[: count * _HASH], view[count * _HASH :]
        self._next = 0

    @classmethod
    def pack(cls, targets: Mapping[Tag, Target]) -> Self:
        """Pack targets; those that are packed already stay as they are."""
        if isinstance(targets, cls):
            return targets
        tags = sorted(targets)
        said = [targets[tag] for tag in tags]
        digests = [bytes.fromhex(each.digest.hex) for each in said]
        ends, end = [], 0
        for tag in tags:
            end += len(tag)
            ends.append(end)
        order = sorted(range(len(tags)), key=digests.__getitem__)
        columns = [_column([each.length for each in said]), _column(ends), _column(order)]
        head = _HEAD.pack(len(tags), *(column.typecode.encode() for column in columns))
        return cls(b"".join([head, *(column.tobytes() for column in columns), *digests, "".join(tags).encode("ascii")]))

    def as_bytes(self) -> bytes:
        """All of it; reading them gives the same targets."""
        return self._data

    def naming(self, digest: Digest) -> Iterator[Tag]:
        """The tags of which this digest is said."""
        sought = bytes.fromhex(digest.hex)
        for place in range(bisect_left(self._order, sought, key=self._digest), len(self._order)):
            number = self._order[place]
            if self._digest(number) != sought:
                return
            yield Tag(self._text(number).decode())

    def __getitem__(self, tag: Tag) -> Target:
        number = self._number(tag)
        if number is None:
            raise KeyError(tag)
        return Target(Digest.from_hash(self._digest(number)), self._lengths[number])

    def __contains__(self, tag: object) -> bool:
        return isinstance(tag, str) and self._number(tag) is not None

    def __iter__(self) -> Iterator[Tag]:
        return (Tag(self._text(number).decode()) for number in range(len(self)))

    def __len__(self) -> int:
        return len(self._ends)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PackedTargets):
            return self._data == other._data
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # as other mappings have none

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._data,)

    def __repr__(self) -> str:
        return f"<{len(self)} packed targets>"

    def _number(self, tag: str) -> int | None:
        """Which one a tag is; whoever goes through them in order asks for the one after the last."""
        if not tag.isascii():
            return None
        sought = tag.encode("ascii")
        number = self._next
        count = len(self._ends)
        if not (number < count and self._text(number) == sought):
            number = bisect_left(range(count), sought, key=self._text)
            if number == count or self._text(number) != sought:
                return None
        self._next = number + 1
        return number

    def _text(self, number: int) -> bytes:
        start = self._ends[number - 1] if number else 0
        return bytes(self._texts[start : self._ends[number]])

    def _digest(self, number: int) -> bytes:
        return bytes(self._digests[number * _HASH : number * _HASH + _HASH])


def _column(numbers: list[int]) -> "array[int]":
    """Numbers in as few bytes each as will do."""
    for kind in ("B", "H", "I"):
        with suppress(OverflowError):
            return array(kind, numbers)
    return array("q", numbers)


class PackedTags(Collection[Tag]):
    """Tags in one run of bytes, each made when it is asked for."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        """Read what `pack` wrote."""
        self._data = data

    @classmethod
    def pack(cls, tags: Iterable[Tag]) -> Self:
        """Pack tags, sorted."""
        return cls(_END.join([b"", *(tag.encode("ascii") for tag in sorted(tags)), b""]))

    def as_bytes(self) -> bytes:
        """All of it; reading them gives the same tags."""
        return self._data

    def __iter__(self) -> Iterator[Tag]:
        return (Tag(each.decode("ascii")) for each in self._data.split(_END)[1:-1])

    def __len__(self) -> int:
        return self._data.count(_END) - 1

    def __contains__(self, tag: object) -> bool:
        return isinstance(tag, str) and tag.isascii() and _END + tag.encode() + _END in self._data
