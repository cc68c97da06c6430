"""`tagwarden pin`: what goes where, and how it exits; what it finds is the business of `inspection`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from proxy.cli import pin
from proxy.cli.app import app
from proxy.cli.options import DEFAULT_CONFIG
from proxy.errors import NoRule, NotaryUnreachable, NoTrustData, RegistryUnreachable, Rollback
from proxy.inspection.roots import Roots
from proxy.names import Repository
from tests.unit.config.site import compose
from tests.unit.inspection.findings import key, roots, use

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command over a right configuration, as if this had been found."""

    def run(found: Roots | Exception, *words: str) -> Result:
        async def gathered(*_: Any) -> Roots:
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(pin, "_roots", gathered)
        file = tmp_path / "config.yaml"
        file.write_text(compose())
        return CliRunner().invoke(app, ["pin", "-c", str(file), *words])

    return run


SHOP = key("shop-root", use("shop/api"))


def test_entries_on_standard_output_and_the_rest_beside(run: Run, tmp_path: Path) -> None:
    """What is printed can be pasted; what to do with it, and the next command, stand on standard error."""
    outcome = run(roots(SHOP))
    assert outcome.exit_code == 0
    assert YAML(typ="safe").load(outcome.stdout) == {"roots": {"shop-root": {"public_key_ids": ["key shop-root"]}}}
    assert outcome.stderr.splitlines() == [
        "tagwarden: once their holders have confirmed them, write these under `roots`",
        f"next: tagwarden config check -c {tmp_path / 'config.yaml'}",
    ]


def test_the_usual_configuration_is_not_named() -> None:
    """The next command is as short as it can be."""
    assert pin._given(DEFAULT_CONFIG) == ()


def test_nothing_new_asks_for_nothing(run: Run) -> None:
    """Where everything is pinned there is nothing to write."""
    outcome = run(roots(key("corp", use("shop/api", named=True), pinned_as=("corp",))))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert YAML(typ="safe").load(outcome.stdout) == {"roots": {}}


def test_json_alone(run: Run) -> None:
    """A program reads one document and no advice."""
    outcome = run(roots(SHOP), "--json", "shop/api")
    assert json.loads(outcome.stdout)["roots"][0]["name"] == "shop-root"
    assert outcome.stderr == ""


@pytest.mark.parametrize(
    ("refusals", "status"),
    [
        pytest.param({"a": NoTrustData("root")}, 1, id="not-signed"),
        pytest.param({"a": NoRule()}, 1, id="without-entry"),
        pytest.param({"a": Rollback("timestamp", "it went back")}, 1, id="does-not-verify"),
        pytest.param({"a": NotaryUnreachable("refused")}, 3, id="not-asked"),
        pytest.param({"a": NotaryUnreachable("refused"), "b": NoTrustData("root")}, 3, id="both"),
    ],
)
def test_one_failure_discards_nobodys_output(run: Run, refusals: dict[str, Any], status: int) -> None:
    """What was found is printed; the exit code says that it is not all."""
    found = {Repository(name): refusal for name, refusal in refusals.items()}
    outcome = run(roots(SHOP, refusals=found))
    assert outcome.exit_code == status
    assert "shop-root:" in outcome.stdout


def test_repositories_without_trust_data_are_one_line(run: Run) -> None:
    """However many they are: their number, and the first names; other failures have a line each."""
    refusals: dict[Repository, Any] = {Repository(f"r{number:03}"): NoTrustData("root") for number in range(100)}
    refusals[Repository("tools")] = NoRule()
    refusals[Repository("shop/a")] = refusals[Repository("shop/b")] = NotaryUnreachable("connection refused")
    outcome = run(roots(refusals=refusals))
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    lines = outcome.stderr.splitlines()
    assert lines[0] == "tagwarden: 1 repository has no entry in `repositories`: tools"
    assert lines[1].startswith("tagwarden: 100 repositories have no trust data in Notary: r000, r001, ")
    assert lines[1].endswith(", r017 and 82 more")
    assert [line.split()[1] for line in lines[2:]] == ["shop/a", "shop/b"]
    assert all(line.endswith("[notary_unreachable]") for line in lines[2:])


def test_warnings_are_said(run: Run) -> None:
    """They stand beside the output, too, where nobody scrolls past them."""
    found = roots(key("shop-root", use("shop/api"), warnings=("it is odd",)), warnings=("look at this",))
    lines = run(found).stderr.splitlines()
    assert lines[:2] == ["tagwarden: warning: shop-root: it is odd", "tagwarden: warning: look at this"]


def test_a_registry_that_is_away_is_no_verdict(run: Run) -> None:
    """Without its catalogue nobody knows what to pin."""
    outcome = run(RegistryUnreachable("connection refused"), "shop/*")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("tagwarden: the registry cannot be reached (connection refused)")
