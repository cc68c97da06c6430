"""JSON as Notary signs it: a strict reader, and the canonical form that signatures cover (dialect 2.7).

Two parsers must never disagree about trust data, so everything that two could read in two ways is
refused: duplicate keys, deep nesting (S11), invalid UTF-8, lone surrogates, integers beyond 2^53 (S13).
"""

import json
from typing import Any, Final, NoReturn

from proxy.limits import JSON_DEPTH, JSON_VALUES, LARGEST_INTEGER

_CONTROLS: Final = {json.dumps(char)[1:-1].encode(): char.encode() for char in map(chr, range(0x20))}
_NO_TEXT: Final = b"\xff"  # a byte that UTF-8 never has


class WholeFloat(int):
    """An integral number that was written as a float (`1.0`, `1e3`): canonically the same, but no JSON integer."""


def read(data: bytes) -> dict[str, Any]:
    """Read one JSON object from raw bytes, strictly.

    Raises `ValueError` with a short reason for anything that is not exactly one unambiguous object.
    """
    if sum(map(data.count, (b",", b"[", b"{"))) > JSON_VALUES:
        raise ValueError("has too many values")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at character {error.pos})") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  (one kind of exception for all that is wrong with a file)
    _check_depth(value)
    return value


def encode(value: object) -> bytes:
    r"""Write the canonical form: sorted keys, no blanks, only `"` and `\` escaped, everything else raw UTF-8.

    Raises `ValueError` for lone surrogates, which have no UTF-8 form.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate") from None
    return _unescape(data) if b"\\" in data else data


def _unescape(data: bytes) -> bytes:
    """Undo the escapes that `json` makes and the canonical form does not, in time linear in the text."""
    data = data.replace(rb"\\", _NO_TEXT)
    for escape, raw in _CONTROLS.items():
        data = data.replace(escape, raw)
    return data.replace(_NO_TEXT, rb"\\")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("has a duplicate key")
    return value


def _integer(text: str) -> int:
    # the length is checked first: turning a million digits into a number takes seconds
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER:
        raise ValueError("has a number beyond 2^53")
    return int(text)


def _float(text: str) -> WholeFloat:
    number = float(text)
    if not abs(number) <= LARGEST_INTEGER:
        raise ValueError("has a number beyond 2^53")
    if not number.is_integer():
        raise ValueError("has a number that is not whole")
    return WholeFloat(number)


def _constant(text: str) -> NoReturn:
    raise ValueError(f"has {text}, which is no JSON")


def _check_depth(value: object) -> None:
    """Walk level by level, so that the check itself needs no stack."""
    level = [value]
    for _ in range(JSON_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")
