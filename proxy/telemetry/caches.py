"""How full the memories of this process are, whoever keeps them and for as long as they are kept."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from proxy.telemetry.meters import Values
from proxy.telemetry.metrics import CACHE_BYTES, CACHE_ENTRIES


class Cache(Protocol):
    """A memory that is bounded; `currsize` is how full it is, in the unit of its bound."""

    @property
    def currsize(self) -> float:
        """In bytes, or in entries once more."""
        ...


@dataclass(frozen=True, slots=True)
class _Watched:
    name: str
    cache: "weakref.ref[Cache]"
    count: Callable[[Any], int]
    is_sized: bool


_WATCHED: Final[list[_Watched]] = []
_NAMES: Final[dict[str, None]] = {}


def watch(name: str, cache: Cache, *, count: Callable[[Any], int] = len, is_sized: bool = False) -> None:
    """Tell among the metrics how full a cache is, under a name, until it is gone; those of one name are added up.

    `count` tells how many entries it has; `is_sized` where its bound is in bytes.
    """
    _NAMES[name] = None
    _WATCHED[:] = [each for each in _WATCHED if each.cache() is not None]
    _WATCHED.append(_Watched(name, weakref.ref(cache), count, is_sized))


def _entries() -> Iterator[tuple[Values, float]]:
    counted: Counter[str] = Counter(dict.fromkeys(_NAMES, 0))
    for each in _WATCHED:
        cache = each.cache()
        counted[each.name] += 0 if cache is None else each.count(cache)
    return (((name,), float(count)) for name, count in counted.items())


def _bytes() -> Iterator[tuple[Values, float]]:
    counted = {each.name: 0.0 for each in _WATCHED if each.is_sized}
    for each in _WATCHED:
        cache = each.cache()
        if each.is_sized and cache is not None:
            counted[each.name] += cache.currsize
    return (((name,), amount) for name, amount in counted.items())


CACHE_ENTRIES.readers.append(_entries)
CACHE_BYTES.readers.append(_bytes)
