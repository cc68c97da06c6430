"""`tagwarden sign-command`: its lines, given to a shell, sign with the real `notary` what verify then allows."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.images import image, multi_arch, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import tagwarden, write_configuration
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from proxy.cli.app import main
from tests.stack.configuration import configuration

Signers: TypeAlias = dict[str, Person]
Ask: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def settings(registry: Registry, notary: Notary, signers: Signers, anchor: str) -> dict[str, Any]:
    """A configuration that wants alice for everything, and bob as well under `both/`."""
    rules = {"**": {"signed_by": {"any_of": ["alice"]}}, "both/**": {"signed_by": {"all_of": ["alice", "bob"]}}}
    return {**configuration(registry, notary, [anchor], signers), "repositories": rules}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> Path:
    """The configuration, as a file."""
    return write_configuration(tmp_path_factory.mktemp("signing"), settings)


@pytest.fixture
def tell(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command of `tagwarden` in this process: how it ends, and what is on its two outputs."""

    def ask(name: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tagwarden", name, "-c", str(file), *words])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return ask


def _steps(tell: Ask, *words: str) -> list[dict[str, Any]]:
    """What to type for a reference: every step with its notes and its commands."""
    status, out, err = tell("sign-command", "--json", *words)
    assert status == 0, err
    return list(json.loads(out)["steps"])


def _with_releases(owner: Person, gun: str, alice: Path) -> None:
    docker_trust.add_signer(owner, gun, "alice", alice)


def _without_releases(owner: Person, gun: str, alice: Path) -> None:
    notary_client.initialise(owner, gun)
    notary_client.delegate(owner, gun, "targets/alice", alice)


@pytest.mark.parametrize(
    ("found", "roles"),
    [
        pytest.param(_with_releases, "targets/alice,targets/releases", id="releases-declared"),
        pytest.param(_without_releases, "targets/alice", id="no-releases"),
    ],
)
def test_its_output_can_be_given_to_a_shell(
    registry: Registry,
    owner: Person,
    signers: Signers,
    repository: str,
    file: Path,
    tell: Ask,
    found: Callable[[Person, str, Path], None],
    roles: str,
) -> None:
    """A signer pipes it into sh, and the tag is admitted for the digest that the registry has."""
    alice, tag = signers["alice"], f"{repository}:1.0"
    pushed = push(registry, repository, image(f"to sign {repository}"), "1.0")
    found(owner, f"{registry.host}/{repository}", alice.public_key)
    signed = alice.paste(f"{tagwarden()} sign-command -c {file} {tag} | tee /dev/stderr | sh -e").must()
    assert f"--sha256 {pushed.digest.removeprefix('sha256:')} --roles {roles}\n" in signed
    status, allowed, err = tell("verify", tag)
    assert (status, pushed.digest in allowed) == (0, True), err
    status, again, err = tell("sign-command", tag)
    assert (status, again, "nothing is missing" in err) == (0, "", True), err


def test_a_collection_that_does_not_exist_yet(
    registry: Registry,
    owner: Person,
    signers: Signers,
    repository: str,
    tell: Ask,
) -> None:
    """The owner of the root key makes it and lets the signer in; then the signer signs, and the tag is admitted."""
    alice = signers["alice"]
    push(registry, repository, multi_arch(f"first {repository}"), "1.0")
    made, delegated, signed = _steps(tell, "--role", "alice", f"{repository}:1.0")
    shutil.copy(alice.public_key, owner.directory / "alice.pub")
    owner.paste("\n".join((*made["commands"], *delegated["commands"]))).must()
    alice.paste("\n".join(signed["commands"])).must()
    status, allowed, err = tell("verify", f"{repository}:1.0")
    assert (status, "signed by alice" in allowed) == (0, True), err


def test_who_has_signed_already_is_not_asked_again(
    registry: Registry,
    owner: Person,
    signers: Signers,
    repository: str,
    tell: Ask,
) -> None:
    """Of two that must sign, the one who has is left out; the other, who is no signer yet, has to be let in first."""
    repository = f"both/{repository}"
    gun, bob = f"{registry.host}/{repository}", signers["bob"]
    pushed = push(registry, repository, image(f"both {repository}"), "1.0")
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", pushed.digest, pushed.length)
    delegated, signed = _steps(tell, f"{repository}:1.0")
    assert not any("targets/alice" in line for line in (*delegated["commands"], *signed["commands"]))
    shutil.copy(bob.public_key, owner.directory / "bob.pub")
    owner.paste("\n".join(delegated["commands"])).must()
    bob.paste("\n".join(signed["commands"])).must()
    status, allowed, err = tell("verify", f"{repository}:1.0")
    assert (status, "signed by alice, bob" in allowed) == (0, True), err


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        pytest.param(["{}:9.9"], 1, "push it first", id="not-pushed"),
        pytest.param(["{}@sha256:" + "7" * 64], 2, "tags are what is signed", id="digest"),
        pytest.param(["--role", "Al Ice", "{}:1.0"], 2, "is no role", id="no-role"),
        pytest.param(["{}:-bad"], 2, "[reference_invalid]", id="no-tag"),
    ],
)
def test_what_cannot_be_signed(tell: Ask, repository: str, words: list[str], status: int, sentence: str) -> None:
    """One sentence says what is wrong."""
    ended, _, err = tell("sign-command", *(word.format(repository) for word in words))
    assert (ended, sentence in err) == (status, True), err


def test_a_release_that_nobody_declares(registry: Registry, owner: Person, repository: str, tell: Ask) -> None:
    """Signing into `targets/releases` makes sense only where it is declared."""
    push(registry, repository, image(f"unreleased {repository}"), "1.0")
    notary_client.initialise(owner, f"{registry.host}/{repository}")
    ended, _, err = tell("sign-command", "--role", "releases", f"{repository}:1.0")
    assert (ended, "declares no targets/releases" in err) == (2, True), err


@pytest.mark.parametrize(
    ("changed", "status", "sentence"),
    [
        pytest.param({"registry": {"url": "http://127.0.0.1:{port}"}}, 3, "[registry_unreachable]", id="registry-away"),
        pytest.param({"registry": {"url": "{locked}"}}, 3, "set registry.credentials_file", id="registry-locked"),
        pytest.param(
            {"notaries": {"corp": {"url": "http://127.0.0.1:{port}", "roots": ["owner"]}}},
            3,
            "[notary_unreachable]",
            id="notary-away",
        ),
        pytest.param({"repositories": {"a/**": {"signed_by": "released"}}}, 1, "[no_rule]", id="no-rule"),
    ],
)
def test_when_somebody_cannot_be_asked(
    registry: Registry,
    settings: dict[str, Any],
    tmp_path: Path,
    tell: Ask,
    repository: str,
    changed: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    """One sentence says who, and nothing is printed that could be pasted."""
    push(registry, repository, image(f"lonely {repository}"), "1.0")
    with run_registry(tmp_path / "locked", login=Login("ci", "secret")) as locked:
        file = write_configuration(tmp_path, {**settings, **changed})
        text = file.read_text().replace("{port}", str(free_port())).replace("{locked}", locked.url)
        file.write_text(text)
        ended, out, err = tell("sign-command", "-c", str(file), f"{repository}:1.0")
    assert (ended, out, sentence in err) == (status, "", True), err
