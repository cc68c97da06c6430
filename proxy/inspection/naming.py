"""Names for new roots in the configuration."""

from collections.abc import Iterable, Sequence
from itertools import count, takewhile
from typing import Final

from proxy.names import Repository

_SUFFIX: Final = "root"


class Names:
    """Names that are still free; none is given twice."""

    def __init__(self, taken: Iterable[str]) -> None:
        """Give none of those that are `taken`."""
        self._taken = set(taken)

    def name(self, repositories: Sequence[Repository]) -> str:
        """A name from the segments with which all repositories of a key begin: `shop-root`, else `root-1`.

        It needs no quotes in YAML, whatever they are called.
        """
        base = "-".join((*_common(repositories), _SUFFIX))
        number = count(1 if base == _SUFFIX else 2)
        name = f"{base}-{next(number)}" if base == _SUFFIX else base
        while name in self._taken:
            name = f"{base}-{next(number)}"
        self._taken.add(name)
        return name


def _common(repositories: Sequence[Repository]) -> Sequence[str]:
    """The segments with which all of these names begin: what the first and the last of them in order share."""
    split = [repository.split("/") for repository in repositories]
    first, last = min(split), max(split)
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return [segment for segment, _ in shared]
