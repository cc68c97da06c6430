"""Which code when several fit: what stops the required votes, the gravest first (design: Answers, below the table)."""

from datetime import timedelta
from typing import Any

import pytest

from proxy.errors import (
    Blocked,
    Expired,
    MetadataCorrupt,
    Refusal,
    Rollback,
    RootNotTrusted,
    SignerMissing,
    SignersDisagree,
    TagNotSigned,
    ThresholdNotMet,
    TrustError,
)
from proxy.names import RoleName, Tag
from proxy.policy.evaluation import resolve_tag
from proxy.policy.polls import gravest, has, is_unreleased, names_of
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy
from proxy.tuf.collection import Role, Unpublished, Unusable
from tests.support.collections import LATER, NOW, entry, of, says, signers, target, unpublished, unusable

STOLEN = Blocked("key 3f2a..", "laptop stolen")

Roles = list[Role | Unusable | Unpublished]

TAG = Tag("1.4")
ALICE = says("targets/alice", {"1.4": "new"})
BOB = says("targets/bob", {"1.4": "new"})
RELEASED = says("targets/releases", {"1.4": "new"})
RELEASED_OLD = says("targets/releases", {"1.4": "old"})
RELEASES_LACK = says("targets/releases")
BOTH, ANY = AllOf(signers("alice", "bob")), AnyOf(signers("alice", "bob"))


def expired(name: str) -> Unusable:
    """A role past its expiry."""
    return unusable(name, Expired(name, NOW))


def blocked(name: str) -> Unusable:
    """A role that only a blocked key signed."""
    return unusable(name, STOLEN, {"1.4": "new"})


def under_signed(name: str) -> Unusable:
    """A role with too few signatures."""
    return unusable(name, ThresholdNotMet(name, 0, 1))


def withheld(name: str) -> Unusable:
    """A role that was there before."""
    return unusable(name, Rollback(name, "withheld"))


def corrupt(name: str) -> Unusable:
    """A role whose file is no metadata."""
    return unusable(name, MetadataCorrupt(name, "not JSON"))


def refusal(signed_by: SignedBy, *roles: Role | Unusable | Unpublished, **rules: Any) -> Refusal:
    """The refusal of the tag 1.4."""
    with pytest.raises(Refusal) as caught:
        resolve_tag(entry(signed_by, **rules), TAG, of(*roles), NOW)
    return caught.value


@pytest.mark.parametrize(
    ("roles", "kind"),
    [
        pytest.param([blocked("targets/alice"), expired("targets/bob")], Blocked, id="blocked before expired"),
        pytest.param([expired("targets/alice"), under_signed("targets/bob")], Expired, id="expired before threshold"),
        pytest.param([withheld("targets/alice"), under_signed("targets/bob")], ThresholdNotMet, id="before rollback"),
        pytest.param([corrupt("targets/alice"), withheld("targets/bob")], Rollback, id="rollback before corrupt"),
        pytest.param([corrupt("targets/alice"), says("targets/bob")], MetadataCorrupt, id="corrupt before absent tag"),
        pytest.param([ALICE, expired("targets/bob")], Expired, id="a defect before a missing signer"),
        pytest.param([ALICE, says("targets/bob")], SignerMissing, id="a missing signer last"),
        pytest.param([says("targets/alice"), says("targets/bob")], TagNotSigned, id="absent tag before missing signer"),
        pytest.param([corrupt("targets/releases"), expired("targets/bob"), ALICE], Expired, id="signer before release"),
        pytest.param([expired("targets/releases"), corrupt("targets/bob"), ALICE], Expired, id="release before signer"),
    ],
)
def test_the_gravest_of_what_stops_the_votes_is_named(roles: Roles, kind: type[Refusal]) -> None:
    """Defects of required signers and of a binding release are one list, in the order of the design."""
    assert type(refusal(BOTH, *roles)) is kind


