"""Entries of `repositories`: defaults, Notary, GUN, roots, digests, and rules with names of signers."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.names import Repository
from proxy.policy.entries import AnyDigest, Entry
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer
from proxy.tuf.pins import Pins
from tests.unit.config.site import ROOT_ID, Site, compose

ALICE, CI, QA = (Signer(name, None) for name in ("alice", "ci", "qa"))
TWO_NOTARIES = "{corp: {url: 'https://notary', roots: [corp]}, other: {url: 'https://other', roots: [corp]}}"
TOFU = (
    "trust on first use: whoever answers first for a collection is believed from then on; "
    "pin its root as soon as you know it (tagwarden pin)"
)
NO_ROOTS = (
    "nothing anchors the trust data from here; to begin, write roots: tofu, then run tagwarden pin "
    "and name the roots that it prints"
)


def entry(site: Site, own: str, **sections: str) -> Entry:
    """The entry shop/** that has these keys."""
    return site.load(compose(repositories=f"{{'shop/**': {own}}}", **sections)).policy.entries[0]


def test_what_is_left_out_is_built_in(site: Site) -> None:
    """The documented defaults of an entry."""
    found = entry(site, "{signed_by: released}")
    assert (found.pattern, found.signed_by, found.tags) == ("shop/**", Released(), ())
    assert (found.notary, found.gun_template) == ("corp", "{name}/{repository}")
    assert [pin.public_key_ids for pin in found.pins.entries] == [{ROOT_ID}]
    assert (found.any_digest, found.fresh_for) == (None, timedelta(seconds=30))
    assert (found.released_required, found.fallback_to_targets) == (True, False)


def test_an_entry_says_all_itself(site: Site) -> None:
    """Its own keys come before the defaults of the file."""
    found = entry(
        site,
        "{signed_by: {any_of: [alice]}, notary: other, gun: 'x/{rest}', roots: tofu, fresh_for: 5m, released: ignored, "
        "fallback_to_targets: true, digest_pull: {any: true, until: 2027-01-31T00:00:00Z, reason: OPS-1}}",
        notaries=TWO_NOTARIES,
        defaults="{signed_by: released, notary: corp, gun: '{name}/{repository}', roots: [corp], fresh_for: 1s, "
        "released: required, fallback_to_targets: false, digest_pull: signed}",
    )
    assert (found.signed_by, found.notary, found.gun_template) == (AnyOf((ALICE,)), "other", "x/{rest}")
    assert (found.pins, found.fresh_for) == (Pins.tofu(), timedelta(minutes=5))
    assert (found.released_required, found.fallback_to_targets) == (False, True)
    assert found.any_digest == AnyDigest(datetime(2027, 1, 31, tzinfo=UTC), "OPS-1")


def test_defaults_fill_in_what_an_entry_leaves_out(site: Site) -> None:
    """Everything but `tags` may stand in `defaults`."""
    found = entry(
        site,
        "{}",
        notaries=TWO_NOTARIES,
        defaults="{signed_by: {all_of: [alice, qa]}, notary: other, gun: '{name}/mirror/{repository}', roots: tofu, "
        "fresh_for: 0s, released: ignored, fallback_to_targets: true, "
        "digest_pull: {any: true, until: 2027-01-31T00:00:00Z, reason: OPS-1}}",
    )
    assert (found.signed_by, found.notary) == (AllOf((ALICE, QA)), "other")
    assert found.gun("registry.example.com", Repository("shop/api")) == "registry.example.com/mirror/shop/api"
    assert (found.pins, found.fresh_for) == (Pins.tofu(), timedelta(0))
    assert (found.released_required, found.fallback_to_targets) == (False, True)
    assert found.any_digest == AnyDigest(datetime(2027, 1, 31, tzinfo=UTC), "OPS-1")


def test_a_strict_entry_stays_strict_under_lax_defaults(site: Site) -> None:
    """A false or a `signed` of an entry's own is not overlooked."""
    found = entry(
        site,
        "{signed_by: released, released: required, fallback_to_targets: false, digest_pull: signed}",
        defaults="{released: ignored, fallback_to_targets: true, "
        "digest_pull: {any: true, until: 2027-01-31T00:00:00Z, reason: OPS-1}}",
    )
    assert (found.released_required, found.fallback_to_targets, found.any_digest) == (True, False, None)


@pytest.mark.parametrize(
    ("rule", "signed_by"),
    [
        pytest.param("released", Released(), id="released"),
        pytest.param("{any_of: [alice, ci]}", AnyOf((ALICE, CI)), id="any_of"),
        pytest.param("{first_of: [ci, alice]}", FirstOf((CI, ALICE)), id="first_of-keeps-its-order"),
        pytest.param("{all_of: [alice, qa]}", AllOf((ALICE, QA)), id="all_of"),
        pytest.param("{at_least: 2, of: [alice, ci, qa]}", AtLeast(2, (ALICE, CI, QA)), id="at_least"),
        pytest.param("{at_least: 3, of: [alice, ci, qa]}", AtLeast(3, (ALICE, CI, QA)), id="at_least-all"),
    ],
)
def test_a_rule_names_signers(site: Site, rule: str, signed_by: SignedBy) -> None:
    """Each form becomes the rule of that name, for an entry as for its tags."""
    found = entry(site, f"{{signed_by: {rule}, tags: {{'v*': {{signed_by: {rule}}}}}}}")
    assert (found.signed_by, found.tags) == (signed_by, (("v*", signed_by),))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        pytest.param(
            "{}",
            "signed_by: exactly one of any_of, first_of, all_of and at_least is wanted; write the one you mean",
            id="nothing",
        ),
        pytest.param(
            "{any_of: [ci], all_of: [alice]}",
            "signed_by: exactly one of any_of, first_of, all_of and at_least is wanted; write the one you mean",
            id="two-forms",
        ),
        pytest.param(
            "{at_least: 2}",
            "signed_by: at_least counts signers; add their names, such as of: [alice, ci]",
            id="count-of-nobody",
        ),
        pytest.param(
            "{any_of: [ci], of: [alice]}",
            "signed_by.of: of belongs to at_least; add how many must sign, such as at_least: 2",
            id="of-without-count",
        ),
        pytest.param(
            "{at_least: 3, of: [alice, ci]}",
            "signed_by.at_least: 2 signers can never give 3 signatures; lower the number or name more",
            id="more-than-there-are",
        ),
        pytest.param(
            "{at_least: 0, of: [alice, ci]}",
            "signed_by.at_least: a whole number is wanted here; write 1, 2 or more, without quotes",
            id="nobody-is-needed",
        ),
        pytest.param(
            "{at_least: -1, of: [alice, ci]}",
            "signed_by.at_least: a whole number is wanted here; write 1, 2 or more, without quotes",
            id="less-than-nobody",
        ),
        pytest.param(
            "{any_of: []}",
            "signed_by.any_of: this list is empty; write at least one value, or remove the key",
            id="any-of-nobody",
        ),
        pytest.param(
            "{all_of: [alice, ci, alice]}",
            'signed_by.all_of[2]: "alice" is in this list already; remove one',
            id="same-signer-twice",
        ),
        pytest.param(
            "{any_of: [alcie]}",
            'signed_by.any_of[0]: there is no "alcie" under signers; did you mean "alice"?',
            id="misspelt-signer",
        ),
        pytest.param(
            "{any_of: [somebody]}",
            'signed_by.any_of[0]: there is no "somebody" under signers; define it there, or correct the name',
            id="unknown-signer",
        ),
        pytest.param(
            "{any_of: [ci, releases]}",
            "signed_by.any_of[1]: a release is no signer; write signed_by: released alone, or only name signers here",
            id="release-as-signer",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(site: Site, rule: str, line: str) -> None:
    """No rule is ever read as one that asks for less."""
    text = compose(repositories=f"{{'shop/**': {{signed_by: {rule}}}}}")
    assert site.problems(text) == [f'1: repositories."shop/**".{line}']


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


def test_no_entries_at_all_are_warned_of(site: Site) -> None:
    """Everything is refused, which is safe and hardly meant; then no Notary is needed either."""
    text = compose(repositories="{}", notaries="{}")
    assert site.warnings(text) == [
        "1: repositories: there is no entry here, so every pull is refused; add who must sign what"
    ]
    assert site.load(text).policy.entries == ()
