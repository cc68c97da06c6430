"""Which texts of the code are taken for sentences, on which everything here depends: one that is missed is unread."""

from pathlib import Path

import pytest

from tests.sentences.sources import lines_of, sentences


def found(directory: Path, code: str) -> list[str]:
    """The sentences of a piece of code, with a gap for each fact."""
    file = directory / "piece.py"
    file.write_text(code, encoding="utf-8")
    return ["{...}".join(each.fixed) for each in sentences([file])]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param('say("this cannot be read")', ["this cannot be read"], id="text"),
        pytest.param('say(f"{file} cannot be read by {you}")', [" cannot be read by "], id="with facts"),
        pytest.param('say("{file} cannot be read by {you}: why")', [" cannot be read by {...}: why"], id="template"),
        pytest.param(
            'say(f"{file} cannot {be!r} be read by {you}")', [" cannot {...} be read by "], id="facts between words"
        ),
        pytest.param('X: Final = "name the file of keys"', ["name the file of keys"], id="constant"),
        pytest.param('X = {"a": "name the file of keys"}', ["name the file of keys"], id="table"),
        pytest.param('def f():\n    return "name the file of keys"', ["name the file of keys"], id="returned"),
        pytest.param('say("import it with trust import")', ["import it with trust import"], id="that begins like code"),
        pytest.param('x = "this holds no key" if a == 1 else ""', ["this holds no key"], id="chosen by a comparison"),
        pytest.param(
            'X = """this is no key:\nname another file of keys\nhere"""',
            ["this is no key:", "name another file of keys"],
            id="each of several lines",
        ),
    ],
)
def test_what_is_said(tmp_path: Path, code: str, said: list[str]) -> None:
    """Wherever it stands, a text that a person can come to see is a sentence."""
    assert found(tmp_path, code) == said


@pytest.mark.parametrize(
    "code",
    [
        pytest.param('"""How names of files are read."""', id="docstring"),
        pytest.param('say("no such file")', id="three words"),
        pytest.param('X = "https://json-schema.org/draft/2020-12/schema"', id="URL"),
        pytest.param('X = "application/vnd.oci.image.manifest.v1+json"', id="media type"),
        pytest.param('X = re.compile(r"[abc] and some of these words")', id="pattern"),
        pytest.param('if error.context == "while scanning an alias": pass', id="what others say"),
        pytest.param('def f(x: "dict of what you want") -> "list of what you get": ...', id="annotations"),
        pytest.param('x: "dict of what you want" = {}', id="annotation of a variable"),
        pytest.param('raise TypeError("this takes no such thing")', id="a programmer's mistake"),
        pytest.param('Option(help="The file of all keys.")', id="help"),
        pytest.param('spawn(f(), name="answers of the other process")', id="name of a task"),
        pytest.param('g.create_task(f(), name=f"renew collections of {x} now")', id="name of a task in a group"),
        pytest.param('X = "SELECT generation FROM collections WHERE gun"', id="SQL"),
        pytest.param('X = "import sys; from proxy.verifier import main"', id="code for another process"),
    ],
)
def test_what_is_no_message(tmp_path: Path, code: str) -> None:
    """What nobody is told while a command runs need not stand in a transcript."""
    assert found(tmp_path, code) == []


def test_a_sentence_over_several_lines_of_comment(tmp_path: Path) -> None:
    """In a generated file sentences are wrapped, which is no reason to miss them."""
    file = tmp_path / "piece.py"
    file.write_text('comment("What is remembered between restarts, and where.")', encoding="utf-8")
    [sentence] = sentences([file])
    page = "roots: 1\n  # What is remembered between\n  # restarts, and where.\nname: a\n"
    assert [line for line in lines_of(page) if sentence.is_in(line)] == [
        " What is remembered between restarts, and where."
    ]
    assert not any(map(sentence.is_in, lines_of(page.replace("and where", "and why"))))
    assert not any(map(sentence.is_in, lines_of(page.replace("\n  # restarts", "\nname: b\n  # restarts"))))
