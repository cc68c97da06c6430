"""Text from elsewhere made fit for a line: bounded, without secrets, and nothing in it that a terminal would obey."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

_CLIENT_TEXT_LENGTH: Final = 512
_USER_AND_PASSWORD: Final = re.compile(r"//[^/\s]*@")  # up to the last one: some passwords have it in them
_CREDENTIAL: Final = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)


def client_text(text: str | None) -> str | None:
    """Text from a client as it may be logged: bounded, without secrets, and valid Unicode whatever bytes it came from.

    What a terminal would obey in it stays, because a line of JSON says that in escapes, and lines for people as well
    (`printable`).
    """
    if text is None:
        return None
    text = without_secrets(text)[:_CLIENT_TEXT_LENGTH]
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_secrets(text: str) -> str:
    """The same without passwords in URLs and without credentials as `Authorization` has them."""
    if "//" in text and "@" in text:
        text = _USER_AND_PASSWORD.sub("//***@", text)
    return _CREDENTIAL.sub(r"\1 ***", text) if " " in text or "\t" in text else text


def printable(text: str, *, lines: bool = False) -> str:
    """The same with everything that a terminal would obey written as escapes; with `lines` a text may have several."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or (lines and each == "\n") else _escaped(each) for each in text)


def plain(value: object) -> str:
    """A value in a line for people: lists with commas, tables with semicolons, and JSON's words for what is none."""
    match value:
        case str():
            return str(value)  # a word of an enumeration is nothing but its text here
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case Mapping():
            return "; ".join(f"{plain(name)}: {plain(part)}" for name, part in value.items())
        case bytes():
            return value.hex()
        case Sequence() | AbstractSet():
            return ", ".join(plain(part) for part in value)
        case _:
            return str(value)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
