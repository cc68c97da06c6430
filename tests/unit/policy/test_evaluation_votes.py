"""Which digest a tag has: whose votes count, and how many it takes (clauses 2, 3 and 5 of the design)."""

from datetime import datetime, timedelta

import pytest

from proxy.errors import Expired, Refusal, Rollback, SignerMissing, SignersDisagree, TagNotSigned, ThresholdNotMet
from proxy.names import Tag
from proxy.policy.evaluation import resolve_tag
from proxy.policy.patterns import TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, SignedBy, SignerKey
from tests.support.collections import NOW, digest, entry, of, says, signer, signers, target, unusable
from tests.unit.policy.clauses import (
    ALICE,
    ALICE_BOB,
    ALICE_OLD,
    ALL_THREE,
    BOB,
    BOB_OLD,
    CI,
    IN_TARGETS,
    QA,
    RELEASED_NEW,
    Roles,
    refusal,
    resolve,
)

# --- clauses 2 and 3: votes ---------------------------------------------------------------------


def test_a_signer_votes_by_its_own_file_alone() -> None:
    """What roles below or beside it say is not its word."""
    found = refusal(AnyOf(signers("alice")), BOB, says("targets/alice"), says("targets/alice/deep", {"1.4": "new"}))
    assert isinstance(found, TagNotSigned)


def test_a_nested_signer_votes_too() -> None:
    """A signer may be a delegation of a delegation."""
    roles = (says("targets/team"), says("targets/team/alice", {"1.4": "new"}))
    assert resolve(AnyOf(signers("team/alice")), *roles).signers == ("team/alice",)


def test_a_nested_signer_below_an_unusable_role_is_unusable_as_well() -> None:
    """Its file is never loaded; the refusal names the role above."""
    found = refusal(AnyOf(signers("team/alice")), unusable("targets/team", ThresholdNotMet("targets/team", 0, 1)))
    assert isinstance(found, ThresholdNotMet)
    assert found.role == "targets/team"


def test_a_signer_votes_only_for_tags_that_its_paths_cover() -> None:
    """A role that may speak of `v*` alone says nothing about 1.4."""
    restricted = says("targets/alice", {"1.4": "new", "v1": "new"}, paths=("v",))
    assert isinstance(refusal(AnyOf(signers("alice")), restricted), TagNotSigned)
    assert resolve_tag(entry(AnyOf(signers("alice"))), Tag("v1"), of(restricted), NOW).digest == digest("new")


def test_a_signature_by_a_key_that_policy_does_not_list_counts_for_nothing() -> None:
    """Whoever holds the targets key can delegate to another key, but not make it alice's."""
    delegated_to_mallory = says("targets/alice", {"1.4": "evil"}, keys=["mallory"])
    assert resolve(AnyOf(signers("alice")), delegated_to_mallory).digest == digest("evil")
    found = refusal(AnyOf((signer("alice", "alice-key"),)), delegated_to_mallory)
    assert isinstance(found, SignerMissing)
    assert found.missing == ("alice",)


@pytest.mark.parametrize(
    ("until", "counts"),
    [
        pytest.param(NOW + timedelta(microseconds=1), True, id="not yet"),
        pytest.param(NOW, False, id="now"),
        pytest.param(NOW - timedelta(days=1), False, id="past"),
    ],
)
def test_a_key_speaks_for_its_signer_until_its_instant(until: datetime, counts: bool) -> None:  # noqa: FBT001  (a case)
    """An old key is let go of by writing down when."""
    rule = AnyOf((signer("ci", SignerKey("ci", until), "ci-new"),))
    if counts:
        assert resolve(rule, CI).digest == digest("new")
    else:
        assert isinstance(refusal(rule, CI), SignerMissing)


