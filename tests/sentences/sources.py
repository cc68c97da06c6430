"""Finds every sentence for people in the code, by reading that code: text of at least four words.

Left out is what is no message: docstrings, help texts and descriptions (they are on the reference pages), patterns,
and what only a programmer can cause.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_FACT: Final = re.compile(r"\{[^{}]*\}")
_FEWEST_WORDS: Final = 4
_TEXTS_OF_REFERENCE: Final = frozenset({"help", "description", "epilog", "metavar", "json_schema_extra", "meaning"})
_FOR_PROGRAMMERS: Final = frozenset({"compile", "TypeError", "AssertionError", "RuntimeError"})


@dataclass(frozen=True)
class Sentence:
    """A sentence in the code: where it stands, and what of it is fixed, in order, between the facts."""

    file: Path
    line: int
    fixed: tuple[str, ...]

    def is_in(self, line: str) -> bool:
        """Whether a line of a transcript says it."""
        return re.search(".*".join(map(re.escape, self.fixed)), line) is not None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'{...}'.join(self.fixed)}"


def sentences(files: Iterable[Path]) -> Iterator[Sentence]:
    """The sentences of some files of Python."""
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        silent = set(_silent(tree))
        for node in ast.walk(tree):
            if node in silent:
                continue
            fixed = tuple(part for part in _fixed(node) if part)
            if sum(len(_WORD.findall(part)) for part in fixed) >= _FEWEST_WORDS:
                yield Sentence(file, node.lineno, fixed)  # type: ignore[attr-defined]  # expressions have lines


def _fixed(node: ast.AST) -> list[str]:
    """What of a text is fixed; nothing of what is no text."""
    match node:
        case ast.JoinedStr(values):
            return [str(part.value) for part in values if isinstance(part, ast.Constant)]
        case ast.Constant(str(text)):
            return _FACT.split(text)
        case _:
            return []


def _silent(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that are part of no message."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(ast.Constant() as text):
                yield text
            case ast.JoinedStr(values):
                yield from values
            case ast.arg(annotation=ast.AST() as annotation) | ast.AnnAssign(annotation=annotation):
                yield from ast.walk(annotation)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _FOR_PROGRAMMERS:
                yield from ast.walk(node)
            case ast.keyword(arg=str(name), value=value) if name in _TEXTS_OF_REFERENCE:
                yield from ast.walk(value)
