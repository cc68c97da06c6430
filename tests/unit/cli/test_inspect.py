"""`tagwarden inspect --pretty`: tables whose ids are whole, however narrow the terminal is."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proxy.cli import inspect
from proxy.cli.app import app
from proxy.names import Digest
from proxy.tuf.collection import Collection
from tests.support.certificates import root_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.unit.config.site import compose

Run = Callable[..., Result]

SIM = NotarySimulator("registry.example.com/shop/api")
SIM.delegate("targets/alice")
DIGEST = Digest(SIM.sign("1.0", role="targets/alice"))
SIM.sign("1.0", b"manifest of 1.0 by targets/alice")
SIM.sign("2.0")
SIM.publish()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command over a right configuration, as if Notary had served this collection."""

    async def collected(*_: Any) -> Collection:
        return read(SIM)

    def run(*words: str, **environment: str) -> Result:
        monkeypatch.setattr(inspect, "_collection", collected)
        file = tmp_path / "config.yaml"
        file.write_text(compose())
        return CliRunner().invoke(app, ["inspect", "-c", str(file), *words], env=environment)

    return run


def cells(table: str) -> str:
    """Everything that stands in the columns of tables, column by column, without blanks and line ends."""
    rows = [re.split("[│┃]", re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in table.splitlines()]
    widest = max(map(len, rows))
    columns = ["".join(row[column].strip() for row in rows if len(row) > column) for column in range(widest)]
    return " ".join(columns)


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="piped"),
        pytest.param({"COLUMNS": "40"}, id="piped-from-a-narrow-terminal"),
        pytest.param({"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "60"}, id="a-narrow-terminal"),
    ],
)
def test_no_id_is_ever_cut(run: Run, environment: dict[str, str]) -> None:
    """What is compared by eye is there whole: digests, ids of keys, and both ids of a root key."""
    outcome = run("--pretty", "shop/api", **environment)
    assert outcome.exit_code == 0, outcome.output
    assert "…" not in outcome.stdout
    assert "..." not in outcome.stdout
    shown = cells(outcome.stdout)
    listed = root_key(SIM.gun)
    for whole in (DIGEST.hex, listed.key_id, SIM.key("root").key_id, SIM.key("targets/alice").key_id):
        assert whole in shown


def test_what_is_piped_has_whole_lines(run: Run) -> None:
    """A program finds an id and its holder in one line, and no colours."""
    outcome = run("--pretty", "shop/api")
    [line] = [line for line in outcome.stdout.splitlines() if "Root" in line]
    assert root_key(SIM.gun).key_id in line
    assert SIM.key("root").key_id in line
    assert "\x1b" not in outcome.stdout


@pytest.mark.parametrize("pretty", [pytest.param(("--pretty",), id="table"), pytest.param((), id="json")])
def test_a_digest_shows_its_tags_alone(run: Run, pretty: tuple[str, ...]) -> None:
    """Whoever asks about a digest is not shown others."""
    outcome = run(*pretty, f"shop/api@{DIGEST}")
    assert outcome.exit_code == 0
    assert "1.0" in outcome.stdout
    assert "2.0" not in outcome.stdout


def test_a_digest_that_nobody_signed_is_a_finding(run: Run) -> None:
    """An empty list alone could be overlooked."""
    digest = f"sha256:{'7' * 64}"
    outcome = run(f"shop/api@{digest}")
    assert outcome.exit_code == 1
    assert '"SignedTags": []' in outcome.stdout
    assert outcome.stderr == f"tagwarden: no tag of shop/api is signed for {digest}\n"
