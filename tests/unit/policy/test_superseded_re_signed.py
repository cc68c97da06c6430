"""A re-sign under way: the last digest goes on while signers sign the next one after the other (design: Deciding)."""

from typing import Any

import pytest

from proxy.errors import Expired, Refusal, SignerMissing, SignersDisagree, TagNotSigned, ThresholdNotMet
from proxy.policy.past import NO_PAST, record
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, SignerKey
from proxy.tuf.collection import Collection
from tests.support.collections import NOW, digest, of, says, signer, signers, unusable
from tests.unit.policy.story import ALICE_BOB, BROKEN, DAY, HALF, HOUR, NEW, OLD, TICK, Story, signed


@pytest.mark.parametrize(
    ("rule", "today", "rules"),
    [
        pytest.param(ALICE_BOB, HALF, {}, id="all_of: one of two signed and released"),
        pytest.param(ALICE_BOB, of(*signed("new", "alice"), *signed("old", "bob", "releases")), {}, id="not released"),
        pytest.param(
            AtLeast(2, signers("alice", "bob", "qa")), HALF, {}, id="at_least: the first of two signed the new one"
        ),
        pytest.param(
            AnyOf(signers("alice")), of(*signed("new", "alice"), *signed("old", "bob", "releases")), {}, id="any_of"
        ),
        pytest.param(
            FirstOf(signers("alice")), of(*signed("new", "alice"), *signed("old", "bob", "releases")), {}, id="first_of"
        ),
        pytest.param(ALICE_BOB, of(*signed("old", "alice", "bob"), *signed("new", "releases")), {}, id="only released"),
        pytest.param(
            ALICE_BOB,
            of(*signed("new", "alice"), *signed("old", "bob"), unusable("targets/releases", BROKEN)),
            {"released_required": False},
            id="the release is ignored",
        ),
        pytest.param(
            AtLeast(2, signers("alice", "bob", "qa")),
            of(*signed("new", "alice", "releases"), *signed("old", "bob"), unusable("targets/qa", BROKEN)),
            {},
            id="a signer that did not vote is unusable",
        ),
    ],
)
def test_while_a_tag_is_signed_again_its_last_digest_is_served(
    rule: SignedBy, today: Collection, rules: dict[str, Any]
) -> None:
    """Signers sign one after the other; nobody is left without an image meanwhile, for a day at most."""
    story = Story(OLD, today, rule=rule, **rules)
    found = story.tag()
    assert (found.digest, found.valid_until) == (digest("old"), NOW + DAY)
    assert story.admit("old") == found
    assert story.admit("new") is None
    assert story.tag(now=NOW + DAY - TICK).digest == digest("old")
    with pytest.raises(Refusal):
        story.tag(now=NOW + DAY)
    assert not story.admits("old", now=NOW + DAY)


@pytest.mark.parametrize(
    ("rule", "today", "kind"),
    [
        pytest.param(
            ALICE_BOB,
            of(*signed("new", "alice", "releases"), says("targets/bob")),
            SignerMissing,
            id="a voter withdrew the tag",
        ),
        pytest.param(
            ALICE_BOB,
            of(*signed("new", "alice", "releases"), unusable("targets/bob", BROKEN)),
            ThresholdNotMet,
            id="a voter is unusable",
        ),
        pytest.param(
            ALICE_BOB,
            of(*signed("new", "alice"), *signed("old", "bob"), says("targets/releases")),
            SignerMissing,
            id="the release was withdrawn",
        ),
        pytest.param(
            ALICE_BOB,
            of(*signed("new", "alice"), *signed("old", "bob"), unusable("targets/releases", BROKEN)),
            ThresholdNotMet,
            id="the release is unusable",
        ),
        pytest.param(
            ALICE_BOB,
            of(
                *signed("new", "alice"),
                *signed("old", "bob"),
                says("targets/releases", {"1.4": "new"}, expires=NOW - TICK),
            ),
            Expired,
            id="the release expired",
        ),
        pytest.param(
            AllOf((signer("alice", "alice"), signer("bob"))),
            of(
                says("targets/alice", {"1.4": "evil"}, keys=["mallory"], delegated=["alice"]),
                *signed("old", "bob", "releases"),
            ),
            SignerMissing,
            id="a voter's new word is signed by a key that policy does not list",
        ),
        pytest.param(
            ALICE_BOB,
            of(
                says("targets/alice", {"1.4": "old"}, keys=["bob"], delegated=["alice"]),
                *signed("old", "bob", "releases"),
                says("targets/qa", {"1.4": "new"}),
            ),
            SignerMissing,
            id="nobody whose vote counts names another",
        ),
        pytest.param(Released(), of(says("targets/releases"), *signed("new", "alice")), TagNotSigned, id="released"),
    ],
)
def test_a_vote_that_was_lost_is_no_re_sign(rule: SignedBy, today: Collection, kind: type[Refusal]) -> None:
    """Whoever withdraws a tag, or cannot be believed any more, ends its digest at once."""
    story = Story(OLD, today, rule=rule)
    with pytest.raises(kind):
        story.tag()
    assert not story.admits("old")


