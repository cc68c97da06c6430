"""`tagwarden propose`: what goes where, and how it exits; what it proposes is the business of `proposal`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proxy.cli import propose
from proxy.cli.app import app
from proxy.errors import NotaryUnreachable, RegistryUnreachable, RootNotTrusted, UserError
from tests.unit.proposal.site import NAME, Site

Run = Callable[..., Result]
BROKEN = RootNotTrusted("it is somebody's")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command into `proposed`, as if this had been gathered."""

    def run(found: Site | Exception, *words: str) -> Result:
        async def gathered(*_: Any) -> Any:
            if isinstance(found, Exception):
                raise found
            return found.propose().gathered

        async def in_order(*_: Any) -> None:
            """Both servers are what they are taken for."""

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(propose, "_gather", gathered)
        monkeypatch.setattr("proxy.cli.servers.find_trouble", in_order)
        servers = ["--name", NAME, "--registry", "http://127.0.0.1:5001", "--notary", "https://notary.example.com:4443"]
        return CliRunner().invoke(app, ["propose", *servers, "--directory", "proposed", *words])

    return run


def _site(*broken: str) -> Site:
    """A signed repository, and some whose trust data does not verify."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]})
    for name in broken:
        site.without(name, [], BROKEN)
    return site


def test_the_summary_on_standard_output_and_the_rest_beside(run: Run) -> None:
    """What comes next is the last thing that is said."""
    outcome = run(_site())
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith("wrote         proposed/config.yaml\nrepositories  1: 1 signed, 0 not signed\n")
    assert outcome.stderr == "next: tagwarden config check -c proposed/config.yaml\n"


def test_a_finding_is_written_all_the_same(run: Run) -> None:
    """Exit code 1, a sentence, and what to run next."""
    outcome = run(_site("shop/broken"))
    assert outcome.exit_code == 1
    told, following = outcome.stderr.splitlines()
    assert told.startswith("tagwarden: shop/broken: the root of gun")
    assert following.startswith("next: tagwarden config check")
    assert Path("proposed/config.yaml").exists()


@pytest.mark.parametrize(
    ("refusals", "status"),
    [
        pytest.param((BROKEN,), 1, id="nothing-verifies"),
        pytest.param((BROKEN, NotaryUnreachable("it answered 500")), 3, id="some-cannot-be-read-now"),
    ],
)
def test_nothing_is_written_where_nothing_can_be_read(run: Run, refusals: tuple[Any, ...], status: int) -> None:
    """There are signatures, so nobody should trust on first use."""
    site = Site()
    for number, refusal in enumerate(refusals):
        site.without(f"shop/broken-{number}", [], refusal)
    outcome = run(site)
    assert outcome.exit_code == status, outcome.output
    assert outcome.stdout == ""
    assert len(outcome.stderr.splitlines()) == 1 + len(refusals)
    assert not Path("proposed").exists()


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        pytest.param(
            NotaryUnreachable("connection refused"),
            "tagwarden: nothing was written: what to propose cannot be decided, Notary notary cannot be reached "
            "(connection refused): try again or ask its operator [notary_unreachable]\n",
            id="notary",
        ),
        pytest.param(
            RegistryUnreachable("it answered 500"),
            "tagwarden: nothing was written: the registry cannot be reached (it answered 500): "
            "try again or ask its operator [registry_unreachable]\n",
            id="registry",
        ),
    ],
)
def test_a_server_is_away(run: Run, failure: Exception, sentence: str) -> None:
    """Exit code 3: asked again, there may be an answer."""
    outcome = run(failure)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "", sentence)
    assert not Path("proposed").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(("--audit-for", "14"), "--audit-for: 14 has no unit: write 14d for days", id="no-unit"),
        pytest.param(("--audit-for", "0d"), "--audit-for: no time at all is too short", id="no-time"),
        pytest.param(("Shop/api",), "Shop/api is no valid repository name", id="no-repository"),
        pytest.param(("--notary", "http://notary.example.com"), "command line: --notary: plain http", id="plain-http"),
    ],
)
def test_mistakes_are_told_before_anybody_is_asked(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """One sentence that names the option."""
    outcome = run(AssertionError("nobody should be asked"), *words)
    assert isinstance(outcome.exception, UserError)
    assert sentence in str(outcome.exception)


def test_a_second_time(run: Run) -> None:
    """What is there is never overwritten, and nobody is asked before that is known."""
    run(_site())
    outcome = run(AssertionError("nobody should be asked"))
    assert isinstance(outcome.exception, UserError)
    assert "is never overwritten" in str(outcome.exception)
