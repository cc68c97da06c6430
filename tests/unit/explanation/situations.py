"""Situations that people ask about: a repository, its rule, and what Notary and the registry have of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from yarl import URL

from proxy.assembly import Parts
from proxy.config.pem import PemFile
from proxy.config.settings import NotarySettings
from proxy.errors import RegistryTimedOut
from proxy.explanation import gather
from proxy.explanation.known import Known
from proxy.names import Digest, Reference, Repository, Tag
from proxy.policy.decisions import Allowed
from proxy.policy.entries import Blocklist, Entry, Exemption, Mode, Owner, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer, SignerKey
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import VerifiedManifest
from proxy.store.overlay import Overlay
from proxy.tuf.pins import Pins, RootPin
from proxy.upkeep import Upkeep
from tests.support.certificates import root_key
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import NAME, REPOSITORY, bench
from tests.support.resolving import entry as any_entry
from tests.unit.explanation.doubles import UNAUTHORISED, Registry
from tests.unit.registry.closure.material import layered, verified
from tests.unit.registry.material import index

GUN: Final = f"{NAME}/{REPOSITORY}"
IMAGE: Final = layered("api")
OTHER_IMAGE: Final = layered("other")
UNSIGNED: Final = layered("unsigned")
CHILD: Final = layered("child")
INDEX: Final = index([CHILD])
CA_FILE: Final = PemFile(Path("ca.crt"), b"")
NOTARIES: Final = {"corp": NotarySettings("corp", URL("https://notary:4443"), CA_FILE, None, None, None, 5.0)}
PINNED: Final = Pins((RootPin("owner", frozenset({root_key(GUN).public_key_id})),))
HOUR: Final = 3600.0
TAG: Final = Reference(REPOSITORY, Tag("1.4"))

Prepare = Callable[[NotarySimulator], object]


def key(name: str) -> str:
    """The public key id that Notary delegates to a signer."""
    return ecdsa_key(f"targets/{name}").public_key_id


def signer(name: str, *keys: str) -> Signer:
    """A signer with the key that Notary delegates to it, unless others are given."""
    return Signer(name, tuple(map(SignerKey, keys or (key(name),))))


def mistyped(key_id: str) -> str:
    """The same id with another digit near its end."""
    return f"{key_id[:59]}{'0' if key_id[59] != '0' else '1'}{key_id[60:]}"


ALICE, CI, QA = signer("alice"), signer("ci"), signer("qa")


def entry(signed_by: SignedBy, pattern: str = "shop/**", **changes: Any) -> Entry:
    """An entry that pins the owner's root, and says where it stands."""
    fields: dict[str, Any] = {"pins": PINNED, "place": "config.yaml:31", **changes}
    return any_entry(signed_by=signed_by, pattern=RepositoryPattern(pattern), **fields)


@dataclass(frozen=True)
class Situation:
    """What somebody asks about.

    `before` is published and remembered an hour earlier, `now` is published at last; `until_then` are the entries that
    applied before, where they were others. `file` names the transcript.
    """

    file: str
    entries: tuple[Entry, ...]
    now: Prepare
    before: Prepare | None = None
    reference: Reference = TAG
    registry: Registry = field(default_factory=lambda: Registry(digest_of(UNSIGNED)))
    rollout: tuple[Relaxation, ...] = ()
    blocked: Blocklist = field(default_factory=Blocklist)
    exemptions: tuple[Exemption, ...] = ()
    store: type[Overlay] = Overlay
    has_store: bool = True
    away: bool = False
    until_then: tuple[Entry, ...] = ()

    async def known(self) -> Known:
        """Ask as the command does."""
        policy: dict[str, Any] = {"rollout": self.rollout, "blocked": self.blocked, "exemptions": self.exemptions}
        async with bench(*self.entries, store=self.store(None), **policy) as desk:
            if self.before:
                self.before(desk.sim)
                desk.sim.publish()
                now, desk.resolver.policy = desk.resolver.policy, Policy(NAME, self.until_then or self.entries, ())
                await desk.resolver.evidence_for(REPOSITORY)
                desk.clock.pass_by(HOUR)
                desk.sim.bump()
                desk.resolver.policy = now
            self.now(desk.sim)
            desk.sim.publish()
            desk.notary.away = self.away
            desk.resolver.closure = Closure(_read, desk.store)
            upkeep = Upkeep(desk.resolver.renewal, desk.store)
            registry = cast("RegistryClient", self.registry)
            parts = Parts(desk.resolver, registry, desk.resolver.closure, upkeep)
            return await gather(
                parts, self.reference, NOTARIES, has_store=self.has_store, options=("-c", "config.yaml")
            )


async def _read(_reference: Reference, permission: Allowed, _credentials: ClientCredentials) -> VerifiedManifest:
    """What the registry has by digest."""
    return verified(_MANIFESTS[permission.digest])