def test_a_release_that_is_ignored_begins_no_re_sign() -> None:
    """Nobody whose word counts names another digest, so the votes were lost and not given to another."""
    one_key = says("targets/alice", {"1.4": "old"}, keys=["bob"], delegated=["alice"])
    today = of(one_key, *signed("old", "bob"), *signed("new", "releases"))
    assert Story(OLD, today, rule=ALICE_BOB).admits("old")
    assert not Story(OLD, today, rule=ALICE_BOB, released_required=False).admits("old")


def test_two_digests_with_enough_votes_each_are_a_disagreement() -> None:
    """It is not for the past to decide between them."""
    before = of(*signed("old", "alice", "bob"))
    story = Story(before, of(*signed("old", "alice"), *signed("new", "bob")), rule=AnyOf(signers("alice", "bob")))
    with pytest.raises(SignersDisagree):
        story.tag()
    assert not story.admits("old")


def test_the_release_that_the_lax_rule_looked_at_must_still_say_so() -> None:
    """Where a tag was taken from `targets`, it must still be there."""
    in_targets = says("targets", {"1.4": "old"})
    before = of(in_targets, *signed("old", "alice", "bob"), says("targets/releases"))
    under_way = [*signed("new", "alice"), *signed("old", "bob"), says("targets/releases")]
    story = Story(before, of(in_targets, *under_way), rule=ALICE_BOB, fallback_to_targets=True)
    assert story.tag().digest == digest("old")
    with pytest.raises(Refusal):
        Story(before, of(*under_way), rule=ALICE_BOB, fallback_to_targets=True).tag()


def test_a_key_that_runs_out_ends_the_re_sign() -> None:
    """The voter then has no valid vote any more, whatever it votes for."""
    soon = NOW + HOUR
    rule = AllOf((signer("alice", "alice", SignerKey("alice-2", soon)), signer("bob")))
    today = of(
        says("targets/alice", {"1.4": "new"}, keys=["alice-2"], delegated=["alice"]), *signed("old", "bob", "releases")
    )
    story = Story(OLD, today, rule=rule)
    assert story.tag().valid_until == soon
    with pytest.raises(SignerMissing):
        story.tag(now=soon)


def test_a_superseded_digests_time_begins_when_the_re_sign_is_complete() -> None:
    """Until then the tag had it: the clock starts when it got another."""
    story = Story(OLD, HALF, NEW, rule=ALICE_BOB)
    assert story.tag().digest == digest("new")
    assert story.admit("old", now=NOW + DAY - TICK)
    assert story.admit("old", now=NOW + DAY) is None


def test_what_was_superseded_before_stays_so_during_a_re_sign() -> None:
    """But no longer than the re-sign keeps the tag alive."""
    first = of(*signed("first", "alice", "bob", "releases"))
    story = Story(first, OLD, HALF, rule=ALICE_BOB)
    assert story.tag().digest == digest("old")
    assert story.admit("first", now=NOW - HOUR + DAY - TICK)
    assert story.admit("first", now=NOW - HOUR + DAY) is None


def test_a_re_sign_that_took_too_long_ended_the_digest() -> None:
    """Its time over, the tag had no digest; that it got one later brings nothing back."""
    past = record(NO_PAST, OLD, HALF, NOW - DAY, DAY)
    story = Story(NEW, rule=ALICE_BOB)
    story.past = record(past, HALF, NEW, NOW - TICK, DAY)
    assert story.admit("old")
    story.past = record(past, HALF, NEW, NOW, DAY)
    assert story.admit("old") is None


def test_flipping_between_digests_does_not_prolong_a_re_sign() -> None:
    """Its time runs from the last moment at which a digest had enough votes."""
    other = of(*signed("newest", "alice", "releases"), *signed("old", "bob"))
    story = Story(OLD, HALF, other, HALF, rule=ALICE_BOB)
    assert story.tag().valid_until == NOW - 2 * HOUR + DAY
