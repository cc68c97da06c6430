"""What somebody reads who has no configuration yet and asks for one: the screen, and the file from top to bottom."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest
from multidict import CIMultiDict

from proxy.errors import RegistryUnreachable
from proxy.names import Repository, Tag
from proxy.registry.failures import Relayed
from tests.sentences.transcripts import Transcript
from tests.support.certificates import certificate, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_office import Office
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import HeldClock
from tests.unit.config.site import credentials
from tests.unit.proposal.site import NAME, Site

TYPED: Final = (
    f"tagwarden propose --name {NAME} --registry http://127.0.0.1:5001 "
    "--notary https://notary.example.com:4443 --directory proposed"
)


@dataclass
class Servers:
    """A registry and a Notary: what the one lists, or raises instead, and whose trust data the other has."""

    site: Site = field(default_factory=Site)
    sims: dict[str, NotarySimulator] = field(default_factory=dict)
    tags: dict[str, Iterable[str] | Exception] = field(default_factory=dict)
    catalogue: Exception | None = None
    account: str = ""
    listed: tuple[str, ...] | None = None

    def repository(
        self, name: str, tags: dict[str, list[str] | None], keys: dict[str, list[Key]] | None = None
    ) -> NotarySimulator:
        """Add a repository as `Site.repository` does."""
        return self.add(name, self.site.repository(name, tags, keys=keys), tags)

    def add(self, name: str, sim: NotarySimulator, tags: Iterable[str]) -> NotarySimulator:
        """Let Notary serve this for a repository."""
        sim.publish()
        self.sims[f"{NAME}/{name}"], self.tags[name] = sim, tags
        return sim

    async def repositories(self) -> tuple[Repository, ...]:
        """The registry's list."""
        if self.catalogue:
            raise self.catalogue
        return tuple(map(Repository, self.tags if self.listed is None else self.listed))

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """The registry's tags of a repository."""
        found = self.tags[repository]
        if isinstance(found, Exception):
            raise found
        return tuple(map(Tag, found))


def another(name: str) -> NotarySimulator:
    """Trust data of another repository than the one where it is found."""
    return NotarySimulator(f"{NAME}/elsewhere/{name}")


def rooted(name: str, owner: Key, **dates: Any) -> NotarySimulator:
    """Trust data of somebody else: the root key is that of `owner`."""
    sim = NotarySimulator(f"{NAME}/{name}")
    sim.root.roles["root"].keys = sim.root.signers = [x509_key(owner, certificate(sim.gun, owner, **dates))]
    return sim


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    """Servers on which nothing is yet, and which the command asks."""
    made = Servers()

    @asynccontextmanager
    async def assembled(*_: object) -> AsyncIterator[object]:
        renewal = SimpleNamespace(notaries={"notary": Office(made.sims).fetch})
        yield SimpleNamespace(resolver=SimpleNamespace(renewal=renewal, clock=HeldClock()), registry=made)

    async def in_order(*_: object) -> None:
        """Both are what they are taken for."""

    monkeypatch.setattr("proxy.assembly.assemble", assembled)
    monkeypatch.setattr("proxy.cli.servers.find_trouble", in_order)
    monkeypatch.setattr("proxy.cli.propose.Clock", HeldClock)
    return made


def show(transcript: Transcript) -> None:
    """Read the file that was written."""
    written = (transcript.directory / "proposed" / "config.yaml").read_text()
    transcript.note("cat proposed/config.yaml", written)


def test_a_whole_site(transcript: Transcript, servers: Servers) -> None:
    """Every rule, every question about keys, and everything that keeps a repository from being served."""
    servers.repository("shop/api", {"1.0": ["alice", "qa"], "1.1": ["alice", "qa"], "dev": None})
    servers.repository("shop/web", {"1.0": ["alice", "qa"]})
    servers.repository("shop/dev", {"1.0": ["alice", "qa"], "1.1": ["alice", "qa"], "1.2": ["qa"]})
    servers.repository("shop/old", {"0.9": [], "1.0": []})
    servers.tags["shop/new"] = ["1.0"]
    servers.repository("infra/dns", {"1": ["alice"]}, keys={"alice": [ecdsa_key("another alice")]})
    servers.repository("infra/ntp", {"1": ["ci"], "2": ["bob", "ci"], "3": ["bob"]})
    half = servers.repository("infra/half", {"1": ["ci"]})
    half.sign("2", role="targets/ci")
    half.publish()
    servers.tags["infra/ntp"] = RegistryUnreachable("it answered 500")
    servers.repository("vote", {"1": ["alice", "bob"], "2": ["bob", "qa"], "3": ["alice", "qa"]})
    build = rooted("tools/build", ecdsa_key("builder"))
    build.delegate("targets/ghost", [ecdsa_key("ghost", "secp256k1")])
    servers.add("tools/build", build, ["1"])
    for name in ("tools/lab", "tools/toy"):
        servers.add(name, rooted(name, ecdsa_key("tinkerer")), ["1"])
    for number in range(7):
        servers.add(f"broken/{number}", another("api"), [])
    transcript.situation("A registry and a Notary as they are after some years.")
    assert transcript.run(TYPED) == 1
    show(transcript)
    transcript.situation("Whether the file is right.")
    assert transcript.run("tagwarden config check -c proposed/config.yaml") == 0
    transcript.check("propose")


