"""Patterns of repositories and tags: what they match, how they rank, and where two of them meet."""

import re
from itertools import combinations, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.patterns import RepositoryPattern, TagPattern

SEGMENTS = st.text("ab*", min_size=1, max_size=4).filter(lambda text: "**" not in text)
REPOSITORY_PATTERNS = st.builds(
    lambda segments, end: RepositoryPattern("/".join([*segments, *end])),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.sampled_from([[], ["**"]]),
)
TAG_PATTERNS = st.builds(TagPattern, SEGMENTS)
NAMES = ["/".join(parts) for count in (1, 2, 3) for parts in product(["a", "b", "ab", "ba", "aab"], repeat=count)]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        pytest.param("shop/api", "shop/api", id="literal"),
        pytest.param("shop/*", "shop/api", id="one-segment"),
        pytest.param("shop/a*", "shop/a", id="star-stands-for-nothing"),
        pytest.param("shop/*-prod", "shop/api-prod", id="ending"),
        pytest.param("shop/a*i", "shop/api", id="both-ends"),
        pytest.param("shop/*a*b*", "shop/xaxbx", id="pieces-in-order"),
        pytest.param("*/api", "shop/api", id="star-first"),
        pytest.param("*/*", "shop/api", id="two-stars"),
        pytest.param("shop*", "shop2", id="star-in-single-segment"),
        pytest.param("shop/**", "shop/api", id="rest-of-one"),
        pytest.param("shop/**", "shop/team/api/v2", id="rest-of-three"),
        pytest.param("shop/*/**", "shop/team/api", id="segment-then-rest"),
        pytest.param("**", "shop", id="everything-one-segment"),
        pytest.param("**", "shop/team/api", id="everything-three-segments"),
    ],
)
def test_a_repository_pattern_matches(pattern: str, name: str) -> None:
    """A pattern stands for the whole name."""
    assert RepositoryPattern(pattern).matches(name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        pytest.param("shop/api", "shop/api/v2", id="no-longer-name"),
        pytest.param("shop/api", "workshop/api", id="anchored-at-the-beginning"),
        pytest.param("shop/api", "shop/api2", id="anchored-at-the-end"),
        pytest.param("shop*", "shop/x", id="star-never-crosses-a-slash"),
        pytest.param("*", "shop/x", id="single-star-is-one-segment"),
        pytest.param("shop/*", "shop", id="segment-is-not-optional"),
        pytest.param("shop/*", "shop/team/api", id="one-segment-only"),
        pytest.param("shop/**", "shop", id="rest-is-at-least-one-segment"),
        pytest.param("shop/**", "shop2/api", id="prefix-of-a-segment-is-no-segment"),
        pytest.param("shop/**", "workshop/api", id="rest-does-not-unanchor"),
        pytest.param("shop/**", "x/shop/api", id="rest-does-not-move"),
        pytest.param("shop/*/**", "shop/api", id="segment-then-rest-needs-two"),
        pytest.param("a*a", "a", id="ends-do-not-share-a-character"),
        pytest.param("*ab*ab", "xab", id="pieces-do-not-share-characters"),
        pytest.param("a*b*c", "acb", id="pieces-in-wrong-order"),
        pytest.param("shop.api", "shopxapi", id="dot-is-a-dot"),
        pytest.param("a-z", "m", id="dash-is-a-dash"),
        pytest.param("shop/api", "shop/api\n", id="newline-at-the-end"),
        pytest.param("shop/*", "shop/", id="empty-last-segment"),
        pytest.param("*/api", "/api", id="empty-first-segment"),
        pytest.param("**", "", id="nothing-at-all"),
        pytest.param("shop/**", "shop//api", id="empty-segment-in-the-rest"),
        pytest.param("shop/api", "SHOP/API", id="case-counts"),
        pytest.param("shop/api", "\u0455hop/api", id="cyrillic-look-alike"),
        pytest.param("shop/*", "shop\u2215api", id="division-slash-is-no-slash"),
    ],
)
def test_a_repository_pattern_does_not_match(pattern: str, name: str) -> None:
    """Nothing that only looks alike, contains, or continues the name is matched."""
    assert not RepositoryPattern(pattern).matches(name)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        pytest.param("", '"" has an empty segment; write single slashes, and none at either end', id="empty"),
        pytest.param(
            "/shop", '"/shop" has an empty segment; write single slashes, and none at either end', id="leading-slash"
        ),
        pytest.param(
            "shop/", '"shop/" has an empty segment; write single slashes, and none at either end', id="trailing-slash"
        ),
        pytest.param(
            "a//b", '"a//b" has an empty segment; write single slashes, and none at either end', id="double-slash"
        ),
        *(
            pytest.param(
                text,
                f'"{text}" is no pattern of repositories; use a-z, 0-9, ".", "_", "-", "/" and "*" only',
                id=name,
            )
            for name, text in {
                "upper-case": "Shop/api",
                "host-with-port": "registry:5000/shop",
                "tag": "shop/api:1.4",
                "question-mark": "shop/ap?",
                "character-class": "shop/[ab]",
                "regular-expression": "shop/(a|b)+$",
                "backslash": "shop/\\*",
                "blank": "shop/ api",
                "newline": "shop/api\n",
                "not-ascii": "\u0455hop/api",
                "template": "shop/{rest}",
            }.items()
        ),
        *(
            pytest.param(
                text,
                f'"{text}" has "**" in the wrong place; it stands alone as last segment, elsewhere write "*"',
                id=name,
            )
            for name, text in {
                "rest-in-the-middle": "shop/**/api",
                "rest-first": "**/api",
                "rest-twice": "**/**",
                "rest-inside-a-segment": "shop/a**",
                "three-stars": "shop/***",
            }.items()
        ),
        pytest.param(
            "shop/-api",
            '"shop/-api" matches nothing, no repository has the segment "-api"; mend it',
            id="segment-that-cannot-be",
        ),
        pytest.param("../api", '"../api" matches nothing, no repository has the segment ".."; mend it', id="dots"),
    ],
)
def test_a_wrong_repository_pattern_says_what_to_do(pattern: str, sentence: str) -> None:
    """What is no pattern is refused with one sentence, and never read as something wider."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        RepositoryPattern(pattern)


def test_specificity_ranks_the_kinds_of_segments() -> None:
    """Literal, then the longer literal prefix with a star, then a star, then the rest."""
    ranked = ["shop/api", "shop/ap*", "shop/a*i", "shop/*", "shop/**"]
    kinds = [RepositoryPattern(text).specificity for text in ranked]
    assert all(more > less for more, less in pairwise(kinds))


def test_specificity_is_decided_from_the_left() -> None:
    """An earlier segment outweighs all later ones."""
    assert RepositoryPattern("shop/**").specificity > RepositoryPattern("*/api").specificity
    assert RepositoryPattern("*/api").specificity > RepositoryPattern("*/*").specificity
    assert RepositoryPattern("shop*/**").specificity > RepositoryPattern("sho*/api").specificity
    assert RepositoryPattern("shop/*/api").specificity > RepositoryPattern("shop/**").specificity


def test_what_follows_the_star_does_not_make_a_segment_more_specific() -> None:
    """Only the characters in front of the star count, so such patterns tie."""
    assert RepositoryPattern("a*b").specificity == RepositoryPattern("a*").specificity
    assert RepositoryPattern("*-prod").specificity == RepositoryPattern("*").specificity


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        pytest.param("shop/api", "shop/api", True, id="same-literal"),
        pytest.param("shop/api", "shop/web", False, id="other-literal"),
        pytest.param("shop/a*", "shop/*b", True, id="beginning-and-end"),
        pytest.param("shop/a*", "shop/b*", False, id="two-beginnings"),
        pytest.param("shop/*a", "shop/*b", False, id="two-ends"),
        pytest.param("shop/a*x*c", "shop/a*y*c", True, id="pieces-between-fit-into-stars"),
        pytest.param("shop/*", "shop/**", True, id="segment-and-rest"),
        pytest.param("shop/*/api", "shop/**", True, id="segments-and-rest"),
        pytest.param("shop/**", "shop/team/**", True, id="rest-within-rest"),
        pytest.param("shop/**", "team/**", False, id="rests-of-others"),
        pytest.param("shop", "shop/**", False, id="rest-is-never-empty"),
        pytest.param("shop/*", "shop/*/*", False, id="other-number-of-segments"),
        pytest.param("**", "shop", True, id="everything"),
        pytest.param("shop/ab", "shop/a*b", True, id="literal-that-fits"),
        pytest.param("shop/a", "shop/a*a", False, id="literal-that-is-too-short"),
    ],
)
def test_repository_patterns_overlap(one: str, other: str, *, overlap: bool) -> None:
    """Two patterns overlap where one name can match both, whichever is asked."""
    assert RepositoryPattern(one).overlaps(RepositoryPattern(other)) is overlap
    assert RepositoryPattern(other).overlaps(RepositoryPattern(one)) is overlap


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        pytest.param("shop/**", "shop/**", True, id="itself"),
        pytest.param("shop/**", "shop/api", True, id="a-name"),
        pytest.param("shop/**", "shop/*/v*/**", True, id="deeper"),
        pytest.param("**", "*/**", True, id="everything"),
        pytest.param("shop/a*", "shop/a*b*", True, id="longer-prefix"),
        pytest.param("shop/*", "shop/*", True, id="one-segment"),
        pytest.param("shop/**", "shop", False, id="the-name-in-front"),
        pytest.param("shop/**", "**", False, id="wider"),
        pytest.param("shop/**", "shop*/**", False, id="similar-names"),
        pytest.param("*/api/**", "**", False, id="shallower"),
        pytest.param("shop/*", "shop/**", False, id="any-depth"),
        pytest.param("shop/*", "shop/api/v2", False, id="another-depth"),
        pytest.param("shop/a*", "shop/*a*", False, id="star-in-front"),
        pytest.param("shop/api", "shop/*", False, id="a-name-covers-no-pattern"),
    ],
)
def test_a_repository_pattern_covers_another(wide: str, narrow: str, *, covered: bool) -> None:
    """It does where every name of the other one is also its own."""
    assert RepositoryPattern(wide).covers(RepositoryPattern(narrow)) is covered


@pytest.mark.parametrize(
    ("pattern", "repository", "rest"),
    [
        pytest.param("shop/**", "shop/api", "api", id="one-segment"),
        pytest.param("shop/**", "shop/team/api", "team/api", id="two-segments"),
        pytest.param("shop/*/**", "shop/team/api/v2", "api/v2", id="behind-a-star"),
        pytest.param("**", "shop/api", "shop/api", id="everything"),
        pytest.param("shop/*", "shop/api", "", id="no-rest"),
    ],
)
def test_the_rest_is_what_the_two_stars_stand_for(pattern: str, repository: str, rest: str) -> None:
    """`{rest}` in a GUN template is filled with it."""
    assert RepositoryPattern(pattern).rest(repository) == rest


def test_a_pattern_says_whether_it_is_open() -> None:
    """Only one that ends in two stars is."""
    assert RepositoryPattern("shop/**").is_open
    assert not RepositoryPattern("shop/*").is_open


@pytest.mark.parametrize(
    ("pattern", "tag", "matches"),
    [
        pytest.param("1.4", "1.4", True, id="literal"),
        pytest.param("v*", "v1", True, id="beginning"),
        pytest.param("v*", "v", True, id="star-stands-for-nothing"),
        pytest.param("*", "latest", True, id="all"),
        pytest.param("release-*-rc*", "release-1-rc2", True, id="pieces"),
        pytest.param("V*", "v1", False, id="case-counts"),
        pytest.param("v*", "rev1", False, id="anchored-at-the-beginning"),
        pytest.param("1.4", "1x4", False, id="dot-is-a-dot"),
        pytest.param("1.4", "1.4.1", False, id="anchored-at-the-end"),
        pytest.param("v1", "v1\n", False, id="newline-at-the-end"),
        pytest.param("*", "", False, id="nothing-at-all"),
    ],
)
def test_a_tag_pattern_matches_whole_tags(pattern: str, tag: str, *, matches: bool) -> None:
    """A tag is matched whole, letter by letter."""
    assert TagPattern(pattern).matches(tag) is matches


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        *(
            pytest.param(
                text, f'"{text}" is no pattern of tags; use letters, digits, "_", ".", "-" and "*" only', id=name
            )
            for name, text in {
                "empty": "",
                "slash": "v1/x",
                "leading-dot": ".v1",
                "leading-dash": "-v1",
                "question-mark": "v?",
                "newline": "v1\n",
                "not-ascii": "v\u0661",
            }.items()
        ),
        pytest.param("v**", '"v**" has "**" in it, but tags have no segments; write "*"', id="two-stars"),
        pytest.param("a" * 129, f'"{"a" * 129}" is longer than any tag; shorten it', id="too-long"),
    ],
)
def test_a_wrong_tag_pattern_says_what_to_do(pattern: str, sentence: str) -> None:
    """What is no pattern is refused with one sentence."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        TagPattern(pattern)