def nothing(_sim: NotarySimulator) -> None:
    """As it is: `1.0` is signed by the owner."""


def team(sim: NotarySimulator) -> None:
    """alice, ci, qa and releases are delegated and have files."""
    for name in ("alice", "ci", "qa", "releases"):
        sim.delegate(f"targets/{name}")


def signed(*names: str, image: bytes = IMAGE, tag: str = "1.4") -> Prepare:
    """The team, and what some of them signed."""

    def prepare(sim: NotarySimulator) -> None:
        if not sim.delegations:
            team(sim)
        for name in names:
            sim.sign(tag, image, role=f"targets/{name}")

    return prepare


def _foreign(sim: NotarySimulator) -> None:
    signed("alice", "releases")(sim)


def _expired(sim: NotarySimulator) -> None:
    signed("alice", "releases")(sim)
    sim.delegations["targets/alice"].expires = "2026-11-01T00:00:00Z"


def _releases_expired(sim: NotarySimulator) -> None:
    signed("alice", "releases")(sim)
    sim.delegations["targets/releases"].expires = "2026-11-01T00:00:00Z"


def _two_keys(sim: NotarySimulator) -> None:
    sim.delegate("targets/alice", [ecdsa_key("targets/alice"), ecdsa_key("spare")])
    sim.sign("1.4", IMAGE, role="targets/alice")


def _disagreeing(sim: NotarySimulator) -> None:
    for name, image in (("alice", IMAGE), ("qa", OTHER_IMAGE)):
        sim.delegate(f"targets/{name}")
        sim.sign("1.4", image, role=f"targets/{name}")


def _corners(sim: NotarySimulator) -> None:
    sim.delegate("targets/alice", paths=["release-"])
    sim.delegate("targets/ci", published=False)
    sim.delegate("targets/releases")
    for role in ("targets/alice", "targets/releases"):
        sim.sign("1.4", IMAGE, role=role)


def not_found(sim: NotarySimulator) -> None:
    """Notary has nothing of it."""
    for role in ("timestamp", "root"):
        sim.fault(role, 404)


def rolled_back(sim: NotarySimulator) -> None:
    """Notary serves an older version than before."""
    for role in (sim.timestamp, sim.snapshot):
        role.version -= 1


def _hostile_certificate(sim: NotarySimulator) -> None:
    sim.root.roles["root"].keys[:] = [root_key("[bold red]evil[/]\x1b[2J\nroot")]
    sim.root.signers[:] = sim.root.roles["root"].keys


def digest_of(image: bytes) -> Digest:
    """The digest that is signed for an image."""
    return Digest(NotarySimulator(GUN).sign("1.4", image))


_MANIFESTS: Final = {digest_of(each): each for each in (IMAGE, OTHER_IMAGE, INDEX, CHILD)}
_MANIFESTS[Digest(NotarySimulator(GUN).sign("1.0"))] = IMAGE  # the owner's own tag: whatever it is, it is no index
TEAM_RULE: Final = AtLeast(2, (ALICE, CI, QA))
OWNED: Final = entry(
    AnyOf((ALICE,)),
    tags=((TagPattern("1.*"), TEAM_RULE),),
    owner=Owner("shop", "#shop-oncall"),
)
HIDDEN: Final = entry(AllOf((ALICE, CI, QA)), "**", place="config.yaml:20")
AUDIT: Final = Relaxation(
    RepositoryPattern("shop/*"), Mode.AUDIT, datetime(2027, 3, 31, 8, tzinfo=UTC), "OPS-412", "config.yaml:52"
)
PROTECT: Final = Relaxation(RepositoryPattern("**"), Mode.PROTECT, None, None, "config.yaml:50")
ENDED: Final = Relaxation(
    RepositoryPattern("**"), Mode.AUDIT, datetime(2026, 11, 1, tzinfo=UTC), "first weeks", "config.yaml:50"
)
IS, OTHER = digest_of(IMAGE), digest_of(OTHER_IMAGE)

