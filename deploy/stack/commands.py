"""Runs the command-line programs of the stack, with an environment of their own."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import forking

_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS: Final = 100.0


class CommandFailed(RuntimeError):
    """A command that had to succeed did not; the text has the command and what it printed."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed on both of its outputs, as a person would have seen it."""

    command: tuple[str, ...]
    status: int
    output: str

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.status == 0

    def must(self) -> str:
        """Return what it printed.

        Raises:
            CommandFailed: It did not succeed.
        """
        if not self.ok:
            msg = f"`{' '.join(self.command)}` ended with status {self.status}:\n{self.output}"
            raise CommandFailed(msg)
        return self.output


def run(
    command: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str] | None = None,
    typed: bytes = b"",
) -> Outcome:
    """Run a command to its end.

    Args:
        command: Absolute path of the program, and its arguments.
        home: Its `HOME` and working directory.
        environment: Added to `HOME` and `PATH`; nothing of ours is passed on.
        typed: What it reads from standard input.

    Raises:
        subprocess.TimeoutExpired: It did not end within 100 s.
    """
    own = {"HOME": str(home), "PATH": _PATH, "LC_ALL": "C.UTF-8", **(environment or {})}
    if template := forking.template_for(command):
        status, printed = forking.run(template, command, home, own, typed, _SECONDS)
        return Outcome(tuple(command), status, printed.decode(errors="replace"))
    ended = subprocess.run(
        command,
        cwd=home,
        env=own,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
        check=False,
    )
    return Outcome(tuple(command), ended.returncode, ended.stdout.decode(errors="replace"))
