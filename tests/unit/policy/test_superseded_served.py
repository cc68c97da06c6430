"""Digests that a tag had before are served for their time (design: Deciding)."""

from datetime import timedelta

import pytest

from proxy.errors import DigestNotSigned
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, SignerKey
from tests.support.collections import LATER, NOW, digest, entry, of, says, signer, signers
from tests.unit.policy.story import ALICE_BOB, DAY, HOUR, NEW, NEWEST, OLD, TICK, Story, signed


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(Released(), id="released"),
        pytest.param(AnyOf(signers("alice")), id="any_of"),
        pytest.param(FirstOf(signers("bob", "alice")), id="first_of"),
        pytest.param(ALICE_BOB, id="all_of"),
        pytest.param(AtLeast(2, signers("alice", "bob", "qa")), id="at_least"),
    ],
)
def test_a_superseded_digest_is_admitted_for_its_time(rule: SignedBy) -> None:
    """A service that is pinned to a digest survives that its tag is signed again, for a day."""
    story = Story(OLD, NEW, rule=rule)
    assert story.tag().digest == digest("new")
    found = story.admit("old", now=NOW + DAY - TICK)
    assert found
    assert (found.length, found.rule, found.valid_until) == (527, "shop/**", NOW + DAY)
    assert {"alice", "bob"}.issuperset(found.signers)
    assert story.admit("old", now=NOW + DAY) is None
    assert story.admit("new", now=NOW + DAY)


def test_each_digest_has_its_own_time() -> None:
    """It runs from the moment when the tag got another."""
    story = Story(OLD, NEW, NEWEST)
    assert story.admit("old", now=NOW - HOUR + DAY - TICK)
    assert story.admit("old", now=NOW - HOUR + DAY) is None
    assert story.admit("new", now=NOW - HOUR + DAY)
    assert story.end("newest") == LATER


def test_without_a_time_nothing_superseded_is_served() -> None:
    """`superseded_for: 0s` means at once."""
    story = Story(OLD, NEW, rule=ALICE_BOB)
    story.entry = entry(ALICE_BOB, superseded_for=timedelta())
    assert story.admit("old") is None
    assert story.admit("new")


def test_a_digest_that_came_back_is_simply_the_one_that_the_tag_has() -> None:
    """Then it does not end, and the one between is the superseded one."""
    story = Story(OLD, NEW, OLD)
    assert story.tag().digest == digest("old")
    assert story.end("old") == LATER
    assert story.end("new") == NOW + DAY


def test_the_longest_time_counts_where_two_tags_had_a_digest() -> None:
    """Any tag that had it is enough."""
    first, last = ({"1.4": "old", "dev": "old"}, {"1.4": "new", "dev": "new"})
    between = {"1.4": "new", "dev": "old"}
    story = Story(*(of(says("targets/releases", tags)) for tags in (first, between, last)))
    assert story.end("old") == NOW + DAY


def test_a_superseded_digest_lasts_no_longer_than_what_it_rests_on() -> None:
    """Neither than the roles that said so, nor than the keys, nor than the digest that the tag has now."""
    soon = NOW + HOUR
    keyed = AllOf((signer("alice", SignerKey("alice", soon)), signer("bob")))
    assert Story(OLD, NEW, rule=keyed).end("old") == soon
    ends = of(*signed("new", "alice", expires=soon), *signed("new", "bob", "releases"))
    rule = AnyOf(signers("alice", "bob"))
    assert Story(of(*signed("old", "bob", "releases")), ends, rule=rule).end("old") == soon
    hers = says("targets/alice", expires=soon)
    today = of(hers, *signed("new", "bob", "releases"))
    assert Story(of(*signed("old", "alice", "releases")), today, rule=rule).end("old") == soon


def test_what_a_tag_never_had_by_its_rule_is_not_superseded() -> None:
    """That somebody said it is not enough, then as now."""
    lone = of(*signed("evil", "alice", "mallory", "releases"))
    story = Story(lone, NEW, rule=ALICE_BOB)
    assert story.admit("evil") is None
    assert story.why_not("evil").__dict__ == DigestNotSigned(digest("evil")).__dict__
