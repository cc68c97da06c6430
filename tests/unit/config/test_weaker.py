"""Warnings where a more specific entry asks for less than the one that it hides."""

import pytest

from tests.unit.config.site import Site, compose

STRICT = "{at_least: 2, of: [alice, ci, qa]}"
UNTIL = "until: 2027-01-31T00:00:00Z, reason: OPS-1"


def warnings(site: Site, hidden: str, specific: str) -> list[str]:
    """What is said of shop/api beside shop/**."""
    return site.warnings(compose(repositories=f"\n  'shop/**': {hidden}\n  shop/api: {specific}"))


@pytest.mark.parametrize(
    ("hidden", "specific", "lacks"),
    [
        pytest.param(
            f"{{signed_by: {STRICT}}}",
            "{signed_by: {any_of: [alice, ci, qa]}}",
            "1 of alice, ci, qa instead of 2 of alice, ci, qa",
            id="fewer-signatures",
        ),
        pytest.param(
            "{signed_by: {all_of: [alice, ci]}}",
            f"{{signed_by: {STRICT}}}",
            "2 of alice, ci, qa instead of 2 of alice, ci",
            id="as-many-from-a-wider-circle",
        ),
        pytest.param(
            "{signed_by: {any_of: [ci]}}", "{signed_by: released}", "released instead of 1 of ci", id="nobody-by-name"
        ),
        pytest.param(
            "{signed_by: {any_of: [ci]}, tags: {'v*': {signed_by: {all_of: [alice, ci]}}}}",
            "{signed_by: {any_of: [ci]}}",
            '1 of ci instead of 2 of alice, ci for tags "v*"',
            id="forgotten-tags",
        ),
        pytest.param(
            "{signed_by: {any_of: [ci]}, tags: {'v*': {signed_by: {all_of: [alice, ci]}}}}",
            "{signed_by: {any_of: [ci]}, tags: {'v*': {signed_by: {first_of: [ci, qa]}}}}",
            'the first of ci, qa instead of 2 of alice, ci for tags "v*"',
            id="weaker-tags",
        ),
        pytest.param(
            "{signed_by: {any_of: [ci]}, tags: {'v*': {signed_by: {all_of: [alice, ci]}}}}",
            "{signed_by: {any_of: [ci]}, tags: {'v1*': {signed_by: {all_of: [alice, ci, qa]}}}}",
            '1 of ci instead of 2 of alice, ci for tags "v*"',
            id="only-some-of-the-tags",
        ),
        pytest.param(
            "{signed_by: {all_of: [alice, ci]}}",
            "{signed_by: {all_of: [alice, ci]}, tags: {'v*': {signed_by: released}}}",
            'released instead of 2 of alice, ci for tags "v*"',
            id="tags-of-its-own",
        ),
        pytest.param(
            "{signed_by: released}",
            "{signed_by: released, superseded_for: 25h}",
            "digests stay admitted longer after their tag was signed anew",
            id="superseded-for",
        ),
        pytest.param(
            "{signed_by: released}",
            "{signed_by: released, fresh_for: 31s}",
            "revocations are noticed later",
            id="fresh-for",
        ),
        pytest.param(
            "{signed_by: released, outage_for: 1h}",
            "{signed_by: released}",
            "trust data serves longer while Notary is away",
            id="outage-for",
        ),
        pytest.param(
            "{signed_by: released}",
            f"{{signed_by: released, digest_pull: {{any: true, {UNTIL}}}}}",
            "any digest may be pulled",
            id="any-digest",
        ),
        pytest.param(
            "{signed_by: {any_of: [ci]}}",
            "{signed_by: {any_of: [ci]}, released: ignored}",
            "releases are ignored",
            id="released-ignored",
        ),
        pytest.param(
            "{signed_by: released}",
            "{signed_by: released, fallback_to_targets: true}",
            "tags may come from targets",
            id="fallback-to-targets",
        ),
    ],
)
def test_asking_for_less_is_warned_of(site: Site, hidden: str, specific: str, lacks: str) -> None:
    """The warning names both entries and what is missing."""
    assert warnings(site, hidden, specific) == [
        f'3: repositories."shop/api": this asks for less than "shop/**" on line 2, which it hides: {lacks}'
    ]


def test_everything_that_is_less_is_in_one_warning(site: Site) -> None:
    """Trust on first use has a warning of its own besides."""
    first, second = warnings(
        site, "{signed_by: {any_of: [ci]}}", "{signed_by: released, roots: tofu, fallback_to_targets: true}"
    )
    assert first.startswith('3: repositories."shop/api".roots: trust on first use')
    assert second == (
        '3: repositories."shop/api": this asks for less than "shop/**" on line 2, which it hides: '
        "released instead of 1 of ci; tags may come from targets; roots are trusted on first use"
    )


@pytest.mark.parametrize(
    ("hidden", "specific"),
    [
        pytest.param("{signed_by: {any_of: [ci]}}", "{signed_by: {all_of: [alice, ci]}}", id="more"),
        pytest.param("{signed_by: {any_of: [ci]}}", "{signed_by: {any_of: [alice]}}", id="other-people"),
        pytest.param("{signed_by: {any_of: [ci, qa]}}", "{signed_by: {first_of: [ci]}}", id="fewer-people-who-may"),
        pytest.param("{signed_by: released}", "{signed_by: released}", id="the-same"),
        pytest.param(
            "{signed_by: released, fallback_to_targets: true, released: ignored, roots: [corp], "
            f"digest_pull: {{any: true, {UNTIL}}}}}",
            "{signed_by: released}",
            id="stricter",
        ),
        pytest.param(
            "{signed_by: {any_of: [ci]}, tags: {'v*': {signed_by: {all_of: [alice, ci]}}}}",
            "{signed_by: {all_of: [alice, ci]}, tags: {'r*': {signed_by: {any_of: [ci]}}}}",
            id="tags-covered-by-the-entry",
        ),
    ],
)
def test_no_less_is_no_warning(site: Site, hidden: str, specific: str) -> None:
    """Only clear cases are named, so that a warning means something."""
    assert warnings(site, hidden, specific) == []


def test_only_the_entry_that_would_hold_otherwise_is_compared(site: Site) -> None:
    """Of several hidden entries it is the most specific one; others hold nowhere here anyway."""
    text = compose(
        repositories="\n  '**': {signed_by: {all_of: [alice, ci]}}\n  'shop/**': {signed_by: {any_of: [ci]}}"
        "\n  shop/api: {signed_by: {any_of: [ci]}}\n  team/api: {signed_by: {all_of: [alice, ci]}}"
    )
    assert site.warnings(text) == [
        (
            '3: repositories."shop/**": this asks for less than "**" on line 2, which it hides: '
            "1 of ci instead of 2 of alice, ci"
        )
    ]
