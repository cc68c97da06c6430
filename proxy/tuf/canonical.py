"""JSON as Notary signs it: a strict reader, and the canonical form that signatures cover (dialect 2.7).

Two parsers must never disagree about trust data, so everything that two could read in two ways is
refused: duplicate keys, deep nesting (S11), invalid UTF-8, lone surrogates, integers beyond 2^53 (S13).

Files of Notary are compact and plain, and a quick parser reads and writes those. What it has read is written again
and must be the very bytes that came: then no key was there twice and nothing was spelled in two ways. Numbers that
it might take otherwise are not left to it, and text with an escape in it neither. All else goes the strict way.
"""

import json
import re
from typing import Any, Final, NoReturn

import orjson

from proxy.limits import JSON_DEPTH, JSON_VALUES, LARGEST_INTEGER

# Floats and all beyond 2^53; in compact JSON a number stands behind one of these three, and texts may look like it.
_ODD_NUMBERS: Final = tuple(
    re.compile(before + rb"-?(?:[0-9]+[.eE]|[0-9]{17}|9[0-9]{15})") for before in (b'":', rb"\[", b",")
)

_CONTROLS: Final = {json.dumps(char)[1:-1].encode(): char.encode() for char in map(chr, range(0x20))}
_NO_TEXT: Final = b"\xff"  # a byte that UTF-8 never has


class WholeFloat(int):
    """An integral number that was written as a float (`1.0`, `1e3`): canonically the same, but no JSON integer."""


def read(data: bytes) -> dict[str, Any]:
    """Read one JSON object from raw bytes, strictly.

    Raises `ValueError` with a short reason for anything that is not exactly one unambiguous object.
    """
    opened = data.count(b"[") + data.count(b"{")
    if opened + data.count(b",") > JSON_VALUES:
        raise ValueError("has too many values")
    value = _read_plain(data)
    if value is None:
        value = _read_strictly(data)
    if opened > JSON_DEPTH:
        _check_depth(value)
    return value


def encode(value: object) -> bytes:
    r"""Write the canonical form: sorted keys, no blanks, only `"` and `\` escaped, everything else raw UTF-8.

    `value` is such as `read` gives. Raises `ValueError` for lone surrogates, which have no UTF-8 form.
    """
    try:
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return _encode_any(value)
    return _encode_any(value) if b"\\" in data else data  # it escapes more than the canonical form does


def _read_plain(data: bytes) -> dict[str, Any] | None:
    """What the quick parser reads exactly as the strict one does; None where that is not certain."""
    if b"\\" in data or any(odd.search(data) for odd in _ODD_NUMBERS):
        return None
    try:
        value = orjson.loads(data)
        return value if isinstance(value, dict) and orjson.dumps(value) == data else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _read_strictly(data: bytes) -> dict[str, Any]:
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
    return value


def _encode_any(value: object) -> bytes:
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
