"""The configuration as it was written: its tree, where each key stands, and what is wrong with it.

Problems are gathered here by everybody who reads on, so that a person sees all of them at once. A part with
a problem is dropped and reading goes on without it; nothing that was read from such a document is ever used.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, islice
from pathlib import PurePath
from typing import Any, Final, TypeAlias

from proxy.errors import UserError

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way from the top of the document to a value: keys of mappings, positions in lists."""

Tree: TypeAlias = dict[str, Any]

_WORD: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST: Final = 120
_ENVIRONMENT: Final = "environment"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `line` is None where there is none; `sentence` says what is wrong and what to do."""

    file: str
    line: int | None
    path: str
    sentence: str

    def __str__(self) -> str:
        """One line: `file:line: path: sentence`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.sentence) if part)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems by their place in the file; those without a line come first."""
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


class ConfigProblems(UserError):
    """A configuration that cannot be used, with everything that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Document:
    """A file, and the environment variables that were laid over it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.tree: Tree = {}
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._variables: dict[KeyPath, str] = {}
        self._dropped: set[KeyPath] = set()
        self._dropping: set[KeyPath] = set()

    def problem(self, path: KeyPath, sentence: str, line: int | None = None) -> None:
        """Note what is wrong at a path, unless what stood there was dropped: then its problem is known."""
        problem = self._at(path, sentence, line)
        if not self._is_dropped(path) and problem not in self.problems:
            self.problems.append(problem)

    def warn(self, path: KeyPath, sentence: str) -> None:
        """Note what is allowed but should not go unnoticed."""
        warning = self._at(path, sentence, None)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def problem_of_variable(self, variable: str, sentence: str) -> None:
        """Note what is wrong with an environment variable that has no place in the tree."""
        self.problems.append(Problem(_ENVIRONMENT, None, variable, sentence))

    def raise_problems(self) -> None:
        """Raise `ConfigProblems` if anything is wrong."""
        if self.problems:
            raise ConfigProblems(self.problems)

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest one around it."""
        original = self._original(path)
        return next(
            (self.lines[original[:end]] for end in range(len(original), 0, -1) if original[:end] in self.lines), 1
        )

    def names(self, section: str) -> tuple[str, ...]:
        """All names that were written in a top-level section, however wrong what stands there is."""
        keys = self.tree.get(section)
        return tuple(keys) if isinstance(keys, dict) else ()

    def mentions(self, section: str, name: str) -> bool:
        """Whether a name may have been meant to be defined: it was written, or its whole section is no mapping."""
        return name in self.names(section) or not isinstance(self.tree.get(section, {}), dict)

    def was_cut(self, path: KeyPath) -> bool:
        """Whether something at, below or around a path was dropped, so that what remains says little."""
        original = self._original(path)
        return self._is_dropped(path) or any(dropped[: len(original)] == original for dropped in self._dropped)

    def override(self, path: KeyPath, variable: str, value: object) -> None:
        """Lay the value of an environment variable over the tree."""
        *sections, key = path
        mapping = self.tree
        for section in sections:
            mapping = mapping.setdefault(str(section), {})
            if not isinstance(mapping, dict):
                return
        mapping[str(key)] = value
        self._variables[path] = variable

    def drop(self, path: KeyPath) -> None:
        """Leave a part out of the next `remaining` tree."""
        self._dropping.add(self._original(path))

    def remaining(self) -> Tree:
        """The tree without what was dropped; from now on positions in lists count what remains."""
        self._dropped |= self._dropping
        self._dropping = set()
        remaining: Tree = self._without_dropped(self.tree, ())
        return remaining

    def _without_dropped(self, value: Any, path: KeyPath) -> Any:  # noqa: ANN401  (a tree holds anything)
        match value:
            case dict():
                kept = ((key, part, (*path, key)) for key, part in value.items())
                return {key: self._without_dropped(part, at) for key, part, at in kept if at not in self._dropped}
            case list():
                placed = ((part, (*path, position)) for position, part in enumerate(value))
                return [self._without_dropped(part, at) for part, at in placed if at not in self._dropped]
            case _:
                return value

    def _is_dropped(self, path: KeyPath) -> bool:
        original = self._original(path)
        return any(original[:end] in self._dropped for end in range(1, len(original) + 1))

    def _original(self, path: KeyPath) -> KeyPath:
        """A path in the remaining tree as one in the whole tree: positions shift behind dropped list items."""
        original: KeyPath = ()
        for part in path:
            if isinstance(part, int):
                kept = (position for position in count() if (*original, position) not in self._dropped)
                original = (*original, next(islice(kept, part, None)))
            else:
                original = (*original, part)
        return original

    def _at(self, path: KeyPath, sentence: str, line: int | None) -> Problem:
        original = self._original(path)
        variable = self._variables.get(original)
        if variable:
            return Problem(_ENVIRONMENT, None, variable, sentence)
        return Problem(self.file, line or self.line(path), show(original), sentence)


def show(path: KeyPath) -> str:
    """A path as people write it: `repositories."shop/**".signed_by.any_of[0]`."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            shown += ("." if shown else "") + (part if _WORD.fullmatch(part) else quoted(part))
    return shown


def quoted(value: object) -> str:
    """A value inside a sentence: in double quotes, on one line, nothing unprintable, shortened unless it is a path."""
    text = str(value)
    if len(text) > _LONGEST and not isinstance(value, PurePath):
        text = f"{text[:_LONGEST]}..."
    return json.dumps(text, ensure_ascii=not text.isprintable())
