"""Somebody who runs `tagwarden verify`: with a home directory, and nothing of ours in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from typer.testing import CliRunner

from proxy.cli.verify import verify
from proxy.errors import UserError

_OURS: Final = ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "TAGWARDEN_CONFIG")


@dataclass(frozen=True)
class Ended:
    """How a command ended, with its two outputs apart."""

    status: int
    stdout: str
    stderr: str


class Home:
    """Somebody's home directory, from which `tagwarden` is run: no configuration, and no login but what is here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of ours but where programs are."""
        return {"HOME": str(self.directory), "PATH": f"{self.directory}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **more}

    def verify(self, *words: str, **environ: str) -> Ended:
        """Run the command to its end, in this process, which is quicker."""
        nothing: dict[str, str | None] = dict.fromkeys(_OURS)
        app = typer.Typer()
        app.command()(verify)
        ended = CliRunner().invoke(app, words, env={**nothing, **self.environment(**environ)})
        if isinstance(ended.exception, UserError):  # what `main` makes of it
            return Ended(2, ended.stdout, str(ended.exception))
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    def put(self, name: str, content: str, mode: int = 0o600) -> Path:
        """Write a file."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)
        return file
