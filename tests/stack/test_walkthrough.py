"""From "I have a registry and a Notary" to enforcing, by what each command prints about the next one.

Forty repositories, signed in many ways and not at all. Nothing is edited by hand but the contacts of owners.
"""

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.commands import Outcome, run
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.proxy import tagwarden
from deploy.stack.web import Answer, answers, ask
from tests.stack.estate import Estate
from tests.stack.estate import estate as run_estate

AUDIT_SECONDS: Final = 20
NEXT: Final = re.compile(r"^next: (tagwarden .*)$", re.MULTILINE)
CONTACTS: Final = {"shop": "#shop-oncall", "pay": "#pay-oncall", "tools": "#tools", "vendor": "#imports"}


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The forty repositories."""
    with run_estate(tmp_path_factory.mktemp("estate")) as running_estate:
        yield running_estate


class Newcomer:
    """Somebody who types what is printed, in a directory of their own."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = environment

    def type(self, typed: str) -> Outcome:
        """Type a command of tagwarden."""
        return run([str(tagwarden()), *_words(typed)], home=self.directory, environment=self.environment)

    def start(self, typed: str, probes: str) -> Iterator[Daemon]:
        """Type the command that stays."""
        with running(
            [str(tagwarden()), *_words(typed)],
            name="tagwarden",
            directory=self.directory,
            answers=lambda: answers(f"http://{probes}/readyz"),
            environment={**self.environment, "HOME": str(self.directory), "PATH": "/usr/bin:/bin"},
        ) as daemon:
            yield daemon


def _words(typed: str) -> list[str]:
    program, *words = shlex.split(typed)
    assert program == "tagwarden"
    return words


def _next(outcome: Outcome) -> str:
    """The command that was printed to be run next."""
    found = NEXT.search(outcome.output)
    assert found, f"nothing to run next in:\n{outcome.output}"
    return found[1]


@pytest.mark.timeout(300)
def test_from_nothing_to_enforcing(estate: Estate, tmp_path: Path) -> None:
    """Propose, check, serve, ask, explain, sign, each as printed before; then the audit ends by itself."""
    address, probes = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    listeners = {"TAGWARDEN__LISTEN__ADDRESS": address, "TAGWARDEN__PROBES__ADDRESS": probes}
    newcomer = Newcomer(tmp_path, listeners)

    proposed = newcomer.type(
        f"tagwarden propose --name {estate.registry.host} --registry {estate.registry.url} "
        f"--notary {estate.notary.url} --notary-ca {estate.notary.ca_file.absolute()} "
        f"--directory first --audit-for {AUDIT_SECONDS}s"
    )
    assert proposed.status == 0, proposed.output
    file = tmp_path / "first" / "config.yaml"
    ends = datetime.now(UTC).timestamp() + AUDIT_SECONDS

    check = _next(proposed)
    unfilled = newcomer.type(check)
    assert unfilled.status == 0, unfilled.output
    assert unfilled.output.count("has no contact yet") == len(CONTACTS)
    text = file.read_text()
    for namespace, contact in CONTACTS.items():
        text, filled = re.subn(rf'(\b{namespace}: \{{contact: )"?FILL-IN"?', rf'\1"{contact}"', text)
        assert filled == 1, f"no owner of {namespace} to fill in:\n{text}"
    file.write_text(text)

    checked = newcomer.type(check)
    assert checked.status == 0, checked.output
    assert "has no contact yet" not in checked.output
    for daemon in newcomer.start(_next(checked), probes):
        _audit(estate, newcomer, daemon)
        time.sleep(max(0.0, ends - datetime.now(UTC).timestamp() + 1))
        _enforcing(estate, newcomer, daemon, file)


def _ask(daemon: Daemon) -> str:
    """What the proxy says about asking it, in its log."""
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if line.startswith("{")]
    [asked] = [line["ask"] for line in lines if line.get("event") == "serving"]
    return str(asked)


def _audit(estate: Estate, newcomer: Newcomer, daemon: Daemon) -> None:
    """First everything is served, and what would be refused is told."""
    for reference, status in ((estate.signed[0], 0), (estate.signed[-1], 0), (estate.unsigned[0], 1)):
        asked = newcomer.type(_ask(daemon).replace("REPOSITORY:TAG", reference))
        assert asked.status == status, asked.output


def _enforcing(estate: Estate, newcomer: Newcomer, daemon: Daemon, file: Path) -> None:
    """Then what is signed is served, the rest is refused with whom to ask, explained, signed, and served."""
    url = newcomer.environment["TAGWARDEN__LISTEN__ADDRESS"]
    for reference in estate.signed:
        assert _pull(url, reference).status == 200, reference
    for reference in estate.unsigned:
        answer = _pull(url, reference)
        assert answer.status == 403, reference
        assert CONTACTS[reference.partition("/")[0]] in answer.body.decode(), reference
    asked = newcomer.type(_ask(daemon).replace("REPOSITORY:TAG", estate.signed[0]))
    assert asked.status == 0, asked.output

    reference = estate.unsigned[0]
    operator = Newcomer(newcomer.directory, {**newcomer.environment, "TAGWARDEN_CONFIG": str(file)})
    refused = operator.type(_ask(daemon).replace("REPOSITORY:TAG", reference))
    explained = operator.type(_next(refused))
    assert explained.status == 1, explained.output
    commands = operator.type(_next(explained))
    assert commands.status == 0, commands.output
    _sign_as_printed(estate, commands.output)
    signed = operator.type(_ask(daemon).replace("REPOSITORY:TAG", reference) + " --wait 60s")
    assert signed.status == 0, signed.output


def _pull(address: str, reference: str) -> Answer:
    """Ask for a manifest as clients do."""
    repository, _, tag = reference.partition(":")
    return ask(f"http://{address}/v2/{repository}/manifests/{tag}")


def _sign_as_printed(estate: Estate, printed: str) -> None:
    """The holder of the key pastes the commands of `notary` that were printed."""
    ci = estate.people["ci"]
    lines = [shlex.split(line) for line in printed.splitlines() if line.startswith("notary ")]
    assert lines, printed
    for _, *arguments in lines:
        given = [str(ci.trust_directory) if each.endswith(".docker/trust") else each for each in arguments]
        ci.run("notary", given).must()
