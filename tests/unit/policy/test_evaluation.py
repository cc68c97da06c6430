"""Which digest a tag has, and which digests are admitted: the clauses of the design, one by one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from proxy.errors import (
    Expired,
    MetadataCorrupt,
    Refusal,
    Rollback,
    SignerMissing,
    SignersDisagree,
    TagNotSigned,
    ThresholdNotMet,
    TrustError,
)
from proxy.names import Tag
from proxy.policy.decisions import Allowed, RoleEvidence
from proxy.policy.evaluation import admit_digest, admitted, evidence, resolve_tag
from proxy.policy.patterns import TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, SignerKey
from proxy.tuf.collection import Collection, Role, Unpublished, Unusable
from tests.support.collections import (
    LATER,
    NOW,
    digest,
    entry,
    of,
    says,
    signer,
    signers,
    target,
    unpublished,
    unusable,
)

Roles = list[Role | Unusable | Unpublished]

TAG = Tag("1.4")
IN_TARGETS = says("targets", {"1.4": "new"})
RELEASED_NEW = says("targets/releases", {"1.4": "new"})
ALICE, BOB, CI, QA = (says(f"targets/{name}", {"1.4": "new"}) for name in ("alice", "bob", "ci", "qa"))
ALICE_OLD, BOB_OLD = (says(f"targets/{name}", {"1.4": "old"}) for name in ("alice", "bob"))
ALICE_BOB, ALL_THREE = signers("alice", "bob"), signers("alice", "bob", "qa")
SOON = NOW + timedelta(minutes=5)


def resolve(signed_by: SignedBy, *roles: Role | Unusable | Unpublished, **rules: Any) -> Allowed:
    """The decision about the tag 1.4."""
    return resolve_tag(entry(signed_by, **rules), TAG, of(*roles), NOW)


def refusal(signed_by: SignedBy, *roles: Role | Unusable | Unpublished, **rules: Any) -> Refusal:
    """The refusal of the tag 1.4."""
    with pytest.raises(Refusal) as caught:
        resolve(signed_by, *roles, **rules)
    return caught.value


# --- clause 1: released -------------------------------------------------------------------------


def test_released_is_what_targets_releases_says() -> None:
    """Where the role is declared, `targets` is not asked."""
    allowed = resolve(Released(), says("targets", {"1.4": "old"}), RELEASED_NEW, ALICE)
    assert (allowed.digest, allowed.length, allowed.signers) == (digest("new"), 527, ("alice",))


def test_released_is_what_targets_says_where_no_releases_are_declared() -> None:
    """A repository without delegations is signed by its own key."""
    allowed = resolve(Released(), says("targets", {"1.4": "new"}))
    assert (allowed.digest, allowed.signers) == (digest("new"), ("targets",))


def test_released_names_all_who_signed_the_same_digest() -> None:
    """As in `docker trust inspect`: a signer of another digest is not among them."""
    allowed = resolve(Released(), RELEASED_NEW, QA, ALICE, BOB_OLD, says("targets", {"1.4": "new"}))
    assert allowed.signers == ("alice", "qa")


def test_released_alone_names_the_release() -> None:
    """If nobody but the releaser signed, the releaser is named."""
    assert resolve(Released(), RELEASED_NEW).signers == ("releases",)


@pytest.mark.parametrize(
    ("roles", "unreleased"),
    [
        pytest.param([], False, id="nowhere"),
        pytest.param([ALICE], False, id="only signed by a signer"),
        pytest.param([says("targets", {"1.4": "new"}, paths=("v",))], False, id="targets may not speak of it"),
        pytest.param([says("targets/releases", {"1.5": "new"})], False, id="not released"),
        pytest.param([unpublished("targets/releases")], False, id="releases never published"),
        pytest.param([IN_TARGETS, says("targets/releases")], True, id="only in targets"),
        pytest.param([IN_TARGETS, unpublished("targets/releases")], True, id="in targets, releases never published"),
    ],
)
def test_a_tag_that_is_not_released_is_not_signed(roles: Roles, unreleased: bool) -> None:  # noqa: FBT001  (a case)
    """The refusal says so if `targets` has the tag and the declared `targets/releases` lacks it."""
    found = refusal(Released(), *roles)
    assert isinstance(found, TagNotSigned)
    assert (found.tag, found.unreleased) == ("1.4", unreleased)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(Expired("targets/releases", NOW), id="expired"),
        pytest.param(ThresholdNotMet("targets/releases", 0, 1), id="under-signed"),
        pytest.param(Rollback("targets/releases", "withheld"), id="withheld"),
        pytest.param(MetadataCorrupt("targets/releases", "not JSON"), id="corrupt"),
    ],
)
@pytest.mark.parametrize("signed_by", [Released(), AnyOf(signers("alice"))], ids=["released", "any_of"])
def test_unusable_releases_stop_the_decision(signed_by: SignedBy, defect: TrustError) -> None:
    """Declared but unusable is a refusal that names the defect, never a fall-back (S4)."""
    found = refusal(signed_by, says("targets", {"1.4": "new"}), ALICE, unusable("targets/releases", defect))
    assert type(found) is type(defect)
    assert found.__dict__ == defect.__dict__


@pytest.mark.parametrize(
    "releases",
    [
        pytest.param(says("targets/releases"), id="lacks the tag"),
        pytest.param(unpublished("targets/releases"), id="never published"),
        pytest.param(unusable("targets/releases", MetadataCorrupt("targets/releases", "x")), id="unusable"),
        pytest.param(says("targets/releases", {"1.4": "x"}, expires=NOW - timedelta(seconds=1)), id="ran out"),
    ],
)
def test_dockers_lax_rule_falls_back_to_targets(releases: Role | Unusable | Unpublished) -> None:
    """Only where the entry asks for it."""
    for signed_by in (Released(), AnyOf(signers("alice"))):
        roles = (says("targets", {"1.4": "new"}), ALICE, releases)
        assert resolve(signed_by, *roles, fallback_to_targets=True).digest == digest("new")
        assert isinstance(refusal(signed_by, *roles), Refusal)


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


# --- clause 4: released: required ---------------------------------------------------------------


@pytest.mark.parametrize(
    "signed_by",
    [
        pytest.param(AnyOf(signers("alice")), id="any_of"),
        pytest.param(FirstOf(signers("alice")), id="first_of"),
        pytest.param(AllOf(signers("alice")), id="all_of"),
        pytest.param(AtLeast(1, signers("alice", "bob")), id="at_least"),
    ],
)
@pytest.mark.parametrize(
    "releases",
    [
        pytest.param(says("targets/releases"), id="lacks the tag"),
        pytest.param(says("targets/releases", {"1.4": "old"}), id="names another digest"),
        pytest.param(says("targets/releases", {"1.4": target("new", 1)}), id="names another length"),
        pytest.param(says("targets/releases", {"1.4": "new"}, paths=("v",)), id="may not speak of it"),
        pytest.param(unpublished("targets/releases"), id="never published"),
    ],
)
def test_votes_must_agree_with_declared_releases(signed_by: SignedBy, releases: Role | Unusable | Unpublished) -> None:
    """Signed by everybody, released by nobody: the release is what is missing, unless the entry ignores it."""
    found = refusal(signed_by, ALICE, releases)
    assert isinstance(found, SignerMissing)
    assert (found.wanted, found.missing) == (1, ("releases",))
    assert "alice" in found.signed
    assert resolve(signed_by, ALICE, releases, released_required=False).digest == digest("new")


def test_a_release_is_no_vote() -> None:
    """`targets/releases` confirms what signers say and cannot stand in for one of them."""
    found = refusal(AnyOf(signers("alice")), says("targets/alice"), RELEASED_NEW)
    assert isinstance(found, SignerMissing)
    assert (found.signed, found.missing) == (("releases",), ("alice",))


def test_of_two_digests_the_released_one_counts() -> None:
    """While a new digest is being signed, the released one goes on."""
    rule = AnyOf(ALICE_BOB)
    assert resolve(rule, ALICE, BOB_OLD, RELEASED_NEW).signers == ("alice",)
    assert resolve(rule, ALICE_OLD, BOB, RELEASED_NEW).signers == ("bob",)


def test_ignored_releases_do_not_stop_a_decision_even_when_unusable() -> None:
    """`released: ignored` asks for the signers alone."""
    broken = unusable("targets/releases", MetadataCorrupt("targets/releases", "not JSON"))
    assert resolve(AnyOf(signers("alice")), ALICE, broken, released_required=False).digest == digest("new")
    found = refusal(AnyOf(signers("alice")), says("targets/alice"), broken, released_required=False)
    assert isinstance(found, TagNotSigned)


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


# --- how long a decision is good ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed_by", "collection"),
    [
        pytest.param(Released(), of(says("targets", {"1.4": "x"}), root=SOON), id="root"),
        pytest.param(Released(), of(says("targets", {"1.4": "x"}), timestamp=SOON), id="timestamp"),
        pytest.param(Released(), of(says("targets", {"1.4": "x"}), snapshot=SOON), id="snapshot"),
        pytest.param(Released(), of(says("targets", {"1.4": "x"}, expires=SOON)), id="targets"),
        pytest.param(Released(), of(says("targets/releases", {"1.4": "x"}, expires=SOON)), id="releases"),
        pytest.param(AnyOf(signers("a")), of(says("targets/a", {"1.4": "x"}, expires=SOON)), id="voter"),
        pytest.param(
            AnyOf(signers("a")),
            of(says("targets/a", {"1.4": "x"}), says("targets/releases", {"1.4": "x"}, expires=SOON)),
            id="release that votes agree with",
        ),
        pytest.param(
            AnyOf(signers("a/b")),
            of(says("targets/a", expires=SOON), says("targets/a/b", {"1.4": "x"})),
            id="role above a voter",
        ),
        pytest.param(
            AnyOf((signer("a", SignerKey("a", SOON)),)),
            of(says("targets/a", {"1.4": "x"})),
            id="until of a voter's key",
        ),
    ],
)
def test_a_decision_is_good_until_the_first_thing_runs_out_that_it_rests_on(
    signed_by: SignedBy, collection: Collection
) -> None:
    """Never beyond the expiry of a role, nor beyond the time of a key."""
    assert resolve_tag(entry(signed_by), TAG, collection, NOW).valid_until == SOON
    with pytest.raises(Refusal):
        resolve_tag(entry(signed_by), TAG, collection, SOON + timedelta(microseconds=1))


@pytest.mark.parametrize("top", ["root", "timestamp", "snapshot"])
def test_a_collection_whose_top_ran_out_decides_nothing(top: str) -> None:
    """Evidence in memory is no exception from expiry, and the refusal names the role."""
    ran_out = of(says("targets", {"1.4": "x"}), **{top: NOW - timedelta(seconds=1)})
    with pytest.raises(Expired) as caught:
        resolve_tag(entry(), TAG, ran_out, NOW)
    assert caught.value.role == top


def test_what_a_decision_does_not_rest_on_may_run_out() -> None:
    """Another signer's role is no concern of a decision without it."""
    collection = of(ALICE, says("targets/bob", {"1.4": "new"}, expires=NOW), says("targets/releases", expires=NOW))
    allowed = resolve_tag(entry(AnyOf(signers("alice")), released_required=False), TAG, collection, NOW)
    assert allowed.valid_until == LATER


