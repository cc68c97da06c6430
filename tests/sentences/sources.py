"""Finds every sentence for people in the code, by reading that code: text of at least four words.

Left out is what is no message: docstrings, help texts and descriptions (they are on the reference pages), patterns,
annotations, what is only compared with, what only a programmer can cause or see (names of tasks), code in another
language or for another process, and what has no blank in it: URLs, headers.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_FACT: Final = re.compile(r"\{[^{}]*\}")
_GAP: Final = "\0"
_COMMENT: Final = re.compile(r"^ *# +\S.*(?:\n *# +\S.*)*", re.MULTILINE)
_WRAP: Final = re.compile(r"\n? *# +")
_FEWEST_WORDS: Final = 4
_TEXTS_OF_REFERENCE: Final = frozenset({"help", "description", "epilog", "metavar", "json_schema_extra", "meaning"})
_CODE: Final = re.compile(r"SELECT |import \w+;")
_FOR_PROGRAMMERS: Final = frozenset({"compile", "TypeError", "AssertionError", "RuntimeError"})


@dataclass(frozen=True)
class Sentence:
    """A sentence in the code: where it stands, and what of it is fixed, in order, between the facts."""

    file: Path
    line: int
    fixed: tuple[str, ...]

    def is_in(self, line: str) -> bool:
        """Whether a line of a transcript says it."""
        if any(part not in line for part in self.fixed):  # decides nearly all lines, much faster
            return False
        return re.search(".*".join(map(re.escape, self.fixed)), line) is not None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'{...}'.join(self.fixed)}"


def sentences(files: Iterable[Path]) -> Iterator[Sentence]:
    """The sentences of some files of Python; a text of several lines has one in each line."""
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        silent = set(_silent(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant) and node not in silent:
                for line in _text(node).splitlines():
                    if _is_said(line):
                        yield Sentence(file, node.lineno, tuple(part for part in line.split(_GAP) if part))


def lines_of(page: str) -> list[str]:
    """The lines of a transcript or page; a comment that is wrapped over several is one more, as long as it is."""
    comments = [_WRAP.sub(" ", found[0]) for found in _COMMENT.finditer(page)]
    return [*page.splitlines(), *comments]


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    """A text, with a gap for each fact; empty for what is no text."""
    match node:
        case ast.JoinedStr(values):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else _GAP for part in values)
        case ast.Constant(str(text)):
            return _FACT.sub(_GAP, text)
        case _:
            return ""


def _is_said(line: str) -> bool:
    return " " in line.strip() and not _CODE.match(line) and len(_WORD.findall(line)) >= _FEWEST_WORDS


def _silent(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that are part of no message."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(ast.Constant() as text):
                yield text
            case ast.JoinedStr(values):
                yield from values
            case ast.Compare(left, _, comparators):
                yield from (left, *comparators)
            case (
                ast.arg(annotation=ast.AST() as annotation)
                | ast.AnnAssign(annotation=annotation)
                | ast.FunctionDef(returns=ast.AST() as annotation)
                | ast.AsyncFunctionDef(returns=ast.AST() as annotation)
            ):
                yield from ast.walk(annotation)
            case ast.Call(func=ast.Name(id="spawn") | ast.Attribute(attr="create_task"), keywords=keywords):
                yield from (part for keyword in keywords for part in ast.walk(keyword))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _FOR_PROGRAMMERS:
                yield from ast.walk(node)
            case ast.keyword(arg=str(name), value=value) if name in _TEXTS_OF_REFERENCE:
                yield from ast.walk(value)