@pytest.mark.parametrize(
    "signed_by",
    [
        pytest.param(ANY, id="any_of"),
        pytest.param(AtLeast(1, signers("alice", "bob")), id="at_least"),
        pytest.param(FirstOf(signers("alice", "bob")), id="first_of"),
        pytest.param(FirstOf(signers("bob", "alice")), id="first_of: the first has the defect"),
    ],
)
@pytest.mark.parametrize("releases", [RELEASES_LACK, unpublished("targets/releases")], ids=["lacking", "unpublished"])
def test_where_only_the_release_is_missing_the_defects_of_others_are_not_named(
    signed_by: SignedBy, releases: Role | Unpublished
) -> None:
    """Mending bob's role would change nothing: nobody released the tag."""
    found = refusal(signed_by, ALICE, expired("targets/bob"), releases)
    assert isinstance(found, SignerMissing)
    assert found.missing == ("releases",)


def test_a_defect_counts_where_the_vote_could_have_been_for_what_is_released() -> None:
    """Alice signed something else than is released; bob, whose role expired, may have signed just that."""
    assert isinstance(refusal(ANY, ALICE, expired("targets/bob"), RELEASED_OLD), Expired)


def test_a_defect_of_a_role_that_nobody_asks_for_is_never_named() -> None:
    """A decision does not rest on it (L2)."""
    in_targets = says("targets", {"1.4": "x"})
    found = refusal(AnyOf(signers("alice")), says("targets/alice"), expired("targets/bob"), in_targets)
    assert isinstance(found, SignerMissing)


@pytest.mark.parametrize(
    ("roles", "kind"),
    [
        pytest.param([corrupt("targets/alice"), BOB], MetadataCorrupt, id="the first signer's"),
        pytest.param([corrupt("targets/alice"), expired("targets/bob")], MetadataCorrupt, id="the second is not asked"),
        pytest.param([says("targets/alice"), corrupt("targets/bob")], MetadataCorrupt, id="the second signer's"),
        pytest.param([corrupt("targets/alice"), expired("targets/releases")], Expired, id="graver one of the release"),
        pytest.param([expired("targets/alice"), corrupt("targets/releases")], Expired, id="graver than the release's"),
        pytest.param([ALICE, corrupt("targets/releases")], MetadataCorrupt, id="the release's alone"),
        pytest.param(
            [corrupt("targets/alice"), BOB, RELEASED], MetadataCorrupt, id="the second agrees with the release"
        ),
    ],
)
def test_the_first_signers_defects_are_named_in_the_same_order(roles: Roles, kind: type[Refusal]) -> None:
    """For `first_of` nobody behind a signer with a defect is heard."""
    assert type(refusal(FirstOf(signers("alice", "bob")), *roles)) is kind


def test_a_disagreement_is_named_before_a_missing_signer() -> None:
    """Two of two signed, only not the same digest."""
    found = refusal(BOTH, ALICE, says("targets/bob", {"1.4": "old"}))
    assert isinstance(found, SignersDisagree)


@pytest.mark.parametrize(
    ("roles", "unreleased"),
    [
        pytest.param([], False, id="nowhere"),
        pytest.param([says("targets/zed", {"1.4": "new"})], False, id="signed by a stranger"),
        pytest.param([says("targets", {"1.4": "new"}), RELEASES_LACK], True, id="in targets alone"),
    ],
)
def test_a_tag_in_no_role_that_counts_is_not_signed(roles: Roles, unreleased: bool) -> None:  # noqa: FBT001  (a case)
    """Strangers' roles do not count; `targets` does not where releases are declared."""
    found = refusal(ANY, *roles)
    assert isinstance(found, TagNotSigned)
    assert found.unreleased == unreleased


def test_a_tag_that_is_released_and_signed_by_nobody_asked_lacks_its_signers() -> None:
    """It is signed, only not by those whom the rule names."""
    found = refusal(BOTH, RELEASED, says("targets/zed", {"1.4": "new"}))
    assert isinstance(found, SignerMissing)
    assert (found.signed, found.wanted, found.missing) == (("zed",), 2, ("alice", "bob"))


