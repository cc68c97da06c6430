"""The recipes for a backup each day: read from the page by the programs that are meant, and run where they can be."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.commands import Outcome, run
from deploy.stack.programs import program
from deploy.stack.proxy import tagwarden
from proxy import __version__
from tests.deploy.manifests import KUBERNETES, ROOT, documents
from tests.sentences.trusting import remember_in, repository, written

_PAGE: Final = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
_SECTION: Final = _PAGE.partition("## A backup each day\n")[2].partition("\n## ")[0]
_DAY: Final = 24 * 60 * 60


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _SECTION, re.MULTILINE | re.DOTALL)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where backups are kept: one of yesterday, one that is old, and something else that is old."""
    directory = tmp_path / "kept"
    directory.mkdir()
    for name, days in (("trust-2026-11-21.tagwarden", 1), ("trust-2026-10-01.tagwarden", 40), ("notes", 40)):
        (directory / name).touch()
        os.utime(directory / name, (time.time() - days * _DAY,) * 2)
    return directory


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A directory with a configuration and a trust store that remembers something."""
    directory = tmp_path / "state"
    directory.mkdir()
    (directory / "config.yaml").write_text(written())
    remember_in(directory / "trust.db", repository())
    return directory


@pytest.fixture
def stand_in(store: Path) -> Path:
    """A program that backs up as quickly as the shell is tried: a compressed file, where the store is there."""
    file = store / "bin" / "tagwarden"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\n[ "$1 $2" = "trust backup" ] && test -f {store}/trust.db && echo all | gzip > "$3"\n')
    file.chmod(0o755)
    return file


def _shell(script: str, store: Path, kept: Path, tagwarden: Path) -> Outcome:
    """Run a script as the page has it, with directories of this test in the place of the page's."""
    script = script.replace("/backup/tagwarden", str(kept)).replace("/var/lib/tagwarden", str(store))
    script = script.replace("/backup/", f"{kept}/").replace("find /backup ", f"find {kept} ")
    environment = {"PATH": f"{tagwarden.parent}:/usr/bin:/bin", "TAGWARDEN_CONFIG": str(store / "config.yaml")}
    return run(["/bin/sh", "-euc", script], home=kept, environment=environment)


def _names(kept: Path) -> set[str]:
    """What is kept, the one of today under another name."""
    today = time.strftime("trust-%Y-%m-%d.tagwarden")
    return {"today" if each.name == today else each.name for each in kept.iterdir()}


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    """The manager knows every key of both, and the timer starts the service of its name."""
    service, timer = _blocks("ini")
    (tmp_path / "tagwarden-backup.service").write_text(service.replace("User=tagwarden\nGroup=tagwarden\n", ""))
    (tmp_path / "tagwarden-backup.timer").write_text(timer)
    for file in sorted(tmp_path.glob("tagwarden-backup.*")):
        outcome = run([program("systemd-analyze"), "verify", "--man=no", str(file)], home=tmp_path)
        assert outcome.ok, outcome.output
        assert str(file) not in outcome.output


def test_the_service_writes_a_backup_and_removes_old_ones(store: Path, kept: Path, stand_in: Path) -> None:
    """What systemd runs, with its signs undone."""
    service, _ = _blocks("ini")
    [started] = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", service, re.MULTILINE)
    [removes] = re.findall(r"^ExecStartPost=(.*)$", service, re.MULTILINE)
    started = started.replace("$$", "$").replace("%%", "%").replace("/opt/tagwarden/bin/", "")
    removes = removes.replace("-name trust-*.tagwarden", "-name 'trust-*.tagwarden'")  # systemd expands nothing
    assert _shell(f"({started}); {removes}", store, kept, stand_in).ok
    assert _names(kept) == {"today", "trust-2026-11-21.tagwarden", "notes"}