def test_tag_patterns_rank_and_overlap_like_segments() -> None:
    """Literal, longer prefix, star; and two prefixes that exclude each other never meet."""
    ranked = [TagPattern(text) for text in ("v1.4", "v1*", "v*", "*")]
    assert all(more.specificity > less.specificity for more, less in pairwise(ranked))
    assert all(one.overlaps(other) for one, other in combinations(ranked, 2))
    assert not TagPattern("v*").overlaps(TagPattern("r*"))


def test_matching_takes_no_time_that_a_client_could_waste() -> None:
    """A pattern with many stars against the longest name that almost fits: a regular expression would never return."""
    pattern = RepositoryPattern("*a" * 40 + "*b")
    assert not pattern.matches("a" * 255)


@given(REPOSITORY_PATTERNS)
def test_matching_agrees_with_the_textbook(pattern: RepositoryPattern) -> None:
    """For every name of a small world the answer is that of the obvious regular expression."""
    escaped = re.escape(pattern).replace(r"\*\*", "\0").replace(r"\*", "[^/]*").replace("\0", "[^/]+(?:/[^/]+)*")
    textbook = re.compile(escaped)
    assert [name for name in NAMES if pattern.matches(name)] == [name for name in NAMES if textbook.fullmatch(name)]


@given(REPOSITORY_PATTERNS, REPOSITORY_PATTERNS)
def test_no_name_matches_two_patterns_that_do_not_overlap(one: RepositoryPattern, other: RepositoryPattern) -> None:
    """A tie that is overlooked would leave it to chance who must have signed."""
    common = [name for name in NAMES if one.matches(name) and other.matches(name)]
    assert one.overlaps(other) or not common


