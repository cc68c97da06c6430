"""Patterns as the file has them: their grammar, and that no two of them can be in doubt."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from proxy.config.document import Document, KeyPath, quoted
from proxy.policy.patterns import RepositoryPattern, Specificity, TagPattern
from proxy.policy.signers import SignedBy


def repository_patterns(
    document: Document, section: str, texts: Iterable[str], name: str
) -> tuple[RepositoryPattern, ...]:
    """Read the patterns that are the keys of a section; ties are problems (design: Patterns).

    `name` is the registry's own, which people put in front by mistake.
    """
    patterns: list[RepositoryPattern] = []
    for text in texts:
        at = (section, text)
        if text.startswith(f"{name}/"):
            bare = text.removeprefix(f"{name}/")
            document.problem(at, f"patterns have no registry in front; write {quoted(bare)}")
            continue
        try:
            patterns.append(RepositoryPattern(text))
        except ValueError as error:
            document.problem(at, str(error))
    _check_ties(document, section, patterns)
    return tuple(patterns)


def tag_rules(
    document: Document, at: KeyPath, rules: Iterable[tuple[str, SignedBy]]
) -> tuple[tuple[TagPattern, SignedBy], ...]:
    """Read the patterns that are the keys of `tags`; ties that ask differently are problems (design: Patterns)."""
    read: list[tuple[TagPattern, SignedBy]] = []
    for text, rule in rules:
        try:
            read.append((TagPattern(text), rule))
        except ValueError as error:
            document.problem((*at, text), str(error))
    for (first, one), (second, other) in combinations(read, 2):
        if first.specificity == second.specificity and first.overlaps(second) and one != other:
            _note_tie(document, (*at, first), (*at, second), "tags")
    return tuple(read)


def _check_ties(document: Document, section: str, patterns: Iterable[RepositoryPattern]) -> None:
    """Patterns that tie have their literal segments in common, so only within such groups it is worth comparing."""
    groups: defaultdict[tuple[Specificity, tuple[str, ...]], list[RepositoryPattern]] = defaultdict(list)
    for pattern in patterns:
        literals = tuple(segment for segment in pattern.split("/") if "*" not in segment)
        groups[pattern.specificity, literals].append(pattern)
    for group in groups.values():
        for first, second in combinations(group, 2):
            if first.overlaps(second):
                _note_tie(document, (section, first), (section, second), "repositories")


def _note_tie(document: Document, first: KeyPath, second: KeyPath, kind: str) -> None:
    other = f"{quoted(first[-1])} on line {document.line(first)}"
    document.problem(
        second, f"this and {other} both match some {kind} and neither is more specific; change one of them"
    )
