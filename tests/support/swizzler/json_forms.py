"""Spellings of JSON: those that mean the same and must verify, and those that two parsers may read differently.

Source: dialect 2.7; rows 7 to 11. Differences S11 and S13.
"""

import json
from typing import Any, Final

from tests.support.swizzler.edits import rewritten, sealed, spelled, with_field
from tests.support.swizzler.swizzle import FINE, FRESH_ONLY, REWRITTEN, SAME, STATES, UNSIGNED, Apply, Swizzle, every
from tests.support.wire import on_the_wire

_NOT_JSON: Final = every("invalid character|unexpected end of JSON input|cannot unmarshal|unsupported value")
_LARGEST: Final = 2**53


def _reloaded(**how: Any) -> Apply:
    return rewritten(lambda data: json.dumps(json.loads(data), **how).encode())


def _reversed(data: bytes) -> bytes:
    def backwards(value: object) -> object:
        if isinstance(value, dict):
            return {name: backwards(member) for name, member in reversed(value.items())}
        return [backwards(element) for element in value] if isinstance(value, list) else value

    return on_the_wire(backwards(json.loads(data)))


def _escaped(data: bytes) -> bytes:
    """Every character of every string as an escape, but those of dates, where a Go program cannot read it."""

    def text(value: object) -> str:
        if isinstance(value, dict):
            members = (
                f"{text(name)}:{json.dumps(each) if name == 'expires' else text(each)}" for name, each in value.items()
            )
            return "{" + ",".join(members) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(text, value)) + "]"
        if isinstance(value, str):
            return '"' + "".join(f"\\u{ord(char):04x}" for char in value) + '"'
        return json.dumps(value)

    return text(json.loads(data)).encode()


def _renamed(old: str, new: str) -> Apply:
    """Call a signed field by another spelling of its name; the signature covers the name as spelled."""
    return lambda sim, role: sim[role].before_signing.append(lambda fields: fields.__setitem__(new, fields.pop(old)))


def _replaced(old: bytes, new: bytes) -> Apply:
    def replace(data: bytes) -> bytes:
        assert old in data, f"{old!r} is not in the file"
        return data.replace(old, new, 1)

    return rewritten(replace)


def _nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


_SAME_MEANING: Final = {
    "blanks around": rewritten(lambda data: b" " + data + b"\n\t "),
    "every character escaped": rewritten(_escaped),
    "solidus escaped": spelled("a/b", r'"a\/b"'),
    "unknown fields, signed": with_field("note", {"any": ["thing", None, True], "": {}}),
    "unknown member beside signed": sealed(lambda envelope: envelope.extra.update(abc="xyz")),
    "control characters, escaped": with_field("note", "\x00\x01\b\t\n\r\x1f\x7f"),
    "characters that Go escapes": with_field("note", "<script>&\u2028\u2029"),
    "quotes and backslashes in names": with_field('no"te\\', {'"': "\\", "\\u0041": '\\"'}),
    "names beyond the basic plane": with_field("note", {"\uffff": 1, "\U00010000": 2, "\ue000": 3, "z": 4}),
    "surrogate pair": spelled("\U0001f600", '"\\ud83d\\ude00"'),
    "largest exact integer": with_field("note", [_LARGEST, -_LARGEST, 0]),
    "nested 40 deep": with_field("note", _nested(40)),
    "large integers": with_field("note", [2**31, 2**32, 10**15]),
}

_SAME_MEANING_AS_FLOAT: Final = {
    "1.0 in an unknown field": spelled(1, "1.0"),
    "1e3 in an unknown field": spelled(1000, "1e3"),
    "1.5e1 in an unknown field": spelled(15, "1.5e1"),
    "minus zero in an unknown field": spelled(0, "-0"),
}

