"""What somebody reads who wants to know which roots to pin, or who signed what."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Final

import pytest
from multidict import CIMultiDict

from proxy.cli import inspect
from proxy.errors import RegistryUnreachable
from proxy.names import Repository
from proxy.registry.failures import Relayed
from proxy.store.overlay import Overlay
from proxy.tuf.collection import Collection
from tests.sentences.transcripts import Transcript
from tests.support.certificates import EXPIRED, certificate, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_office import Office, signed
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.resolving import NAME, HeldClock
from tests.unit.cli.asked import asking_a_notary

OWNER, TINKERER, STRANGER, THIEF = map(ecdsa_key, ("owner", "tinkerer", "stranger", "thief"))
SERVICES: Final = tuple(f"shop/service-{number}" for number in range(7))
CONFIGURATION: Final = f"""
version: 1
name: {NAME}
registry: {{url: "http://127.0.0.1:5001"}}
notaries: {{corp: {{url: "https://notary:4443", roots: [tools]}}}}
roots: {{tools: {{public_key_ids: ["{TINKERER.key_id}"]}}}}
repositories:
  shop/**: {{signed_by: released}}
  tools/*: {{signed_by: released}}
blocked: [{{key: "{THIEF.key_id}", reason: laptop stolen}}]
"""


def rooted(repository: str, *roots: Key) -> NotarySimulator:
    """A repository's trust data, signed by these root keys."""
    sim = signed(repository)
    sim.root.roles["root"].keys = sim.root.signers = list(roots)
    sim.publish()
    return sim


def for_(repository: str, key: Key, **dates: Any) -> Key:
    """A key with a certificate for a repository."""
    return x509_key(key, certificate(f"{NAME}/{repository}", key, **dates))


@pytest.fixture
def office() -> Office:
    """A Notary where much is as it should be, and some is not."""
    away = rooted("shop/away", for_("shop/away", OWNER))
    away.fault("timestamp", 503)
    sims = [
        *(rooted(name, for_(name, OWNER)) for name in SERVICES),
        rooted("tools/build", for_("tools/build", TINKERER)),
        rooted("shop/legacy", for_("shop/legacy", OWNER), for_("shop/legacy", STRANGER, not_after=EXPIRED)),
        rooted("shop/wild", x509_key(STRANGER, certificate(f"{NAME}/shop/*", STRANGER))),
        rooted("shop/stolen", for_("shop/stolen", THIEF)),
        rooted("shop/past", for_("shop/past", OWNER, not_after=EXPIRED)),
        away,
    ]
    return Office({sim.gun: sim for sim in sims})


@pytest.fixture
def typed(transcript: Transcript, office: Office, monkeypatch: pytest.MonkeyPatch) -> Transcript:
    """A right configuration for that Notary, in front of a registry that lists it all and more."""
    shown = (*(gun.removeprefix(f"{NAME}/") for gun in office.sims), "shop/bare", "shop/new", "base")
    _stand_in(monkeypatch, office, shown)
    transcript.write("config.yaml", CONFIGURATION)
    return transcript


def _stand_in(monkeypatch: pytest.MonkeyPatch, office: Office, listed: Iterable[str] | Exception) -> None:
    """Let the command ask this Notary, and this registry for its list."""

    class Shown:
        async def repositories(self) -> tuple[Repository, ...]:
            if isinstance(listed, Exception):
                raise listed
            return tuple(map(Repository, listed))

    @asynccontextmanager
    async def assembled(*_: object) -> AsyncIterator[object]:
        renewal = SimpleNamespace(notaries={"corp": office.fetch})
        yield SimpleNamespace(resolver=SimpleNamespace(renewal=renewal, clock=HeldClock()), registry=Shown())

    monkeypatch.setattr("proxy.assembly.assemble", assembled)


def test_pin(typed: Transcript, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries to paste with what their holders compare, and every repository that has none with its reason."""
    typed.situation("Everything in the registry that an entry matches.")
    assert typed.run("tagwarden pin -c config.yaml") == 3
    typed.situation("A repository whose root key is pinned already.")
    assert typed.run("tagwarden pin -c config.yaml tools/build") == 0
    typed.situation("Repositories that the configuration or the registry does not know.")
    assert typed.run("tagwarden pin -c config.yaml base shop/service-0") == 1
    assert typed.run("tagwarden pin -c config.yaml 'vendor/*'") == 2
    assert typed.run("tagwarden pin -c config.yaml 'shop/**/x'") == 2
    assert typed.run("tagwarden pin -c config.yaml Shop") == 2
    typed.situation("A registry for which nothing is configured yet.")
    _stand_in(monkeypatch, office, ["base"])
    assert typed.run("tagwarden pin -c config.yaml") == 2
    typed.situation("A registry that does not show what it has, and one that is away.")
    _stand_in(monkeypatch, office, Relayed(401, CIMultiDict(), b""))
    assert typed.run("tagwarden pin -c config.yaml") == 2
    _stand_in(monkeypatch, office, RegistryUnreachable("connection refused"))
    assert typed.run("tagwarden pin -c config.yaml 'shop/*'") == 3
    typed.check("pin")


def test_inspect(typed: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables for people, and a digest that nobody signed."""
    sim = NotarySimulator(f"{NAME}/shop/api")
    sim.delegate("targets/alice")
    digest = sim.sign("1.0", role="targets/alice")
    sim.sign("1.0", b"manifest of 1.0 by targets/alice")
    sim.publish()

    async def collected(*_: object) -> Collection:
        return read(sim)

    async def nothing(*_: object) -> None:
        """What is remembered."""

    typed.situation("Trust on first use, and nothing is remembered.")
    typed.write("first.yaml", CONFIGURATION.replace("roots: [tools]", "roots: tofu"))
    with monkeypatch.context() as patched:
        patched.setattr("proxy.cli.asking.asking", asking_a_notary())
        assert typed.run("tagwarden inspect --pretty -c first.yaml shop/api") == 0
        typed.situation("Somebody makes the trust store forget it in the same moment.")
        patched.setattr(Overlay, "load", nothing)
        assert typed.run("tagwarden inspect --pretty -c first.yaml shop/api") == 3
    monkeypatch.setattr(inspect, "_collection", collected)
    typed.situation("A table for people.")
    assert typed.run("tagwarden inspect --pretty -c config.yaml shop/api") == 0
    typed.situation("A digest, signed and not.")
    assert typed.run(f"tagwarden inspect --pretty -c config.yaml shop/api@{digest}") == 0
    assert typed.run(f"tagwarden inspect -c config.yaml shop/api@sha256:{'7' * 64}") == 1
    typed.check("inspect")
