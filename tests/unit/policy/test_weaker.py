"""What one entry asks for less than another: clear cases for a warning, and proof for what others may write."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import Tag
from proxy.policy.entries import AnyDigest
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer, SignerKey
from proxy.policy.weaker import falls_short, in_words, lacks
from proxy.tuf.pins import Pins, RootPin
from tests.support.collections import NOW, entry

LATER: Final = NOW + timedelta(days=1)
ALICE, CI, QA = (Signer(name, (SignerKey(f"key of {name}"),)) for name in ("alice", "ci", "qa"))
LOOSE: Final = Signer("loose", None)
PINNED: Final = Pins((RootPin("corp"),))


def ci(*keys: SignerKey) -> Signer:
    """The signer ci with other keys."""
    return Signer("ci", keys)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param(Released(), "released", id="released"),
        pytest.param(AnyOf((ALICE, CI)), "1 of alice, ci", id="any_of"),
        pytest.param(AllOf((ALICE, CI)), "2 of alice, ci", id="all_of"),
        pytest.param(AtLeast(2, (ALICE, CI, QA)), "2 of alice, ci, qa", id="at_least"),
        pytest.param(FirstOf((ALICE, CI)), "the first of alice, ci", id="first_of"),
        pytest.param(FirstOf((ALICE,)), "1 of alice", id="first_of-one"),
    ],
)
def test_a_rule_has_words(rule: SignedBy, words: str) -> None:
    """As people say it."""
    assert in_words(rule) == words


@pytest.mark.parametrize(
    ("mine", "theirs", "missing"),
    [
        pytest.param(
            {"signed_by": AnyOf((LOOSE,))},
            {"signed_by": AnyOf((CI,))},
            "whatever keys Notary delegates to loose",
            id="delegated-keys-in-place-of-files",
        ),
        pytest.param(
            {"signed_by": AnyOf((Signer("ci", None),))},
            {"signed_by": AnyOf((CI,))},
            "whatever keys Notary delegates to ci",
            id="delegated-keys-of-the-same-signer",
        ),
        pytest.param(
            {"signed_by": AnyOf((ci(SignerKey("key of ci"), SignerKey("another")),))},
            {"signed_by": AnyOf((CI,))},
            "more keys for ci",
            id="one-more-key",
        ),
        pytest.param(
            {"signed_by": AnyOf((CI,))},
            {"signed_by": AnyOf((ci(SignerKey("key of ci", NOW)),))},
            "more keys for ci",
            id="a-key-without-its-end",
        ),
        pytest.param(
            {"signed_by": AnyOf((ci(SignerKey("key of ci", LATER)),))},
            {"signed_by": AnyOf((ci(SignerKey("key of ci", NOW)),))},
            "more keys for ci",
            id="a-key-with-a-later-end",
        ),
        pytest.param(
            {"superseded_for": timedelta(hours=25)},
            {},
            "digests stay admitted longer after their tag was signed anew",
            id="superseded-for",
        ),
        pytest.param({"fresh_for": timedelta(minutes=1)}, {}, "revocations are noticed later", id="fresh-for"),
        pytest.param(
            {"any_digest": AnyDigest(LATER, "x")},
            {"any_digest": AnyDigest(NOW, "x")},
            "any digest may be pulled",
            id="any-digest-for-longer",
        ),
        pytest.param({}, {"pins": PINNED}, "roots are trusted on first use", id="tofu"),
        pytest.param({"released_required": False}, {}, "releases are ignored", id="released-ignored"),
        pytest.param({"fallback_to_targets": True}, {}, "tags may come from targets", id="fallback-to-targets"),
    ],
)
def test_what_is_clearly_less_is_named(mine: dict[str, Any], theirs: dict[str, Any], missing: str) -> None:
    """In a few words, whoever wrote the entry."""
    assert lacks(entry(**mine), entry(**theirs)) == (missing,)
    assert missing in falls_short(entry(**mine), entry(**theirs))
    assert lacks(entry(**mine), entry(**mine)) == ()


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param(AtLeast(3, (ALICE, CI, LOOSE)), AllOf((ALICE, CI)), id="delegated-keys-on-top"),
        pytest.param(AnyOf((LOOSE,)), AnyOf((CI, LOOSE)), id="delegated-keys-that-counted-already"),
        pytest.param(AnyOf((ci(SignerKey("key of ci", NOW)),)), AnyOf((CI,)), id="an-earlier-end"),
        pytest.param(AnyOf((CI,)), AnyOf((Signer("ci", None),)), id="files-in-place-of-delegated-keys"),
        pytest.param(AllOf((ALICE, CI)), FirstOf((CI, QA)), id="the-first-and-one-more"),
        pytest.param(FirstOf((CI,)), FirstOf((CI, QA)), id="only-the-first"),
        pytest.param(AnyOf((LOOSE,)), Released(), id="a-name-in-place-of-a-release"),
    ],
)
def test_what_asks_for_as_much_is_seen_to(mine: SignedBy, theirs: SignedBy) -> None:
    """Neither a warning nor, in somebody else's file, an error."""
    assert falls_short(entry(mine), entry(theirs)) == ()


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param(AnyOf((ALICE,)), AnyOf((CI,)), id="other-people"),
        pytest.param(AtLeast(2, (ALICE, QA, CI)), AllOf((ALICE, CI, QA)), id="fewer"),
        pytest.param(AtLeast(2, (ALICE, QA, CI)), AnyOf((CI,)), id="enough-without-whom-it-takes"),
        pytest.param(Released(), AnyOf((CI,)), id="nobody-by-name"),
        pytest.param(FirstOf((QA, CI)), FirstOf((CI, QA)), id="another-order"),
        pytest.param(AnyOf((CI, QA)), FirstOf((CI, QA)), id="no-order"),
        pytest.param(Released(), FirstOf((CI, QA)), id="a-release-in-place-of-an-order"),
    ],
)
def test_what_cannot_be_seen_to_ask_for_as_much_falls_short(mine: SignedBy, theirs: SignedBy) -> None:
    """A self-chosen signer is as good as none to whoever asked for another one."""
    assert falls_short(entry(mine), entry(theirs)) == (f"{in_words(mine)} instead of {in_words(theirs)}",)


