"""What one entry asks for less than another: clear cases for a warning, and proof for what others may write."""

from datetime import timedelta
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.names import Digest, Tag
from proxy.policy.entries import AnyDigest, Entry
from proxy.policy.evaluation import resolve_tag
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer, SignerKey
from proxy.policy.weaker import falls_short, in_words, lacks
from proxy.tuf.collection import Collection, Role
from proxy.tuf.pins import Pins, RootPin
from tests.support.collections import NOW, entry, of, says

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
            {"signed_by": AnyOf((CI,))},
            {"signed_by": AllOf((CI, QA))},
            "1 of ci instead of 2 of ci, qa",
            id="fewer-votes",
        ),
        pytest.param(
            {"superseded_for": timedelta(hours=25)},
            {},
            "digests stay admitted longer after their tag was signed anew",
            id="superseded-for",
        ),
        pytest.param({"fresh_for": timedelta(minutes=1)}, {}, "revocations are noticed later", id="fresh-for"),
        pytest.param(
            {"outage_for": timedelta(hours=25)}, {}, "trust data serves longer while Notary is away", id="outage-for"
        ),
        pytest.param(
            {"expiry_grace": timedelta(seconds=1)}, {}, "trust data counts longer after it expired", id="expiry-grace"
        ),
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
        pytest.param(AnyOf((LOOSE,)), AnyOf((LOOSE,)), id="delegated-keys-that-counted-already"),
        pytest.param(AnyOf((ci(SignerKey("key of ci", NOW)),)), AnyOf((CI,)), id="an-earlier-end"),
        pytest.param(AnyOf((CI,)), AnyOf((Signer("ci", None),)), id="files-in-place-of-delegated-keys"),
        pytest.param(AllOf((ALICE, CI)), FirstOf((CI, QA)), id="the-first-and-one-more"),
        pytest.param(FirstOf((CI,)), FirstOf((CI, QA)), id="only-the-first"),
        pytest.param(FirstOf((CI, QA)), FirstOf((CI, QA)), id="the-same-order"),
        pytest.param(Released(), Released(), id="a-release"),
        pytest.param(AnyOf((QA, CI)), AnyOf((CI, QA)), id="the-same-people"),
        pytest.param(AllOf((QA, CI)), AnyOf((CI, QA)), id="all-in-place-of-any"),
        pytest.param(AtLeast(2, (ALICE, CI, QA)), AtLeast(2, (ALICE, CI, QA)), id="no-second-majority"),
        pytest.param(AllOf((ALICE, CI)), AtLeast(2, (ALICE, CI, QA)), id="two-of-whom-any-two-will-do"),
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
        pytest.param(AnyOf((LOOSE,)), Released(), id="a-name-in-place-of-a-release"),
        pytest.param(AllOf((ALICE, CI, QA)), Released(), id="everybody-in-place-of-a-release"),
    ],
)
def test_what_cannot_be_seen_to_ask_for_as_much_falls_short(mine: SignedBy, theirs: SignedBy) -> None:
    """A self-chosen signer is as good as none to whoever asked for another one."""
    assert falls_short(entry(mine), entry(theirs)) == (f"{in_words(mine)} instead of {in_words(theirs)}",)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param(FirstOf((ALICE, CI)), AnyOf((CI, ALICE)), id="an-order"),
        pytest.param(AnyOf((ALICE,)), AnyOf((CI, ALICE)), id="one-of-them"),
        pytest.param(AnyOf((LOOSE,)), AnyOf((CI, LOOSE)), id="one-of-them-with-delegated-keys"),
        pytest.param(AtLeast(2, (ALICE, CI, QA)), AnyOf((ALICE, CI, QA)), id="two-of-three"),
        pytest.param(AllOf((ALICE, CI)), AnyOf((ALICE, CI, QA)), id="two-and-not-the-third"),
        pytest.param(
            AnyOf((ci(SignerKey("key of ci", NOW)), ALICE)), AnyOf((CI, ALICE)), id="a-key-that-is-heard-no-longer"
        ),
    ],
)
def test_who_could_stop_it_has_to_be_heard(mine: SignedBy, theirs: SignedBy) -> None:
    """Two who sign different digests stop a tag, and nobody else's file takes that from one of them."""
    words = f"{in_words(mine)} instead of {in_words(theirs)}, who stop it where they sign different digests"
    assert falls_short(entry(mine), entry(theirs)) == (words,)
    assert lacks(entry(mine), entry(theirs)) == ()


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(AnyOf((ALICE, CI)), id="who-disagree"),
        pytest.param(FirstOf((ALICE, CI)), id="who-comes-first"),
    ],
)
def test_a_release_does_not_silence_whom_it_does_not_bind(rule: SignedBy) -> None:
    """Where releases are ignored, votes for anything else count, and they would not under an entry that heeds them."""
    ignoring = entry(rule, released_required=False)
    assert falls_short(entry(rule), ignoring)
    assert falls_short(ignoring, ignoring) == ()
    for agreed in (AllOf((ALICE, CI)), AllOf((ALICE,)) if isinstance(rule, FirstOf) else AllOf((CI, ALICE))):
        assert falls_short(entry(agreed), ignoring) == ()


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


