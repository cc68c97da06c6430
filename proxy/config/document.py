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

from proxy.config.seen import Seen
from proxy.errors import UserError

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way from the top of the document to a value: keys of mappings, positions in lists."""

Tree: TypeAlias = dict[str, Any]

_WORD: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST: Final = 120
ENVIRONMENT: Final = "environment"


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
    """Sort problems by their place, file after file as they come; those without a line come first."""
    problems = tuple(problems)
    files = list(dict.fromkeys(problem.file for problem in problems))

    def place(problem: Problem) -> tuple[int, int]:
        return (0, 0) if problem.line is None else (1 + files.index(problem.file), problem.line)

    return tuple(sorted(problems, key=place))


class ConfigProblems(UserError):
    """A configuration that cannot be used, with everything that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Document:
    """A file, and the environment variables that were laid over it.

    A file that another one includes knows that as its `main` one, which knows it in turn: it is there that names
    are looked up which are not here, and that all problems are raised. `seen` are all files that were looked at.
    """

    def __init__(self, file: str, main: "Document | None" = None, seen: Seen | None = None) -> None:
        self.file = file
        self.main = main
        self.seen: Seen = (Seen() if main is None else main.seen) if seen is None else seen
        self.included: list[Document] = []
        if main is not None:
            main.included.append(self)
        self.tree: Tree = {}
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._variables: dict[KeyPath, tuple[str, str]] = {}
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
        self.problems.append(Problem(ENVIRONMENT, None, variable, sentence))

    def raise_problems(self) -> None:
        """Raise `ConfigProblems` if anything is wrong, here or in an included file."""
        problems = [problem for document in (self, *self.included) for problem in document.problems]
        if problems:
            raise ConfigProblems(problems)

    def all_warnings(self) -> tuple[Problem, ...]:
        """What is warned of, here and in included files, in order."""
        return in_order(warning for document in (self, *self.included) for warning in document.warnings)

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest one around it."""
        original = self._original(path)
        return next(
            (self.lines[original[:end]] for end in range(len(original), 0, -1) if original[:end] in self.lines), 1
        )

    def place(self, path: KeyPath) -> str:
        """Where a value stands, for people: `file:line`, `environment NAME`, `command line --option`."""
        source, name = self._variables.get(self._original(path)) or (f"{self.file}:{self.line(path)}", "")
        return f"{source} {name}".rstrip()

    def is_written(self, path: KeyPath) -> bool:
        """Whether somebody wrote this key or list item, in whichever place."""
        original = self._original(path)
        return original in self.lines or original in self._variables

    def names(self, section: str) -> tuple[str, ...]:
        """All names that were written in a top-level section, however wrong what stands there is."""
        keys = self.tree.get(section)
        return tuple(keys) if isinstance(keys, dict) else ()

    def mentions(self, section: str, name: str) -> bool:
        """Whether a name may have been meant to be defined: it was written, or its whole section is no mapping."""
        is_here = name in self.names(section) or not isinstance(self.tree.get(section, {}), dict)
        return is_here or (self.main is not None and self.main.mentions(section, name))

    def was_cut(self, path: KeyPath) -> bool:
        """Whether something at, below or around a path was dropped, so that what remains says little."""
        original = self._original(path)
        return self._is_dropped(path) or any(dropped[: len(original)] == original for dropped in self._dropped)

    def override(self, path: KeyPath, variable: str, value: object, source: str = ENVIRONMENT) -> None:
        """Lay the value of a variable over the tree: of the environment, or an option of the command line."""
        *sections, key = path
        mapping = self.tree
        for section in sections:
            mapping = mapping.setdefault(str(section), {})
            if not isinstance(mapping, dict):
                return
        mapping[str(key)] = value
        self._variables[path] = source, variable

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
            source, name = variable
            return Problem(source, None, name, sentence)
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
