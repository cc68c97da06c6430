"""How Notary writes JSON: the canonical form that is signed, and the form that travels.

Written from the format's description alone, so that a mistake in the verifier cannot hide here too.
Sources: dialect 2 (envelope, wire form) and 2.7 (canonical form).
"""

import base64
import hashlib
import json
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

# Go's encoder writes these as escapes although JSON allows them raw (dialect 2.7).
_ESCAPED_BY_GO: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def canonical(value: object) -> bytes:
    r"""Write `value` in the form that signatures cover: sorted, no blanks, only `"` and `\` escaped.

    A lone surrogate is written as the bytes a Go program reads it as (U+FFFD); a float that is integral
    as an integer.
    """
    return _canonical_text(value).encode("utf-8", errors="surrogatepass")


def _canonical_text(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join([f"{_quoted(name)}:{_canonical_text(value[name])}" for name in sorted(value, key=_utf8)])
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_canonical_text, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def _quoted(text: str) -> str:
    if not text.isascii():
        text = "".join("\ufffd" if 0xD800 <= ord(char) < 0xE000 else char for char in text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf8(text: str) -> bytes:
    """The bytes that a Go program sorts by."""
    return text.encode("utf-8", errors="surrogatepass")


def on_the_wire(value: object) -> bytes:
    """Write `value` as Notary sends it: compact, members in their given order, Go's escapes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_ESCAPED_BY_GO).encode("utf-8", errors="surrogatepass")


def in_order(value: object) -> object:
    """Sort the members of all objects, as a map leaves a Go program."""
    if isinstance(value, dict):
        return {name: in_order(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [in_order(element) for element in value]
    return value


def base64_text(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def hashes(data: bytes) -> Json:
    """The `hashes` object that Notary writes about a file."""
    return {
        "sha256": base64_text(hashlib.sha256(data).digest()),
        "sha512": base64_text(hashlib.sha512(data).digest()),
    }


def file_meta(data: bytes) -> Json:
    """The entry about a file in the `meta` of timestamp or snapshot."""
    return {"hashes": hashes(data), "length": len(data)}
