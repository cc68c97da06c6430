"""`log`: how lines are written, and where the audit stream goes."""

from pathlib import Path

import pytest

from proxy.config import load_whole
from proxy.config.effective import effective
from proxy.config.here import warn_here
from proxy.config.settings import STDOUT, LogSettings
from tests.unit.config.site import Site, compose


def test_nothing_has_to_be_said(site: Site) -> None:
    """The log fits where it goes, and there is no audit file."""
    assert site.load(compose()).log == LogSettings(format=None, audit_file=None)


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_format_is_one_of_two(site: Site, form: str) -> None:
    """Somebody may want JSON on a terminal, or text in a file."""
    assert site.load(compose(log=f"{{format: {form}}}")).log.format == form


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        pytest.param("xml", '"xml" is neither of the two possible words; write json or text', id="another"),
        pytest.param("JSON", 'words are in small letters here; did you mean "json"?', id="loud"),
    ],
)
def test_what_is_no_format(site: Site, written: str, problem: str) -> None:
    """The two words are told."""
    assert [line.split(": ", 2)[2] for line in site.problems(compose(log=f"{{format: {written}}}"))] == [problem]


def test_the_audit_file_is_relative_to_the_configuration(site: Site) -> None:
    """As all files are; it need not be there."""
    assert (
        site.load(compose(log="{audit_file: logs/audit.jsonl}")).log.audit_file == site.directory / "logs/audit.jsonl"
    )


def test_the_audit_stream_may_go_to_standard_output(site: Site) -> None:
    """Where a container's log is all that is kept, the two streams can be told apart."""
    assert site.load(compose(log="{audit_file: '-'}")).log.audit_file == STDOUT


@pytest.mark.parametrize(("written", "shown"), [("audit.jsonl", "{}/audit.jsonl"), ("'-'", '"-"')])
def test_what_is_in_effect(site: Site, written: str, shown: str) -> None:
    """A file is shown as it is opened, standard output as it is written."""
    site.write("config.yaml", compose(log=f"{{audit_file: {written}}}"))
    values = {each.path: each.text for each in effective(load_whole(site.file, {}))}
    assert values["log.audit_file"] == shown.format(site.directory)


@pytest.mark.parametrize(
    ("written", "warning"),
    [
        pytest.param("nowhere/audit.jsonl", "is no directory on this machine; create it", id="no directory"),
        pytest.param("audit.jsonl", None, id="to be made"),
        pytest.param("-", None, id="standard output"),
    ],
)
def test_checking_says_what_this_machine_lacks(site: Site, written: str, warning: str | None) -> None:
    """Before a start finds out."""
    store = f"{{url: 'sqlite:///{site.directory}/trust.db'}}"
    site.write("config.yaml", compose(log=f"{{audit_file: '{written}'}}", trust_store=store))
    loaded = load_whole(site.file, {})
    warn_here(loaded.document, loaded.settings)
    said = [str(each) for each in loaded.document.all_warnings() if "audit_file" in str(each)]
    assert [warning in each for each in said if warning] == ([True] if warning else [])
    assert bool(said) is (warning is not None)


def test_checking_says_that_a_file_cannot_be_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever checks may be another user than the one who serves, and is told so."""
    site.write("audit.jsonl", "")
    monkeypatch.setattr("os.access", lambda path, _: Path(path).name != "audit.jsonl")
    store = f"{{url: 'sqlite:///{site.directory}/trust.db'}}"
    site.write("config.yaml", compose(log="{audit_file: audit.jsonl}", trust_store=store))
    loaded = load_whole(site.file, {})
    warn_here(loaded.document, loaded.settings)
    [said] = [str(each) for each in loaded.document.all_warnings()]
    assert "is not writable for this user, and the audit stream needs that" in said
