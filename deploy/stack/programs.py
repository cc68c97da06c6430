"""Finds the Debian programs of the stack, and says how to install the ones that are missing."""

from pathlib import Path
from typing import Final

_PACKAGES: Final = Path(__file__).parent.parent / "setup" / "packages.txt"
_PLACES: Final = (Path("/usr/bin"), Path("/usr/sbin"), Path("/bin"), Path("/sbin"))


class ProgramMissing(RuntimeError):
    """A program that is not installed; the text has the command that installs it."""


def program(name: str) -> str:
    """Return the path of a program of the stack.

    Only Debian's own directories are searched: another `docker` may stand earlier on the path, and newer ones
    have no `docker trust`.

    Raises:
        ProgramMissing: It is not installed.
    """
    for place in _PLACES:
        path = place / name
        if path.exists():
            return str(path)
    package = packaged_programs().get(name, name)
    msg = f"{name} is not installed: run `make setup`, or `apt-get install --no-install-recommends {package}`"
    raise ProgramMissing(msg)


def packaged_programs() -> dict[str, str]:
    """Return the programs of the stack, each with the Debian package that brings it."""
    lines = (line.split() for line in _PACKAGES.read_text().splitlines() if line and not line.startswith("#"))
    return {name: package for package, names, *_ in lines if names != "-" for name in names.split(",")}