@pytest.mark.parametrize(
    ("defects", "kind"),
    [
        pytest.param([MetadataCorrupt("a", "x"), Rollback("b", "x")], Rollback, id="rank"),
        pytest.param([RootNotTrusted("x"), MetadataCorrupt("a", "x")], MetadataCorrupt, id="unranked goes last"),
        pytest.param([RootNotTrusted("x")], RootNotTrusted, id="unranked alone"),
    ],
)
def test_no_kind_of_defect_is_lost(defects: list[TrustError], kind: type[TrustError]) -> None:
    """A defect without a rank is still a defect."""
    assert type(gravest(defects)) is kind


def test_of_equally_grave_defects_the_first_is_named() -> None:
    """The order of the signers decides, so the answer does not flicker."""
    found = gravest([Expired("targets/a", NOW), Expired("targets/b", LATER)])
    assert isinstance(found, Expired)
    assert found.role == "targets/a"


def test_those_who_said_something_are_named_as_people_call_them() -> None:
    """Delegations by their signer; the repository's own key and the release only where nobody else spoke."""
    collection = of(ALICE, RELEASED, says("targets", {"1.4": "old"}), says("targets/bob", {"1.4": "x"}, paths=()))
    assert names_of(TAG, None, collection) == ("alice",)
    assert names_of(TAG, target("old"), collection) == ("targets",)
    assert names_of(TAG, target("none"), collection) == ()


def test_a_role_has_a_tag_only_if_it_is_usable_and_may_speak_of_it() -> None:
    """Unusable and unpublished roles have nothing."""
    ran_out = says("targets/old", {"1.4": "x"}, expires=NOW - timedelta(days=1))
    collection = of(ALICE, expired("targets/bob"), unpublished("targets/ci"), ran_out)
    had = {name: has(RoleName(f"targets/{name}"), TAG, collection) for name in ("alice", "bob", "ci", "old", "zed")}
    assert had == {"alice": True, "bob": False, "ci": False, "old": True, "zed": False}


def test_a_tag_is_unreleased_only_where_releases_are_declared() -> None:
    """Without `targets/releases`, being in `targets` is being released."""
    in_targets = says("targets", {"1.4": "x"})
    assert is_unreleased(TAG, of(in_targets, RELEASES_LACK))
    assert not is_unreleased(TAG, of(in_targets))
    assert not is_unreleased(TAG, of(RELEASES_LACK))


@pytest.mark.parametrize(
    ("roles", "kind"),
    [
        pytest.param([unusable("targets/bob", STOLEN, {"1.4": "new"})], Blocked, id="it names the tag"),
        pytest.param([unusable("targets/bob", STOLEN, {"dev": "x"})], TagNotSigned, id="it names another tag"),
        pytest.param(
            [RELEASES_LACK, ALICE, unusable("targets/bob", STOLEN, {"dev": "x"})],
            SignerMissing,
            id="nobody released it",
        ),
        pytest.param([unusable("targets/releases", STOLEN, {"1.4": "new"})], Blocked, id="the release names it"),
        pytest.param([unusable("targets/releases", STOLEN)], TagNotSigned, id="the release does not"),
    ],
)
def test_a_block_is_named_only_where_it_stops_something(roles: Roles, kind: type[Refusal]) -> None:
    """A tag that the holder of a blocked key never signed is refused for what it lacks, not for the key."""
    with pytest.raises(Refusal) as refusal:
        resolve_tag(entry(ANY), TAG, of(*roles), NOW)
    assert type(refusal.value) is kind


@pytest.mark.parametrize(
    ("claims", "kind"),
    [pytest.param({"1.4": "new"}, Blocked, id="it names the tag"), pytest.param({}, TagNotSigned, id="it does not")],
)
def test_a_blocked_release_is_named_only_where_it_stops_something(claims: dict[str, str], kind: type[Refusal]) -> None:
    """The same by Docker's own rule, where the release alone decides."""
    with pytest.raises(Refusal) as refusal:
        resolve_tag(entry(Released()), TAG, of(unusable("targets/releases", STOLEN, claims)), NOW)
    assert type(refusal.value) is kind
