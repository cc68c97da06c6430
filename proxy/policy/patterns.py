"""Patterns of repositories and tags, and which of two is the more specific (design: Configuration, Patterns).

A name is always matched whole. `*` stands for any number of characters, none included, within one segment;
`**` is a whole last segment, or the whole pattern, and stands for one or more segments. Matching takes time
in proportion to the name, whatever the pattern: names come from clients.
"""

import re
from typing import Final, Self, TypeAlias

from proxy.errors import NameInvalid, TagInvalid
from proxy.names import Repository, Tag

Specificity: TypeAlias = tuple[tuple[int, int], ...]

_REPOSITORY_SEGMENT: Final = re.compile(r"[a-z0-9._*-]+")
_TAG: Final = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._*-]*")

_ANY_SEGMENTS: Final = "**"
_ANYTHING: Final = "\0"
_OPEN, _WILD, _LITERAL = range(3)


class RepositoryPattern(str):
    """A pattern of repository names, such as `shop/*` or `shop/**`. Raises `ValueError` with one sentence."""

    __slots__ = ("_segments", "specificity")

    _segments: tuple[str, ...]
    specificity: Specificity
    """Compares the segments from the left: the larger, the more specific."""

    def __new__(cls, text: str) -> Self:
        """Check the grammar."""
        segments = tuple(text.split("/"))
        for segment in segments[:-1]:
            _check_repository_segment(segment, text)
        if segments[-1] != _ANY_SEGMENTS:
            _check_repository_segment(segments[-1], text)
        pattern = super().__new__(cls, text)
        pattern._segments = segments
        pattern.specificity = tuple(_rank(segment) for segment in segments)
        return pattern

    def matches(self, text: str) -> bool:
        """Whether the pattern stands for this name, the whole of it."""
        parts = text.split("/")
        globs = self._of_length(len(parts))
        return globs is not None and all(_glob_matches(glob, part) for glob, part in zip(globs, parts, strict=True))

    def overlaps(self, other: Self) -> bool:
        """Whether there can be a name that both stand for."""
        length = max(len(self._segments), len(other._segments))
        mine, theirs = self._of_length(length), other._of_length(length)
        if mine is None or theirs is None:
            return False
        return all(_globs_meet(one, another) for one, another in zip(mine, theirs, strict=True))

    def covers(self, other: Self) -> bool:
        """Whether it stands for every name that the other one stands for."""
        mine, theirs = self._segments, other._segments
        if self.is_open:
            mine = mine[:-1]
            is_long_enough = len(theirs) > len(mine)
        else:
            is_long_enough = len(theirs) == len(mine) and not other.is_open
        return is_long_enough and all(_glob_covers(one, another) for one, another in zip(mine, theirs, strict=False))

    def rest(self, repository: str) -> str:
        """What `**` stands for in a name that matches; empty if the pattern has no `**`."""
        if not self.is_open:
            return ""
        return "/".join(repository.split("/")[len(self._segments) - 1 :])

    @property
    def is_open(self) -> bool:
        """Whether it ends in `**`."""
        return self._segments[-1] == _ANY_SEGMENTS

    def _of_length(self, length: int) -> tuple[str, ...] | None:
        """The pattern written with exactly so many segments and without `**`, or None if it cannot be."""
        surplus = length - len(self._segments)
        if self.is_open and surplus >= 0:
            return self._segments[:-1] + ("*",) * (surplus + 1)
        return self._segments if surplus == 0 else None


class TagPattern(str):
    """A pattern of tags, such as `v*`. Raises `ValueError` with one sentence."""

    __slots__ = ("specificity",)

    specificity: Specificity
    """The larger, the more specific."""

    def __new__(cls, text: str) -> Self:
        """Check the grammar."""
        _check_tag_pattern(text)
        pattern = super().__new__(cls, text)
        pattern.specificity = (_rank(text),)
        return pattern

    def matches(self, text: str) -> bool:
        """Whether the pattern stands for this tag, the whole of it."""
        return _glob_matches(self, text)

    def overlaps(self, other: Self) -> bool:
        """Whether there can be a tag that both stand for."""
        return _globs_meet(self, other)

    def covers(self, other: Self) -> bool:
        """Whether it stands for every tag that the other one stands for."""
        return _glob_covers(self, other)


def _check_repository_segment(segment: str, pattern: str) -> None:
    if not segment:
        raise ValueError(f'"{pattern}" has an empty segment; write single slashes, and none at either end')
    if not _REPOSITORY_SEGMENT.fullmatch(segment):
        raise ValueError(f'"{pattern}" is no pattern of repositories; use a-z, 0-9, ".", "_", "-", "/" and "*" only')
    if _ANY_SEGMENTS in segment:
        raise ValueError(
            f'"{pattern}" has "**" in the wrong place; it stands alone as last segment, elsewhere write "*"'
        )
    if "*" not in segment:
        try:
            Repository(segment)
        except NameInvalid:
            raise ValueError(
                f'"{pattern}" matches nothing, no repository has the segment "{segment}"; mend it'
            ) from None


def _check_tag_pattern(pattern: str) -> None:
    if not _TAG.fullmatch(pattern):
        raise ValueError(f'"{pattern}" is no pattern of tags; use letters, digits, "_", ".", "-" and "*" only')
    if _ANY_SEGMENTS in pattern:
        raise ValueError(f'"{pattern}" has "**" in it, but tags have no segments; write "*"')
    if "*" not in pattern:
        try:
            Tag(pattern)
        except TagInvalid:
            raise ValueError(f'"{pattern}" is longer than any tag; shorten it') from None


def _rank(segment: str) -> tuple[int, int]:
    """Literal, then the longer literal prefix before `*`, then `*`, then `**`."""
    if segment == _ANY_SEGMENTS:
        return _OPEN, 0
    prefix, star, _ = segment.partition("*")
    return (_WILD, len(prefix)) if star else (_LITERAL, 0)


def _glob_matches(glob: str, text: str) -> bool:
    """Whether a glob with `*` stands for the whole of a text, which is never empty."""
    first, *rest = glob.split("*")
    if not rest:
        return text == glob
    *middle, last = rest
    if not text or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return position <= end


def _globs_meet(one: str, other: str) -> bool:
    """Whether a text exists that both globs stand for.

    Where both have a `*`, their beginnings and ends decide: whatever lies between fits into a `*`.
    """
    if "*" not in one:
        return _glob_matches(other, one)
    if "*" not in other:
        return _glob_matches(one, other)
    return _one_begins_other(one.partition("*")[0], other.partition("*")[0]) and _one_begins_other(
        one.rpartition("*")[2][::-1], other.rpartition("*")[2][::-1]
    )


def _glob_covers(glob: str, other: str) -> bool:
    """Whether a glob stands for every text that another one stands for.

    It does if it stands for one in which each `*` became a character that nothing but a `*` stands for.
    """
    return _glob_matches(glob, other.replace("*", _ANYTHING))


def _one_begins_other(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
