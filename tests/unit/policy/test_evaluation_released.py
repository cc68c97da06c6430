"""Which digest a tag has: what is released, and votes that must agree with it (clauses 1 and 4 of the design)."""

from datetime import timedelta

import pytest

from proxy.errors import (
    Expired,
    MetadataCorrupt,
    Refusal,
    Rollback,
    SignerMissing,
    TagNotSigned,
    ThresholdNotMet,
    TrustError,
)
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy
from proxy.tuf.collection import Role, Unpublished, Unusable
from tests.support.collections import NOW, digest, says, signers, target, unpublished, unusable
from tests.unit.policy.clauses import (
    ALICE,
    ALICE_BOB,
    ALICE_OLD,
    BOB,
    BOB_OLD,
    IN_TARGETS,
    QA,
    RELEASED_NEW,
    Roles,
    refusal,
    resolve,
)

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