def test_where_nobody_signs_yet(transcript: Transcript, servers: Servers) -> None:
    """There is nobody to name and no root to pin."""
    servers.tags["shop/api"] = ["1.0", "1.1"]
    transcript.situation("Nothing is signed.")
    assert transcript.run(TYPED) == 1
    show(transcript)
    transcript.check("propose-unsigned")


def test_a_password_that_others_can_read(transcript: Transcript, servers: Servers) -> None:
    """As for a configuration that names such a file."""
    servers.tags["shop/api"] = ["1.0"]
    transcript.situation("Everybody on this machine can read the password.")
    transcript.write("login.json", '{"username": "alice", "password": "secret"}', 0o644)
    assert transcript.run(f"{TYPED} --registry-credentials login.json") == 1
    transcript.check("propose-readable")


def test_a_root_that_ends_meanwhile(transcript: Transcript, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fine a minute ago is told of, in the file, too."""
    now = HeldClock().now()
    sim = rooted("shop/api", ecdsa_key("owner"), not_after=now + timedelta(minutes=1))
    sim.sign("1.0")
    servers.add("shop/api", sim, ["1.0"])
    monkeypatch.setattr("proxy.cli.propose.Clock", lambda: HeldClock(now + timedelta(hours=1)))
    transcript.situation("A certificate runs out while a large registry is read.")
    assert transcript.run(TYPED) == 1
    show(transcript)
    transcript.check("propose-ends")


def test_what_stands_in_the_way(transcript: Transcript, servers: Servers) -> None:
    """Servers that do not tell, and what can be done then; nothing is written."""
    for title, failure, status in (
        ("A registry that wants to know who asks.", Relayed(401, CIMultiDict(), b""), 2),
        ("A registry without a list.", Relayed(404, CIMultiDict(), b""), 2),
        ("A registry that fails.", Relayed(500, CIMultiDict(), b""), 3),
        ("An empty registry.", None, 2),
    ):
        servers.catalogue = failure
        transcript.situation(title)
        assert transcript.run(TYPED) == status
    transcript.situation("A registry that does not show its list to somebody who may do other things.")
    servers.catalogue, servers.account = Relayed(401, CIMultiDict(), b""), "bob"
    assert transcript.run(TYPED) == 2
    servers.catalogue = None
    transcript.situation("People sign for another name.")
    servers.tags |= {"shop/api": [], "shop/web": []}
    servers.sims["localhost:5001/shop/web"] = NotarySimulator("localhost:5001/shop/web")
    servers.sims["localhost:5001/shop/web"].publish()
    assert transcript.run(TYPED) == 2
    transcript.situation("No trust data holds together.")
    for name in ("shop/api", "shop/web"):
        servers.add(name, another(name), [])
    assert transcript.run(TYPED) == 1
    transcript.situation("Notary is away.")
    for sim in servers.sims.values():
        sim.disconnect()
    assert transcript.run(TYPED) == 3
    assert not (transcript.directory / "proposed").exists()
    transcript.check("propose-nothing")


def test_repositories_by_name(transcript: Transcript, servers: Servers) -> None:
    """They are looked for, and what the registry does not tell of them is said."""
    servers.repository("shop/api", {"1.0": ["alice"]})
    servers.repository("shop/web", {"1.0": ["alice"]})
    transcript.situation("A misspelt name, and one like no other.")
    for name in ("shop/ap", "elsewhere"):
        servers.tags[name] = []
        servers.listed = ("shop/api", "shop/web")
        assert transcript.run(f"{TYPED} {name}") == 2
    transcript.situation("An image, a digest and a pattern are no repositories.")
    for name in ("shop/api:1.0", f"shop/api@sha256:{'7' * 64}", "shop/**"):
        assert transcript.run(f"{TYPED} '{name}'") == 2
    transcript.situation("A number of nothing.")
    assert transcript.run(f"{TYPED} --audit-for 14") == 2
    transcript.situation("The registry lists tags to those it knows.")
    servers.tags["shop/api"] = Relayed(401, CIMultiDict(), b"")
    assert transcript.run(f"{TYPED.replace('proposed', 'one')} shop/api") == 1
    assert transcript.run(f"{TYPED.replace('proposed', 'two')} shop/api shop/web") == 1
    transcript.situation("Somebody has a login, and no right to read this.")
    transcript.write("bob.json", credentials("bob", "right"))
    given = "--registry-credentials bob.json shop/api"
    assert transcript.run(f"{TYPED.replace('proposed', 'three')} {given}") == 1
    transcript.check("propose-named")


def test_files_that_are_there(transcript: Transcript, servers: Servers) -> None:
    """Nothing is overwritten, and half a proposal is none."""
    servers.repository("shop/api", {"1.0": ["alice"]})
    transcript.write("proposed/signers/alice.pub", "the key of another alice")
    transcript.situation("The key of somebody else is where one would be written.")
    assert transcript.run(TYPED) == 2
    (transcript.directory / "proposed" / "signers" / "alice.pub").unlink()
    transcript.situation("It was moved away.")
    assert transcript.run(TYPED) == 0
    transcript.situation("Somebody has put a link where keys would be written.")
    (transcript.directory / "linked").mkdir()
    (transcript.directory / "linked" / "signers").symlink_to(transcript.directory / "proposed" / "signers")
    assert transcript.run(TYPED.replace("proposed", "linked")) == 2
    transcript.situation("A second time.")
    assert transcript.run(TYPED) == 2
    transcript.situation("A file where the directory should be.")
    assert transcript.run(TYPED.replace("proposed", "proposed/config.yaml")) == 2
    transcript.check("propose-files")
