"""Where a more specific entry asks for less than one that it hides (design: Patterns).

In the main file that is a warning. An included file that may serve what the main one
refuses is a problem.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from proxy.config.document import Document
from proxy.config.patterns import named
from proxy.policy.entries import Entry
from proxy.policy.weaker import falls_short, lacks

_Placed: TypeAlias = tuple[Document, Entry]

_ANY: Final = "*"


def check_weaker(placed: Sequence[_Placed]) -> None:
    """Compare each entry, given with its file, with those that it hides."""
    patterns = _Patterns(placed)
    for document, entry in placed:
        hidden = [each for each in patterns.beside(entry) if _hides(entry, each[1])]
        of_main = [each for each in hidden if each[0] is document.main]
        _warn(document, entry, [each for each in hidden if each[0] is not document.main])
        for other in of_main:
            if not _is_hidden_anyway(other[1], entry, of_main):
                _require(document, entry, other)


class _Patterns:
    """The entries whose pattern has a `*`, by their first segment: most registries have many, each for a part of it."""

    def __init__(self, placed: Iterable[_Placed]) -> None:
        self._all = [each for each in placed if "*" in each[1].pattern]
        self._by_first: defaultdict[str, list[_Placed]] = defaultdict(list)
        for each in self._all:
            self._by_first[_first_segment(each[1])].append(each)

    def beside(self, entry: Entry) -> Sequence[_Placed]:
        """Those that may match a repository of the entry."""
        own = _first_segment(entry)
        return [*self._by_first[_ANY], *self._by_first[own]] if own != _ANY else self._all


def _first_segment(entry: Entry) -> str:
    first = entry.pattern.partition("/")[0]
    return _ANY if "*" in first else first


def _hides(entry: Entry, other: Entry) -> bool:
    return other.pattern.specificity < entry.pattern.specificity and other.pattern.overlaps(entry.pattern)


def _is_hidden_anyway(other: Entry, entry: Entry, hidden: Iterable[_Placed]) -> bool:
    """Whether it would apply to no repository of the entry, were that not there."""
    return any(_hides(nearer, other) and nearer.pattern.covers(entry.pattern) for _, nearer in hidden)


def _warn(document: Document, entry: Entry, hidden: Sequence[_Placed]) -> None:
    """Warn of what the entry lacks of the one that would hold otherwise."""
    if not hidden:
        return
    stronger = max(hidden, key=lambda each: each[1].pattern.specificity)
    if missing := lacks(entry, stronger[1]):
        document.warn(("repositories", entry.pattern), _less(document, stronger, missing))


def _require(document: Document, entry: Entry, other: _Placed) -> None:
    if missing := falls_short(entry, other[1]):
        sentence = f"{_less(document, other, missing)}; ask for as much here, or for less there"
        document.problem(("repositories", entry.pattern), sentence)


def _less(document: Document, other: _Placed, missing: Iterable[str]) -> str:
    hidden = named((other[0], ("repositories", other[1].pattern)), document)
    return f"this asks for less than {hidden}, which it hides: {'; '.join(missing)}"