OLD: Final = {
    signer: Signer(signer.name, (*(signer.keys or ()), SignerKey(f"old key of {signer.name}")))
    for signer in (ALICE, CI)
}
SOME: Final = (
    st.permutations([ALICE, CI, QA])
    .flatmap(lambda some: st.integers(1, 3).map(lambda count: some[:count]))
    .flatmap(lambda some: st.sampled_from([tuple(some), tuple(some), tuple(OLD.get(each, each) for each in some)]))
)
RULES: Final = st.one_of(
    st.just(Released()),
    *(SOME.map(form) for form in (AnyOf, FirstOf, AllOf)),
    SOME.flatmap(lambda some: st.integers(1, len(some)).map(lambda needed: AtLeast(needed, some))),
)
TAGS: Final = st.dictionaries(st.sampled_from(["*", "a*", "*b", "a", "ab"]), RULES, max_size=2).map(
    lambda rules: tuple((TagPattern(pattern), rule) for pattern, rule in rules.items())
)
ENTRIES: Final = st.builds(
    lambda rule, tags, required, fallback: entry(
        rule, tags=tags, released_required=required, fallback_to_targets=fallback
    ),
    RULES,
    TAGS,
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, True]),
)
WORDS: Final = st.sampled_from([None, "one", "other"])
"""What a role says of every tag; None where it says nothing."""


@settings(max_examples=300, deadline=None)
@given(
    specific=ENTRIES,
    hidden=ENTRIES,
    top=WORDS,
    releases=st.one_of(st.none(), st.tuples(WORDS)),
    old=st.sets(st.sampled_from([ALICE, CI])),
    tag=st.sampled_from([Tag("a"), Tag("b"), Tag("ab"), Tag("ba")]),
)
def test_nothing_is_served_that_the_hidden_entry_would_refuse(
    specific: Entry, hidden: Entry, top: str | None, releases: tuple[str | None] | None, old: set[Signer], tag: Tag
) -> None:
    """Whatever signers, `targets` and `targets/releases` say: the tag has the same digest under both, or none here."""
    if falls_short(specific, hidden):
        return
    above = [_role("targets", tag, top)] + [_role("targets/releases", tag, word) for word in releases or ()]
    for words in product(("one", "other", None), repeat=3):
        said = [
            _role(f"targets/{each.name}", tag, word, f"{'old ' if each in old else ''}key of {each.name}")
            for each, word in zip((ALICE, CI, QA), words, strict=True)
        ]
        collection = of(*above, *said)
        served = _served(specific, tag, collection)
        assert served is None or served == _served(hidden, tag, collection)


def _role(name: str, tag: Tag, word: str | None, key: str = "") -> Role:
    return says(name, {tag: word} if word else {}, keys=[key] if key else ())


def _served(rules: Entry, tag: Tag, collection: Collection) -> Digest | None:
    try:
        return resolve_tag(rules, tag, collection, NOW).digest
    except Refusal:
        return None
