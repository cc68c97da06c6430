"""JSON in and canonical form out: for any value at all, and for any bytes that claim to be JSON."""

import json
from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.limits import LARGEST_INTEGER
from proxy.tuf.canonical import _encode_any, _read_plain, _read_strictly, encode, read
from tests.support.wire import canonical, on_the_wire

TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    '\\"nu01\n\x00\x1f\x7f<&>\u2028é', max_size=8
)
SCALARS: Final = st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | TEXTS
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
OBJECTS: Final = st.dictionaries(TEXTS, VALUES, max_size=5)
PIECES: Final = st.sampled_from(
    [*'{}[],:"\\', '"a"', '"a":', "1", "-", "0", "1.0", "1e3", "1e-3", ".5", "9" * 17, "NaN", "Infinity", "true",
     "null", "\\u0061", "\\ud800", "\\n", "\n", " ", "\ufeff", "\x00", "é"]
)  # fmt: skip


@given(VALUES)
@example({"\uffff": 1, "\U00010000": 2})
@example('\\"\\n')
def test_the_canonical_form_is_that_of_a_slow_and_simple_writer(value: object) -> None:
    """The two were written apart from each other."""
    assert encode(value) == canonical(value)


@given(OBJECTS)
def test_whatever_was_signed_is_read_back_however_it_was_spelled(value: dict[str, Any]) -> None:
    """Indented, escaped or as Go writes it: it is the same value, and has the same canonical form."""
    for data in (
        json.dumps(value, indent=2).encode(),
        json.dumps(value, ensure_ascii=False).encode(),
        on_the_wire(value),
    ):
        assert read(data) == value
        assert encode(read(data)) == canonical(value)


@given(OBJECTS, OBJECTS)
@example({"a": "1"}, {"a": 1})
@example({"a": None}, {})
@example({"a": 'b","c'}, {"a": "b", "c": ""})
def test_two_values_never_share_a_canonical_form(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A signature over one is no signature over the other."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (encode(one) == encode(other)) == same


def _types(value: object) -> object:
    """What a value is made of, where `==` is not enough: 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {key: _types(each) for key, each in value.items()}
    return [_types(each) for each in value] if isinstance(value, list) else type(value)


def _read_alike(data: bytes) -> None:
    """Whatever the quick parser takes, the strict one reads the same; both write it as the slow writer does."""
    plain = _read_plain(data)
    if plain is None:
        return
    strict = _read_strictly(data)
    assert plain == strict
    assert _types(plain) == _types(strict)
    assert list(plain) == list(strict)
    assert encode(plain) == _encode_any(strict) == canonical(strict)


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@given(OBJECTS)
@example({"a": [9007199254740991, -9007199254740992, 1000000000000000, 0]})
@example({'":1.0': ',1e3[2.5":9007199254740993'})
@example({"\x7f\u2028": "é\U0001f600"})
def test_both_parsers_read_the_same_from_compact_json(value: dict[str, Any]) -> None:
    """The form in which Notary writes its files."""
    _read_alike(_compact(value))


@given(st.dictionaries(TEXTS, st.floats() | st.integers() | VALUES, max_size=4))
def test_both_parsers_read_the_same_from_any_numbers(value: dict[str, Any]) -> None:
    """Floats and numbers of any size are the strict one's, or are what both take for the same."""
    _read_alike(_compact(value))


def _read_or_refused(data: bytes) -> None:
    _read_alike(data)
    try:
        value = read(data)
    except ValueError:
        return
    assert isinstance(value, dict)
    assert json.loads(data) == value
    try:
        encode(value)
    except ValueError as error:
        assert "surrogate" in str(error)  # noqa: PT017  (the only value that can be read and not written)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but `ValueError` is ever raised."""
    _read_or_refused(data)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_anything_that_looks_like_json_is_read_or_refused(text: str) -> None:
    """What is read is what the standard reader reads, and less."""
    _read_or_refused(text.encode())
    _read_or_refused(f'{{"a":{text}}}'.encode())


@given(OBJECTS, st.integers(0, 10_000), st.binary(max_size=3))
def test_json_with_bytes_replaced_is_read_or_refused(value: dict[str, Any], position: int, other: bytes) -> None:
    """A flipped, added or lost byte anywhere."""
    data = on_the_wire(value)
    at = position % (len(data) + 1)
    _read_or_refused(data[:at] + other + data[at + 1 :])
