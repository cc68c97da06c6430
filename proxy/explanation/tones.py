"""Lines of text whose pieces have a tone."""

from enum import StrEnum
from typing import TypeAlias

from proxy.names import plain


class Tone(StrEnum):
    """What a piece of a line is, for whoever chooses colours."""

    PLAIN = "plain"
    TITLE = "title"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    DIM = "dim"
    COMMAND = "command"


Piece: TypeAlias = tuple[str, Tone]
Line: TypeAlias = tuple[Piece, ...]


def line(*pieces: str | Piece) -> Line:
    """One line; a bare text is in the plain tone. Nothing in it can be taken for a command of a terminal."""
    toned = ((piece, Tone.PLAIN) if isinstance(piece, str) else piece for piece in pieces)
    return tuple((plain(text), tone) for text, tone in toned if text)


def text(made: Line) -> str:
    """A line without its tones."""
    return "".join(piece for piece, _ in made).rstrip()
