"""JSON is read in one way only, and written in the form that signatures cover (dialect 2.7)."""

from typing import Any

import pytest

from proxy.limits import JSON_DEPTH, JSON_VALUES, LARGEST_INTEGER
from proxy.tuf.canonical import WholeFloat, _read_plain, _read_strictly, encode, read


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"{}", {}, id="empty object"),
        pytest.param(b' \t\r\n{"a" : [1, "b", true, false, null] }\n', {"a": [1, "b", True, False, None]}, id="blanks"),
        pytest.param('{"a":"\u00e9\U0001f600"}'.encode(), {"a": "\u00e9\U0001f600"}, id="raw UTF-8"),
        pytest.param(rb'{"a":"\u00e9\ud83d\ude00\/"}', {"a": "\u00e9\U0001f600/"}, id="escapes"),
        pytest.param(b'{"a":9007199254740992}', {"a": LARGEST_INTEGER}, id="largest integer"),
        pytest.param(b'{"a":-9007199254740992}', {"a": -LARGEST_INTEGER}, id="smallest integer"),
        pytest.param(b'{"a":-0}', {"a": 0}, id="minus zero"),
        pytest.param(b'{"a":[1.0,1e3,-0.0,1e-400]}', {"a": [1, 1000, 0, 0]}, id="whole floats"),
        pytest.param(b'{"A":1,"a":2}', {"A": 1, "a": 2}, id="names that differ in case"),
    ],
)
def test_an_unambiguous_object_is_read(data: bytes, value: dict[str, Any]) -> None:
    """What can be read in one way only is read in this way."""
    assert read(data) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"null", "not a JSON object", id="null"),
        pytest.param(b"[{}]", "not a JSON object", id="a list"),
        pytest.param(b'"{}"', "not a JSON object", id="a string"),
        pytest.param(b"1", "not a JSON object", id="a number"),
        pytest.param(b"<html>502</html>", "not JSON", id="HTML"),
        pytest.param(b'{"a":1', "not JSON", id="cut off"),
        pytest.param(b"{} {}", "not JSON", id="two values"),
        pytest.param(b"{}x", "not JSON", id="garbage behind"),
        pytest.param(b"{}\0", "not JSON", id="zero byte behind"),
        pytest.param(b"\xef\xbb\xbf{}", "not JSON", id="byte order mark"),
        pytest.param("{}".encode("utf-16"), "not UTF-8", id="UTF-16"),
        pytest.param(b'{"a":"\xff"}', "not UTF-8", id="invalid UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "not UTF-8", id="UTF-8 of a surrogate"),
        pytest.param(b'{"a":"\xc0\x80"}', "not UTF-8", id="overlong zero"),
        pytest.param(b'{"a":"\n"}', "not JSON", id="raw newline in a string"),
        pytest.param(b"{'a':1}", "not JSON", id="single quotes"),
        pytest.param(b'{"a":1,}', "not JSON", id="trailing comma"),
        pytest.param(b'{"a":01}', "not JSON", id="leading zero"),
        pytest.param(b'{"a":+1}', "not JSON", id="plus sign"),
        pytest.param(b'{"a":.5}', "not JSON", id="no digit before the point"),
        pytest.param('{"a":\u0661}'.encode(), "not JSON", id="arabic digit"),
        pytest.param(b'{"a":NaN}', "NaN", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "-Infinity", id="Infinity"),
        pytest.param(b'{"a":1,"a":1}', "duplicate key", id="same key twice"),
        pytest.param(rb'{"a":1,"\u0061":2}', "duplicate key", id="same key, escaped"),
        pytest.param(b'{"x":[{"a":{"b":1,"b":2}}]}', "duplicate key", id="same key twice, deep"),
        pytest.param(b'{"a":9007199254740993}', "beyond 2^53", id="integer too large"),
        pytest.param(b'{"a":-9007199254740993}', "beyond 2^53", id="integer too small"),
        pytest.param(b'{"a":' + b"9" * 100_000 + b"}", "beyond 2^53", id="hundred thousand digits"),
        pytest.param(b'{"a":9007199254740994.0}', "beyond 2^53", id="float too large"),
        pytest.param(b'{"a":1e400}', "beyond 2^53", id="float that overflows"),
        pytest.param(b'{"a":1.5}', "not whole", id="fraction"),
        pytest.param(b'{"a":1e-2}', "not whole", id="fraction by exponent"),
        pytest.param(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", "too deeply", id="deep"),
        pytest.param(b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "too deeply", id="deeper than any stack"),
        pytest.param(b'{"a":' + b"[" * 100_000, "too deeply", id="opened and never closed"),
        pytest.param(b'{"a":[' + b"0," * JSON_VALUES + b"0]}", "too many values", id="too many elements"),
        pytest.param(b'{"a":' + b"[" * JSON_VALUES, "too many values", id="too many lists"),
    ],
)
def test_anything_else_is_refused_with_a_reason(data: bytes, why: str) -> None:
    """What two programs may read in two ways, or what costs too much to read, is no metadata (S11, S13)."""
    with pytest.raises(ValueError, match=why.replace("^", r"\^")):
        read(data)


