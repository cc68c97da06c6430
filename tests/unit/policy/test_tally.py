"""A tally says of every signer what becomes of it, and never anything else than the decision."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Blocked, Expired, Refusal, SignerMissing, ThresholdNotMet
from proxy.names import Digest, Tag
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry
from proxy.policy.evaluation import resolve_tag
from proxy.policy.patterns import TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, SignerKey
from proxy.policy.tally import Standing, Tally, needed, tally, weakest_rule
from proxy.policy.verdicts import Verdict
from proxy.tuf.collection import Collection
from tests.support.collections import NOW, digest, entry, of, says, signer, signers, target, unpublished, unusable
from tests.unit.policy.clauses import ALICE, ALICE_BOB, ALICE_OLD, BOB, BOB_OLD, RELEASED_NEW, TAG, Roles
from tests.unit.policy.story import HALF, OLD, Story
from tests.unit.policy.test_superseded_properties import ENTRIES, GAPS, HISTORIES, Said, _collections, _past

LAPSED = SignerKey("alice", NOW - timedelta(seconds=1))
LASTING = SignerKey("alice", NOW + timedelta(days=1))


def take(signed_by: SignedBy, *roles: Any, blocked: Blocklist = NOTHING_BLOCKED, **rules: Any) -> Tally:
    """The tally of the tag 1.4."""
    return tally(entry(signed_by, **rules), TAG, of(*roles), NOW, blocked=blocked)


def standings(taken: Tally) -> dict[str, Standing]:
    """What becomes of each signer."""
    return {voice.signer.name: voice.standing for voice in taken.voices}


@pytest.mark.parametrize(
    ("roles", "standing"),
    [
        pytest.param([], Standing.UNDECLARED, id="not-delegated"),
        pytest.param([unpublished("targets/alice")], Standing.UNPUBLISHED, id="never-published"),
        pytest.param([unusable("targets/alice", Expired("targets/alice", NOW))], Standing.UNUSABLE, id="role-defect"),
        pytest.param([says("targets/alice", {"1.5": "new"})], Standing.SILENT, id="does-not-name-the-tag"),
        pytest.param([says("targets/alice", {"1.4": "new"}, paths=("v",))], Standing.UNCOVERED, id="path"),
        pytest.param([says("targets/alice", {"1.4": "new"}, keys=["other"])], Standing.KEY_FOREIGN, id="other-key"),
        pytest.param(
            [says("targets/alice", {"1.4": "new"}, keys=["other"], delegated=["alice"])],
            Standing.KEY_UNUSED,
            id="key-delegated-and-not-used",
        ),
        pytest.param([ALICE], Standing.COUNTS, id="vote"),
    ],
)
def test_what_becomes_of_a_signer(roles: Roles, standing: Standing) -> None:
    """Each reason why somebody has no vote has a name of its own."""
    taken = take(AnyOf((signer("alice", "alice"),)), *roles)
    assert standings(taken) == {"alice": standing}
    assert isinstance(taken.outcome, Verdict) is (standing is Standing.COUNTS)


def test_a_key_past_its_until() -> None:
    """It signed, and does not count any more."""
    assert standings(take(AnyOf((signer("alice", LAPSED),)), ALICE)) == {"alice": Standing.KEY_RUN_OUT}


def test_a_blocked_key() -> None:
    """The key that policy lists is delegated and blocked; another one keeps the role usable."""
    role = says("targets/alice", {"1.4": "new"}, keys=["spare"], delegated=["alice"])
    taken = take(AnyOf((signer("alice", "alice"),)), role, blocked=Blocklist(keys={"alice": "stolen"}))
    assert standings(taken) == {"alice": Standing.KEY_BLOCKED}


def test_what_is_told_of_a_vote() -> None:
    """Digest, keys behind it, keys that may sign, and until when it counts."""
    [voice] = take(AnyOf((signer("alice", LASTING),)), ALICE).voices
    assert (voice.target, voice.until) == (target("new"), LASTING.until)
    assert voice.keys == voice.delegated == frozenset({"alice"})


def test_a_vote_for_what_is_not_released() -> None:
    """A valid vote that does not count, because another digest is released."""
    taken = take(AnyOf(signers("alice")), ALICE_OLD, RELEASED_NEW)
    assert standings(taken) == {"alice": Standing.UNRELEASED}
    assert (taken.most, taken.agreed) == (0, None)


def test_one_key_under_two_names() -> None:
    """One of them has the vote, the other is told that its key has voted."""
    roles = [says(f"targets/{name}", {"1.4": "new"}, keys=["shared"]) for name in ("alice", "bob")]
    assert sorted(standings(take(AllOf(ALICE_BOB), *roles)).values()) == [Standing.COUNTS, Standing.SAME_KEY]


def test_the_first_that_voted_decides() -> None:
    """Under `first_of` whoever comes later was not asked."""
    taken = take(FirstOf(ALICE_BOB), ALICE, BOB_OLD)
    assert standings(taken) == {"alice": Standing.COUNTS, "bob": Standing.NOT_ASKED}
    assert (taken.needed, taken.agreed) == (1, target("new"))


def test_nobody_speaks_for_the_first() -> None:
    """A defect of the first keeps the second from being asked."""
    taken = take(FirstOf(ALICE_BOB), unusable("targets/alice", ThresholdNotMet("targets/alice", 0, 1)), BOB)
    assert standings(taken) == {"alice": Standing.UNUSABLE, "bob": Standing.NOT_ASKED}
    assert isinstance(taken.outcome, ThresholdNotMet)


def test_two_digests_with_a_vote_each() -> None:
    """Both count, each for its own digest, and they agree on none."""
    taken = take(AnyOf(ALICE_BOB), ALICE, BOB_OLD)
    assert {found.digest: len(voices) for found, voices in taken.counted.items()} == {
        digest("new"): 1,
        digest("old"): 1,
    }
    assert taken.agreed is None


def test_released_has_no_signers() -> None:
    """The release alone says what the tag is."""
    taken = take(Released(), RELEASED_NEW)
    assert (taken.voices, taken.needed, taken.agreed) == ((), 0, target("new"))


def test_a_re_sign_under_way() -> None:
    """The last digest is still allowed although the votes of today are too few."""
    story = Story(OLD, HALF, rule=AllOf(ALICE_BOB))
    taken = tally(story.entry, TAG, story.today, NOW, past=story.past)
    assert taken.under_way
    assert isinstance(taken.outcome, Verdict)
    assert taken.outcome.target.digest == digest("old")
    assert (taken.most, taken.agreed) == (1, None)


def test_a_blocked_digest() -> None:
    """The votes add up, and the digest is blocked."""
    taken = take(AnyOf(ALICE_BOB), ALICE, blocked=Blocklist({digest("new"): "leaked"}))
    assert isinstance(taken.outcome, Blocked)
    assert taken.agreed == target("new")


def test_too_few_votes() -> None:
    """What is missing is told by the refusal and by the voices alike."""
    taken = take(AtLeast(2, signers("alice", "bob", "qa")), ALICE)
    assert isinstance(taken.outcome, SignerMissing)
    assert (taken.most, taken.needed) == (1, 2)


@pytest.mark.parametrize(
    ("signed_by", "tags", "weakest"),
    [
        pytest.param(AllOf(ALICE_BOB), {}, "shop/**", id="alone"),
        pytest.param(AllOf(ALICE_BOB), {"v*": AnyOf(ALICE_BOB)}, "shop/**:v*", id="fewer-votes"),
        pytest.param(AnyOf(signers("alice")), {"v*": AnyOf(ALICE_BOB)}, "shop/**:v*", id="wider-circle"),
        pytest.param(AnyOf(ALICE_BOB), {"v*": Released()}, "shop/**:v*", id="released"),
        pytest.param(FirstOf(ALICE_BOB), {"v*": AllOf(ALICE_BOB)}, "shop/**", id="first"),
    ],
)
def test_the_weakest_rule(signed_by: SignedBy, tags: dict[str, SignedBy], weakest: str) -> None:
    """A digest is as strong as the rule that is the easiest to meet."""
    rules = tuple((TagPattern(pattern), rule) for pattern, rule in tags.items())
    assert weakest_rule(entry(signed_by, tags=rules))[0] == weakest


def _resolved(
    lines: Entry, tag: str, today: Collection, blocked: Blocklist, **known: Any
) -> tuple[Digest | None, Refusal | None]:
    try:
        return resolve_tag(lines, Tag(tag), today, known["now"], past=known["past"], blocked=blocked).digest, None
    except Refusal as refusal:
        return None, refusal


@given(HISTORIES, GAPS, ENTRIES, st.sets(st.sampled_from(["a", "b"]), max_size=1))
def test_a_tally_never_disagrees_with_the_decision(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry, words: set[str]
) -> None:
    """What is allowed has its votes, what has its votes is allowed, whatever the roles say."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    blocked = Blocklist({digest(word): "leaked" for word in words})
    for tag in ("1", "2"):
        allowed, refusal = _resolved(lines, tag, collections[-1], blocked, past=past, now=now)
        taken = tally(lines, Tag(tag), collections[-1], now, past=past, blocked=blocked)
        if isinstance(taken.outcome, Verdict):
            assert allowed == taken.outcome.target.digest
            assert taken.under_way or (taken.agreed and taken.agreed.digest == allowed)
        else:
            assert str(taken.outcome) == str(refusal)
            assert taken.agreed is None or taken.under_way or taken.agreed.digest in blocked.digests
        assert max(taken.counted.values(), key=len, default=()) == () or taken.most >= 1
        for target_, voices in taken.counted.items():
            assert all(voice.target == target_ for voice in voices)
        if taken.agreed and taken.voices:
            assert len(taken.counted[taken.agreed]) >= needed(taken.signed_by)
