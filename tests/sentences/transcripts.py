"""Runs commands as people type them, and writes down what they see: commands, output, exit codes.

A transcript is a text file beside the tests. `TAGWARDEN_RECORD=1` writes it anew; then read what has changed as
somebody who sees it for the first time.
"""

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from proxy.cli.app import main

RECORDED: Final = Path(__file__).parent / "recorded"
_RECORD: Final = "TAGWARDEN_RECORD"


@dataclass
class Transcript:
    """What was typed and what was seen, one situation after the other.

    `told` are texts that differ from run to run (a directory, a port), each with what stands for it.
    """

    directory: Path
    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    told: dict[str, str] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)

    def situation(self, title: str) -> None:
        """Begin a situation, with one sentence about it."""
        self._lines += ["", f"# {title}"]

    def write(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        """Write a file that the next commands read; `name` is relative."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def run(self, typed: str, environ: Mapping[str, str] | None = None) -> int:
        """Type a command, in the directory of the transcript, and note what is seen."""
        words = shlex.split(typed)
        with self.monkeypatch.context() as patched:
            patched.chdir(self.directory)
            patched.setattr(sys, "argv", words)
            patched.setenv("COLUMNS", "100")
            for name, value in (environ or {}).items():
                patched.setenv(name, value)
            self.capture.readouterr()
            status = _status(main)
        seen = self.capture.readouterr()
        prefix = "".join(f"{name}={shlex.quote(value)} " for name, value in (environ or {}).items())
        self._lines += [f"$ {prefix}{typed}", *_shown(seen.out), *_shown(seen.err), f"[exit {status}]"]
        return status

    def note(self, typed: str, seen: str) -> None:
        """Note what was typed and seen in another way than by `run`, such as a file that a command wrote."""
        self._lines += [f"$ {typed}", *_shown(seen)]

    def check(self, name: str) -> None:
        """Compare with what is recorded under a name, or record it."""
        text = "\n".join(self._lines).lstrip() + "\n"
        for varying, stands_for in {str(self.directory): "DIR", **self.told}.items():
            text = text.replace(varying, stands_for)
        text = re.sub(r"(?<!such as )\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?", "INSTANT", text)
        recorded = RECORDED / f"{name}.txt"
        if os.environ.get(_RECORD):
            recorded.parent.mkdir(exist_ok=True)
            recorded.write_text(text, encoding="utf-8")
        assert "Traceback" not in text
        assert text == recorded.read_text(encoding="utf-8"), f"{name}: other words than recorded; {_RECORD}=1 records"


def _status(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def _shown(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]