_READ_DIFFERENTLY: Final = {
    "invalid UTF-8": (spelled("a\ufffdb", b'"a\xffb"'), "S13"),
    "UTF-8 of a surrogate": (spelled("\ufffd\ufffd\ufffd", b'"\xed\xa0\x80"'), "S13"),
    "lone high surrogate": (spelled("\ufffd", '"\\ud800"'), "S13"),
    "lone low surrogate": (spelled("\ufffdx", '"\\udc00x"'), "S13"),
    "surrogates in the wrong order": (spelled("\ufffd\ufffd", '"\\ude00\\ud83d"'), "S13"),
    "integer beyond 2^53, rounded": (spelled(_LARGEST, str(_LARGEST + 1)), "S13"),
    "negative integer beyond 2^53": (spelled(-_LARGEST, str(-_LARGEST - 1)), "S13"),
    "field twice, same value": (_replaced(b'"_type":', b'"_type":"nothing","_type":'), "S11"),
    "unknown field twice": (spelled(2, '1,"note":2'), "S11"),
    "unknown field twice, deep": (spelled({"a": 2}, '{"a":1,"a":2}'), "S11"),
    "field twice, one escaped": (spelled(2, '1,"no\\u0074e":2'), "S11"),
    "signed twice": (_replaced(b'{"signed":', b'{"signed":{},"signed":'), "S11"),
    "signatures twice": (_replaced(b'"signatures":', b'"signatures":[],"signatures":'), "S11"),
    "signed in capitals": (_replaced(b'{"signed":', b'{"SIGNED":'), "S13"),
    "version in capitals": (_renamed("version", "VERSION"), "S13"),
    "expires capitalised": (_renamed("expires", "Expires"), "S13"),
    "type capitalised": (_renamed("_type", "_Type"), "S13"),
    "version and Version": (with_field("Version", 2), "S13"),
    "keyid capitalised": (_replaced(b'"keyid":', b'"KeyID":'), "S13"),
    "long s in signed": (_replaced(b'{"signed":', '{"\u017figned":'.encode()), "S13"),
    "nested 200 deep": (with_field("note", _nested(200)), "S11"),
}

_BROKEN: Final = {
    "first five bytes cut": rewritten(lambda data: data[5:]),
    "last byte cut": rewritten(lambda data: data[:-1]),
    "byte order mark": rewritten(lambda data: b"\xef\xbb\xbf" + data),
    "UTF-16": rewritten(lambda data: data.decode().encode("utf-16")),
    "garbage behind": rewritten(lambda data: data + b"x"),
    "second value behind": rewritten(lambda data: data + b"{}"),
    "zero byte behind": rewritten(lambda data: data + b"\0"),
    "vertical tab before": rewritten(lambda data: b"\x0b" + data),
    "no-break space before": rewritten(lambda data: b"\xc2\xa0" + data),
    "a list": rewritten(lambda data: b"[" + data + b"]"),
    "a string": rewritten(lambda _: b'"signed"'),
    "HTML": rewritten(lambda _: b"<html><body>502 Bad Gateway</body></html>"),
    "signed is a list": sealed(lambda envelope: setattr(envelope, "signed", [1])),
    "signed is a string": sealed(lambda envelope: setattr(envelope, "signed", "x")),
    "signatures is a string": sealed(lambda envelope: setattr(envelope, "signatures", "none")),
    "signatures is an object": sealed(lambda envelope: setattr(envelope, "signatures", {"0": {}})),
    "a signature is a string": sealed(lambda envelope: envelope.signatures.append("x")),
    "raw newline in a string": spelled("a\nb", '"a\nb"'),
    "invalid escape": spelled("x", r'"\x78"'),
    "capital U escape": spelled("A", r'"\U0041"'),
    "NaN": spelled(None, "NaN"),
    "Infinity": spelled(None, "-Infinity"),
    "leading zero": spelled(1, "01"),
    "plus sign": spelled(1, "+1"),
    "digit group": spelled(1000, "1_000"),
    "no digit after the point": spelled(1, "1."),
    "comment": rewritten(lambda data: data.replace(b'"_type"', b'/* */"_type"', 1)),
    "trailing comma": spelled([1], "[1,]"),
    "single quotes": spelled("x", "'x'"),
    "capital True": spelled(1, "True"),
}

_NOT_SIGNABLE: Final = {
    "1.5 in an unknown field": (spelled(1.5, "1.5"), {**_NOT_JSON, "root": UNSIGNED["root"]}),
    "1e400 in an unknown field": (spelled(0, "1e400"), {**_NOT_JSON, "root": UNSIGNED["root"]}),
    "1e-400 in an unknown field": (spelled(7, "1e-400"), UNSIGNED),
    "integer beyond 2^53, exact": (with_field("note", _LARGEST + 1), UNSIGNED),
}


def catalogue() -> list[Swizzle]:
    """All spellings, for every role."""
    return [
        *(Swizzle(name, apply, FINE) for name, apply in _SAME_MEANING.items()),
        Swizzle("pretty-printed", _reloaded(indent=3), FINE, states=STATES),
        Swizzle("members in reverse order", rewritten(_reversed), FINE, states=(REWRITTEN, SAME)),
        *(Swizzle(name, apply, FINE) for name, apply in _SAME_MEANING_AS_FLOAT.items()),
        *(Swizzle(name, apply, FINE, {"every": id_}) for name, (apply, id_) in _READ_DIFFERENTLY.items()),
        *(Swizzle(name, apply, _NOT_JSON, states=FRESH_ONLY) for name, apply in _BROKEN.items()),
        *(Swizzle(name, apply, verdict) for name, (apply, verdict) in _NOT_SIGNABLE.items()),
    ]