@pytest.mark.parametrize(
    ("mine", "theirs", "missing"),
    [
        pytest.param({"notary": "own"}, {}, "Notary own instead of corp", id="notary"),
        pytest.param({"gun_template": "x"}, {}, "gun x instead of {name}/{repository}", id="gun"),
        pytest.param(
            {"gun_template": "corp/{rest}", "pattern": RepositoryPattern("shop/api/**")},
            {"gun_template": "corp/{rest}"},
            "gun corp/{rest} instead of corp/{rest}",
            id="rest-of-another-pattern",
        ),
        pytest.param({"pins": PINNED}, {"pins": Pins((RootPin("other"),))}, "other roots are pinned", id="roots"),
        pytest.param({"pins": PINNED}, {}, "other roots are pinned", id="roots-in-place-of-tofu"),
    ],
)
def test_trust_data_from_elsewhere_falls_short(mine: dict[str, Any], theirs: dict[str, Any], missing: str) -> None:
    """Who chooses the collection chooses the signatures; to the operator that is no more than a choice."""
    assert falls_short(entry(**mine), entry(**theirs)) == (f"trust data from elsewhere, {missing}",)
    assert lacks(entry(**mine), entry(**theirs)) == ()


def test_the_same_trust_data_does_not_fall_short() -> None:
    """The same roots in another order, and `{rest}` of a pattern of the same depth."""
    one, other = RootPin("corp-2024"), RootPin("corp-2027")
    mine = entry(pins=Pins((one, other)), gun_template="x/{rest}")
    theirs = entry(pins=Pins((other, one)), gun_template="x/{rest}", pattern=RepositoryPattern("*/**"))
    assert falls_short(mine, theirs) == ()


RULES: Final = st.one_of(
    st.just(Released()),
    *(
        st.permutations([ALICE, CI, QA])
        .flatmap(lambda some: st.integers(1, 3).map(lambda count: tuple(some[:count])))
        .map(form)
        for form in (AnyOf, FirstOf, AllOf)
    ),
    st.permutations([ALICE, CI, QA]).flatmap(
        lambda some: st.integers(1, 3).map(lambda needed: AtLeast(needed, tuple(some)))
    ),
)
TAGS: Final = st.dictionaries(st.sampled_from(["*", "a*", "*b", "a", "ab"]), RULES, max_size=2).map(
    lambda rules: tuple((TagPattern(pattern), rule) for pattern, rule in rules.items())
)


@settings(max_examples=300, deadline=None)
@given(mine=RULES, my_tags=TAGS, theirs=RULES, their_tags=TAGS)
def test_nothing_passes_that_would_not_have_passed_before(
    mine: SignedBy, my_tags: Any, theirs: SignedBy, their_tags: Any
) -> None:
    """For every tag and every way to vote: what has enough votes has enough for the hidden entry, too."""
    specific, hidden = entry(mine, tags=my_tags), entry(theirs, tags=their_tags)
    if falls_short(specific, hidden):
        return
    for tag in map(Tag, ("a", "b", "ab", "ba")):
        for votes in _all_votes():
            served = _served(specific.rule_for(tag)[1], votes)
            assert served is None or _is_enough(hidden.rule_for(tag)[1], votes, served)


def _all_votes() -> Iterator[dict[Signer, str | None]]:
    for digests in product(("one", "other", None), repeat=3):
        yield dict(zip((ALICE, CI, QA), digests, strict=True))


def _served(rule: SignedBy, votes: dict[Signer, str | None]) -> str | None:
    """The textbook: the digest that has enough votes, unless two have, or that of the first who votes."""
    if isinstance(rule, Released):
        return "released"
    said = [digest for signer in rule.signers if (digest := votes[signer])]
    if isinstance(rule, FirstOf):
        return said[0] if said else None
    enough = {digest for digest in said if said.count(digest) >= rule.needed}
    return enough.pop() if len(enough) == 1 else None


def _is_enough(rule: SignedBy, votes: dict[Signer, str | None], served: str) -> bool:
    if isinstance(rule, Released):
        return True
    said = [digest for signer in rule.signers if (digest := votes[signer])]
    return said[:1] == [served] if isinstance(rule, FirstOf) else said.count(served) >= rule.needed
