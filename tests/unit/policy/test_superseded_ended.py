"""What ends a superseded digest before its time: votes that are lost, revocation, and blocking (design: Deciding)."""

from typing import Any

import pytest

from proxy.errors import Blocked, Refusal, SignerMissing, TagNotSigned, ThresholdNotMet
from proxy.policy.evaluation import admit_digest, admitted
from proxy.policy.signers import AllOf, AnyOf, SignedBy
from proxy.tuf.collection import Collection
from tests.support.collections import LATER, NOW, digest, of, says, signer, signers, unpublished, unusable
from tests.unit.policy.story import ALICE_BOB, BROKEN, DAY, HALF, HOUR, NEW, NEWEST, OLD, TICK, Story, signed

BARE = of(says("targets/alice"), says("targets/bob"), says("targets/releases"))


# --- while its votes would still count ----------------------------------------------------------


def later(**fields: Any) -> Collection:
    """The new digest, with alice's role as these fields have it."""
    return of(says("targets/alice", {"1.4": "new"}, **fields), *signed("new", "bob", "releases"))


@pytest.mark.parametrize(
    ("today", "rule"),
    [
        pytest.param(later(keys=["alice-2"]), ALICE_BOB, id="another key is delegated to the role"),
        pytest.param(
            later(keys=["alice", "alice-2"], threshold=2), ALICE_BOB, id="the role asks for more signatures now"
        ),
        pytest.param(
            later(paths=("1",)), AllOf((signer("alice", "alice-2"), signer("bob"))), id="policy lists another"
        ),
        pytest.param(
            of(*signed("new", "bob", "releases"), unpublished("targets/alice")), ALICE_BOB, id="never published"
        ),
        pytest.param(of(*signed("new", "bob", "releases")), ALICE_BOB, id="no such role any more"),
        pytest.param(
            of(*signed("new", "bob", "releases"), unusable("targets/alice", BROKEN)), ALICE_BOB, id="unusable"
        ),
        pytest.param(later(expires=NOW - TICK), ALICE_BOB, id="expired"),
        pytest.param(
            of(*signed("new", "alice", "bob"), unpublished("targets/releases")), ALICE_BOB, id="release not published"
        ),
        pytest.param(
            of(*signed("new", "alice", "bob"), says("targets/releases", {"1.4": "new"}, keys=["x"])),
            ALICE_BOB,
            id="another key releases",
        ),
    ],
)
def test_a_digest_whose_votes_would_not_count_today_is_over(today: Collection, rule: SignedBy) -> None:
    """What was signed by keys that nobody trusts any more is not served for the sake of the past."""
    assert Story(OLD, NEW, rule=ALICE_BOB).admits("old")
    assert not Story(OLD, today, rule=rule).admits("old")


def test_todays_paths_count() -> None:
    """A role that may not speak of the tag any more has not spoken of it."""
    over = later(paths=("v",))
    rule = AnyOf(signers("alice", "bob"))
    before = of(*signed("old", "alice", "releases"), says("targets/bob"))
    assert Story(before, NEW, rule=rule).admit("old")
    assert Story(before, over, rule=rule).admit("old") is None


def test_a_blocked_key_ends_what_it_signed() -> None:
    """Also what it signed before anybody knew; what others signed as well stays."""
    rule = AnyOf(signers("alice", "bob"))
    alone = of(*signed("old", "alice", "releases"), says("targets/bob"))
    today = of(*signed("new", "bob", "releases"), says("targets/alice", keys=["alice-2"], delegated=["alice"]))
    assert Story(alone, today, rule=rule).admit("old")
    assert Story(alone, today, rule=rule).block(keys=["alice"]).admit("old") is None
    assert Story(OLD, today, rule=rule).block(keys=["alice"]).admit("old")


# --- what ends it at once -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "kind"),
    [
        pytest.param(BARE, TagNotSigned, id="everybody withdrew it"),
        pytest.param(
            of(*signed("new", "alice"), says("targets/bob"), says("targets/releases")), SignerMissing, id="two"
        ),
        pytest.param(of(*signed("new", "alice", "bob"), says("targets/releases")), SignerMissing, id="not released"),
        pytest.param(
            of(*signed("new", "bob", "releases"), unusable("targets/alice", BROKEN)), ThresholdNotMet, id="defect"
        ),
    ],
)
def test_a_revoked_tag_ends_all_its_digests_at_once(today: Collection, kind: type[Refusal]) -> None:
    """Superseded ones included: the tag has no digest any more."""
    story = Story(OLD, NEW, today, rule=ALICE_BOB)
    with pytest.raises(kind):
        story.tag()
    for word in ("old", "new"):
        assert not story.admits(word)


def test_another_tag_keeps_a_digest_that_a_revoked_one_had() -> None:
    """Now, or for its own time as a superseded one."""
    tags = {"1.4": "old", "dev": "old", "edge": "new"}
    revoked = {"dev": "newer", "edge": "new"}
    story = Story(*(of(says("targets/releases", each)) for each in (tags, tags | {"1.4": "new"}, revoked)))
    assert story.end("new") == LATER
    assert story.end("old") == NOW + DAY


def test_what_a_revocation_ended_does_not_come_back_with_the_tag() -> None:
    """Signed again with another digest, the tag has a new life."""
    story = Story(OLD, BARE, NEW, NEWEST, rule=ALICE_BOB)
    assert story.admit("old") is None
    assert story.admit("new")
    assert story.why_not("old").__dict__ == {"digest": digest("old"), "tag": "1.4", "ended": NOW - 2 * HOUR}


def test_a_re_sign_after_a_revocation_has_no_last_digest_to_go_on_with() -> None:
    """What the tag had before it was revoked does not come back for the time until enough have signed."""
    story = Story(OLD, BARE, HALF, rule=ALICE_BOB)
    with pytest.raises(SignerMissing):
        story.tag()
    assert not story.admits("old")


def test_a_tag_that_had_too_few_votes_for_a_while_was_revoked() -> None:
    """A gap in any of its required signatures is one."""
    gap = of(*signed("old", "alice", "releases"), says("targets/bob"))
    story = Story(OLD, gap, NEW, rule=ALICE_BOB)
    assert story.admit("old") is None
    assert story.admit("new")


# --- blocked ------------------------------------------------------------------------------------


def test_a_blocked_digest_is_never_admitted() -> None:
    """Not as what a tag has, not as superseded, not for a re-sign: and the operator's word is given."""
    story = Story(OLD, NEW, rule=ALICE_BOB).block(digests=["old", "new"])
    with pytest.raises(Blocked) as caught:
        story.tag()
    assert (caught.value.subject, caught.value.reason) == (f"digest {digest('new')[:19]}..", "leaked")
    for word in ("old", "new"):
        with pytest.raises(Blocked):
            admit_digest(story.entry, digest(word), story.today, NOW, past=story.past, blocked=story.blocked)
        assert isinstance(story.why_not(word), Blocked)
    assert admitted(story.entry, story.today, NOW, past=story.past, blocked=story.blocked) == ()
    with pytest.raises(Blocked):
        Story(OLD, HALF, rule=ALICE_BOB).block(digests=["old"]).tag()


def test_blocking_the_digest_of_a_tag_does_not_bring_back_the_one_before() -> None:
    """The tag has a digest, and nobody may pull it; what it had before stays superseded, no more."""
    story = Story(OLD, NEW, rule=ALICE_BOB).block(digests=["new"])
    with pytest.raises(Blocked):
        story.tag()
    assert story.end("old") == NOW + DAY
