"""Which files and directories a configuration was made from, and how they looked when they were read.

So it can be told later whether anything is to be read anew: also what was not there, could not be read, or was about to
be written. Symbolic links are followed, because some deployments change where one leads and nothing else.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Looks: TypeAlias = "Mapping[_Place, _Look]"
_Place: TypeAlias = tuple[Path, str]
_Look: TypeAlias = tuple[int, ...] | tuple[str, ...] | None


class Seen:
    """What was looked at, each time before it was read: what changes meanwhile has changed since."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._looks: dict[_Place, _Look] = {}

    def note(self, path: Path, state: os.stat_result | None = None) -> None:
        """Note how a path looks, or a file that is open already; the first look at it counts."""
        self._looks.setdefault((path, ""), _look(path, "") if state is None else _state(state))

    def note_names(self, directory: Path, pattern: str, found: list[str]) -> None:
        """Note what names in a directory fit a pattern."""
        self._looks.setdefault((directory, pattern), tuple(found))

    @property
    def looks(self) -> Looks:
        """How everything looked."""
        return self._looks

    def look_again(self) -> Looks:
        """How all of it looks now."""
        return {place: _look(*place) for place in self._looks}


def names(directory: Path, pattern: str) -> list[str]:
    """The names in a directory that fit, in order: `*` is any characters, but no dot in front. Raises `OSError`."""
    fitting = re.compile(".*".join(re.escape(piece) for piece in pattern.split("*")), re.DOTALL)
    found = sorted(path.name for path in directory.iterdir())
    return [name for name in found if (pattern[0] == "." or name[0] != ".") and fitting.fullmatch(name)]


def _look(path: Path, pattern: str) -> _Look:
    """Which file it is, how long, and when it was changed, or the names there; None where nothing can be seen."""
    try:
        return tuple(names(path, pattern)) if pattern else _state(path.stat())
    except (OSError, ValueError):
        return None


def _state(state: os.stat_result) -> _Look:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