# --- which digests are admitted -----------------------------------------------------------------


def test_a_digest_is_admitted_by_any_tag_that_has_it_now() -> None:
    """A digest is as strong as the weakest rule of the tags that have it."""
    tags = ((TagPattern("v*"), AllOf(signers("alice", "qa"))),)
    lax = entry(AnyOf(signers("alice")), tags=tags)
    collection = of(says("targets/alice", {"v1": "x", "dev": "x"}))
    allowed = admit_digest(lax, digest("x"), collection, NOW)
    assert allowed
    assert (allowed.digest, allowed.rule) == (digest("x"), "shop/**")


def test_a_digest_that_no_tag_has_is_not_admitted() -> None:
    """Naming it is not enough: the tag must have this digest by its rule."""
    collection = of(ALICE, says("targets/mallory", {"1.4": "evil", "evil": "evil"}))
    rule = entry(AnyOf(signers("alice")))
    assert admit_digest(rule, digest("evil"), collection, NOW) is None
    assert admit_digest(rule, digest("unheard-of"), collection, NOW) is None


def test_a_digest_that_only_a_defect_keeps_out_is_refused_for_the_defect() -> None:
    """The person at the client learns what is broken, not that nobody signed."""
    broken = unusable("targets/releases", Expired("targets/releases", NOW))
    with pytest.raises(Expired):
        admit_digest(entry(), digest("new"), of(ALICE, broken), NOW)


