"""The help of every command: one sentence, what can be typed, examples, exit codes; and the pages made from it."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.programs import program as installed
from docs.command_tree import Described, commands, program
from docs.commands_page import commands_page
from docs.manual import manual
from proxy import __version__
from proxy.cli.app import main
from proxy.cli.pages import PAGES

_COMMANDS: Final = commands()
_EACH: Final = [pytest.param(each, id=each.words) for each in _COMMANDS]
_COLUMNS: Final = 80


def _options(command: Described) -> set[str]:
    return {word for typed, _ in command.options for word in typed.replace(",", "").split() if word.startswith("-")}


def _help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["tagwarden", *words])
    monkeypatch.setenv("COLUMNS", str(_COLUMNS))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_every_command_has_a_page_and_every_page_a_command() -> None:
    """No command is without examples and exit codes, and none is described that does not exist."""
    assert [each.words for each in _COMMANDS] == list(PAGES)


@pytest.mark.parametrize("command", _EACH)
def test_a_command_says_what_it_does_in_one_sentence(command: Described) -> None:
    """The sentence stands in the list of commands, so it fits a line or two and is whole."""
    sentence = command.paragraphs[0]
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0
    assert len(sentence) <= 120
    assert all(meaning for _, meaning in [*command.arguments, *command.options])


@pytest.mark.parametrize("command", _EACH)
def test_help_fits_a_terminal(
    command: Described, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eighty columns are enough, `-h` is `--help`, and what a program calls types is nowhere to be seen."""
    shown = _help(capsys, monkeypatch, *command.words.split(), "--help")
    assert shown == _help(capsys, monkeypatch, *command.words.split(), "-h")
    assert max(map(len, shown.splitlines())) <= _COLUMNS
    assert "<" not in shown
    assert "Raises" not in shown
    assert "Examples:\n  tagwarden " in shown
    assert "Exit codes:\n  0  " in shown


@pytest.mark.parametrize("command", _EACH)
def test_examples_can_be_typed(command: Described) -> None:
    """Every example calls its own command with options that it has."""
    for example in command.page.examples:
        words = shlex.split(example.partition(" > ")[0])
        assert words[: 1 + len(command.words.split())] == ["tagwarden", *command.words.split()]
        assert {word for word in words if word.startswith("-")} <= _options(command)


@pytest.mark.parametrize("command", _EACH)
def test_exit_codes_are_those_of_the_table(command: Described) -> None:
    """Every command can succeed, and nothing ends with a code that has no meaning."""
    assert 0 in command.page.exits
    assert set(command.page.exits) <= {0, 1, 2, 3}


def test_the_list_of_commands_is_in_panels(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """First what runs, then what asks, then what sets up."""
    shown = _help(capsys, monkeypatch, "--help")
    assert shown.index("Run:") < shown.index("  serve ") < shown.index("Ask:") < shown.index("  verify ")
    assert shown.index("  verify ") < shown.index("Set up:") < shown.index("  sign-command ")
    assert max(map(len, shown.splitlines())) <= _COLUMNS


def test_the_reference_page_has_an_anchor_for_each_command() -> None:
    """`docs/commands.md#config-check` is where a sentence can send a person."""
    page = commands_page()
    for command in _COMMANDS:
        assert f'<a id="{command.words.replace(" ", "-")}"></a>tagwarden {command.words}' in page
        assert all(f"- `{typed}`: " in page for typed, _ in [*command.arguments, *command.options])


def test_the_man_page_renders_whole(tmp_path: Path) -> None:
    """The renderer has nothing to complain about, and every command, option and exit code comes out."""
    file = tmp_path / "tagwarden.1"
    file.write_text(manual())
    rendered = subprocess.run(
        [installed("groff"), "-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-ww", "-rLL=200n", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert rendered.stderr == ""
    shown = " ".join(rendered.stdout.split())
    for command in (program(), *_COMMANDS):
        assert f"tagwarden {command.words}".strip() in shown
        assert all(typed in shown for typed, _ in [*command.arguments, *command.options])
    assert all(example.splitlines()[0] in rendered.stdout for page in PAGES.values() for example in page.examples)


def test_the_man_page_does_not_age() -> None:
    """It names neither a day nor a version, so that a release does not make it stale."""
    assert manual().splitlines()[0] == '.TH TAGWARDEN 1 "" Tagwarden "User Commands"'
    assert __version__ not in manual()
