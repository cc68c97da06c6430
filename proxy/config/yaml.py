"""YAML 1.2, read with the line of every key, and stricter than the language where it is treacherous.

Refused besides what is no YAML: duplicate keys, keys that are no text, keys without a value, aliases (an
unquoted `*` is meant as a pattern), tags, and a second document. Numbers, booleans and text are told apart by
the core rules of YAML 1.2.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from proxy.config.document import Document, KeyPath, Tree, quoted

_DEEPEST: Final = 16
_NULL: Final = re.compile(r"|~|null|Null|NULL")
_TRUE: Final = re.compile(r"true|True|TRUE")
_FALSE: Final = re.compile(r"false|False|FALSE")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,4000}")
_DECIMAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_COMMENTED: Final = re.compile(r"[:-][ \t]+#[^\s#]")  # who writes a comment leaves a blank
_COMMENT: Final = 'an unquoted "#" begins a comment; put the value in quotes, as in "#shop-oncall"'
_QUOTED: Final = re.compile(r""""[^"]*"|'[^']*'""")
_NO_BEGINNING: Final = re.compile(r"found character '([@`%]|\\t)' that cannot start any token")
_OTHER_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Number:
    """An unquoted number that is no plain integer; nothing in this format wants one."""

    text: str

    def __str__(self) -> str:
        return self.text


def read(text: str, file: str) -> Document:
    """Read one document; its problems are noted in it. Raises `ConfigProblems` where reading cannot go on."""
    document = Document(file)
    read_into(document, text)
    return document


def read_into(document: Document, text: str) -> None:
    """The same into a document that is there already."""
    try:
        _Reader(document, YAML(typ="safe", pure=True).parse(text), text.splitlines()).read()
    except MarkedYAMLError as error:
        _note_syntax(document, error, text.splitlines())
    except (YAMLError, ValueError, OverflowError):
        document.problem((), "a character in this file is not allowed in YAML; remove it or mend its escape sequence")
        document.raise_problems()


class _Reader:
    """Turns the events of a YAML parser into a tree, and notes lines and problems."""

    def __init__(self, document: Document, events: Iterator[Event], lines: Sequence[str]) -> None:
        self._document = document
        self._lines = lines
        self._first = '"version: 1"' if document.main is None else "the scope, such as scope: shop/**"
        self._events = events
        next(events)

    def read(self) -> None:
        """Read the whole stream."""
        if isinstance(next(self._events), StreamEndEvent):
            self._stop((), f"the file is empty; begin with {self._first}", 1)
        event = next(self._events)
        if not isinstance(event, MappingStartEvent):
            self._stop((), f"the file is no mapping; begin with {self._first}", _line(event))
        self._document.tree = self._mapping(())
        next(self._events)
        event = next(self._events)
        if not isinstance(event, StreamEndEvent):
            self._stop((), "a second YAML document begins here; remove it", _line(event))

    def _value(self, event: Event, path: KeyPath) -> Any:  # noqa: ANN401  (a tree holds anything)
        if len(path) > _DEEPEST:
            self._stop(path, "this is nested too deeply; nothing in this format is", _line(event))
        match event:
            case AliasEvent():
                self._refuse(path, _unquoted_star(_starred(event)), event)
                return None
            case ScalarEvent() | SequenceStartEvent() | MappingStartEvent() if event.tag or event.anchor:
                self._refuse(path, 'YAML tags and anchors are not used here; remove the word with "!" or "&"', event)
        match event:
            case SequenceStartEvent():
                return self._sequence(path)
            case MappingStartEvent():
                return self._mapping(path)
            case ScalarEvent():
                return self._scalar(event, path)

    def _mapping(self, path: KeyPath) -> Tree:
        mapping: Tree = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, path)
            at = (*path, key)
            if key in mapping:
                already = self._document.line(at)
                self._document.problem(at, f"this key stands on line {already} already; remove one", _line(event))
            self._document.lines.setdefault(at, _line(event))
            mapping.setdefault(key, self._value(next(self._events), at))
        return mapping

    def _key(self, event: Event, path: KeyPath) -> str:
        match event:
            case ScalarEvent() if str(event.value).isprintable():
                return str(event.value)
            case AliasEvent():
                key = _starred(event)
                self._refuse((*path, key), _unquoted_star(key), event)
            case _:
                key = "?"
                self._refuse((*path, key), "a key must be text on one line; write it as a word or in quotes", event)
                self._value(event, (*path, key))
        return key

    def _sequence(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            at = (*path, len(items))
            self._document.lines.setdefault(at, _line(event))
            items.append(self._value(event, at))
        return items

    def _scalar(self, event: ScalarEvent, path: KeyPath) -> str | int | bool | Number | None:
        text = str(event.value)
        if event.style is not None:
            return text
        if _NULL.fullmatch(text):
            line = self._document.line(path)
            is_commented = _COMMENTED.search(_QUOTED.sub("", "".join(self._lines[line - 1 : line])))
            self._refuse(path, _COMMENT if is_commented else "there is no value here; write one, or remove the key")
            return None
        if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
            return bool(_TRUE.fullmatch(text))
        if _INTEGER.fullmatch(text):
            return int(text)
        return Number(text) if _DECIMAL.fullmatch(text) or _OTHER_NUMBER.fullmatch(text) else text

    def _refuse(self, path: KeyPath, sentence: str, event: Event | None = None) -> None:
        self._document.problem(path, sentence, _line(event) if event else None)
        self._document.drop(path)

    def _stop(self, path: KeyPath, sentence: str, line: int) -> None:
        self._document.problem(path, sentence, line)
        self._document.raise_problems()


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _starred(event: AliasEvent) -> str:
    """What was meant; YAML takes all that follows the `*` for a name, a colon at its end included."""
    return "*" + str(event.anchor).removesuffix(":")


def _unquoted_star(text: str) -> str:
    return f'an unquoted "*" at the beginning is an alias in YAML; quote it, as in {quoted(text)}'


def _note_syntax(document: Document, error: MarkedYAMLError, lines: Sequence[str]) -> None:
    """Note why the parser gave up, unless an unquoted `*`, which confuses it, has been noted already."""
    if any("alias" in problem.sentence for problem in document.problems):
        document.raise_problems()
    mark = error.problem_mark or error.context_mark
    line = int(mark.line) + 1 if mark else 1
    if error.context == "while scanning an alias":
        document.problem((), _unquoted_star("*"), line)
    elif (found := _NO_BEGINNING.fullmatch(error.problem or "")) and found[1] == r"\t":
        document.problem((), "there is a tab here, which YAML does not allow; indent with spaces", line)
    elif found:
        document.problem((), f'an unquoted "{found[1]}" cannot begin a value; put the value in quotes', line)
    elif cut := _cut_by_a_comment(error, line, lines):
        document.problem((), _COMMENT, cut)
    else:
        document.problem((), f"this is no YAML, {error.problem}; check quotes, colons and indentation", line)
    document.raise_problems()


def _cut_by_a_comment(error: MarkedYAMLError, line: int, lines: Sequence[str]) -> int | None:
    """The line on which a bracket was to be closed and a `#` came before that, if there is one nearby."""
    begun = int(error.context_mark.line) + 1 if error.context_mark else line
    for number in sorted({begun, line - 1, line}):
        bare = _QUOTED.sub("", "".join(lines[number - 1 : number])) if number > 0 else ""
        before, _, comment = bare.partition(" #")
        is_open = sum(map(before.count, "[{")) > sum(map(before.count, "]}"))
        if is_open and set(comment) & set("]}"):
            return number
    return None