def test_the_script_carries_a_backup_out_and_it_is_restored(tmp_path: Path, store: Path, kept: Path) -> None:
    """Made inside, checked outside, and tried as the page says: into a store that nobody uses, named by a variable."""
    assert _shell(_here(), store, kept, tagwarden()).ok
    assert _names(kept) == {"today", "trust-2026-11-21.tagwarden", "notes"}
    [made] = kept.glob(time.strftime("trust-%Y-%m-%d.tagwarden"))
    assert made.stat().st_mode & 0o077 == 0
    _, _, tried = _SECTION.partition("### A restore that was tried")
    lines = [line.strip().removeprefix("$ ") for line in tried.splitlines() if line.startswith("    $ ")]
    script = "\n".join(lines).replace("/tmp/try", str(tmp_path / "try"))  # noqa: S108  (the page's)
    script = re.sub(r"/backup/tagwarden/\S+", str(made), script)
    assert "1 collection: 1 new" in _shell(script, store, kept, tagwarden()).must()
    assert (tmp_path / "try" / "trust.db").is_file()


@pytest.mark.parametrize(
    ("breaks", "left"),
    [
        pytest.param("lost", set(), id="no-store"),
        pytest.param("cut", {"incomplete"}, id="cut-on-its-way"),
    ],
)
def test_what_went_wrong_removes_nothing(store: Path, kept: Path, stand_in: Path, breaks: str, left: set[str]) -> None:
    """The old ones stay, and half of a file is never taken for a backup."""
    script = _here()
    if breaks == "lost":
        (store / "trust.db").unlink()
    else:
        script = script.replace(" > incomplete", " | head -c 10 > incomplete")
    assert not _shell(script, store, kept, stand_in).ok
    assert _names(kept) == {*left, "trust-2026-11-21.tagwarden", "trust-2026-10-01.tagwarden", "notes"}


def _here() -> str:
    """The script, as if this were inside; both ways to get there are named in it."""
    [script] = _blocks("sh")
    inside = [line for line in script.splitlines() if "inside=" in line]
    assert [line.partition('"')[2].split()[0] for line in inside] == ["docker-compose", "kubectl"]
    return script.replace(inside[0], 'inside="env"')


@pytest.mark.parametrize("version", ["1.27", "1.37"])
def test_the_api_accepts_the_cron_job(tmp_path: Path, version: str) -> None:
    """By Kubernetes' own schemas."""
    [manifests] = _blocks("yaml")
    (tmp_path / "backup.yaml").write_text(manifests)
    validate = str(Path(sys.executable).parent / "kubernetes-validate")
    checked = [validate, "--strict", "--kubernetes-version", version, str(tmp_path / "backup.yaml")]
    outcome = run(checked, home=tmp_path)
    assert outcome.ok, outcome.output
    assert outcome.output.count(f"against version {version}") == 2


def test_the_cron_job_is_that_of_the_first_one(tmp_path: Path, store: Path, kept: Path, stand_in: Path) -> None:
    """It sees what `trust-init` sees, is as confined, writes to its own volume, and does what the others do."""
    [written_down] = _blocks("yaml")
    (tmp_path / "backup.yaml").write_text(written_down)
    job, claim = documents(tmp_path / "backup.yaml")
    [first] = documents(KUBERNETES / "standalone" / "trust-init.yaml")
    pod, like = job["spec"]["jobTemplate"]["spec"]["template"]["spec"], first["spec"]["template"]["spec"]
    [container], [other] = pod["containers"], like["containers"]
    volumes, others = ({each["name"]: each for each in spec["volumes"]} for spec in (pod, like))
    assert volumes.pop("backup")["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert volumes == others
    for key in ("securityContext", "restartPolicy", "automountServiceAccountToken", "enableServiceLinks"):
        assert pod[key] == like[key]
    assert container["securityContext"] == other["securityContext"]
    assert container["image"] == other["image"]
    assert container["image"].endswith(f":{__version__}")
    shell, flags, script = container["command"]
    assert (shell, flags) == ("/bin/sh", "-ec")
    assert _shell(script, store, kept, stand_in).ok
    assert _names(kept) == {"today", "trust-2026-11-21.tagwarden", "notes"}