def test_a_defect_elsewhere_does_not_keep_a_digest_out() -> None:
    """One tag that has the digest is enough."""
    tags = ((TagPattern("v*"), AllOf(signers("alice", "qa"))),)
    collection = of(says("targets/alice", {"v1": "x", "dev": "x"}), unusable("targets/qa", Rollback("targets/qa", "y")))
    assert admit_digest(entry(AnyOf(signers("alice")), tags=tags), digest("x"), collection, NOW)
    with pytest.raises(Rollback):
        admit_digest(entry(AllOf(signers("alice", "qa"))), digest("x"), collection, NOW)


def test_the_gravest_of_several_defects_is_named() -> None:
    """Expired before threshold, rollback and corrupt."""
    tags = tuple((TagPattern(name), AllOf(signers("alice", name))) for name in ("a", "b"))
    collection = of(
        says("targets/alice", {"a": "x", "b": "x"}),
        unusable("targets/a", MetadataCorrupt("targets/a", "x")),
        unusable("targets/b", Expired("targets/b", NOW)),
    )
    with pytest.raises(Expired):
        admit_digest(entry(AnyOf(()), tags=tags), digest("x"), collection, NOW)


def test_every_digest_that_a_tag_has_is_admitted_once() -> None:
    """Indexes are looked for among them."""
    collection = of(says("targets/alice", {"1": "x", "2": "x", "3": "y"}), says("targets/bob", {"4": "z"}))
    found = admitted(entry(AnyOf(signers("alice"))), collection, NOW)
    assert sorted(each.digest for each in found) == sorted([digest("x"), digest("y")])


