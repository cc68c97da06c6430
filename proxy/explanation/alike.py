"""Ids that are nearly the same: one of them was most likely mistyped, and eyes pass over one digit of 64."""

from collections.abc import Iterable, Iterator
from typing import Final

_BEGINNING: Final = 8  # hex digits that two ids of different keys never share by chance
_MISTYPED: Final = 4  # digits in which two ids differ that were meant to be the same


def differing(one: str, other: str) -> int | None:
    """The first digit that differs between two ids that look the same, counted from 1; None where they do not.

    Two that are the same do not differ, and two that have nothing in common need nobody to say so.
    """
    places = [place for place, (mine, yours) in enumerate(zip(one, other, strict=False), start=1) if mine != yours]
    if not places or (places[0] <= _BEGINNING and len(places) > _MISTYPED):
        return None
    return places[0]


def remarks(ids: Iterable[str], others: Iterable[str]) -> Iterator[str]:
    """What to say of every pair, one from each side, that could be taken for the same."""
    those = tuple(others)
    for each in ids:
        for other in those:
            if place := differing(each, other):
                yield f"they differ from digit {place} on: mistyped?"
