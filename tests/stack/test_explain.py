"""`tagwarden explain` in front of the real registry and Notary: why, and what to run next."""

import json
import secrets
import shlex
from pathlib import Path
from typing import Any

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.commands import Outcome
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import command, write_configuration
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration

Signers = dict[str, Person]


@pytest.fixture(scope="module")
def repository() -> str:
    """The one repository of these tests."""
    return f"shop/{secrets.token_hex(6)}"


@pytest.fixture(scope="module")
def signed_image(registry: Registry, owner: Person, signers: Signers, repository: str) -> Image:
    """An image that alice signed as `1.0`; `moved` is signed too and another image by now; bob may sign and did not."""
    content, other, gun = image(f"signed {repository}"), image(f"other {repository}"), f"{registry.host}/{repository}"
    push(registry, repository, content, "1.0")
    push(registry, repository, other, "moved")
    for name in ("alice", "bob"):
        docker_trust.add_signer(owner, gun, name, signers[name].public_key)
    for tag in ("1.0", "moved"):
        notary_client.sign_as(signers["alice"], gun, tag, content.digest, content.length)
    return content


@pytest.fixture
def settings(registry: Registry, notary: Notary, signers: Signers, anchor: str, signed_image: Image) -> dict[str, Any]:
    """A configuration that wants alice for everything."""
    assert signed_image.length > 0
    right = configuration(registry, notary, [anchor], signers)
    return {**right, "repositories": {"**": {"signed_by": {"any_of": ["alice"]}}}}


def explain(tmp_path: Path, settings: dict[str, Any], *words: str) -> Outcome:
    """Run the command with a configuration file."""
    return command(tmp_path, "explain", "-c", str(write_configuration(tmp_path, settings)), *words)


def next_command(outcome: Outcome) -> list[str]:
    """The words after `tagwarden` of the command that is told to be run next."""
    [told] = [line.removeprefix("next: ") for line in outcome.output.splitlines() if line.startswith("next: ")]
    name, *words = shlex.split(told)
    assert name == "tagwarden"
    return words


def test_a_signed_tag(
    tmp_path: Path, settings: dict[str, Any], anchor: str, repository: str, signed_image: Image
) -> None:
    """Verdict, rule, votes, chain with the pinned root, and what the registry has; nothing to do, nothing written."""
    outcome = explain(tmp_path, settings, f"{repository}:1.0")
    assert outcome.status == 0, outcome.output
    for told in (
        f"allowed: {repository}:1.0 is {signed_image.digest}, signed by alice",
        'rule "**" asks for the signature of alice',
        f"root key {anchor}: pinned by owner (by its public key id)",
        "      listed as ",
        "<- the decision rests on it",
        f"it has {signed_image.digest} there, which is the signed digest",
    ):
        assert told in outcome.output
    assert "next:" not in outcome.output
    assert not (tmp_path / "trust.db").exists()


def test_a_missing_signer_and_what_to_run(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """Who has signed, who has not and why; the command that is told next runs as it is."""
    settings["repositories"]["**"] = {"signed_by": {"all_of": ["alice", "bob"]}}
    outcome = explain(tmp_path, settings, f"{repository}:1.0")
    assert outcome.status == 1
    assert "Votes  1 of 2 needed" in outcome.output
    assert "bob: targets/bob is delegated, and never published anything" in outcome.output
    words = next_command(outcome)
    assert words[0] == "sign-command"
    signing = command(tmp_path, *words)
    assert signing.status == 0, signing.output
    assert "targets/bob" in signing.output


def test_keys_that_are_not_the_same(
    tmp_path: Path, settings: dict[str, Any], signers: Signers, repository: str
) -> None:
    """The most frequent mistake: Notary delegates one key, the configuration lists another; both are shown."""
    settings["signers"]["alice"] = {"keys": [str(signers["mallory"].public_key)]}
    outcome = explain(tmp_path, settings, "--json", f"{repository}:1.0")
    assert outcome.status == 1
    [voter] = json.loads(outcome.output[outcome.output.index("{") : outcome.output.rindex("}") + 1])["votes"]["voters"]
    assert voter["standing"] == "key-foreign"
    [delegated], [listed] = voter["delegated"], voter["listed"]
    assert delegated != listed
    assert voter["why"] == f"Notary delegates {delegated} to targets/alice, and your key files have {listed}"


def test_a_tag_that_was_moved(tmp_path: Path, settings: dict[str, Any], repository: str, signed_image: Image) -> None:
    """The signed digest is served; what the registry has under the tag is shown beside it."""
    outcome = explain(tmp_path, settings, f"{repository}:moved")
    assert outcome.status == 0
    assert signed_image.digest in outcome.output
    assert "there, which is not the signed digest; clients get the signed one, which it has too" in outcome.output


def test_a_digest(tmp_path: Path, settings: dict[str, Any], repository: str, signed_image: Image) -> None:
    """Which tags have it, and the weakest rule that it stands on; one that nobody signed leads to those that are."""
    outcome = explain(tmp_path, settings, f"{repository}@{signed_image.digest}")
    assert outcome.status == 0
    assert "tag 1.0 has it now" in outcome.output
    assert 'as strong as the weakest rule of its repository, "**"' in outcome.output
    unsigned = explain(tmp_path, settings, f"{repository}@sha256:{'7' * 64}")
    assert unsigned.status == 1
    assert "signed tags: 1.0, moved" in unsigned.output
    assert command(tmp_path, *next_command(unsigned)).status == 0


def test_a_root_that_is_not_pinned(tmp_path: Path, settings: dict[str, Any], anchor: str, repository: str) -> None:
    """What Notary serves stands beside what is pinned, and `pin` is next."""
    settings["roots"]["owner"]["public_key_ids"] = ["7" * 64]
    outcome = explain(tmp_path, settings, f"{repository}:1.0")
    assert outcome.status == 1
    assert "the root that Notary serves now, to be compared and not to be believed" in outcome.output
    assert f"root key {anchor[:12]}" in outcome.output
    assert f"pinned: owner: public key id {'7' * 12}" in outcome.output
    printed = command(tmp_path, *next_command(outcome))
    assert printed.status == 0
    assert anchor in printed.output


def test_notary_is_away(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """No verdict, and still the entry, the registry's side and what to run."""
    settings["notaries"]["corp"]["url"] = f"https://127.0.0.1:{free_port()}"
    outcome = explain(tmp_path, settings, f"{repository}:1.0")
    assert outcome.status == 3
    assert "[notary_unreachable]" in outcome.output
    assert 'rule "**" asks for the signature of alice' in outcome.output
    assert "Registry\n  it has sha256:" in outcome.output
    assert next_command(outcome)[0] == "doctor"


def test_no_entry(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """There is YAML to paste, and the check that comes after it."""
    settings["repositories"] = {"tools/**": {"signed_by": {"any_of": ["alice"]}}}
    outcome = explain(tmp_path, settings, f"{repository}:1.0")
    assert outcome.status == 1
    assert f'"{repository}":\n        signed_by: {{any_of: [alice]}}' in outcome.output
    assert next_command(outcome)[:2] == ["config", "check"]


def test_no_reference(tmp_path: Path, settings: dict[str, Any]) -> None:
    """What is no reference is a mistake of the person who typed it."""
    assert explain(tmp_path, settings, "Shop/API").status == 2
