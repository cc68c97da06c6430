"""A registry and a Notary as `propose` finds them: real trust data, verified, without a server.

    site = Site()
    site.repository("shop/api", tags={"1.0": ["alice", "qa"], "dev": None})
    proposal = site.propose()

A tag is signed by these signers and released; `[]` is the repository's own key alone; None is only in the registry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from proxy.config.without_file import Trial, load_trial
from proxy.drive import drive_in_turn
from proxy.errors import NoTrustData, Refusal
from proxy.names import Gun, Repository, Tag
from proxy.proposal.gathering import Gathered
from proxy.proposal.proposing import Proposal, draw_up
from proxy.tuf.collection import Collection
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.pins import Pins
from proxy.tuf.update import update
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW

NAME: Final = "registry.example.com"
TRIAL: Final = Trial(NAME, "http://127.0.0.1:5001", "https://notary.example.com:4443")
FORTNIGHT: Final = timedelta(days=14)


def verified(simulator: NotarySimulator) -> Collection:
    """The collection that a simulator serves, verified as if for the first time."""
    simulator.publish()

    def fetch(wish: Fetch) -> Reply:
        answer = simulator.answer(wish.name)
        return Fetched(answer.body) if answer.status == 200 else Missing()

    return drive_in_turn(update(Gun(simulator.gun), Pins.tofu(), None, NOW), fetch)


@dataclass
class Site:
    """What was gathered so far."""

    trial: Trial = TRIAL
    gathered: dict[str, Gathered] = field(default_factory=dict)

    def repository(
        self,
        name: str,
        tags: Mapping[str, Iterable[str] | None],
        *,
        keys: Mapping[str, Iterable[Key]] | None = None,
        releases: bool = True,
    ) -> NotarySimulator:
        """Add a repository; `keys` are those of signers who have others than the one of their name."""
        simulator = NotarySimulator(f"{NAME}/{name}")
        signers = sorted({signer for by in tags.values() for signer in by or ()})
        for signer in signers:
            simulator.delegate(f"targets/{signer}", list((keys or {}).get(signer, ())) or [ecdsa_key(signer)])
        if signers and releases:
            simulator.delegate("targets/releases", [ecdsa_key(signer) for signer in signers])
        released = "targets/releases" if signers and releases else "targets"
        for tag, by in tags.items():
            for role in [f"targets/{signer}" for signer in by or ()] + ([] if by is None else [released]):
                simulator.sign(tag, f"{name}:{tag}".encode(), role)
        self.add(name, simulator, tags)
        return simulator

    def add(self, name: str, simulator: NotarySimulator, tags: Iterable[str]) -> None:
        """Add what a simulator serves now, in place of what was known of the repository."""
        collection = verified(simulator)
        self.gathered[name] = Gathered(
            Repository(name), Gun(f"{NAME}/{name}"), collection, None, frozenset(map(Tag, tags))
        )

    def without(self, name: str, tags: Iterable[str] = (), refusal: Refusal | None = None) -> None:
        """Add a repository without trust data, or with some that cannot be used."""
        gun = Gun(f"{NAME}/{name}")
        why = refusal or NoTrustData("timestamp")
        self.gathered[name] = Gathered(Repository(name), gun, None, why, frozenset(map(Tag, tags)))

    def propose(self) -> Proposal:
        """The proposal for what was gathered."""
        settings = load_trial(self.trial, {}, NOW)
        found = tuple(self.gathered[name] for name in sorted(self.gathered))
        return draw_up(self.trial, settings, found, NOW, NOW + FORTNIGHT)


def rules(file: Path) -> dict[str, object]:
    """What a written configuration asks for, by pattern."""
    written = YAML(typ="safe", pure=True).load(file.read_text())["repositories"]
    return {pattern: entry["signed_by"] for pattern, entry in written.items()}
