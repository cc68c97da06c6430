"""`tagwarden config`: what it prints about a configuration, and how it exits."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proxy.cli.app import app
from proxy.clock import Clock
from proxy.errors import UserError
from tests.unit.config.site import Site, compose, documented_example, equip_for_example

PAGE = (Path(__file__).parents[3] / "docs/operating.md").read_text(encoding="utf-8")
RELAXED = "{'shop/**': {mode: audit, until: 2027-01-31T00:00:00Z, reason: OPS-1}}"
FRESH = "a revoked tag may be served for all of this time; write 1h or less"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration is."""
    return tmp_path / "config.yaml"


@pytest.fixture(autouse=True)
def _early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has run out."""
    monkeypatch.setattr(Clock, "now", lambda _: datetime(2026, 11, 22, tzinfo=UTC))


def check(file: Path, text: str | None = None, *arguments: str) -> Result:
    """Check a configuration; its trust store is beside it unless it says where."""
    if text is not None:
        store = "" if "trust_store:" in text else "trust_store: {url: 'sqlite:///trust.db'}\n"
        file.write_text(text + store)
    return CliRunner().invoke(app, ["config", "check", "-c", str(file), *arguments])


def answered(outcome: Result) -> Any:
    """The JSON that was printed."""
    return json.loads(outcome.stdout)


def test_a_right_configuration_is_called_right(file: Path) -> None:
    """One line says so, and how many entries were understood; another one what to run next."""
    outcome = check(file, compose())
    assert outcome.exit_code == 0
    assert outcome.stdout == f"{file}: ok, 1 entry of `repositories`\n"
    assert outcome.stderr == f"next: tagwarden serve -c {file}\n"


def test_every_problem_is_a_line_of_the_same_form(file: Path) -> None:
    """The first is like all others, so that a script can read them."""
    outcome = check(file, compose(name="A", listen="5", blocked="[{reason: x}]"))
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert outcome.stderr.splitlines() == [
        f'error: {file}:1: name: "A" has capital letters; write "a", as it stands in image names',
        (
            f"error: {file}:2: listen: a mapping is wanted here; write some of its keys: "
            "address, tls, trusted_proxies, ns_allowed, fast_path, splice"
        ),
        (
            f"error: {file}:3: blocked[0]: exactly one of digest and key is wanted; "
            "write an entry for each that is blocked"
        ),
    ]


def test_a_file_that_is_not_there_is_a_problem_like_others(tmp_path: Path) -> None:
    """It has no line."""
    missing = tmp_path / "none.yaml"
    outcome = check(missing)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"error: {missing}: this file cannot be read (No such file or directory); check its path and permissions\n"
    )


def test_files_are_named_where_they_are_looked_for(file: Path) -> None:
    """Whatever is wrong with one, its name can be pasted into the next command."""
    site = Site(file.parent)
    site.write("login.json", "{}")
    site.write("ci.pub", "no key")
    outcome = check(
        file,
        compose(
            registry="{url: 'https://registry', credentials_file: login.json, ca_file: none.crt}",
            signers="{ci: {keys: [ci.pub]}}",
        ),
    )
    named = [line.split('"')[1] for line in outcome.stderr.splitlines()]
    assert sorted(named) == [str(file.parent / name) for name in ("ci.pub", "login.json", "none.crt")]


def test_warnings_have_the_form_of_problems(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that only the clock knows of; the configuration is right in spite of them."""
    monkeypatch.setattr(Clock, "now", lambda _: datetime(2027, 1, 31, tzinfo=UTC))
    outcome = check(file, compose(rollout=RELAXED, defaults="{fresh_for: 2h}"))
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines()[:2] == [
        f'warning: {file}:1: rollout."shop/**": its `until` is past, so it is enforced; remove it',
        f"warning: {file}:2: defaults.fresh_for: {FRESH}",
    ]


def test_strict_takes_warnings_for_findings(file: Path) -> None:
    """So a pipeline can insist on a configuration without them."""
    assert check(file, compose(), "--strict").exit_code == 0
    outcome = check(file, compose(defaults="{fresh_for: 2h}"), "--strict")
    assert outcome.exit_code == 1
    assert FRESH in outcome.stderr
    assert "next:" not in outcome.stderr
    assert outcome.stdout == f"{file}: not ok, because --strict takes warnings for findings\n"
    assert answered(check(file, None, "--strict", "--json"))["ok"] is False


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        pytest.param(
            "{url: 'sqlite:///state/trust.db'}",
            'trust_store.url: "{here}/state" is no directory on this machine; '
            "create it, writable for the user that serves",
            id="no-directory",
        ),
        pytest.param(
            "{url: 'sqlite:///trust.db', must_exist: true}",
            'trust_store.must_exist: "{here}/trust.db" does not exist, so nothing starts; '
            "run tagwarden trust init if it never was there, or else restore it",
            id="lost",
        ),
    ],
)
def test_a_trust_store_that_cannot_be_there_is_warned_of(file: Path, store: str, sentence: str) -> None:
    """The file is right, but nothing starts with it on this machine."""
    outcome = check(file, compose(trust_store=store))
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines()[0] == f"warning: {file}:1: {sentence.replace('{here}', str(file.parent))}"


