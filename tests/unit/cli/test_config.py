"""`tagwarden config`: what it prints about a configuration, and how it exits."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxy.cli import config
from proxy.clock import Clock
from tests.unit.config.site import compose

RELAXED = "{'shop/**': {mode: audit, until: 2027-01-31T00:00:00Z, reason: OPS-1}}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration is."""
    return tmp_path / "config.yaml"


def check(file: Path, text: str) -> Result:
    """Check a configuration."""
    file.write_text(text)
    return CliRunner().invoke(config.app, ["check", "-c", str(file)])


def test_a_right_configuration_is_called_right(file: Path) -> None:
    """One line says so, and how many entries were understood."""
    outcome = check(file, compose())
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"{file}: ok, 1 entry of `repositories`\n"


def test_every_problem_is_a_line_of_the_same_form(file: Path) -> None:
    """The first is like all others, so that a script can read them."""
    outcome = check(file, compose(name="A", listen="5", blocked="[{reason: x}]"))
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert outcome.stderr.splitlines() == [
        f'error: {file}:1: name: "A" has capital letters; write "a", as it stands in image names',
        (
            f"error: {file}:2: listen: a mapping is wanted here; write some of its keys: "
            "address, tls, trusted_proxies, ns_allowed"
        ),
        (
            f"error: {file}:3: blocked[0]: exactly one of digest and key is wanted; "
            "write an entry for each that is blocked"
        ),
    ]


def test_a_file_that_is_not_there_is_a_problem_like_others(tmp_path: Path) -> None:
    """It has no line."""
    missing = tmp_path / "none.yaml"
    outcome = CliRunner().invoke(config.app, ["check", "-c", str(missing)])
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"error: {missing}: this file cannot be read (No such file or directory); check its path and permissions\n"
    )


def test_warnings_have_the_form_of_problems(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that only the clock knows of; the configuration is right in spite of them."""
    monkeypatch.setattr(Clock, "now", lambda _: datetime(2027, 1, 31, tzinfo=UTC))
    outcome = check(file, compose(rollout=RELAXED, defaults="{fresh_for: 2h}"))
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines() == [
        f'warning: {file}:1: rollout."shop/**": its `until` is past, so it is enforced; remove it',
        (f"warning: {file}:2: defaults.fresh_for: a revoked tag may be served for all of this time; write 1h or less"),
    ]


def test_the_schema_is_printed_as_json() -> None:
    """It has the keys of a file."""
    outcome = CliRunner().invoke(config.app, ["schema"])
    assert outcome.exit_code == 0
    assert {"listen", "candidates", "exceptions", "blocked"} <= set(json.loads(outcome.stdout)["properties"])