def test_one_key_cannot_vote_under_two_names() -> None:
    """Two roles signed by one key are one voice, whatever they are called."""
    alice, bob = (says(f"targets/{name}", {"1.4": "new"}, keys=["shared"]) for name in ("alice", "bob"))
    found = refusal(AllOf(ALICE_BOB), alice, bob)
    assert isinstance(found, SignerMissing)
    assert (found.wanted, found.missing) == (1, ("bob",))
    assert resolve(AnyOf(ALICE_BOB), alice, bob).digest == digest("new")


def test_keys_are_shared_out_so_that_as_many_votes_stand_as_possible() -> None:
    """Whoever is asked first takes the key that leaves the other one a key: greed would lose a vote."""
    alice = says("targets/alice", {"1.4": "new"}, keys=["a", "shared"])
    bob = says("targets/bob", {"1.4": "new"}, keys=["a"])
    ci = says("targets/ci", {"1.4": "new"}, keys=["shared", "z"])
    for names in (("alice", "bob", "ci"), ("ci", "bob", "alice"), ("bob", "ci", "alice")):
        assert resolve(AllOf(signers(*names)), alice, bob, ci).signers == ("alice", "bob", "ci")


# --- clause 5: how many -------------------------------------------------------------------------

ENOUGH = [
    pytest.param(AnyOf(ALICE_BOB), [ALICE], ("alice",), id="any_of: one"),
    pytest.param(AnyOf(ALICE_BOB), [ALICE, BOB], ("alice", "bob"), id="any_of: both"),
    pytest.param(FirstOf(ALICE_BOB), [ALICE, BOB_OLD], ("alice",), id="first_of: first"),
    pytest.param(FirstOf(signers("bob", "alice")), [ALICE], ("alice",), id="first_of: second if the first has none"),
    pytest.param(AllOf(ALICE_BOB), [ALICE, BOB], ("alice", "bob"), id="all_of"),
    pytest.param(AtLeast(2, ALL_THREE), [ALICE, QA], ("alice", "qa"), id="at_least: exactly"),
    pytest.param(AtLeast(2, ALL_THREE), [ALICE, BOB, QA], ("alice", "bob", "qa"), id="at_least: more"),
    pytest.param(AtLeast(2, ALL_THREE), [ALICE, BOB_OLD, QA], ("alice", "qa"), id="at_least: one differs"),
]


@pytest.mark.parametrize(("signed_by", "roles", "who"), ENOUGH)
def test_enough_votes_decide(signed_by: SignedBy, roles: Roles, who: tuple[str, ...]) -> None:
    """The decision names the digest, its length, and exactly those whose votes count."""
    allowed = resolve(signed_by, *roles)
    assert (allowed.digest, allowed.length, allowed.signers) == (digest("new"), 527, who)


@pytest.mark.parametrize(
    ("signed_by", "roles", "wanted", "missing"),
    [
        pytest.param(AllOf(ALICE_BOB), [ALICE], 1, ("bob",), id="all_of: one of two"),
        pytest.param(AllOf(ALICE_BOB), [ALICE, BOB_OLD, RELEASED_NEW], 1, ("bob",), id="all_of: other digest released"),
        pytest.param(AtLeast(2, ALL_THREE), [ALICE], 1, ("bob", "qa"), id="at_least: one of two"),
        pytest.param(AtLeast(3, ALL_THREE), [ALICE, BOB_OLD], 2, ("bob", "qa"), id="at_least: two digests"),
        pytest.param(AnyOf(signers("bob")), [ALICE, IN_TARGETS], 1, ("bob",), id="any_of: only in targets"),
        pytest.param(FirstOf(signers("bob")), [IN_TARGETS], 1, ("bob",), id="first_of: only in targets"),
        pytest.param(AllOf((signer("alice", "x"), signer("bob"))), [ALICE, BOB], 1, ("alice",), id="all_of: wrong key"),
    ],
)
def test_too_few_votes_name_who_is_missing(
    signed_by: SignedBy, roles: Roles, wanted: int, missing: tuple[str, ...]
) -> None:
    """Who did sign, who did not, and how many more it takes."""
    found = refusal(signed_by, *roles)
    assert isinstance(found, SignerMissing)
    assert (found.wanted, found.missing) == (wanted, missing)


