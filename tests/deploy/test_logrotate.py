"""The page's recipe for rotating the audit file: run by the real program, beside a proxy that goes on writing."""

import grp
import gzip
import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.commands import run
from deploy.stack.programs import program
from proxy.telemetry import audit
from proxy.telemetry.audit import AuditFile
from tests.deploy.manifests import ROOT

_PAGE: Final = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
_SECTION: Final = _PAGE.partition("### Rotating it\n")[2].partition("\n## ")[0]
_NAMED: Final = "/var/log/tagwarden/audit.jsonl"

Night = Callable[[str], None]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The audit file, in a directory with the rights of the shipped unit's."""
    directory = tmp_path / "log"
    directory.mkdir(mode=0o750)
    return directory / "audit.jsonl"


@pytest.fixture
def rotate(kept: Path, tmp_path: Path) -> Night:
    """Rotates by a recipe, written for the file and the user of this test."""

    def night(recipe: str) -> None:
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        file = tmp_path / "recipe"
        file.write_text(recipe.replace(_NAMED, str(kept)).replace("su tagwarden tagwarden", f"su {user} {group}"))
        file.chmod(0o644)
        run([program("logrotate"), "--force", "--state", str(tmp_path / "state"), str(file)], home=tmp_path).must()

    return night


def recipe() -> str:
    """As it stands on the page."""
    [found] = re.findall(r"^```text\n(.*?)^```$", _SECTION, re.MULTILINE | re.DOTALL)
    assert found.startswith(_NAMED)
    return str(found)


def nights(kept: Path, rotate: Night, recipe: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stands in all files, oldest first, after three nights with a line before, at and after each of them."""
    troubles: list[audit.Trouble | None] = []
    file = AuditFile(kept, troubles.append)
    for number in range(3):
        monkeypatch.setattr(audit, "AUDIT_LOOK_SECONDS", 3600.0)  # it has just looked
        file.write(b"%d before" % number)
        rotate(recipe)
        file.write(b"%d at" % number)
        monkeypatch.setattr(audit, "AUDIT_LOOK_SECONDS", 0.0)  # it looks now
        file.write(b"%d after" % number)
    file.close()
    assert not troubles
    files = sorted(kept.parent.iterdir(), key=lambda each: -int((re.findall(r"[0-9]+", each.name) or ["0"])[0]))
    return [line for each in files for line in read(each).splitlines()]


def read(file: Path) -> str:
    """A file of the log, compressed or not."""
    return gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()


def test_no_line_is_lost(kept: Path, rotate: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that still go into the moved file are there, and all of them in their order."""
    written = [f"{number} {when}" for number in range(3) for when in ("before", "at", "after")]
    assert nights(kept, rotate, recipe(), monkeypatch) == written
    assert {each.name for each in kept.parent.iterdir()} == {
        f"audit.jsonl{end}" for end in ("", ".1", ".2.gz", ".3.gz")
    }
    assert kept.stat().st_mode & 0o007 == 0


def test_what_is_compressed_at_once_loses_lines(kept: Path, rotate: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is why the recipe waits with it."""
    hasty = recipe().replace("    delaycompress\n", "")
    assert "    compress\n" in hasty
    left = nights(kept, rotate, hasty, monkeypatch)
    assert left == [f"{number} {when}" for number in range(3) for when in ("before", "after")]


def test_the_recipe_is_for_the_file_of_the_unit() -> None:
    """As the account that writes it, so that nothing of root's is done in a directory of somebody else's."""
    unit = (ROOT / "deploy" / "systemd" / "tagwarden.service").read_text()
    assert f"LogsDirectory={Path(_NAMED).parent.name}\n" in unit
    [user], [group] = (re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE) for key in ("User", "Group"))
    assert f"    su {user} {group}\n" in recipe()
