"""Entries of `repositories`: the templates that say where Notary has their trust data."""

import pytest

from tests.unit.config.site import Site, compose


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        *(
            pytest.param(
                template,
                "only {name}, {repository} and {rest} can be filled in; remove other braces",
                id=name,
            )
            for name, template in {
                "other-placeholder": "{host}/{repository}",
                "attribute": "{name.__class__}/{repository}",
                "index": "{name[0]}/{repository}",
                "format": "{name!r:>100000000}",
                "empty-braces": "{}/{repository}",
                "open-brace": "{name}/{repository",
                "doubled-braces": "{{name}}/{repository}",
            }.items()
        ),
        *(
            pytest.param(
                template, f'"{template}" makes no name that Notary can have; check slashes and spaces', id=name
            )
            for name, template in {
                "leading-slash": "/{repository}",
                "double-slash": "{name}//{repository}",
                "dots": "{name}/../{repository}",
                "blank": "{name}/ {repository}",
                "query": "{name}/{repository}?x",
                "star": "{name}/*/{repository}",
                "not-ascii": "{name}/\u0455hop/{repository}",
            }.items()
        ),
    ],
)
def test_a_gun_template_fills_in_three_words_only(site: Site, template: str, sentence: str) -> None:
    """A template can neither reach into the program nor out of Notary's path."""
    text = compose(repositories=f"{{'shop/**': {{signed_by: released, gun: '{template}'}}}}")
    assert site.problems(text) == [f'1: repositories."shop/**".gun: {sentence}']


def test_the_rest_needs_a_pattern_that_has_one(site: Site) -> None:
    """Also where the template comes from `defaults`."""
    sentence = '{rest} is what "**" stands for, and "shop/*" has none; write {repository}'
    own = compose(repositories="{'shop/*': {signed_by: released, gun: 'x/{rest}'}}")
    assert site.problems(own) == [f'1: repositories."shop/*".gun: {sentence}']
    inherited = compose(
        defaults="{gun: 'x/{rest}'}", repositories="{'shop/*': {signed_by: released}, 'lib/**': {signed_by: released}}"
    )
    assert site.problems(inherited) == [f"1: defaults.gun: {sentence}"]
    literal = compose(repositories="{shop: {signed_by: released, gun: 'x/{rest}'}}")
    assert site.problems(literal) == [
        '1: repositories.shop.gun: {rest} is what "**" stands for, and "shop" has none; write {repository}'
    ]


@pytest.mark.parametrize(
    ("pattern", "template", "warned"),
    [
        pytest.param("shop/*", "corp/shop", True, id="constant-for-a-segment"),
        pytest.param("shop/**", "corp/shop", True, id="constant-for-a-rest"),
        pytest.param("*/api/**", "corp/{rest}", True, id="rest-behind-a-star"),
        pytest.param("shop/**", "corp/{rest}", False, id="rest-behind-literals"),
        pytest.param("**", "corp/{rest}", False, id="rest-of-everything"),
        pytest.param("*/api/**", "corp/{repository}", False, id="repository"),
        pytest.param("shop/api", "corp/shop", False, id="constant-for-one-repository"),
    ],
)
def test_repositories_that_share_trust_data_are_warned_of(
    site: Site, pattern: str, template: str, *, warned: bool
) -> None:
    """A tag signed for one of them would count for the others, which can be meant and should not go unnoticed."""
    text = compose(repositories=f"{{'{pattern}': {{signed_by: released, gun: '{template}'}}}}")
    sentence = (
        f'1: repositories."{pattern}".gun: several repositories of "{pattern}" get the same trust data, '
        "so a tag signed for one counts for all; put {repository} or {rest} into gun"
    )
    assert site.warnings(text) == ([sentence] if warned else [])
