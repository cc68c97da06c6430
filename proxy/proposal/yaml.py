"""Lines of YAML for people: whatever a server or a person gave can neither end a comment nor start a key."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

SHOWN: Final = 5
"""How many of several names are shown."""

_WIDTH: Final = 110
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_-]*")
_TAKEN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that some reader of YAML takes for something else than text."""
_SPECIAL: Final = frozenset('"\\')


def text(value: object) -> str:
    """A value that YAML reads as text: a word as it is, anything else in quotes."""
    written = str(value)
    if _PLAIN.fullmatch(written) and written not in _TAKEN:
        return written
    return quoted(written)


def quoted(value: object) -> str:
    """Text in double quotes, on one line; what cannot be seen is written as an escape."""
    return f'"{"".join(map(_escaped, str(value)))}"'


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def texts(values: Iterable[object]) -> str:
    """A list of texts in brackets."""
    return f"[{', '.join(text(value) for value in values)}]"


def comment(sentence: str, indent: int = 0, hanging: str = "") -> list[str]:
    """A sentence as lines of comment; `hanging` indents those after the first.

    Anything but printable ASCII is written as an escape, so that no kind of line end is left.
    """
    shown = "".join(each if " " <= each <= "~" else ascii(each)[1:-1] for each in sentence)
    prefix = f"{' ' * indent}# "
    return textwrap.wrap(
        shown,
        _WIDTH,
        initial_indent=prefix,
        subsequent_indent=prefix + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def comments(sentences: Iterable[str], indent: int = 0) -> list[str]:
    """Each sentence from a line of its own."""
    return [line for sentence in sentences for line in comment(sentence, indent)]


def some(values: Sequence[object], shown: int = SHOWN) -> str:
    """The first few of several names, and how many more there are."""
    named = ", ".join(str(value) for value in values[:shown])
    return named if len(values) <= shown else f"{named} and {len(values) - shown} more"


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 tag`, `2 tags`, `no tags`."""
    return f"{number or 'no'} {one if number == 1 else several or f'{one}s'}"
