"""`tagwarden propose` in front of real servers: what it writes is right, and refuses nothing that is signed."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.stack import docker_trust, notary_client
from deploy.stack.commands import Outcome
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import command
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login

LOGIN = Login("lister", "a password of no value")
SIGNED = ("shop/api:1.0", "shop/web:1.0", "shop/old:1.0", "infra/dns:1.0")
UNSIGNED = ("shop/api:dev", "shop/new:1.0", "lonely:1.0")


@dataclass(frozen=True)
class Site:
    """A registry with a login, a Notary, and some repositories that are signed in different ways."""

    registry: Registry
    notary: Notary

    def propose(self, home: Path, *words: str, name: str = "", notary: str = "", login: bool = True) -> Outcome:
        """Run the command, into `home/proposed`."""
        home.mkdir(parents=True, exist_ok=True)
        credentials = home / "registry.json"
        credentials.write_text(json.dumps({"username": LOGIN.username, "password": LOGIN.password}))
        credentials.chmod(0o600)
        shown = ["--registry-credentials", str(credentials)] if login else []
        servers = ["--registry", self.registry.url, "--notary", notary or self.notary.url]
        authorities = ["--notary-ca", str(self.notary.ca_file)] if not notary else []
        target = ["--name", name or self.registry.host, "--directory", str(home / "proposed")]
        return command(home, "propose", *target, *servers, *authorities, *shown, *words)


@pytest.fixture(scope="module")
def site(scratch: Path, notary: Notary, owner: Person, signers: dict[str, Person]) -> Iterator[Site]:
    """Two repositories by alice and bob, one by its own key, one by carol alone; and some that nobody signed."""
    with run_registry(scratch / "propose", login=LOGIN) as registry:
        content = image("proposed")
        for reference in (*SIGNED, *UNSIGNED):
            repository, _, tag = reference.partition(":")
            push(registry, repository, content, tag)
        for repository, names in {"shop/api": "alice bob", "shop/web": "alice bob", "infra/dns": "carol"}.items():
            gun = f"{registry.host}/{repository}"
            for name in names.split():
                docker_trust.add_signer(owner, gun, name, signers[name].public_key)
            for name in names.split():
                notary_client.sign_as(signers[name], gun, "1.0", content.digest, content.length)
        notary_client.initialise(owner, f"{registry.host}/shop/old")
        notary_client.add_target(owner, f"{registry.host}/shop/old", "1.0", content.digest, content.length)
        yield Site(registry, notary)


@pytest.fixture(scope="module")
def proposed(site: Site, scratch: Path) -> tuple[Path, Outcome]:
    """The file that it wrote, and what it printed."""
    outcome = site.propose(scratch / "newcomer")
    return scratch / "newcomer" / "proposed" / "config.yaml", outcome


def test_it_ends_with_what_to_run_next(proposed: tuple[Path, Outcome], scratch: Path) -> None:
    """The printed command, pasted as it is, finds the file right."""
    file, outcome = proposed
    assert outcome.status == 0, outcome.output
    following = next(line for line in outcome.output.splitlines() if line.startswith("next: "))
    words = shlex.split(following.removeprefix("next: "))
    assert words == ["tagwarden", "config", "check", "-c", str(file)]
    checked = command(scratch, *words[1:])
    assert checked.status == 0, checked.output


def test_it_sums_up_what_it_found(proposed: tuple[Path, Outcome]) -> None:
    """Repositories, tags, signers, roots and owners, each on a line."""
    _, outcome = proposed
    for line in (
        "repositories  6: 4 signed, 2 not signed",
        "tags          4 signed, 3 in the registry not signed",
        "signers       alice, bob, carol",
        "owners        3 contacts to fill in: infra, shop, top-level",
    ):
        assert line in outcome.output


def test_its_rules_are_what_is_signed(proposed: tuple[Path, Outcome]) -> None:
    """One entry for each namespace, and one for the repository that is signed otherwise."""
    written = YAML(typ="safe", pure=True).load(proposed[0].read_text())
    assert {pattern: entry["signed_by"] for pattern, entry in written["repositories"].items()} == {
        "*": "released",
        "infra/**": {"any_of": ["carol"]},
        "shop/**": {"all_of": ["alice", "bob"]},
        "shop/old": "released",
    }
    assert written["rollout"]["**"]["mode"] == "audit"


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        pytest.param("shop/api:1.0", 0, id="signed-by-both"),
        pytest.param("shop/old:1.0", 0, id="signed-by-the-repository-key"),
        pytest.param("shop/api:dev", 1, id="not-signed"),
    ],
)
def test_it_refuses_what_is_not_signed_and_nothing_else(
    proposed: tuple[Path, Outcome], scratch: Path, reference: str, status: int
) -> None:
    """Decided as under `enforce`, under the pinned root and the listed keys."""
    outcome = command(scratch, "verify", "-c", str(proposed[0]), reference)
    assert outcome.status == status, outcome.output


def test_it_never_overwrites(proposed: tuple[Path, Outcome], site: Site, scratch: Path) -> None:
    """A second time is a mistake, and the file stays as it is."""
    before = proposed[0].read_bytes()
    outcome = site.propose(scratch / "newcomer")
    assert outcome.status == 2
    assert "never overwritten" in outcome.output
    assert proposed[0].read_bytes() == before


def test_some_repositories_only(site: Site, tmp_path: Path) -> None:
    """Named as arguments, with or without the registry's name; the catalogue is not asked for."""
    outcome = site.propose(tmp_path, "shop/old", f"{site.registry.host}/infra/dns", login=False)
    assert outcome.status == 1, outcome.output
    assert "repositories  2: 2 signed" in outcome.output
    assert "signed; the registry did not list its own (401)" in outcome.output
    assert "did not list the tags of infra/dns, shop/old (401): give --registry-credentials" in outcome.output
    assert (tmp_path / "proposed" / "signers" / "carol.pub").exists()
    written = (tmp_path / "proposed" / "config.yaml").read_text()
    assert "did not list the tags of infra/dns" in written
    assert "did not list the tags of shop/old" in written


def test_without_the_right_to_list(site: Site, tmp_path: Path) -> None:
    """A registry that shows its list to nobody without a login is a sentence with both ways out."""
    outcome = site.propose(tmp_path, login=False)
    assert outcome.status == 2
    assert "--registry-credentials" in outcome.output
    assert "REPO..." in outcome.output
    assert not (tmp_path / "proposed").exists()


def test_when_notary_is_away(site: Site, tmp_path: Path) -> None:
    """Nothing is written, and it is no finding: asked again, all may be well."""
    outcome = site.propose(tmp_path, notary=f"http://127.0.0.1:{free_port()}")
    assert outcome.status == 3, outcome.output
    assert "nothing was written" in outcome.output
    assert not (tmp_path / "proposed").exists()


def test_under_a_name_that_nobody_signs_for(site: Site, tmp_path: Path) -> None:
    """It finds out which name they do sign for, and says so."""
    outcome = site.propose(tmp_path, name="registry.example.com")
    assert outcome.status == 2, outcome.output
    assert f"use --name {site.registry.host}" in outcome.output
    assert not (tmp_path / "proposed").exists()


def test_where_nothing_is_signed(site: Site, tmp_path: Path) -> None:
    """It writes trust on first use, says so aloud, and calls that a finding."""
    outcome = site.propose(tmp_path, "shop/new")
    assert outcome.status == 1, outcome.output
    assert "nothing is signed under" in outcome.output
    assert "roots: tofu" in (tmp_path / "proposed" / "config.yaml").read_text()
