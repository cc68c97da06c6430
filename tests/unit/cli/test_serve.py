"""`tagwarden serve`: a file or the options of a trial, and never half of both."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy import server
from proxy.cli.app import app
from proxy.config import Seen, Settings
from proxy.config.settings import IN_MEMORY
from proxy.errors import UserError
from proxy.policy.entries import Mode
from tests.unit.config.site import Site, compose

TRIAL = ("--audit", "--name", "registry.example.com", "--registry", "https://registry", "--notary", "https://notary")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What would have been served."""
    seen: list[Settings] = []
    monkeypatch.setattr(server, "run", lambda read: seen.append(read(Seen())))
    return seen


def serve(*arguments: str) -> str:
    """Run the command; what it says to the person, or nothing."""
    outcome = CliRunner().invoke(app, ["serve", *arguments])
    if outcome.exception is None:
        return ""
    assert isinstance(outcome.exception, UserError), outcome.output
    return str(outcome.exception)


def test_a_trial_is_served_with_everything_in_audit(served: list[Settings]) -> None:
    """Nothing is read, nothing is remembered, and the first warnings say what that means."""
    assert serve(*TRIAL, "--listen", "127.0.0.1:5050", "--probes", "127.0.0.1:5051") == ""
    [settings] = served
    assert [relaxed.mode for relaxed in settings.policy.rollout] == [Mode.AUDIT]
    assert (settings.trust_store.url, str(settings.listen.address)) == (IN_MEMORY, "127.0.0.1:5050")
    said = [warning.split(":")[0] for warning in settings.warnings]
    assert said == ["nothing is enforced", "nothing is remembered", "command line"]


def test_a_trial_needs_no_thought_for_the_usual_file(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names a file for other commands does not stand in its way."""
    monkeypatch.setenv("TAGWARDEN_CONFIG", "/nowhere/config.yaml")
    assert serve(*TRIAL) == ""
    assert len(served) == 1


def test_a_file_is_served(tmp_path: Path, served: list[Settings]) -> None:
    """Without `--audit`, the configuration alone counts."""
    site = Site(tmp_path)
    site.write("config.yaml", compose())
    assert serve("-c", str(site.file)) == ""
    assert [settings.name for settings in served] == ["registry.example.com"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(
            ("--audit",),
            "--audit knows nothing from a file, so it has to be told more: "
            "add --name HOST and --registry URL and --notary URL",
            id="audit-alone",
        ),
        pytest.param(
            (*TRIAL[:5],),
            "--audit knows nothing from a file, so it has to be told more: add --notary URL",
            id="one-is-missing",
        ),
        pytest.param(
            (*TRIAL[1:], "--listen", "127.0.0.1:1"),
            "--listen, --name, --notary, --registry: a configuration file says this; "
            "write it there, or add --audit to try the proxy without a file",
            id="options-without-audit",
        ),
        pytest.param(
            (*TRIAL, "-c", "config.yaml"),
            "--audit is for a trial without a file, and -c names one; leave one of them out "
            "(in a file, audit is a mode of rollout)",
            id="audit-with-a-file",
        ),
        pytest.param(
            (*TRIAL[:-1], ""),
            "command line: --notary: this is empty; write a value, or remove the key",
            id="empty-option",
        ),
    ],
)
def test_half_of_both_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: list[Settings], arguments: tuple[str, ...], sentence: str
) -> None:
    """Nobody has to guess which of the two counted."""
    monkeypatch.chdir(tmp_path)
    assert serve(*arguments) == sentence
    assert served == []