@settings(max_examples=200)
@given(TAG_PATTERNS, TAG_PATTERNS)
def test_overlapping_tag_patterns_have_a_tag_in_common(one: TagPattern, other: TagPattern) -> None:
    """An overlap is never claimed without a tag to show for it, so no configuration is refused for nothing."""
    tags = ["".join(letters) for count in range(1, 7) for letters in product("ab", repeat=count)]
    common = any(one.matches(tag) and other.matches(tag) for tag in tags)
    assert common is one.overlaps(other)


@given(REPOSITORY_PATTERNS, REPOSITORY_PATTERNS)
def test_a_pattern_that_covers_another_matches_all_its_names(one: RepositoryPattern, other: RepositoryPattern) -> None:
    """A name that is overlooked would let a scope be left."""
    beyond = [name for name in NAMES if other.matches(name) and not one.matches(name)]
    assert not one.covers(other) or not beyond


@settings(max_examples=200)
@given(TAG_PATTERNS, TAG_PATTERNS)
def test_a_tag_pattern_that_covers_another_matches_all_its_tags(one: TagPattern, other: TagPattern) -> None:
    """And one that does not leaves a tag out, so no configuration is refused for nothing."""
    tags = ["".join(letters) for count in range(1, 7) for letters in product("abc", repeat=count)]
    assert one.covers(other) is not any(other.matches(tag) and not one.matches(tag) for tag in tags)
