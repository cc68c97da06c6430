"""Which digests are admitted."""

import pytest

from proxy.errors import Expired, MetadataCorrupt, Rollback, ThresholdNotMet
from proxy.names import Tag
from proxy.policy.entries import Blocklist
from proxy.policy.evaluation import admit_digest, admitted, resolve_tag, signed_tags
from proxy.policy.patterns import TagPattern
from proxy.policy.signers import AllOf, AnyOf, FirstOf, Released
from tests.support.collections import NOW, digest, entry, of, says, signers, unusable
from tests.unit.policy.clauses import ALICE, TAG


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


def test_tags_that_have_a_digest_are_listed() -> None:
    """A tag that nobody in its rule signed is not among them, nor one whose digest is blocked."""
    collection = of(says("targets/alice", {"v1": "x", "dev": "y"}), says("targets/mallory", {"evil": "z"}))
    blocked = Blocklist({digest("y"): "CVE-2026-1"})
    assert signed_tags(entry(AnyOf(signers("alice"))), collection, NOW) == {Tag("v1"), Tag("dev")}
    assert signed_tags(entry(AnyOf(signers("alice"))), collection, NOW, blocked=blocked) == {Tag("v1")}
