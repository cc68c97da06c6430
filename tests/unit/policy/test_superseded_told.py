"""What is told of a digest that is not admitted any more (design: Deciding)."""

from datetime import datetime

import pytest

from proxy.errors import DigestNotSigned, ThresholdNotMet
from proxy.policy.signers import AnyOf
from proxy.tuf.collection import Collection
from tests.support.collections import NOW, digest, of, says, signers, unusable
from tests.unit.policy.story import BROKEN, DAY, NEW, OLD, Story, signed


def test_a_digest_that_was_superseded_too_long_ago_is_told_its_tag() -> None:
    """The person at the client learns which tag had it and when that ended."""
    story = Story(OLD, NEW)
    found = story.why_not("old", now=NOW + DAY)
    assert isinstance(found, DigestNotSigned)
    assert (found.digest, found.tag, found.ended) == (digest("old"), "1.4", NOW)


def test_of_two_tags_that_had_it_the_later_is_told() -> None:
    """That is the one a person remembers."""
    tags = ({"1.4": "old", "dev": "old"}, {"1.4": "new", "dev": "old"}, {"1.4": "new", "dev": "new"})
    found = Story(*(of(says("targets/releases", each)) for each in tags)).why_not("old", now=NOW + 2 * DAY)
    assert isinstance(found, DigestNotSigned)
    assert (found.tag, found.ended) == ("dev", NOW)


def test_nothing_is_told_of_a_digest_that_nobody_ever_signed() -> None:
    """It is not signed, and that is all."""
    found = Story(OLD, NEW).why_not("unheard-of")
    assert isinstance(found, DigestNotSigned)
    assert (found.digest, found.tag, found.ended) == (digest("unheard-of"), "", None)


@pytest.mark.parametrize(
    "today",
    [
        pytest.param(
            of(says("targets/bob", {"dev": "x"}), unusable("targets/alice", BROKEN, {"1.4": "old"})), id="file"
        ),
        pytest.param(of(says("targets/bob", {"dev": "x"}), unusable("targets/alice", BROKEN)), id="past"),
    ],
)
def test_a_digest_that_only_an_unusable_role_names_is_refused_for_the_defect(today: Collection) -> None:
    """By its file, where that can be read, or by what it said lately."""
    story = Story(of(*signed("old", "alice")), today, rule=AnyOf(signers("alice", "bob")))
    assert story.admit("old") is None
    found = story.why_not("old")
    assert isinstance(found, ThresholdNotMet)
    assert found is not BROKEN


@pytest.mark.parametrize(
    ("today", "now"),
    [
        pytest.param(
            of(says("targets/bob", {"1.4": "x"}), unusable("targets/mallory", BROKEN, {"1.4": "old"})),
            NOW,
            id="of a role that no rule asks for",
        ),
        pytest.param(of(unusable("targets/alice", BROKEN)), NOW + DAY, id="that was superseded too long ago anyway"),
    ],
)
def test_a_defect_that_changes_nothing_is_not_told(today: Collection, now: datetime) -> None:
    """Mending it would not admit the digest."""
    story = Story(of(*signed("old", "alice", "bob")), today, rule=AnyOf(signers("bob", "alice")))
    assert isinstance(story.why_not("old", now=now), DigestNotSigned)
