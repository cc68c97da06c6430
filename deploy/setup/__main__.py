"""`python -m deploy.setup`: runs every program of the stack once and prints the version of its package."""

import subprocess
import sys
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.stack.programs import ProgramMissing, packaged_programs, program

# How to make a program start and end at once, where `--version` does not.
_OPTIONS: Final = {
    "notary-server": "-version",
    "notary-signer": "-version",
    "notary": "version",
    "busybox": "--help",
    "ip": "-V",
    "openssl": "version",
    "nginx": "-v",
}


def main() -> int:
    """Print a table; return 1 if something does not run, else 0."""
    table = Table("program", "package", "version", box=None)
    broken = 0
    for name, package in packaged_programs().items():
        try:
            _run([program(name), _OPTIONS.get(name, "--version")])
            table.add_row(name, package, _run(["dpkg-query", "-W", "-f", "${Version}", package]))
        except (ProgramMissing, OSError, subprocess.SubprocessError) as problem:
            broken += 1
            table.add_row(name, package, f"[red]does not run:[/red] {problem}")
    Console().print(table)
    print("Not ready: see the lines above." if broken else "Ready: `make test` or `make demo`.")
    return 1 if broken else 0


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
