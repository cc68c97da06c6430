"""The shipped unit: systemd reads it, finds it well confined, and lets it end as a drain takes."""

import re
from configparser import RawConfigParser
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.commands import run
from deploy.stack.programs import program
from deploy.stack.proxy import tagwarden
from proxy import __version__
from proxy.limits import DRAIN_SECONDS, WORKER_STOP_SECONDS
from tests.deploy.manifests import ROOT

_SHIPPED: Final = ROOT / "deploy" / "systemd" / "tagwarden.service"
_ACCOUNT: Final = ROOT / "deploy" / "systemd" / "tagwarden.conf"
_PROGRAM: Final = "/opt/tagwarden/bin/tagwarden"
# Tenths, of a hundred; what remains is the network that a proxy is for, and files of the machine that it may read.
_EXPOSURE: Final = 12


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program where it is on this machine."""
    file = tmp_path / _SHIPPED.name
    file.write_text(_SHIPPED.read_text().replace(_PROGRAM, str(tagwarden())))
    return file


def settings() -> dict[str, str]:
    """The section that says how it runs; of a key that stands there twice the last value."""
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's manual has it
    parser.read(_SHIPPED)
    return dict(parser["Service"])


def test_systemd_reads_the_unit(unit: Path) -> None:
    """The manager knows every key of it, and finds the program."""
    outcome = run([program("systemd-analyze"), "verify", "--man=no", str(unit)], home=unit.parent)
    assert outcome.ok, outcome.output
    assert str(unit) not in outcome.output


def test_systemd_would_say_what_it_does_not_know(unit: Path) -> None:
    """The check can fail: a misspelt key is named."""
    unit.write_text(unit.read_text().replace("PrivateTmp=", "PrivatTmp="))
    assert "PrivatTmp" in run([program("systemd-analyze"), "verify", "--man=no", str(unit)], home=unit.parent).output


def test_unit_is_confined(unit: Path) -> None:
    """By systemd's own measure little of the machine is exposed to it, and less would be exposed by one key less."""
    command = [program("systemd-analyze"), "security", "--offline=true", f"--threshold={_EXPOSURE}", str(unit)]
    outcome = run(command, home=unit.parent)
    assert outcome.ok, outcome.output
    unit.write_text(unit.read_text().replace("CapabilityBoundingSet=\n", ""))
    assert not run(command, home=unit.parent).ok


def test_unit_waits_for_the_drain() -> None:
    """The manager kills nothing before the drain has ended, and asks the supervisor alone to stop."""
    service = settings()
    assert float(service["TimeoutStopSec"].removesuffix("s")) > DRAIN_SECONDS + WORKER_STOP_SECONDS
    assert service["KillMode"] == "mixed"


def test_unit_is_reloaded_by_a_signal() -> None:
    """The manager asks the supervisor, by the one signal that reads the configuration anew."""
    assert settings()["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_unit_keeps_the_trust_store() -> None:
    """Its directories are those that the proxy uses where nothing else is said."""
    service = settings()
    assert f"/var/lib/{service['StateDirectory']}/trust.db" == "/var/lib/tagwarden/trust.db"
    assert service["ExecStart"] == f"{_PROGRAM} serve -c /etc/{service['ConfigurationDirectory']}/config.yaml"
    assert service["User"] != "root"


def test_unit_lets_the_audit_file_be_written() -> None:
    """The file that the page's example names is in a directory that the manager makes, and it is for nobody else."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    [named] = re.findall(r"^  audit_file: (\S+)", page, re.MULTILINE)
    service = settings()
    assert Path(named).parent == Path("/var/log") / service["LogsDirectory"]
    assert service["LogsDirectoryMode"] == service["StateDirectoryMode"] == "0750"


@pytest.mark.parametrize("page", ["README.md", "docs/deployment.md"])
def test_versions_lie_beside_each_other(page: str) -> None:
    """The program of the unit is behind a link, which an update turns to the new version, and back."""
    link = Path(_PROGRAM).parents[1]
    installed = f"python3.11 -m venv {link}-{__version__} && ln -s {link.name}-{__version__} {link}\n"
    text = (ROOT / page).read_text()
    assert installed in text
    assert f"{link}/bin/pip install --require-hashes -r requirements.lock\n" in text


def test_account_is_made(tmp_path: Path) -> None:
    """The manager makes the account of the unit: one that nobody can log in to."""
    (tmp_path / "etc").mkdir()
    run([program("systemd-sysusers"), f"--root={tmp_path}", str(_ACCOUNT)], home=tmp_path).must()
    [line] = [line for line in (tmp_path / "etc" / "passwd").read_text().splitlines() if line.startswith("tagwarden:")]
    fields = line.split(":")
    assert int(fields[2]) != 0
    assert fields[5:] == ["/var/lib/tagwarden", "/usr/sbin/nologin"]
    assert settings()["User"] == settings()["Group"] == fields[0]
