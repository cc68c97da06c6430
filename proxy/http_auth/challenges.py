"""`WWW-Authenticate`, read strictly: what cannot be read asks for nothing (RFC 9110, 11.3 and 11.6.1)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (a grammar, not a secret)
_PARAMETER: Final = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME: Final = re.compile(rf"({_TOKEN})(?:[ \t]+|(?=,)|$)")
_BETWEEN: Final = re.compile(r"[ \t,]*")
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for: a scheme and its parameters, the names of both in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of an answer, from all its `WWW-Authenticate` lines, in order.

    A line is read up to where it cannot be read any more; a challenge with a parameter twice is left out.
    """
    return tuple(challenge for line in lines for challenge in _in(line))


def _in(line: str) -> Iterator[Challenge]:
    position = _skip(line, 0)
    while scheme := _SCHEME.match(line, position):
        position = _skip(line, scheme.end())
        parameters: dict[str, str] = {}
        unique = True
        while parameter := _PARAMETER.match(line, position):
            name, quoted, bare = parameter.groups()
            unique = unique and name.lower() not in parameters
            parameters[name.lower()] = bare if quoted is None else _ESCAPED.sub(r"\1", quoted)
            position = _skip(line, parameter.end())
        if unique:
            yield Challenge(scheme[1].lower(), parameters)


def _skip(line: str, position: int) -> int:
    between = _BETWEEN.match(line, position)
    return between.end() if between else position
