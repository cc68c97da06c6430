"""Patterns as the file has them: their grammar, and that no two of them can be in doubt."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import TypeAlias

from proxy.config.document import Document, KeyPath, quoted
from proxy.limits import INCLUDED_PATTERNS, TAG_PATTERNS
from proxy.policy.patterns import RepositoryPattern, Specificity, TagPattern
from proxy.policy.signers import SignedBy

Written: TypeAlias = tuple[Document, KeyPath]
"""A key of one of the files."""


def repository_patterns(
    document: Document, section: str, texts: Iterable[str], name: str
) -> tuple[RepositoryPattern, ...]:
    """Read the patterns that are the keys of a section.

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
    open_ones = [pattern for pattern in patterns if "*" in pattern]
    if document.main is not None and len(open_ones) > INCLUDED_PATTERNS:
        sentence = (
            f'{len(open_ones)} patterns here have a "*", and {INCLUDED_PATTERNS} in one included file are the most'
        )
        document.problem((section,), f"{sentence}; let one stand for several, or split the file")
        return ()
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
    if len(read) > TAG_PATTERNS:
        sentence = f"{len(read)} patterns of tags stand here, and {TAG_PATTERNS} are the most"
        document.problem(at, f"{sentence}; let one stand for several")
        return ()
    for (first, one), (second, other) in combinations(read, 2):
        if first.specificity == second.specificity and first.overlaps(second) and one != other:
            _note_tie((document, (*at, first)), (document, (*at, second)), "tags")
    return tuple(read)


def check_ties(section: str, patterns: Iterable[tuple[Document, RepositoryPattern]]) -> None:
    """Note patterns that tie, whichever files have them (design: Patterns).

    They have their literal segments in common, so only within such groups it is worth comparing.
    """
    groups: defaultdict[tuple[Specificity, tuple[str, ...]], list[tuple[Document, RepositoryPattern]]]
    groups = defaultdict(list)
    for document, pattern in patterns:
        literals = tuple(segment for segment in pattern.split("/") if "*" not in segment)
        groups[pattern.specificity, literals].append((document, pattern))
    for group in groups.values():
        for (one, first), (another, second) in combinations(group, 2):
            if first.overlaps(second):
                _note_tie((one, (section, first)), (another, (section, second)), "repositories")


def named(written: Written, document: Document) -> str:
    """A key and where it stands, in a sentence about a document: `"shop/**" on line 3`, or with its file."""
    other, at = written
    where = f"on line {other.line(at)}" if other is document else f"at {other.place(at)}"
    return f"{quoted(at[-1])} {where}"


def _note_tie(first: Written, second: Written, kind: str) -> None:
    document, at = second
    if first[1][-1] == at[-1]:
        document.problem(at, f"this pattern stands at {first[0].place(first[1])} already; remove one of the two")
        return
    other = named(first, document)
    document.problem(at, f"this and {other} both match some {kind} and neither is more specific; change one of them")
