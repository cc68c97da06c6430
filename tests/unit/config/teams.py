"""A site whose main file includes what teams write."""

from pathlib import Path
from typing import Final

from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, public_pem

INCLUDE: Final = '["teams/*.yaml"]'
MAIN: Final = "{'**': {signed_by: {any_of: [ci]}}}"


def team(scope: str, repositories: str = "", signers: str = "") -> str:
    """An included file: first the scope, then repositories, then signers, each on a line."""
    sections = {"scope": f"'{scope}'", "repositories": repositories, "signers": signers}
    return "".join(f"{key}: {text}\n" for key, text in sections.items() if text)


def equip(site: Site, *teams: str) -> None:
    """Write included files, `teams/a.yaml`, `teams/b.yaml` and so on, and the keys of ci and evil."""
    for name, text in zip("abcdef", teams, strict=False):
        site.write(f"teams/{name}.yaml", text)
    for name in ("ci", "evil"):
        site.write(f"keys/{name}.pub", public_pem(ecdsa_key(name)))


def main(**sections: str) -> str:
    """A main file that includes them; ci has a key file."""
    signers = "{ci: {keys: [keys/ci.pub]}, alice: {keys: delegated}}"
    return compose(**{"include": INCLUDE, "repositories": MAIN, "signers": signers, **sections})


def problems(site: Site, text: str) -> list[str]:
    """What is wrong, with the names of files as they are beside the main one."""
    return [_short(site.directory, line) for line in site.problems(text)]


def warnings(site: Site, text: str) -> list[str]:
    """What is warned of, in the same form."""
    return [_short(site.directory, line) for line in site.warnings(text)]


def _short(directory: Path, line: str) -> str:
    return line.replace(f"{directory}/", "")
