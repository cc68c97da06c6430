"""Which tags have to do with a digest is told as it is decided."""

from datetime import timedelta

from hypothesis import given

from proxy.errors import Refusal, TagNotSigned
from proxy.names import Tag
from proxy.policy.entries import Entry
from proxy.policy.evaluation import admit_digest
from proxy.policy.holders import Hold, Holder, holders
from tests.support.collections import NOW, digest, entry, of, says
from tests.unit.policy.story import ALICE_BOB, DAY, HOUR, NEW, NEWEST, OLD, Story
from tests.unit.policy.test_superseded_properties import ENTRIES, GAPS, HISTORIES, WORDS, Said, _collections, _past


def _holders(story: Story, word: str, *, later: timedelta = timedelta()) -> list[Holder]:
    return list(holders(story.entry, digest(word), story.today, NOW + later, past=story.past))


def test_a_tag_that_has_it() -> None:
    """The tag is named, and until when that holds."""
    [holder] = _holders(Story(NEW, rule=ALICE_BOB), "new")
    assert (holder.tag, holder.hold) == (Tag("1.4"), Hold.HAS)
    assert holder.until


def test_a_tag_that_had_it_and_still_admits_it() -> None:
    """A superseded digest is told with the end of its time."""
    [holder] = _holders(Story(OLD, NEW, rule=ALICE_BOB), "old")
    assert (holder.hold, holder.until) == (Hold.HAD, NOW + DAY)


def test_a_tag_that_had_it_after_another() -> None:
    """Each of several superseded digests is found."""
    [holder] = _holders(Story(OLD, NEW, NEWEST, rule=ALICE_BOB), "new")
    assert (holder.hold, holder.until) == (Hold.HAD, NOW + DAY)


def test_a_tag_that_had_it_for_too_long_ago() -> None:
    """What is over says when it ended."""
    [holder] = _holders(Story(OLD, NEW, rule=ALICE_BOB), "old", later=DAY + HOUR)
    assert (holder.hold, holder.until, holder.refusal) == (Hold.LOST, NOW, None)


def test_a_tag_that_lost_everything() -> None:
    """A revoked tag admits nothing, and its own refusal is told."""
    silent = of(*(says(f"targets/{name}", {}) for name in ("alice", "bob", "releases")))
    [holder] = _holders(Story(OLD, silent, rule=ALICE_BOB), "old")
    assert holder.hold is Hold.LOST
    assert isinstance(holder.refusal, TagNotSigned)


def test_a_digest_that_only_one_signer_names() -> None:
    """A word without the others' is a claim."""
    [holder] = holders(entry(ALICE_BOB), digest("new"), of(says("targets/alice", {"1.4": "new"})), NOW)
    assert (holder.hold, holder.until) == (Hold.CLAIMED, None)
    assert isinstance(holder.refusal, Refusal)


@given(HISTORIES, GAPS, ENTRIES)
def test_holders_never_disagree_with_the_decision(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry
) -> None:
    """A digest is admitted directly if some tag has it or had it lately, and only then."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    for word in WORDS:
        found = holders(lines, digest(word), collections[-1], now, past=past)
        try:
            admitted = admit_digest(lines, digest(word), collections[-1], now, past=past) is not None
        except Refusal:
            admitted = False
        assert admitted is any(holder.hold in (Hold.HAS, Hold.HAD) for holder in found)