SITUATIONS: Final = (
    Situation("allowed", (OWNED, HIDDEN), signed("alice", "qa", "releases"), registry=Registry(IS)),
    Situation("drifted", (OWNED,), signed("alice", "qa", "releases"), registry=Registry(OTHER)),
    Situation("signer_missing_in_audit", (OWNED, HIDDEN), signed("alice", "releases"), rollout=(AUDIT,)),
    Situation("tag_not_signed", (OWNED,), team, registry=Registry(IS)),
    Situation(
        "keys_differ",
        (entry(AnyOf((signer("alice", "5" * 64),))),),
        _foreign,
        registry=Registry(RegistryTimedOut("timed out")),
    ),
    Situation("key_mistyped", (entry(AnyOf((signer("alice", mistyped(key("alice"))),))),), _foreign),
    Situation(
        "repository_misspelt",
        (OWNED,),
        not_found,
        reference=Reference(Repository("shop/ap"), Tag("1.4")),
        registry=Registry(lists={"shop/api": ("1.4",), "shop/web": ("1.0",)}),
    ),
    Situation(
        "tag_misspelt",
        (OWNED,),
        team,
        reference=Reference(REPOSITORY, Tag("latst")),
        registry=Registry(lists={"shop/api": ("1.4", "latest")}),
    ),
    Situation("not_pushed", (OWNED,), signed("alice", "releases"), registry=Registry(lists=UNAUTHORISED)),
    Situation(
        "misspelt_without_an_entry",
        (entry(Released(), "tools/*"),),
        nothing,
        reference=Reference(Repository("api"), Tag("1.4")),
        registry=Registry(lists={"shop/api": ("1.4",)}),
    ),
    Situation("not_covered_and_unpublished", (entry(AllOf((ALICE, CI, QA))),), _corners),
    Situation("signers_disagree", (entry(AnyOf((ALICE, QA))),), _disagreeing, rollout=(ENDED,)),
    Situation("not_released", (entry(FirstOf((ALICE, QA))),), signed("alice", "qa")),
    Situation("expired", (entry(AnyOf((ALICE,))),), _expired),
    Situation(
        "key_blocked",
        (entry(AnyOf((ALICE,))),),
        signed("alice", "releases"),
        blocked=Blocklist(keys={key("alice"): "laptop stolen"}),
    ),
    Situation(
        "digest_blocked", (entry(AnyOf((ALICE,))),), signed("alice", "releases"), blocked=Blocklist({IS: "CVE-2026-1"})
    ),
    Situation("no_rule", (entry(AnyOf((ALICE, CI)), "stop/**"), entry(Released(), "tools/*")), nothing),
    Situation("no_trust_data", (OWNED,), not_found, rollout=(PROTECT,)),
    Situation(
        "root_not_trusted",
        (entry(Released(), pins=Pins((RootPin("corp-2024", frozenset({"7" * 64})),))),),
        nothing,
    ),
    Situation(
        "root_mistyped",
        (entry(Released(), pins=Pins((RootPin("owner", frozenset({mistyped(root_key(GUN).public_key_id)})),))),),
        nothing,
    ),
    Situation("certificate_of_somebody_else", (entry(Released()),), _hostile_certificate),
    Situation(
        "notary_away",
        (replace(OWNED, outage_for=timedelta(minutes=30)),),
        nothing,
        before=signed("alice", "releases"),
        away=True,
    ),
    Situation(
        "served_in_an_outage",
        (OWNED,),
        nothing,
        before=signed("alice", "qa", "releases"),
        registry=Registry(IS),
        away=True,
    ),
    Situation("rollback", (OWNED,), rolled_back, before=signed("alice", "qa", "releases")),
    Situation(
        "first_use_without_store", (any_entry(),), nothing, reference=Reference(REPOSITORY, Tag("1.0")), has_store=False
    ),
    Situation(
        "digest_of_a_tag",
        (OWNED,),
        signed("alice", "qa", "releases"),
        reference=Reference(REPOSITORY, IS),
        registry=Registry(IS),
    ),
    Situation(
        "digest_superseded",
        (OWNED,),
        signed("alice", "qa", "releases", image=OTHER_IMAGE),
        before=signed("alice", "qa", "releases"),
        reference=Reference(REPOSITORY, IS),
    ),
    Situation(
        "digest_not_signed",
        (OWNED,),
        signed("alice", "qa", "releases"),
        reference=Reference(REPOSITORY, digest_of(UNSIGNED)),
    ),
    Situation(
        "digest_in_an_index",
        (OWNED,),
        signed("alice", "qa", "releases", image=INDEX),
        reference=Reference(REPOSITORY, digest_of(CHILD)),
    ),
    Situation("digest_claimed", (OWNED,), signed("alice"), reference=Reference(REPOSITORY, IS)),
    Situation("releases_expired", (entry(AnyOf((ALICE,))),), _releases_expired),
    Situation(
        "key_counts_until",
        (entry(AnyOf((Signer("alice", (SignerKey(key("alice"), datetime(2026, 12, 1, tzinfo=UTC)),)),))),),
        signed("alice", "releases"),
        registry=Registry(IS),
    ),
    Situation(
        "re_sign_under_way",
        (entry(AllOf((ALICE, QA))),),
        signed("alice", "releases", image=OTHER_IMAGE),
        before=signed("alice", "qa", "releases"),
        registry=Registry(OTHER),
    ),
    Situation(
        "one_key_of_two_blocked",
        (entry(AnyOf((ALICE,))),),
        _two_keys,
        blocked=Blocklist(keys={key("alice"): "laptop stolen"}),
    ),
    Situation(
        "other_repository",
        (entry(Released(), "team/**"),),
        nothing,
        reference=Reference(Repository("elsewhere"), Tag("1")),
    ),
)
