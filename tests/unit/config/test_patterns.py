"""Patterns in the file: their grammar, and ties that nobody could decide."""

import pytest

from tests.unit.config.site import Site, compose


def tie(path: str, other: str, kind: str = "repositories") -> str:
    """The line that says that two patterns tie."""
    return f"{path}: this and {other} both match some {kind} and neither is more specific; change one of them"


def test_patterns_that_tie_are_a_mistake_and_both_lines_are_named(site: Site) -> None:
    """Nobody could say which entry holds for a repository that both match."""
    text = compose(
        repositories="\n  'shop/*-prod': {signed_by: released}\n  'shop/*': {signed_by: released}",
        rollout="\n  'shop/a*': enforce\n  'shop/**': enforce\n  'shop/b*': enforce\n  'shop/*b/x': enforce"
        "\n  'shop/*/x': enforce\n  'shop/a*c': enforce",
    )
    assert [line for line in site.problems(text) if "neither" in line] == [
        tie('3: repositories."shop/*"', '"shop/*-prod" on line 2'),
        tie('9: rollout."shop/*/x"', '"shop/*b/x" on line 8'),
        tie('10: rollout."shop/a*c"', '"shop/a*" on line 5'),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("shop/a*", "shop/b*", id="as-specific-but-apart"),
        pytest.param("shop/*", "team/*", id="other-first-segment"),
        pytest.param("shop/**", "shop/*", id="rest-and-segment"),
        pytest.param("shop/*", "*/api", id="decided-by-the-first-segment"),
        pytest.param("shop/a*", "shop/ab*", id="longer-prefix"),
        pytest.param("**", "shop", id="everything-and-one"),
    ],
)
def test_patterns_that_do_not_tie_live_side_by_side(site: Site, one: str, other: str) -> None:
    """Overlapping is the point of patterns, as long as one of two is the more specific."""
    text = compose(repositories=f"{{'{one}': {{signed_by: released}}, '{other}': {{signed_by: released}}}}")
    assert site.problems(text) == []


def test_tags_tie_only_where_they_ask_differently(site: Site) -> None:
    """If both ask for the same, it does not matter which one counts."""
    first, second = "\n  shop:\n    signed_by: released\n    tags:", "\n      'v*b*a': {signed_by: {any_of: [ci]}}"
    same = f"{first}\n      'v*a': {{signed_by: {{any_of: [ci]}}}}{second}"
    assert site.problems(compose(repositories=same)) == []
    different = f"{first}\n      'v*a': {{signed_by: {{all_of: [ci]}}}}{second}"
    assert site.problems(compose(repositories=different)) == [
        tie('6: repositories.shop.tags."v*b*a"', '"v*a" on line 5', "tags")
    ]


@pytest.mark.parametrize("section", ["repositories", "rollout"])
def test_a_pattern_with_the_name_of_the_registry_is_a_mistake(site: Site, section: str) -> None:
    """Image names carry it, patterns do not."""
    value = "{signed_by: released}" if section == "repositories" else "enforce"
    text = compose(**{section: f"{{'registry.example.com/shop/**': {value}}}"})
    assert site.problems(text) == [
        f'1: {section}."registry.example.com/shop/**": patterns have no registry in front; write "shop/**"'
    ]


def test_a_wrong_pattern_is_reported_where_it_stands(site: Site) -> None:
    """The sentence is the pattern's own."""
    text = compose(
        repositories="\n  'Shop/*': {signed_by: released}"
        "\n  shop: {signed_by: released, tags: {'': {signed_by: released}}}"
    )
    assert site.problems(text) == [
        (
            '2: repositories."Shop/*": "Shop/*" is no pattern of repositories; '
            'use a-z, 0-9, ".", "_", "-", "/" and "*" only'
        ),
        '3: repositories.shop.tags."": "" is no pattern of tags; use letters, digits, "_", ".", "-" and "*" only',
    ]
