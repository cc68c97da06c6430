"""What `tagwarden explain` puts on the screen: colours on a terminal, and never what somebody else's text says."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from proxy.cli import explain
from proxy.explanation import tell
from tests.unit.explanation.situations import SITUATIONS


def _screen(monkeypatch: pytest.MonkeyPatch, **terminal: Any) -> Console:
    screen = Console(record=True, highlight=False, width=200, **terminal)
    monkeypatch.setattr(explain, "console", lambda: screen)
    return screen


async def test_foreign_text_is_only_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate's name that looks like markup is printed as it is, and its escapes are taken out."""
    [situation] = [each for each in SITUATIONS if each.file == "certificate_of_somebody_else"]
    screen = _screen(monkeypatch, force_terminal=True, color_system="standard")
    explain._print(tell(await situation.known()))
    printed = capsys.readouterr().out
    assert "certificate for [bold red]evil[/]?[2J?root, valid until" in screen.export_text()
    assert "\x1b[1;31mrefused" in printed
    assert "\x1b[2J" not in printed


async def test_owners_words_are_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same holds for what an operator wrote."""
    [situation] = [each for each in SITUATIONS if each.file == "signer_missing_in_audit"]
    [relaxed] = situation.rollout
    asked = replace(situation, rollout=(replace(relaxed, reason="[link=http://evil]OPS[/link] :boom:"),))
    screen = _screen(monkeypatch)
    explain._print(tell(await asked.known()))
    assert "([link=http://evil]OPS[/link] :boom:)" in screen.export_text()
