"""`tagwarden inspect` prints what `docker trust inspect` prints, for repositories signed in every way."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.stack import docker_trust, keys, notary_client
from deploy.stack.images import image
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import command, write_configuration
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration

Signers = dict[str, Person]
Sign = Callable[[Person, Signers, str], None]

ONE, OTHER = image("one"), image("other")


def _no_delegations(owner: Person, _signers: Signers, gun: str) -> None:
    notary_client.initialise(owner, gun)
    for tag in ("v9", "v10", "latest"):
        notary_client.add_target(owner, gun, tag, ONE.digest, ONE.length)


def _one_signer(owner: Person, signers: Signers, gun: str) -> None:
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", ONE.digest, ONE.length)


def _three_signers(owner: Person, signers: Signers, gun: str) -> None:
    for name in ("alice", "bob", "carol"):
        docker_trust.add_signer(owner, gun, name, signers[name].public_key)
    for name in ("carol", "alice", "bob"):
        notary_client.sign_as(signers[name], gun, "1.0", ONE.digest, ONE.length)
    notary_client.sign_as(signers["bob"], gun, "2.0", OTHER.digest, OTHER.length)


def _another_digest(owner: Person, signers: Signers, gun: str) -> None:
    for name in ("alice", "bob"):
        docker_trust.add_signer(owner, gun, name, signers[name].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", ONE.digest, ONE.length)
    notary_client.add_target(signers["bob"], gun, "1.0", OTHER.digest, OTHER.length, roles=("targets/bob",))


def _rotated_root(owner: Person, signers: Signers, gun: str) -> None:
    _one_signer(owner, signers, gun)
    notary_client.rotate_key(owner, gun, "root")
    notary_client.rotate_key(owner, gun, "timestamp")


def _released_and_in_targets(owner: Person, signers: Signers, gun: str) -> None:
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", OTHER.digest, OTHER.length)
    _one_signer(owner, signers, gun)


def _several_keys(owner: Person, signers: Signers, gun: str) -> None:
    _one_signer(owner, signers, gun)
    notary_client.delegate(owner, gun, "targets/qa", signers["bob"].public_key, signers["carol"].public_key)


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(_no_delegations, id="no-delegations"),
        pytest.param(_one_signer, id="one-signer"),
        pytest.param(_three_signers, id="three-signers"),
        pytest.param(_another_digest, id="signer-with-another-digest"),
        pytest.param(_rotated_root, id="rotated-root"),
        pytest.param(_released_and_in_targets, id="released-and-in-targets"),
        pytest.param(_several_keys, id="role-with-several-keys"),
    ],
)
def test_inspect_equals_docker_trust_inspect(
    registry: Registry, notary: Notary, signers: Signers, repository: str, tmp_path: Path, sign: Sign
) -> None:
    """The same JSON to the letter, with and without a tag."""
    gun = f"{registry.host}/{repository}"
    sign(Person.settle("owner", tmp_path / "owner", notary), signers, gun)
    settings = configuration(registry, notary, keys.root_key_ids(notary, gun), signers)
    settings["repositories"] = {"**": {"signed_by": "released"}}
    file = write_configuration(tmp_path, settings)
    reader = Person.settle("reader", tmp_path / "reader", notary)
    for name in (gun, f"{gun}:1.0", f"{gun}:nothing"):
        theirs = reader.run("docker", ["trust", "inspect", name])
        ours = command(tmp_path, "inspect", "-c", str(file), name)
        assert _json_of(ours.output) == _json_of(theirs.output), name
        assert ours.status == theirs.status, name


def test_inspect_without_trust_data(registry: Registry, notary: Notary, tmp_path: Path) -> None:
    """A repository that Notary does not know gives an empty array, a sentence and exit code 1, as docker does."""
    settings = configuration(registry, notary, ["0" * 64], {})
    settings["repositories"] = {"**": {"signed_by": "released"}}
    file = write_configuration(tmp_path, settings)
    ours = command(tmp_path, "inspect", "-c", str(file), "shop/nothing")
    theirs = Person.settle("reader", tmp_path / "reader", notary).run(
        "docker", ["trust", "inspect", f"{registry.host}/shop/nothing"]
    )
    assert ours.status == theirs.status == 1
    assert _json_of(ours.output) == _json_of(theirs.output) == "[]"
    assert "[no_trust_data]" in ours.output


def _json_of(output: str) -> str:
    """The JSON in what was printed, laid out in one way; sentences around it are for people.

    Where one tag has two digests docker leaves their order to chance.
    """
    start = re.search(r"^\[\]?$", output, re.MULTILINE)
    assert start, output
    value, _ = json.JSONDecoder().raw_decode(output, start.start())
    for report in value:
        tags = [row["SignedTag"] for row in report["SignedTags"]]
        report["SignedTags"].sort(key=lambda row: (tags.index(row["SignedTag"]), row["Digest"]))
    return json.dumps(value, indent=1)
