"""The commands that only ask: verify, pin, config; what they print and how they exit."""

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from deploy.stack import docker_trust, notary_client
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
    """An image that alice signed as `1.0`; `2.0` is pushed and not signed; `3.0` is signed and not pushed."""
    content, gun = image(f"signed {repository}"), f"{registry.host}/{repository}"
    lost = image("lost")
    push(registry, repository, content, "1.0", "2.0")
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", content.digest, content.length)
    notary_client.sign_as(signers["alice"], gun, "3.0", lost.digest, lost.length)
    return content


@pytest.fixture
def settings(registry: Registry, notary: Notary, signers: Signers, anchor: str, signed_image: Image) -> dict[str, Any]:
    """A configuration that wants alice for everything."""
    assert signed_image.length > 0
    right = configuration(registry, notary, [anchor], signers)
    return {**right, "repositories": {"**": {"signed_by": {"any_of": ["alice"]}}}}


def test_verify_tells_the_digest(
    tmp_path: Path, settings: dict[str, Any], registry: Registry, repository: str, signed_image: Image
) -> None:
    """A signed tag: exit code 0, a sentence with the digest; the name of the registry may be written or not."""
    file = write_configuration(tmp_path, settings)
    for reference in (f"{repository}:1.0", f"{registry.host}/{repository}:1.0", f"{repository}@{signed_image.digest}"):
        outcome = command(tmp_path, "verify", "-c", str(file), reference)
        assert outcome.status == 0, outcome.output
        assert f"is {signed_image.digest}, signed by alice" in outcome.output
    assert not (tmp_path / "trust.db").exists()


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param(":2.0", 1, "tag_not_signed", id="unsigned-tag"),
        pytest.param("@sha256:" + "7" * 64, 1, "digest_not_signed", id="unsigned-digest"),
        pytest.param(":-bad", 2, "reference_invalid", id="no-tag"),
        pytest.param("@sha512:" + "7" * 128, 2, "reference_invalid", id="foreign-digest"),
    ],
)
def test_verify_refuses(  # the parts of the stack
    tmp_path: Path, settings: dict[str, Any], repository: str, target: str, status: int, code: str
) -> None:
    """Refused is 1, a reference that is none is 2; either way one sentence ends in the code."""
    file = write_configuration(tmp_path, settings)
    outcome = command(tmp_path, "verify", "-c", str(file), f"{repository}{target}")
    assert outcome.status == status, outcome.output
    assert outcome.output.rstrip().endswith(f"[{code}]")


def test_verify_decides_as_under_enforce_in_every_mode(
    tmp_path: Path, settings: dict[str, Any], repository: str
) -> None:
    """A repository in audit is still refused by the gate of CI."""
    relaxed = {"mode": "audit", "until": "2099-01-01T00:00:00Z", "reason": "first weeks"}
    file = write_configuration(tmp_path, {**settings, "rollout": {"**": relaxed}})
    assert command(tmp_path, "verify", "-c", str(file), f"{repository}:2.0").status == 1


def test_verify_as_json(tmp_path: Path, settings: dict[str, Any], repository: str, signed_image: Image) -> None:
    """The shape that log and error body share."""
    file = write_configuration(tmp_path, settings)
    outcome = command(tmp_path, "verify", "--json", "-c", str(file), f"{repository}:1.0")
    told = json.loads(outcome.output[outcome.output.index("{") :])
    assert (told["decision"], told["digest"], told["length"]) == ("allowed", signed_image.digest, signed_image.length)
    assert (told["signers"], told["refusal"], told["rule"]) == (["alice"], None, "**")
    assert {"root", "timestamp", "snapshot", "targets", "targets/alice"} <= set(told["roles"])


def test_verify_when_the_registry_lacks_it(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """A signed image that nobody can pull is a finding."""
    file = write_configuration(tmp_path, settings)
    outcome = command(tmp_path, "verify", "-c", str(file), f"{repository}:3.0")
    assert outcome.status == 1
    assert "[manifest_missing]" in outcome.output


@pytest.mark.parametrize("part", [pytest.param("notaries", id="notary"), pytest.param("registry", id="registry")])
def test_verify_when_somebody_is_away(tmp_path: Path, settings: dict[str, Any], repository: str, part: str) -> None:
    """No verdict is exit code 3."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    away = {"corp": {"url": nowhere, "roots": ["owner"]}} if part == "notaries" else {"url": nowhere}
    file = write_configuration(tmp_path, {**settings, part: away})
    assert command(tmp_path, "verify", "-c", str(file), f"{repository}:1.0").status == 3


def test_trust_on_first_use_needs_memory(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """Without pins and without a trust store there is nothing to decide by."""
    settings["notaries"]["corp"]["roots"] = "tofu"
    del settings["roots"]
    file = write_configuration(tmp_path, settings)
    outcome = command(tmp_path, "verify", "-c", str(file), f"{repository}:1.0")
    assert outcome.status == 3
    assert "verify trusts nobody on first use" in outcome.output


def test_config_check_and_schema(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A right configuration is called right, and the schema is JSON that names its keys."""
    file = write_configuration(tmp_path, settings)
    assert command(tmp_path, "config", "check", "-c", str(file)).status == 0
    schema = json.loads(command(tmp_path, "config", "schema").output)
    assert {"version", "name", "registry", "notaries", "repositories"} <= set(schema["properties"])


def test_help_of_every_command(tmp_path: Path) -> None:
    """Every command says what it is for."""
    for words in ((), ("serve",), ("verify",), ("inspect",), ("pin",), ("config",), ("config", "check")):
        outcome = command(tmp_path, *words, "--help")
        assert outcome.status == 0
        assert "Usage:" in outcome.output


def test_config_check_tells_what_has_run_out(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A relaxation whose instant is past is enforced by now, and the check says so."""
    past = {"mode": "audit", "until": "2026-01-01T00:00:00Z", "reason": "first weeks"}
    file = write_configuration(tmp_path, {**settings, "rollout": {"shop/**": past}})
    outcome = command(tmp_path, "config", "check", "-c", str(file))
    assert outcome.status == 0
    assert 'rollout."shop/**": its `until` is past, so it is enforced' in outcome.output
