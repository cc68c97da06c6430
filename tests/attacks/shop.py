"""The repository under attack: `shop/api`, where alice and ci sign, and releases names what is out.

Each attack says what the attacker holds; whatever keys that does not name, the attacker has not.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from proxy.errors import Refusal
from proxy.names import Digest, RoleName, Tag
from proxy.policy.entries import Blocklist
from proxy.policy.evaluation import admit_digest, resolve_tag
from proxy.policy.past import NO_PAST, Past, record
from proxy.policy.signers import AnyOf, Released, SignedBy
from proxy.tuf.collection import Collection, Role, Stored, Unusable
from tests.support.collections import entry, signer
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered
from tests.support.signed_roles import NOW

GUN: Final = "registry.example.com/shop/api"
TAG: Final = Tag("1.4")
GOOD: Final = b"the good image"
OLD: Final = b"the old image"
EVIL: Final = b"the image of the attacker"
SIGNERS: Final = ("targets/alice", "targets/ci", "targets/releases")
ROLES: Final = ("root", "timestamp", "snapshot", "targets", *SIGNERS)
RELEASED: Final = Released()
BY_ALICE: Final = AnyOf((signer("alice"),))


@cache
def _shop() -> NotarySimulator:
    sim = NotarySimulator(GUN)
    for role in SIGNERS:
        sim.delegate(role)
        sim.sign(TAG, OLD, role=role)
    sim.publish()
    release(sim, GOOD)
    return sim


def shop() -> NotarySimulator:
    """The repository at version 2: `1.4` was the old image, and is the good one now."""
    return _shop().clone()


@cache
def memory() -> Stored:
    """What a reader remembers of version 2."""
    return remembered(shop())


def release(sim: NotarySimulator, manifest: bytes) -> None:
    """All signers sign the tag again, and it is published one version on."""
    for role in SIGNERS:
        sim.sign(TAG, manifest, role=role)
    sim.bump()
    sim.publish()


def files_of_version_1() -> dict[str, bytes]:
    """Every file as it was served when `1.4` was the old image."""
    return {role: shop().archive[f"1.{role}"] for role in ROLES}


def digest_of(manifest: bytes) -> Digest:
    """The digest under which a manifest is signed."""
    sim = NotarySimulator(GUN)
    return Digest(sim.sign(TAG, manifest))


def resolve(collection: Collection, signed_by: SignedBy = RELEASED) -> Digest:
    """What the tag is, by a rule. Raises a `Refusal`."""
    return resolve_tag(entry(signed_by), TAG, collection, NOW).digest


def answer(
    sim: NotarySimulator,
    stored: Stored | None,
    signed_by: SignedBy = RELEASED,
    *,
    blocked: Mapping[str, str] | None = None,
) -> Digest | type[Refusal]:
    """What a client ends up with: the digest of the tag, or the kind of refusal; `blocked` are public key ids."""
    try:
        return resolve(read(sim, stored, blocked=blocked), signed_by)
    except Refusal as refusal:
        return type(refusal)


def defect(collection: Collection, role: str) -> type[Refusal]:
    """Why a role is unusable."""
    found = collection.roles[RoleName(role)]
    assert isinstance(found, Unusable), f"{role} is {type(found).__name__}"
    return type(found.error)


def usable(collection: Collection, role: str) -> bool:
    """Whether a role can be used."""
    return isinstance(collection.roles.get(RoleName(role)), Role)


class Reader:
    """A proxy that reads the repository again and again, an hour apart, and remembers what it must."""

    def __init__(self, signed_by: SignedBy = RELEASED, superseded_for: timedelta = timedelta(hours=24)) -> None:
        self.entry = entry(signed_by, superseded_for=superseded_for)
        self.stored: Stored | None = None
        self.today: Collection | None = None
        self.past = NO_PAST
        self.now = NOW
        self.blocked = Blocklist()

    def see(self, sim: NotarySimulator) -> None:
        """Read it once more. Raises what the update raises."""
        self.now += timedelta(hours=1)
        found = read(sim, self.stored, now=self.now, blocked=self.blocked.keys)
        self.past = Past.decode(record(self.past, self.today, found, self.now, self.entry.superseded_for).encode())
        self.stored, self.today = found.stored(), found

    def admits(self, manifest: bytes, now: datetime | None = None) -> bool:
        """Whether a client that asks for a manifest by digest gets it."""
        assert self.today
        when = now or self.now
        try:
            found = admit_digest(
                self.entry, digest_of(manifest), self.today, when, past=self.past, blocked=self.blocked
            )
        except Refusal:
            return False
        return found is not None
