"""Reading YAML: lines, the core rules for plain words, and everything that is refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.config.document import ConfigProblems
from proxy.config.yaml import Number, read

COMMENT = 'an unquoted "#" begins a comment; put the value in quotes, as in "#shop-oncall"'


def problems(text: str) -> list[str]:
    """What is wrong with a text."""
    try:
        document = read(text, "c.yaml")
    except ConfigProblems as found:
        return [str(problem) for problem in found.problems]
    return [str(problem) for problem in document.problems]


def test_plain_words_are_read_by_the_rules_of_yaml_1_2() -> None:
    """Only true and false are booleans, numbers are decimal, and everything in quotes is text."""
    words = 'a: [yes, no, on, off, 017, 1_000, true, FALSE, "true", 1, "1", 2027-01-31, -5]'
    assert read(words, "c.yaml").tree == {
        "a": ["yes", "no", "on", "off", 17, "1_000", True, False, "true", 1, "1", "2027-01-31", -5]
    }


@pytest.mark.parametrize("text", ["1.5", ".5", "1e3", "0x1F", "0o17", ".inf", "-.Inf", ".nan"])
def test_other_numbers_keep_their_text(text: str) -> None:
    """A number that is no plain integer is told apart from text, so that a key id like 12e4 is not misread."""
    value = read(f"a: {text}", "c.yaml").tree["a"]
    assert isinstance(value, Number)
    assert str(value) == text


def test_block_text_is_text() -> None:
    """A literal block is never a number."""
    assert read("a: |\n  5\n", "c.yaml").tree == {"a": "5\n"}


def test_each_key_and_item_has_its_line() -> None:
    """Lines are counted from one, in blocks and in one-line mappings."""
    document = read("# first\na:\n  b: 1\n  c: [x,\n    y]\nd: {e: 5}\n", "c.yaml")
    wanted = {("a",): 2, ("a", "b"): 3, ("a", "c", 1): 5, ("d", "e"): 6, ("a", "nowhere"): 2, ("nowhere",): 1}
    assert {path: document.line(path) for path in wanted} == wanted


@pytest.mark.parametrize("text", ["a: 1\r\nb: 2\r\n", "\ufeffa: 1\nb: 2", "%YAML 1.2\n---\na: 1\nb: 2\n...\n"])
def test_other_ways_to_write_a_file_are_read_alike(text: str) -> None:
    """Line ends of Windows, a byte order mark and document markers change nothing."""
    assert read(text, "c.yaml").tree == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", ['c.yaml:1: the file is empty; begin with "version: 1"'], id="empty"),
        pytest.param("# nothing", ['c.yaml:1: the file is empty; begin with "version: 1"'], id="only-a-comment"),
        pytest.param("- a", ['c.yaml:1: the file is no mapping; begin with "version: 1"'], id="list"),
        pytest.param(
            "a: 1\n---\nb: 2", ["c.yaml:2: a second YAML document begins here; remove it"], id="two-documents"
        ),
        pytest.param(
            "a: 1\nb: 2\na: 3\nb: 4",
            [
                "c.yaml:3: a: this key stands on line 1 already; remove one",
                "c.yaml:4: b: this key stands on line 2 already; remove one",
            ],
            id="duplicate-keys",
        ),
        pytest.param(
            "a:\n  b: {c: 1, c: 2}",
            ["c.yaml:2: a.b.c: this key stands on line 2 already; remove one"],
            id="duplicate-key-inside",
        ),
        pytest.param(
            "a:\n  *-prod: 1",
            ['c.yaml:2: a: an unquoted "*" at the beginning is an alias in YAML; quote it, as in "*-prod"'],
            id="unquoted-star-in-a-key",
        ),
        pytest.param(
            "a:\n  **: 1",
            ['c.yaml:2: a: an unquoted "*" at the beginning is an alias in YAML; quote it, as in "**"'],
            id="unquoted-stars-as-a-key",
        ),
        pytest.param(
            "b: 1\na:\n  x: 1\n  */api : 1",
            ['c.yaml:4: a."*/api": an unquoted "*" at the beginning is an alias in YAML; quote it, as in "*/api"'],
            id="unquoted-star-before-a-blank",
        ),
        pytest.param(
            "a: *\n",
            ['c.yaml:1: an unquoted "*" at the beginning is an alias in YAML; quote it, as in "*"'],
            id="lone-unquoted-star",
        ),
        pytest.param(
            "a: [*x, *y]",
            [
                'c.yaml:1: a[0]: an unquoted "*" at the beginning is an alias in YAML; quote it, as in "*x"',
                'c.yaml:1: a[1]: an unquoted "*" at the beginning is an alias in YAML; quote it, as in "*y"',
            ],
            id="unquoted-stars-in-a-list",
        ),
        pytest.param(
            "a: &x 1\nb: *x",
            [
                'c.yaml:1: a: YAML tags and anchors are not used here; remove the word with "!" or "&"',
                'c.yaml:2: b: an unquoted "*" at the beginning is an alias in YAML; quote it, as in "*x"',
            ],
            id="anchor-and-alias",
        ),
        pytest.param(
            "a: !!python/object:os.system x\nb: !!map {}",
            [
                'c.yaml:1: a: YAML tags and anchors are not used here; remove the word with "!" or "&"',
                'c.yaml:2: b: YAML tags and anchors are not used here; remove the word with "!" or "&"',
            ],
            id="tags",
        ),
        pytest.param(
            "a:\nb: ~\nc: [null]",
            [
                "c.yaml:1: a: there is no value here; write one, or remove the key",
                "c.yaml:2: b: there is no value here; write one, or remove the key",
                "c.yaml:3: c[0]: there is no value here; write one, or remove the key",
            ],
            id="no-value",
        ),
        pytest.param(
            "? [a, b]\n: 1",
            ['c.yaml:1: "?": a key must be text on one line; write it as a word or in quotes'],
            id="list-as-key",
        ),
        pytest.param(
            "a: b: c",
            ["c.yaml:1: this is no YAML, mapping values are not allowed here; check quotes, colons and indentation"],
            id="two-colons",
        ),
        *(
            pytest.param(text, [f"c.yaml:{line}: {COMMENT}"], id=name)
            for name, text, line in (
                ("comment-in-brackets", "a: {b: #x}\nc: 1", 1),
                ("comment-in-the-last-brackets", "a:\n  b: {c: #x}\n", 2),
                ("comment-before-another-line", "a:\n  b: {c: #x}\n  d: {c: y}\n", 2),
                ("comment-behind-a-word", "a: {b: ' #', c: x #y}\nd: 1", 1),
                ("comment-in-a-list", "a: [x, #y]\nb: 1", 1),
            )
        ),
        pytest.param("a:\n  b: #x\n", [f"c.yaml:2: a.b: {COMMENT}"], id="comment-in-place-of-a-value"),
        pytest.param(
            "a: # what it is\nb: 1",
            ["c.yaml:1: a: there is no value here; write one, or remove the key"],
            id="comment-and-no-value",
        ),
        pytest.param(
            "a: [x, # first]\n  y]\nb: c: d",
            ["c.yaml:3: this is no YAML, mapping values are not allowed here; check quotes, colons and indentation"],
            id="comment-that-is-one",
        ),
        *(
            pytest.param(
                text, [f'c.yaml:1: an unquoted "{first}" cannot begin a value; put the value in quotes'], id=name
            )
            for name, first, text in (("at", "@", "a: {b: @x}"), ("percent", "%", "a: %x"), ("backtick", "`", "a: `x`"))
        ),
        *(
            pytest.param(
                text, ["c.yaml:2: there is a tab here, which YAML does not allow; indent with spaces"], id=name
            )
            for name, text in (("tab", "a:\n\tb: 1"), ("tab-behind-a-blank", "a:\n \tb: 1"))
        ),
        pytest.param(
            "a:\n  - b\n  c: 1",
            ["c.yaml:3: this is no YAML, expected <block end>, but found '?'; check quotes, colons and indentation"],
            id="list-and-mapping-mixed",
        ),
        pytest.param(
            "a: 1\na: 2\nb: 'x",
            [
                "c.yaml:2: a: this key stands on line 1 already; remove one",
                "c.yaml:3: this is no YAML, found unexpected end of stream; check quotes, colons and indentation",
            ],
            id="open-quote-after-another-problem",
        ),
        pytest.param(
            "a: \x07",
            ["c.yaml:1: a character in this file is not allowed in YAML; remove it or mend its escape sequence"],
            id="control-character",
        ),
        pytest.param(
            'a: "\\U99999999"',
            ["c.yaml:1: a character in this file is not allowed in YAML; remove it or mend its escape sequence"],
            id="escape-beyond-unicode",
        ),
        pytest.param(
            "a: " + "[" * 20 + "]" * 20,
            [f"c.yaml:1: a{'[0]' * 16}: this is nested too deeply; nothing in this format is"],
            id="deep-nesting",
        ),
    ],
)
def test_what_is_refused_says_where_and_what_to_do(text: str, lines: list[str]) -> None:
    """Each problem is one line with file, line, path and a sentence."""
    assert problems(text) == lines


@given(st.text(st.sampled_from("ab:*&!?-[]{},#'\"\\ \n\t|>%@`0~.\x85\ud800"), max_size=30) | st.text(max_size=20))
@example("a: [\n*")
@example("? ? a")
@example('"\\x')
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    """Whatever stands in a file, the outcome is a tree or problems."""
    lines = problems(text)
    assert lines or read(text, "c.yaml").tree is not None