def _nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_the_depth_that_is_allowed_is_exact() -> None:
    """Objects and lists count alike (S11)."""
    read(_nested(JSON_DEPTH))
    with pytest.raises(ValueError, match="too deeply"):
        read(_nested(JSON_DEPTH + 1))


def test_as_many_values_are_read_as_an_honest_file_may_have() -> None:
    """75,000 tags are no reason to refuse (dialect 5, row 70)."""
    entry = '"v%d":{"hashes":{"sha256":"%s"},"length":527}'
    tags = ",".join(entry % (number, "A" * 44) for number in range(75_000))
    assert len(read(f'{{"targets":{{{tags}}}}}'.encode())["targets"]) == 75_000


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":[1,-2,{"b":null}],"c":"2026-01-01T10:00:00.5Z"}', id="as Notary writes"),
        pytest.param(b'{"a":[8999999999999999,[0]]}', id="sixteen digits"),
        pytest.param('{"\u00e9":"\U0001f600"}'.encode(), id="raw UTF-8"),
        pytest.param(b'{"a":"\x7f"}', id="raw delete"),
    ],
)
def test_the_quick_parser_takes_what_cannot_be_taken_otherwise(data: bytes) -> None:
    """That is what both read alike."""
    assert _read_plain(data) == _read_strictly(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":9007199254740992}', id="near 2^53"),
        pytest.param(b'{"a":10000000000000000}', id="seventeen digits"),
        pytest.param(b'{"a":[-9007199254740993]}', id="beyond 2^53"),
        pytest.param(b'{"a":[0,1.0]}', id="float"),
        pytest.param(b'{"a":1e3}', id="exponent"),
        pytest.param(b'{"a":-0}', id="minus zero"),
        pytest.param(b'{"a":1,"a":1}', id="same key twice"),
        pytest.param(b'{"a": 1}', id="blank"),
        pytest.param(b'{"a":1}\n', id="newline behind"),
        pytest.param(rb'{"a":"\u0061"}', id="escape"),
        pytest.param(b'{"a":"\n"}', id="raw newline"),
        pytest.param(b'{"a":"\xff"}', id="invalid UTF-8"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", id="deep"),
    ],
)
def test_the_strict_parser_has_the_last_word_on_all_else(data: bytes) -> None:
    """The quick one does not take it, whatever it would make of it."""
    assert _read_plain(data) is None


def test_a_whole_number_that_was_written_as_a_float_is_no_integer() -> None:
    """Notary takes `1.0` as 1 where it signs and refuses it where it wants an integer (dialect 2.1)."""
    value = read(b'{"a":1.0,"b":1}')
    assert type(value["a"]) is WholeFloat
    assert type(value["b"]) is int


@pytest.mark.parametrize(
    ("value", "data"),
    [
        pytest.param({"b": 1, "a": 2}, b'{"a":2,"b":1}', id="sorted keys"),
        pytest.param({"a": {"z": [], "y": {}}}, b'{"a":{"y":{},"z":[]}}', id="sorted within"),
        pytest.param(
            {"\uffff": 1, "\U00010000": 2, "z": 3}, '{"z":3,"\uffff":1,"\U00010000":2}'.encode(), id="by UTF-8"
        ),
        pytest.param([1, -1, 0], b"[1,-1,0]", id="integers"),
        pytest.param([WholeFloat(1000.0)], b"[1000]", id="whole float"),
        pytest.param([True, False, None], b"[true,false,null]", id="constants"),
        pytest.param('a"b\\c', rb'"a\"b\\c"', id="quote and backslash"),
        pytest.param(
            "\x00\x01\b\t\n\x0b\f\r\x1f\x7f", b'"\x00\x01\b\t\n\x0b\f\r\x1f\x7f"', id="control characters, raw"
        ),
        pytest.param("<&>\u2028\u2029/", '"<&>\u2028\u2029/"'.encode(), id="what Go escapes, raw"),
        pytest.param("\\n\\u0001\\\\", rb'"\\n\\u0001\\\\"', id="text that looks like an escape"),
        pytest.param('\\"\n\\', b'"\\\\\\"\n\\\\"', id="escapes side by side"),
        pytest.param("\xff\u00fe", '"\xff\u00fe"'.encode(), id="characters beyond ASCII"),
        pytest.param({'"\n': "\\"}, b'{"\\"\n":"\\\\"}', id="in keys too"),
    ],
)
def test_the_canonical_form_escapes_only_quote_and_backslash(value: object, data: bytes) -> None:
    """No blanks, keys by code point, everything else as raw UTF-8."""
    assert encode(value) == data


@pytest.mark.parametrize("value", ["\ud800", {"a": ["x\udfffy"]}, {"\ud83d": 1}])
def test_a_lone_surrogate_has_no_canonical_form(value: object) -> None:
    """It has no UTF-8, and programs replace it in different ways (S13)."""
    with pytest.raises(ValueError, match="lone surrogate"):
        encode(value)


@pytest.mark.timeout(60)
def test_megabytes_of_escapes_cost_no_more_than_their_length() -> None:
    """A hostile file must not hold up everybody else."""
    assert encode(read(b'{"a":"' + rb"\n\u0001\\" * 1_000_000 + b'"}')) == b'{"a":"' + b"\n\x01\\\\" * 1_000_000 + b'"}'
