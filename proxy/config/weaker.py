"""Where a more specific entry asks for less than one that it hides (design: Patterns).

In the main file that is a warning. An included file that asks for less than the main one is a problem.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from proxy.config.document import Document
from proxy.config.patterns import named
from proxy.policy.entries import Entry
from proxy.policy.weaker import falls_short, lacks

_Placed: TypeAlias = tuple[Document, Entry]


def check_weaker(placed: Sequence[_Placed]) -> None:
    """Compare each entry, given with its file, with those that it hides."""
    patterns = [each for each in placed if "*" in each[1].pattern]
    for document, entry in placed:
        hidden = [each for each in patterns if _hides(entry, each[1])]
        of_main = [each for each in hidden if each[0] is document.main]
        _warn(document, entry, [each for each in hidden if each[0] is not document.main])
        for other in of_main:
            if not _is_hidden_anyway(other[1], entry, of_main):
                _require(document, entry, other)


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