@pytest.mark.parametrize(
    ("signed_by", "roles"),
    [
        pytest.param(AnyOf(ALICE_BOB), [ALICE, BOB_OLD], id="any_of"),
        pytest.param(AllOf(ALICE_BOB), [ALICE, BOB_OLD], id="all_of"),
        pytest.param(AtLeast(2, ALL_THREE), [ALICE, BOB_OLD], id="at_least: one each"),
        pytest.param(
            AtLeast(2, signers("alice", "bob", "ci", "qa")),
            [ALICE_OLD, BOB_OLD, CI, QA],
            id="at_least: enough for both",
        ),
        pytest.param(AnyOf(ALICE_BOB), [ALICE_OLD, BOB, RELEASED_NEW], id="any_of: releases ignored"),
    ],
)
def test_two_digests_with_votes_are_a_disagreement(signed_by: SignedBy, roles: Roles) -> None:
    """Nobody chooses between signers; the refusal names the digests."""
    found = refusal(signed_by, *roles, released_required=False)
    assert isinstance(found, SignersDisagree)
    assert set(found.digests) == {digest("new"), digest("old")}


def test_one_digest_with_two_lengths_is_a_disagreement() -> None:
    """One of the two lengths must be wrong, and nobody knows which (S12)."""
    found = refusal(AnyOf(ALICE_BOB), ALICE, says("targets/bob", {"1.4": target("new", 528)}))
    assert isinstance(found, SignersDisagree)
    assert found.digests == (digest("new"), digest("new"))


def test_an_expired_voter_is_not_heard_and_not_waited_for() -> None:
    """Where one vote is enough, a signer whose role expired does not stop the others."""
    expired = unusable("targets/bob", Expired("targets/bob", NOW))
    assert resolve(AnyOf(ALICE_BOB), ALICE, expired).signers == ("alice",)
    ran_out = says("targets/bob", {"1.4": "old"}, expires=NOW - timedelta(seconds=1))
    assert resolve(AnyOf(ALICE_BOB), ALICE, ran_out).signers == ("alice",)


def test_a_withheld_voter_is_a_rollback_for_decisions_that_rest_on_it_alone() -> None:
    """Others go on (S7)."""
    withheld = unusable("targets/bob", Rollback("targets/bob", "it was published before and is withheld now"))
    assert isinstance(refusal(AllOf(ALICE_BOB), ALICE, withheld), Rollback)
    assert resolve(AllOf(signers("alice", "qa")), ALICE, QA, withheld).digest == digest("new")


def test_nobody_speaks_for_a_first_signer_with_a_defect() -> None:
    """The first in the list might have said otherwise, so the second is not asked."""
    broken = unusable("targets/alice", Expired("targets/alice", NOW))
    assert isinstance(refusal(FirstOf(ALICE_BOB), broken, BOB), Expired)
    assert resolve(FirstOf(signers("bob", "alice")), broken, BOB).signers == ("bob",)


def test_the_most_specific_tag_pattern_says_who_must_sign() -> None:
    """A rule for releases may ask for more than the entry does."""
    strict = ((TagPattern("1.*"), AllOf(signers("alice", "qa"))),)
    assert resolve(AnyOf(signers("alice")), ALICE, QA, tags=strict).rule == "shop/**:1.*"
    assert isinstance(refusal(AnyOf(signers("alice")), ALICE, tags=strict), SignerMissing)
    assert resolve(AnyOf(signers("alice")), ALICE).rule == "shop/**"


def test_an_empty_list_of_signers_allows_nothing() -> None:
    """Configuration refuses it; were it to get here, everything would still be refused."""
    for signed_by in (AnyOf(()), FirstOf(()), AllOf(()), AtLeast(1, ())):
        assert isinstance(refusal(signed_by, ALICE, RELEASED_NEW), Refusal)
