"""`tagwarden pin` over a whole registry: found as the proxy itself, confirmed by the holders, pasted, and trusted."""

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from deploy.stack import notary_client
from deploy.stack.commands import run
from deploy.stack.images import image, push
from deploy.stack.keys import root_key_ids
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import command, tagwarden, write_configuration
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.configuration import configuration

WARDEN: Final = Login("warden", "secret")
SHOP: Final = ("shop/api", "shop/web")
TOOL: Final = "tools/build"
BARE: Final = "vendor/bare"


@dataclass(frozen=True)
class Printed:
    """What a command printed, by output, and how it ended."""

    status: int
    output: str
    beside: list[str]

    @property
    def roots(self) -> Any:
        """The entries, as a configuration would read them."""
        return YAML(typ="safe").load(self.output)["roots"]


def pin(file: Path, *words: str) -> Printed:
    """Run the command."""
    line = [str(tagwarden()), "pin", "-c", str(file), *words]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    return Printed(ended.returncode, ended.stdout, ended.stderr.splitlines())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where registry and people of these tests live."""
    return tmp_path_factory.mktemp("pin")


@pytest.fixture(scope="module")
def passworded(place: Path) -> Iterator[Registry]:
    """A registry with a password and four repositories."""
    with run_registry(place / "registry", login=WARDEN) as running:
        for name in (*SHOP, TOOL, BARE):
            push(running, name, image("pinned"), "1.0")
        yield running


@pytest.fixture(scope="module")
def holder(place: Path, passworded: Registry, notary: Notary) -> Person:
    """Who holds the root key of the shop, and keeps it where docker does."""
    person = Person.settle("holder", place / "holder" / ".docker", notary)
    for name in SHOP:
        notary_client.initialise(person, f"{passworded.host}/{name}")
        notary_client.add_target(person, f"{passworded.host}/{name}", "1.0", image("pinned").digest, 1)
    return person


@pytest.fixture(scope="module")
def tinkerer(place: Path, passworded: Registry, notary: Notary) -> Person:
    """Who holds the root key of the tools."""
    person = Person.settle("tinkerer", place / "tinkerer" / ".docker", notary)
    notary_client.initialise(person, f"{passworded.host}/{TOOL}")
    return person


@pytest.fixture(scope="module")
def tofu(place: Path, passworded: Registry, notary: Notary, holder: Person, tinkerer: Person) -> dict[str, Any]:
    """A configuration before anything is pinned, with an account for the proxy itself."""
    assert holder.trust_directory.exists()
    assert tinkerer.trust_directory.exists()
    secret = place / "warden.json"
    secret.write_text(json.dumps({"username": WARDEN.username, "password": WARDEN.password}))
    settings = configuration(passworded, notary, [], {})
    settings["registry"]["credentials_file"] = str(secret)
    settings["notaries"]["corp"]["roots"] = "tofu"
    del settings["roots"]
    return {**settings, "repositories": {"**": {"signed_by": "released"}}}


@pytest.fixture(scope="module")
def found(place: Path, tofu: dict[str, Any]) -> Printed:
    """What is found where nothing is named."""
    return pin(write_configuration(place, tofu))


@pytest.fixture
def settings(tofu: dict[str, Any]) -> dict[str, Any]:
    """The configuration, for a test to change."""
    return copy.deepcopy(tofu)


def test_every_root_key_is_found(place: Path, found: Printed, passworded: Registry, notary: Notary) -> None:
    """An entry for each holder's key; the repository that nobody signs is told, and so is what to do next."""
    [shop_key], [tool_key] = (root_key_ids(notary, f"{passworded.host}/{name}") for name in (SHOP[0], TOOL))
    assert found.roots == {
        "shop-root": {"public_key_ids": [shop_key]},
        "tools-build-root": {"public_key_ids": [tool_key]},
    }
    assert found.status == 1
    assert found.beside == [
        f"tagwarden: 1 repository has no trust data in Notary: {BARE}",
        "tagwarden: once their holders have confirmed them, write these under `roots`",
        f"next: tagwarden config check -c {place / 'config.yaml'}",
    ]


def test_what_is_printed_is_what_the_configuration_takes(
    tmp_path: Path, settings: dict[str, Any], found: Printed
) -> None:
    """Pasted, the repositories verify, and a second look finds nothing new."""
    settings["roots"] = found.roots
    [named] = re.findall(r"notaries\.corp\.roots: (.*)", found.output)
    settings["notaries"]["corp"]["roots"] = YAML(typ="safe").load(named)
    pasted = write_configuration(tmp_path, settings)
    for words in (["config", "check"], ["inspect", SHOP[1]], ["inspect", TOOL]):
        command(tmp_path, *words, "-c", str(pasted)).must()
    again = pin(pasted, "shop/*", TOOL)
    assert (again.status, again.roots, again.beside) == (0, {}, [])
    assert "# Pinned already as 'shop-root': " in again.output


def test_another_root_than_the_pinned_one_is_refused(tmp_path: Path, settings: dict[str, Any], found: Printed) -> None:
    """A pin of the shop is none of the tools."""
    settings["roots"] = {"shop-root": found.roots["shop-root"]}
    settings["notaries"]["corp"]["roots"] = ["shop-root"]
    refused = command(tmp_path, "inspect", "-c", str(write_configuration(tmp_path, settings)), TOOL)
    assert refused.status == 1
    assert "[root_not_trusted]" in refused.output


def test_the_holder_of_the_key_sees_the_same(found: Printed, holder: Person, tinkerer: Person) -> None:
    """The commands that are printed for them, run as they are, print what stands below each of them."""
    lines = [line.strip("# ") for line in found.output.splitlines()]
    for program in ("notary", "jq"):
        commands = [number for number, line in enumerate(lines) if line.startswith(f"{program} ")]
        for position, person in zip(commands, (holder, tinkerer), strict=True):
            theirs = run(["/bin/sh", "-c", lines[position]], home=person.directory.parent).must()
            first, *_, last = lines[position + 1].split()
            [told] = [line for line in theirs.splitlines() if line.startswith(first)]
            assert last in told


def test_json_names_every_repository(tmp_path: Path, settings: dict[str, Any], passworded: Registry) -> None:
    """Ids of both kinds: the key's own, the same everywhere, and each certificate's."""
    told = json.loads(pin(write_configuration(tmp_path, settings), "--json").output)
    [shop, tool] = told["roots"]
    assert [row["gun"] for row in shop["repositories"]] == [f"{passworded.host}/{name}" for name in SHOP]
    assert len({shop["public_key_id"], *(row["key_id"] for row in shop["repositories"])}) == 3
    assert [row["repository"] for row in tool["repositories"]] == [TOOL]
    assert [(row["repository"], row["refusal"]) for row in told["refused"]] == [(BARE, "no_trust_data")]


def test_a_registry_that_shows_nothing_is_a_matter_of_the_account(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Without one there is no list; repositories can be named all the same, as Notary alone is asked about them."""
    del settings["registry"]["credentials_file"]
    file = write_configuration(tmp_path, settings)
    everything = pin(file)
    assert (everything.status, everything.output) == (2, "")
    [sentence] = everything.beside
    assert sentence.startswith("tagwarden: the registry does not list its repositories (it answered 401): give ")
    assert pin(file, SHOP[0]).status == 0
