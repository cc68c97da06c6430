"""What somebody reads who wants to sign a tag: the commands to type, who types them, and what stands in the way."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, cast

import pytest
from multidict import CIMultiDict

from proxy.assembly import Parts, assemble
from proxy.config.settings import Settings
from proxy.manifests import Manifest, MediaType
from proxy.names import Digest, Reference, Repository, Tag
from proxy.registry.client import RegistryClient
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import measured
from proxy.store.protocol import TrustStore
from tests.sentences.transcripts import Transcript
from tests.support.certificates import authority, pem, root_key
from tests.support.keys import ecdsa_key
from tests.support.notary_office import Office
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import NAME
from tests.unit.config.site import compose, credentials
from tests.unit.registry.material import digest, image, index

IMAGE: Final = image("api")
INDEX: Final = index([IMAGE])
ELSEWHERE: Final = "old.example.com"


@dataclass
class Shelf:
    """A registry that has one manifest under every tag, nothing, or an answer of its own."""

    has: bytes | Exception | None = IMAGE
    account: str = ""
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)

    async def repositories(self) -> tuple[Repository, ...]:
        """Its list of repositories."""
        return tuple(map(Repository, self.tags))

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """Its list of tags."""
        return tuple(map(Tag, self.tags.get(repository, ())))

    def walker(self, client: ClientCredentials) -> ClientCredentials:
        """Nobody has a credential."""
        return client

    async def named(self, _reference: Reference, _credentials: ClientCredentials) -> Digest | None:
        """The digest of what it has."""
        if isinstance(self.has, Exception):
            raise self.has
        return digest(self.has) if self.has else None

    async def measure(self, _repository: Repository, named: Digest, _credentials: ClientCredentials) -> Manifest:
        """What it has, measured."""
        assert isinstance(self.has, bytes)
        return measured(self.has, MediaType.OCI_INDEX if self.has is INDEX else MediaType.DOCKER_MANIFEST, named)


def collection(repository: str, *signers: str, name: str = NAME) -> NotarySimulator:
    """The trust data of a repository, into which these signers are let."""
    sim = NotarySimulator(f"{name}/{repository}")
    for signer in signers:
        sim.delegate(f"targets/{signer}", [ecdsa_key(signer)])
    return sim


def collections() -> dict[str, NotarySimulator]:
    """A repository for each thing that can stand in the way."""
    api = collection("shop/api", "alice", "bob")
    api.delegate("targets/releases", [ecdsa_key("alice"), ecdsa_key("bob")])
    api.sign("1.4", image("older"), role="targets/alice")
    held = collection("shop/held", "alice", "bob")
    held.delegate("targets/releases", [ecdsa_key("carol")])
    narrow = collection("shop/narrow", "bob")
    narrow.delegate("targets/alice", [ecdsa_key("alice")], paths=["release-", "rc-"])
    narrow.delegate("targets/ci", [ecdsa_key("ci")], paths=[])
    done = collection("shop/done", "alice", "bob")
    done.sign("1.4", IMAGE, role="targets/alice")
    old = collection("legacy/api", "alice", name=ELSEWHERE)
    sims = (api, held, narrow, done, old)
    for sim in sims:
        sim.publish()
    return {sim.gun: sim for sim in sims}


@pytest.fixture
def shelf() -> Shelf:
    """What the registry has."""
    return Shelf()


@pytest.fixture
def typed(transcript: Transcript, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Transcript:
    """A configuration in which alice or bob signs, and a Notary that wants a login."""
    sims = collections()

    @asynccontextmanager
    async def assembled(settings: Settings, store: TrustStore) -> AsyncIterator[Parts]:
        async with assemble(settings, store) as parts:
            parts.resolver.renewal.checks.notaries = {"corp": Office(sims).fetch}
            yield replace(parts, registry=cast("RegistryClient", shelf))

    monkeypatch.setattr("proxy.cli.asking.assemble", assembled)
    pinned = [root_key(gun).public_key_id for gun in (*sims, f"{NAME}/shop/new")]
    transcript.write("notary.json", credentials("tagwarden", "secret"))
    transcript.write("notary-ca.crt", pem([authority("notary-ca").certificate]))
    sections = {
        "trust_store": f"{{url: 'sqlite:///{transcript.directory}/trust.db'}}",
        "notaries": """
  corp: {url: 'https://notary:4443', ca_file: notary-ca.crt, roots: [corp], credentials_file: notary.json}""",
        "roots": f"{{corp: {{public_key_ids: {pinned}}}}}",
        "signers": "{alice: {keys: delegated}, bob: {keys: delegated}, ci: {keys: delegated}}",
        "repositories": f"""
  "shop/**": {{signed_by: {{any_of: [alice, bob]}}}}
  "legacy/*": {{signed_by: {{any_of: [alice]}}, gun: "{ELSEWHERE}/{{repository}}"}}""",
    }
    transcript.write("config.yaml", compose(**sections))
    return transcript


def test_what_is_typed(typed: Transcript, shelf: Shelf) -> None:
    """Steps for each person who has something to do, and nobody else."""
    typed.situation("Nothing was ever signed here.")
    assert typed.run("tagwarden sign-command -c config.yaml --role alice shop/new:1.4") == 0
    typed.situation("Either of two may sign; one of them has signed another image before.")
    assert typed.run("tagwarden sign-command -c config.yaml shop/api:1.4") == 0
    typed.situation("Whoever signs may not release it.")
    assert typed.run("tagwarden sign-command -c config.yaml --role alice shop/held:1.4") == 0
    typed.situation("Two roles that may not speak of this tag.")
    assert typed.run("tagwarden sign-command -c config.yaml --role alice --role ci shop/narrow:1.4") == 0
    typed.situation("Two may sign where nobody has signed, and where one of them is let in.")
    assert typed.run("tagwarden sign-command -c config.yaml shop/new:1.4") == 0
    assert typed.run("tagwarden sign-command -c config.yaml shop/narrow:1.4") == 0
    typed.situation("Somebody whom the rule does not count, and the repository's own key.")
    assert typed.run("tagwarden sign-command -c config.yaml --role ci --role targets shop/narrow:1.4") == 0
    typed.situation("It is signed already.")
    assert typed.run("tagwarden sign-command -c config.yaml shop/done:1.4") == 0
    typed.situation("Its trust data has another name, and docker trust cannot sign under that.")
    assert typed.run("tagwarden sign-command -c config.yaml legacy/api:1.4") == 0
    typed.situation("Its trust data is a copy on a disk, and it is signed elsewhere.")
    typed.write("copy/.keep", "")
    configuration = (typed.directory / "config.yaml").read_text(encoding="utf-8")
    typed.write("copy.yaml", re.sub("corp: {url: .*}", "corp: {dir: copy, roots: [corp]}", configuration))
    assert typed.run("tagwarden sign-command -c copy.yaml --role alice shop/done:1.4") == 0
    typed.situation("It is an index, and docker trust cannot sign one.")
    shelf.has = INDEX
    assert typed.run("tagwarden sign-command -c config.yaml --role alice shop/done:1.4") == 0
    typed.check("sign-command")


def test_what_cannot_be_signed(typed: Transcript, shelf: Shelf) -> None:
    """One sentence says why, and nothing is printed that could be pasted."""
    typed.situation("A digest has no place in trust data of its own.")
    assert typed.run(f"tagwarden sign-command -c config.yaml shop/api@{digest(IMAGE)}") == 2
    typed.situation("A role with a name that none can have.")
    assert typed.run("tagwarden sign-command -c config.yaml --role 'Al Ice' shop/api:1.4") == 2
    typed.situation("A release that nobody declared.")
    assert typed.run("tagwarden sign-command -c config.yaml --role releases shop/done:1.4") == 2
    typed.situation("A misspelt signer, and one of whom nobody has heard.")
    assert typed.run("tagwarden sign-command -c config.yaml --role alcie shop/new:1.4") == 2
    assert typed.run("tagwarden sign-command -c config.yaml --role mallory shop/new:1.4") == 2
    typed.situation("It was not pushed yet.")
    shelf.has, shelf.tags = None, {"shop/api": ("1.3", "latest")}
    assert typed.run("tagwarden sign-command -c config.yaml shop/api:1.4") == 1
    typed.situation("Its tag, or its repository, is misspelt.")
    assert typed.run("tagwarden sign-command -c config.yaml shop/api:latst") == 1
    assert typed.run("tagwarden sign-command -c config.yaml shop/ap:1.4") == 1
    typed.situation("The registry does not let the proxy in, which has no account there or one that is refused.")
    shelf.has = Relayed(401, CIMultiDict(), b"")
    assert typed.run("tagwarden sign-command -c config.yaml shop/api:1.4") == 3
    shelf.account = "bob"
    assert typed.run("tagwarden sign-command -c config.yaml shop/api:1.4") == 3
    typed.situation("Nobody said who has to sign it.")
    assert typed.run("tagwarden sign-command -c config.yaml elsewhere/api:1.4") == 1
    typed.check("sign-command-refused")
