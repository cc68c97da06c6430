"""What counts as signed, and whose votes a tag has."""

from proxy.errors import ThresholdNotMet
from proxy.names import Tag
from proxy.policy.signers import AnyOf, Released
from proxy.proposal.signed import SignedTag, survey
from proxy.tuf.collection import Collection
from tests.support.collections import NOW, REPOSITORY, digest, entry, of, says, signers, target, unpublished, unusable


def _signed(collection: Collection) -> dict[str, tuple[frozenset[str], bool]]:
    """Votes of each signed tag, and whether it is released."""
    found = survey(REPOSITORY, collection, entry(), NOW)
    return {each.tag: (each.votes, each.released) for each in found.signed}


def test_votes_are_for_what_is_released() -> None:
    """Whoever signed another digest or length than the released one has no vote on the tag."""
    collection = of(
        says("targets/alice", {"1.0": "new"}),
        says("targets/bob", {"1.0": "old"}),
        says("targets/carol", {"1.0": target("new")}),
        says("targets/releases", {"1.0": "new"}),
    )
    assert _signed(collection) == {"1.0": (frozenset({"alice", "carol"}), True)}


def test_a_tag_that_is_declared_and_not_released_is_not_signed() -> None:
    """Neither a signer alone nor `targets` makes up for a declared `targets/releases` that lacks the tag."""
    collection = of(
        says("targets", {"old": "one"}), says("targets/alice", {"half": "one"}), says("targets/releases", {})
    )
    assert _signed(collection) == {}


def test_what_nothing_can_release_counts_by_its_signers() -> None:
    """Without `targets/releases`, a tag on which all its signers agree can be had by a rule that names them."""
    agreed, disputed = {"1.0": "one", "2.0": "one"}, {"1.0": "one", "2.0": "other"}
    collection = of(says("targets/alice", agreed), says("targets/bob", disputed))
    assert _signed(collection) == {"1.0": (frozenset({"alice", "bob"}), False)}


def test_what_the_repository_key_alone_signed_comes_first() -> None:
    """Only `released` serves it, and that does not serve what signers alone signed: so those do not count."""
    collection = of(says("targets", {"1.0": "one"}), says("targets/alice", {"2.0": "two"}))
    assert _signed(collection) == {"1.0": (frozenset(), True)}


def test_roles_that_cannot_be_used_have_no_vote() -> None:
    """Be it for a defect, because they were never published, or because their paths do not cover the tag."""
    collection = of(
        unusable("targets/alice", ThresholdNotMet("targets/alice", 0, 1), {"1.0": "one"}),
        unpublished("targets/bob"),
        says("targets/carol", {"1.0": "one"}, paths=("v",)),
        says("targets/releases", {"1.0": "one"}),
    )
    assert _signed(collection) == {"1.0": (frozenset(), True)}


def test_rules_are_tried_with_the_code_that_decides() -> None:
    """A rule meets a repository if every signed tag gets the digest that it has."""
    collection = of(says("targets/alice", {"1.0": "one"}), says("targets/releases", {"1.0": "one", "2.0": "one"}))
    found = survey(REPOSITORY, collection, entry(), NOW)
    assert found.signed[0] == SignedTag(REPOSITORY, Tag("1.0"), digest("one"), frozenset({"alice"}), released=True)
    assert found.meets(Released())
    assert not found.meets(AnyOf(signers("alice")))
    assert found.resolves(AnyOf(signers("alice")), Tag("1.0")) == digest("one")