@pytest.mark.parametrize("locked", [pytest.param("trust.db", id="file"), pytest.param("", id="directory")])
def test_a_trust_store_that_cannot_be_written_is_warned_of(
    file: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    """Who checks as root learns nothing, but who checks as the user that serves does."""
    (file.parent / "trust.db").touch()
    path = file.parent / locked
    monkeypatch.setattr(os, "access", lambda asked, _mode: asked != path)
    outcome = check(file, compose(trust_store="{url: 'sqlite:///trust.db'}"))
    assert outcome.stderr.splitlines()[0] == (
        f'warning: {file}:1: trust_store.url: "{path}" is not writable for this user, and the trust store needs that; '
        "give it to the user that serves, or check as that user"
    )


def test_effective_values_stand_below_each_other(file: Path) -> None:
    """Each is a line that can be searched for; all origins begin in one column."""
    lines = check(file, compose(), "--effective").stdout.splitlines()
    assert f"# {file}:1" in lines[0]
    assert [line.split("  #")[0].rstrip() for line in lines if line.startswith("registry.push")] == [
        "registry.push: allow"
    ]
    columns = {line.index("  # ") for line in lines if line.index("  # ") <= 100}
    assert len(columns) == 1


def test_effective_values_as_json(file: Path) -> None:
    """Path, value and origin of each."""
    found = {each["path"]: each for each in answered(check(file, compose(), "--effective", "--json"))}
    assert found["registry.anyone_may_read"] == {
        "path": "registry.anyone_may_read",
        "value": False,
        "origin": "built in",
    }
    assert found['repositories."shop/**".signed_by.any_of']["value"] == ["ci"]


def test_effective_values_of_one_image(file: Path) -> None:
    """Those of its entry and of its mode, and no others."""
    two = "{'shop/**': {signed_by: {any_of: [ci]}}, 'infra/**': {signed_by: released}}"
    text = compose(repositories=two, rollout="{'shop/**': protect}")
    lines = check(file, text, "shop/api", "--effective").stdout.splitlines()
    assert {line.split('"')[1] for line in lines} == {"shop/**"}
    assert any(line.startswith('rollout."shop/**": protect') for line in lines)


def test_what_applies_to_an_image(file: Path) -> None:
    """What it is about stands before each line, in one column."""
    outcome = check(file, compose(), "shop/api:1.4")
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines()[:3] == [
        "reference   shop/api:1.4",
        f'entry       "shop/**" ({file}:7)',
        f'rule        "shop/**" wants 1 of ci ({file}:7)',
    ]


def test_what_applies_as_json(file: Path) -> None:
    """The same for programs."""
    told = answered(check(file, compose(rollout=RELAXED), "shop/api:1.4", "--json"))
    assert (told["entry"]["pattern"], told["rollout"]["mode"]) == ("shop/**", "audit")


def test_an_image_without_an_entry_is_a_finding(file: Path) -> None:
    """Everything else about it is told all the same."""
    outcome = check(file, compose(), "other/api:1.4")
    assert outcome.exit_code == 1
    assert "none matches" in outcome.stdout
    assert check(file, compose(), "other/api:1.4", "--effective").exit_code == 1


def test_an_image_that_is_none_is_a_mistake(file: Path) -> None:
    """As everywhere, a sentence that ends in its code."""
    outcome = check(file, compose(), "Shop/API")
    assert isinstance(outcome.exception, UserError)
    assert str(outcome.exception).endswith("[reference_invalid]")


@pytest.mark.parametrize("arguments", [pytest.param((), id="all"), pytest.param(("shop/api",), id="one-image")])
def test_a_wrong_configuration_has_problems_whatever_is_asked(file: Path, arguments: tuple[str, ...]) -> None:
    """Nothing is said of an image by a configuration that cannot be used."""
    outcome = check(file, compose(name="A"), *arguments, "--json")
    assert outcome.exit_code == 2
    [problem] = answered(outcome)["problems"]
    assert (problem["file"], problem["line"], problem["path"]) == (str(file), 1, "name")
    assert problem["sentence"] in outcome.stderr


def test_the_verdict_as_json(file: Path) -> None:
    """For pipelines that show warnings beside the lines of the file."""
    told = answered(check(file, compose(defaults="{fresh_for: 2h}"), "--json"))
    assert (told["ok"], told["problems"], told["entries"]) == (True, [], 1)
    assert told["warnings"] == [{"file": str(file), "line": 1, "path": "defaults.fresh_for", "sentence": FRESH}]


def test_the_schema_of_included_files_is_printed_too() -> None:
    """Whoever writes one gets help from an editor as well."""
    outcome = CliRunner().invoke(app, ["config", "schema", "--included"])
    assert outcome.exit_code == 0
    assert sorted(json.loads(outcome.stdout)["properties"]) == ["repositories", "scope", "signers"]


def test_the_schema_is_printed_as_json() -> None:
    """It has the keys of a file."""
    outcome = CliRunner().invoke(app, ["config", "schema"])
    assert outcome.exit_code == 0
    assert {"listen", "candidates", "exceptions", "blocked"} <= set(json.loads(outcome.stdout)["properties"])


@pytest.mark.parametrize(
    ("arguments", "unless"),
    [
        pytest.param("shop/legacy:1.0", "\0", id="an-image"),
        pytest.param("--effective shop/legacy", "built in", id="values"),
    ],
)
def test_the_page_on_operating_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, unless: str
) -> None:
    """For the documented example, whatever its lines are by now."""
    equip_for_example(Site(tmp_path))
    monkeypatch.chdir(tmp_path)
    printed = check(Path("config.yaml"), documented_example(), *arguments.split()).stdout
    block = PAGE.split(f"    $ tagwarden config check -c config.yaml {arguments}")[1].split("\n\n")[0]
    shown = [line.removeprefix("    ") for line in block.splitlines()[1:]]
    lines = [line for line in printed.splitlines() if unless not in line]
    assert [re.sub(r":\d+\b", "", line) for line in shown] == [re.sub(r":\d+\b", "", line) for line in lines]
