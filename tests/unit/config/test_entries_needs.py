"""Entries of `repositories`: the signers, the Notary and the roots without which nothing can be decided."""

import pytest

from tests.unit.config.entries import TWO_NOTARIES
from tests.unit.config.site import ROOT_ID, Site, compose

TOFU = (
    "trust on first use: whoever answers first for a collection is believed from then on; "
    "pin its root as soon as you know it (tagwarden pin)"
)
NO_ROOTS = (
    "nothing anchors the trust data from here; to begin, write roots: tofu, then run tagwarden pin "
    "and name the roots that it prints"
)


@pytest.mark.parametrize(
    ("sections", "lines"),
    [
        pytest.param(
            {"repositories": "{'shop/**': {}}"},
            ['1: repositories."shop/**".signed_by: nobody is named who must sign; add signed_by here or to defaults'],
            id="nobody-must-sign",
        ),
        pytest.param(
            {"notaries": "{}"},
            ['7: repositories."shop/**".notary: there is no Notary to ask; define one under notaries'],
            id="no-notary",
        ),
        pytest.param(
            {"notaries": TWO_NOTARIES},
            ['7: repositories."shop/**".notary: there are several notaries; write which one to ask: corp, other'],
            id="two-notaries",
        ),
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: released, notary: crop}}"},
            ['1: repositories."shop/**".notary: there is no "crop" under notaries; did you mean "corp"?'],
            id="misspelt-notary",
        ),
        pytest.param(
            {"defaults": "{notary: crop, roots: [crop], signed_by: {any_of: [alcie]}}"},
            [
                '1: defaults.signed_by.any_of[0]: there is no "alcie" under signers; did you mean "alice"?',
                '1: defaults.roots[0]: there is no "crop" under roots; did you mean "corp"?',
                '1: defaults.notary: there is no "crop" under notaries; did you mean "corp"?',
            ],
            id="defaults-are-checked-once-though-used-by-an-entry",
        ),
        pytest.param(
            {
                "defaults": "{signed_by: {any_of: [alcie]}, roots: [crop], gun: '{host}'}",
                "repositories": "{shop: {signed_by: released, roots: [corp], gun: x}}",
            },
            [
                '1: defaults.signed_by.any_of[0]: there is no "alcie" under signers; did you mean "alice"?',
                '1: defaults.roots[0]: there is no "crop" under roots; did you mean "corp"?',
                "1: defaults.gun: only {name}, {repository} and {rest} can be filled in; remove other braces",
            ],
            id="defaults-are-checked-though-no-entry-uses-them",
        ),
        pytest.param(
            {
                "notaries": "{corp: {url: 'https://notary', roots: [corp]}, x: {url: 'https://x', roots: [crop]}}",
                "defaults": "{notary: corp}",
            },
            ['1: notaries.x.roots[0]: there is no "crop" under roots; did you mean "corp"?'],
            id="roots-of-a-notary-that-no-entry-uses",
        ),
        pytest.param(
            {"notaries": "{corp: {url: 'https://notary'}}"},
            [f"1: notaries.corp.roots: {NO_ROOTS}"],
            id="nothing-anchors-the-notary",
        ),
        pytest.param(
            {"repositories": "{shop: {signed_by: released, roots: [crop]}}"},
            ['1: repositories.shop.roots[0]: there is no "crop" under roots; did you mean "corp"?'],
            id="misspelt-root",
        ),
        pytest.param(
            {"repositories": "{shop: {signed_by: released, roots: [corp, corp]}}"},
            ['1: repositories.shop.roots[1]: "corp" is in this list already; remove one'],
            id="same-root-twice",
        ),
        pytest.param(
            {"repositories": "{shop: {signed_by: released, roots: [tofu]}}"},
            ["1: repositories.shop.roots: tofu stands alone; write roots: tofu, or name roots only"],
            id="tofu-in-a-list",
        ),
        pytest.param(
            {"notaries": "{corp: {url: 'https://notary', roots: [corp, tofu]}}"},
            ["1: notaries.corp.roots: tofu stands alone; write roots: tofu, or name roots only"],
            id="tofu-beside-a-root",
        ),
    ],
)
def test_what_an_entry_needs_and_lacks(site: Site, sections: dict[str, str], lines: list[str]) -> None:
    """Everything that a decision rests on has to be there and to be unambiguous."""
    assert site.problems(compose(**sections)) == lines


def test_a_notary_without_roots_is_fine_where_entries_have_them(site: Site) -> None:
    """One of the two places has to say what anchors trust."""
    text = compose(
        notaries="{corp: {url: 'https://notary'}}", repositories="{shop: {signed_by: released, roots: [corp]}}"
    )
    assert site.problems(text) == []


def test_roots_of_a_list_form_one_pinned_set(site: Site) -> None:
    """Each entry of `roots` keeps its own permission for wildcard names."""
    other = "f" * 64
    settings = site.load(
        compose(
            roots=f"{{corp: {{public_key_ids: ['{ROOT_ID}']}}, "
            f"next: {{public_key_ids: ['{other}'], allow_wildcard_name: true}}}}",
            notaries="{corp: {url: 'https://notary', roots: [corp, next]}}",
        )
    )
    pins = settings.policy.entries[0].pins
    assert [(pin.name, pin.allow_wildcard_name) for pin in pins.entries] == [("corp", False), ("next", True)]


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        pytest.param({"notaries": "{corp: {url: 'https://notary', roots: tofu}}"}, "notaries.corp.roots", id="notary"),
        pytest.param({"defaults": "{roots: tofu}"}, "defaults.roots", id="defaults"),
        pytest.param(
            {"repositories": "{shop: {signed_by: released, roots: tofu}}"}, "repositories.shop.roots", id="entry"
        ),
    ],
)
def test_trust_on_first_use_is_said_aloud(site: Site, sections: dict[str, str], path: str) -> None:
    """It is asked for in words, and warned of once for each place that asks."""
    assert site.warnings(compose(**sections)) == [f"1: {path}: {TOFU}"]
    assert site.load(compose(**sections)).policy.entries[0].pins.is_tofu