def test_nothing_signed_admits_nothing() -> None:
    """An empty collection has no digests, and that is no defect."""
    assert admitted(entry(), of(), NOW) == ()


def test_defects_that_leave_nothing_admitted_are_raised() -> None:
    """Then a digest is not «not signed»: it cannot be told."""
    broken = unusable("targets/releases", ThresholdNotMet("targets/releases", 0, 1))
    with pytest.raises(ThresholdNotMet):
        admitted(entry(), of(ALICE, broken), NOW)


def test_defects_that_leave_something_admitted_are_not_raised() -> None:
    """What can be decided is decided."""
    tags = ((TagPattern("v*"), AllOf(signers("alice", "qa"))),)
    collection = of(says("targets/alice", {"v1": "x", "dev": "y"}), unusable("targets/qa", Rollback("targets/qa", "y")))
    found = admitted(entry(AnyOf(signers("alice")), tags=tags), collection, NOW)
    assert [each.digest for each in found] == [digest("y")]


def test_a_kept_defect_gathers_no_tracebacks() -> None:
    """It is raised anew for every request: one object raised for ever would hold on to every frame it met."""
    defect = Expired("targets/releases", NOW)
    collection = of(ALICE, unusable("targets/releases", defect))
    for signed_by in (Released(), AnyOf(signers("alice")), FirstOf(signers("alice"))):
        with pytest.raises(Expired) as caught:
            resolve_tag(entry(signed_by), TAG, collection, NOW)
        assert caught.value is not defect
    with pytest.raises(Expired):
        admit_digest(entry(), digest("new"), collection, NOW)
    assert defect.__traceback__ is None


# --- evidence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed_by", "tag", "names"),
    [
        pytest.param(Released(), TAG, {"targets", "targets/releases"}, id="released"),
        pytest.param(AnyOf(signers("alice")), TAG, {"targets", "targets/releases", "targets/alice"}, id="signers"),
        pytest.param(
            AnyOf(signers("alice")), None, {"targets", "targets/releases", "targets/alice", "targets/qa"}, id="no tag"
        ),
    ],
)
def test_evidence_is_the_roles_that_a_decision_may_rest_on(
    signed_by: SignedBy, tag: Tag | None, names: set[str]
) -> None:
    """The top roles always, and usable roles that the rule names; all of them where there is no tag."""
    collection = of(ALICE, QA, RELEASED_NEW, unusable("targets/bob", Expired("targets/bob", NOW)), timestamp=SOON)
    found = evidence(entry(signed_by), tag, collection)
    assert found.keys() == names | {"root", "timestamp", "snapshot"}
    assert found["timestamp"] == RoleEvidence(1, SOON)
