"""Situations that few people ever meet: each shows sentences that the common ones never come to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.errors import ManifestMissing, SignedLengthWrong
from proxy.names import Reference
from proxy.policy.entries import AnyDigest, Blocklist, Exemption, Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import AllOf, AnyOf, FirstOf, Released, Signer, SignerKey
from proxy.tuf.pins import Pins, RootPin
from tests.support.certificates import certificate, root_key, x509_key
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import REPOSITORY
from tests.unit.explanation.doubles import UNAUTHORISED, ChangedStore, ClosedStore, DamagedStore, Registry
from tests.unit.explanation.situations import (
    ALICE,
    AUDIT,
    GUN,
    IMAGE,
    IS,
    OTHER,
    OTHER_IMAGE,
    OWNED,
    PINNED,
    PROTECT,
    QA,
    UNSIGNED,
    Situation,
    digest_of,
    entry,
    key,
    not_found,
    nothing,
    rolled_back,
    signed,
    signer,
    team,
)

PAST, FUTURE = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
BY_DIGEST: Final = Reference(REPOSITORY, IS)
NEVER_SIGNED: Final = Reference(REPOSITORY, digest_of(UNSIGNED))
DISABLED: Final = Relaxation(RepositoryPattern("shop/*"), Mode.DISABLED, FUTURE, "OPS-413", "config.yaml:54")
WRONG_LENGTH: Final = 9
SPARE: Final = ecdsa_key("spare")
STRANGER: Final = ecdsa_key("stranger")
NEW_ROOT: Final = x509_key(STRANGER, certificate(GUN, STRANGER))
NEW_PIN: Final = RootPin("new", frozenset({NEW_ROOT.public_key_id}))
OLD_OR_NEW: Final = Pins((*PINNED.entries, NEW_PIN))
IN_A_DIRECTORY: Final = replace(OWNED, is_carried=True)


def _wrong_length(sim: NotarySimulator) -> None:
    team(sim)
    for name in ("alice", "qa", "releases"):
        sim.sign("1.4", IMAGE, role=f"targets/{name}", length=WRONG_LENGTH)


def _released_another(sim: NotarySimulator) -> None:
    signed("alice")(sim)
    sim.sign("1.4", OTHER_IMAGE, role="targets/releases")


def _in_targets_alone(sim: NotarySimulator) -> None:
    team(sim)
    sim.sign("1.4", IMAGE)


def _without_paths(sim: NotarySimulator) -> None:
    sim.delegate("targets/alice", paths=[])
    sim.sign("1.4", IMAGE, role="targets/alice")


def _withdrawn(sim: NotarySimulator) -> None:
    for role in sim.delegations.values():
        role.tags.clear()


def _another_root(sim: NotarySimulator) -> None:
    sim.root.roles["root"].keys[:] = [NEW_ROOT]
    sim.root.signers[:] = sim.root.roles["root"].keys


def rotated(sim: NotarySimulator) -> None:
    """Another root, which the one before has signed."""
    sim.bump("root")
    sim.root.roles["root"].keys[:] = [NEW_ROOT]
    sim.root.signers[:] = [root_key(GUN), NEW_ROOT]


def _targets_expired(sim: NotarySimulator) -> None:
    signed("alice", "releases")(sim)
    sim.targets.expires = "2026-11-01T00:00:00Z"


def _timestamp_expired(sim: NotarySimulator) -> None:
    signed("alice", "releases")(sim)
    sim.timestamp.expires = "2026-11-01T00:00:00Z"


def _one_key_for_two(sim: NotarySimulator) -> None:
    for name in ("alice", "qa"):
        sim.delegate(f"targets/{name}", [ecdsa_key("targets/alice")])
        sim.sign("1.4", IMAGE, role=f"targets/{name}")


def _signed_by_the_spare_key(sim: NotarySimulator) -> None:
    sim.delegate("targets/alice", [ecdsa_key("targets/alice"), SPARE]).signers[:] = [SPARE]
    sim.sign("1.4", IMAGE, role="targets/alice")


RARE: Final = (
    Situation(
        "registry_refuses_us",
        (OWNED,),
        signed("alice", "qa", "releases"),
        registry=Registry(UNAUTHORISED, account="bob"),
    ),
    Situation(
        "signed_and_not_pushed",
        (OWNED,),
        signed("alice", "qa", "releases"),
        registry=Registry(OTHER, ManifestMissing(IS)),
    ),
    Situation(
        "digest_not_pushed",
        (OWNED,),
        signed("alice", "qa", "releases"),
        reference=BY_DIGEST,
        registry=Registry(has=ManifestMissing(IS)),
    ),
    Situation(
        "length_is_wrong",
        (OWNED,),
        _wrong_length,
        registry=Registry(IS, SignedLengthWrong(("alice", "qa"), WRONG_LENGTH, len(IMAGE))),
    ),
    Situation("registry_is_locked", (OWNED,), signed("alice", "qa", "releases"), registry=Registry(UNAUTHORISED)),
    Situation(
        "release_ignored_while_disabled",
        (entry(AnyOf((ALICE,)), released_required=False),),
        _released_another,
        registry=Registry(IS),
        rollout=(DISABLED,),
    ),
    Situation(
        "in_targets_alone_while_disabled",
        (entry(Released()),),
        _in_targets_alone,
        registry=Registry(IS),
        rollout=(DISABLED,),
    ),
    Situation(
        "first_of_two_in_audit",
        (entry(FirstOf((ALICE, QA))),),
        signed("alice", "qa", "releases"),
        registry=Registry(IS),
        rollout=(AUDIT,),
    ),
    Situation(
        "allowed_and_protected",
        (OWNED,),
        signed("alice", "qa", "releases"),
        registry=Registry(IS),
        rollout=(PROTECT,),
    ),
    Situation(
        "withdrawn_and_protected",
        (OWNED,),
        _withdrawn,
        before=signed("alice", "qa", "releases"),
        registry=Registry(IS),
        rollout=(PROTECT,),
    ),
    Situation(
        "blocked_and_protected",
        (entry(AnyOf((ALICE,))),),
        signed("alice", "releases"),
        reference=BY_DIGEST,
        registry=Registry(IS),
        blocked=Blocklist({IS: "CVE-2026-1"}),
        rollout=(PROTECT,),
    ),
    Situation(
        "digest_while_notary_is_away",
        (replace(OWNED, outage_for=timedelta(minutes=30)),),
        nothing,
        before=signed("alice"),
        reference=NEVER_SIGNED,
        away=True,
    ),
    Situation("store_closed", (OWNED,), signed("alice", "qa", "releases"), store=ClosedStore, rollout=(PROTECT,)),
    Situation("store_changed", (OWNED,), signed("alice", "qa", "releases"), store=ChangedStore),
    Situation(
        "rollback_in_a_directory",
        (IN_A_DIRECTORY,),
        rolled_back,
        before=signed("alice", "qa", "releases"),
    ),
    Situation("served_from_a_directory", (IN_A_DIRECTORY,), signed("alice", "qa", "releases")),
    Situation(
        "served_while_a_directory_is_away",
        (IN_A_DIRECTORY,),
        nothing,
        before=signed("alice", "qa", "releases"),
        away=True,
    ),
    Situation("store_damaged", (OWNED,), nothing, before=signed("alice", "releases"), store=DamagedStore),
    Situation("another_root_after_first_use", (entry(Released(), pins=Pins.tofu()),), _another_root, before=nothing),
    Situation(
        "deleted",
        (OWNED,),
        not_found,
        before=signed("alice", "qa", "releases"),
        registry=Registry(IS),
        rollout=(PROTECT,),
    ),
    Situation("deleted_and_not_pushed", (OWNED,), not_found, before=signed("alice"), registry=Registry()),
    Situation(
        "gone_from_a_directory", (IN_A_DIRECTORY,), not_found, before=signed("alice", "releases"), registry=Registry(IS)
    ),
    Situation("not_in_a_directory", (IN_A_DIRECTORY,), not_found, registry=Registry(IS)),
    Situation("made_anew", (entry(Released(), pins=OLD_OR_NEW),), _another_root, before=nothing),
    Situation(
        "made_anew_in_a_directory",
        (entry(Released(), pins=OLD_OR_NEW, is_carried=True),),
        _another_root,
        before=nothing,
    ),
    Situation(
        "rotated_after_its_pin_was_taken_away",
        (entry(Released(), pins=Pins((NEW_PIN,))),),
        rotated,
        before=nothing,
        until_then=(entry(Released()),),
    ),
    Situation("rotated_before_it_is_pinned", (entry(Released()),), rotated, before=nothing),
    Situation("role_without_paths", (entry(AnyOf((ALICE,))),), _without_paths),
    Situation(
        "digest_of_a_tag_before",
        (entry(AnyOf((ALICE,)), superseded_for=timedelta(0)),),
        signed("alice", "releases", image=OTHER_IMAGE),
        before=signed("alice", "releases"),
        reference=BY_DIGEST,
    ),
    Situation("targets_expired", (entry(AnyOf((ALICE,))),), _targets_expired),
    Situation("timestamp_expired", (entry(AnyOf((ALICE,))),), _timestamp_expired),
    Situation(
        "digest_with_an_exception",
        (OWNED,),
        team,
        reference=NEVER_SIGNED,
        registry=Registry(digest_of(UNSIGNED)),
        exemptions=(Exemption(REPOSITORY, digest_of(UNSIGNED), FUTURE, "bootstrap"),),
    ),
    Situation(
        "any_digest",
        (replace(OWNED, any_digest=AnyDigest(FUTURE, "OPS-414")),),
        team,
        reference=NEVER_SIGNED,
        registry=Registry(digest_of(UNSIGNED)),
    ),
    Situation("one_key_for_two", (entry(AllOf((ALICE, signer("qa", key("alice"))))),), _one_key_for_two),
    Situation(
        "key_counted_until",
        (entry(AnyOf((Signer("alice", (SignerKey(key("alice"), PAST),)),))),),
        signed("alice", "releases"),
    ),
    Situation("signed_by_another_key", (entry(AnyOf((ALICE,))),), _signed_by_the_spare_key),
)
