"""Entries of `repositories`: their own values, those of `defaults`, and those that are built in."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from proxy.names import Repository
from proxy.policy.entries import AnyDigest
from proxy.policy.signers import AllOf, AnyOf, Released
from proxy.tuf.pins import Pins
from tests.unit.config.entries import ALICE, QA, TWO_NOTARIES, entry
from tests.unit.config.site import ROOT_ID, Site, compose


def test_what_is_left_out_is_built_in(site: Site) -> None:
    """The documented defaults of an entry."""
    found = entry(site, "{signed_by: released}")
    assert (found.pattern, found.signed_by, found.tags) == ("shop/**", Released(), ())
    assert (found.notary, found.gun_template) == ("corp", "{name}/{repository}")
    assert [pin.public_key_ids for pin in found.pins.entries] == [{ROOT_ID}]
    assert (found.any_digest, found.fresh_for) == (None, timedelta(seconds=30))
    assert (found.released_required, found.fallback_to_targets) == (True, False)
    assert (found.superseded_for, found.lists_signed_tags) == (timedelta(hours=24), False)
    assert (found.outage_for, found.expiry_grace) == (timedelta(hours=24), timedelta(0))


def test_an_entry_says_all_itself(site: Site) -> None:
    """Its own keys come before the defaults of the file."""
    found = entry(
        site,
        "{signed_by: {any_of: [alice]}, notary: other, gun: 'x/{rest}', roots: tofu, fresh_for: 5m, released: ignored, "
        "fallback_to_targets: true, digest_pull: {any: true, until: 2027-01-31T00:00:00Z, reason: OPS-1}, "
        "superseded_for: 7d, tags_list: signed, outage_for: 6h, expiry_grace: 30d}",
        notaries=TWO_NOTARIES,
        defaults="{signed_by: released, notary: corp, gun: '{name}/{repository}', roots: [corp], fresh_for: 1s, "
        "released: required, fallback_to_targets: false, digest_pull: signed, superseded_for: 1s, tags_list: all, "
        "outage_for: 1h, expiry_grace: 0s}",
    )
    assert (found.signed_by, found.notary, found.gun_template) == (AnyOf((ALICE,)), "other", "x/{rest}")
    assert (found.pins, found.fresh_for) == (Pins.tofu(), timedelta(minutes=5))
    assert (found.released_required, found.fallback_to_targets) == (False, True)
    assert found.any_digest == AnyDigest(datetime(2027, 1, 31, tzinfo=UTC), "OPS-1")
    assert (found.superseded_for, found.lists_signed_tags) == (timedelta(days=7), True)
    assert (found.outage_for, found.expiry_grace) == (timedelta(hours=6), timedelta(days=30))


def test_defaults_fill_in_what_an_entry_leaves_out(site: Site) -> None:
    """Everything but `tags` may stand in `defaults`."""
    found = entry(
        site,
        "{}",
        notaries=TWO_NOTARIES,
        defaults="{signed_by: {all_of: [alice, qa]}, notary: other, gun: '{name}/mirror/{repository}', roots: tofu, "
        "fresh_for: 0s, released: ignored, fallback_to_targets: true, "
        "digest_pull: {any: true, until: 2027-01-31T00:00:00Z, reason: OPS-1}, superseded_for: 0s, tags_list: signed, "
        "outage_for: 0s, expiry_grace: 1h}",
    )
    assert (found.superseded_for, found.lists_signed_tags) == (timedelta(0), True)
    assert (found.outage_for, found.expiry_grace) == (timedelta(0), timedelta(hours=1))
    assert (found.signed_by, found.notary) == (AllOf((ALICE, QA)), "other")
    assert found.gun("registry.example.com", Repository("shop/api")) == "registry.example.com/mirror/shop/api"
    assert (found.pins, found.fresh_for) == (Pins.tofu(), timedelta(0))
    assert (found.released_required, found.fallback_to_targets) == (False, True)
    assert found.any_digest == AnyDigest(datetime(2027, 1, 31, tzinfo=UTC), "OPS-1")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        pytest.param(
            "tags_list",
            "none",
            '"none" is neither of the two possible words; write all or signed',
            id="tags_list-other-word",
        ),
        pytest.param(
            "tags_list", "true", "true is neither of the two possible words; write all or signed", id="tags_list-flag"
        ),
        pytest.param(
            "outage_for",
            "24",
            "24 has no unit; write 24s for seconds (ms, s, m, h and d are possible)",
            id="outage_for-without-unit",
        ),
        pytest.param(
            "expiry_grace",
            "forever",
            '"forever" is no duration; write a whole number and a unit, such as 500ms, 30s, 5m or 24h',
            id="expiry_grace-word",
        ),
        pytest.param(
            "superseded_for",
            "24",
            "24 has no unit; write 24s for seconds (ms, s, m, h and d are possible)",
            id="superseded_for-without-unit",
        ),
        pytest.param(
            "superseded_for",
            "never",
            '"never" is no duration; write a whole number and a unit, such as 500ms, 30s, 5m or 24h',
            id="superseded_for-word",
        ),
        pytest.param(
            "superseded_for",
            "4000d",
            '"4000d" is more than ten years; write at most 3650d',
            id="superseded_for-too-long",
        ),
    ],
)
@pytest.mark.parametrize("place", ["defaults", "entry"])
def test_a_wrong_value_of_an_entry_is_named(site: Site, place: str, key: str, value: str, sentence: str) -> None:
    """The same holds in an entry and in `defaults`."""
    if place == "defaults":
        assert site.problems(compose(defaults=f"{{{key}: {value}}}")) == [f"1: defaults.{key}: {sentence}"]
    else:
        text = compose(repositories=f"{{shop: {{signed_by: released, {key}: {value}}}}}")
        assert site.problems(text) == [f"1: repositories.shop.{key}: {sentence}"]


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        pytest.param({"defaults": "{fresh_for: 3601s}"}, "defaults.fresh_for", id="defaults"),
        pytest.param(
            {"repositories": "{shop: {signed_by: released, fresh_for: 1d}}"}, "repositories.shop.fresh_for", id="entry"
        ),
        pytest.param({"defaults": "{fresh_for: 1h}"}, "", id="still-sensible"),
    ],
)
def test_trust_data_that_stays_fresh_for_long_is_warned_of(site: Site, sections: dict[str, str], path: str) -> None:
    """Until Notary is asked again, nobody hears of a revocation."""
    sentence = "a revoked tag may be served for all of this time; write 1h or less"
    assert site.warnings(compose(**sections)) == ([f"1: {path}: {sentence}"] if path else [])


CUT_OFF: Final = (
    "whoever can keep Notary out of reach keeps a revoked tag served for all of this time; write 14d or less"
)
NO_OUTAGE: Final = "this is not longer than fresh_for, so it is as good as none; write more, or 0s for none"
GRACE: Final = (
    "expired trust data counts for this time, so whoever holds back news gains as much; "
    "remove it unless Notary is behind an air gap"
)


@pytest.mark.parametrize(
    ("defaults", "own", "warned"),
    [
        pytest.param("{outage_for: 14d}", "", [], id="as-long-as-a-freeze"),
        pytest.param("{outage_for: 15d}", "", [f"1: defaults.outage_for: {CUT_OFF}"], id="longer-than-a-freeze"),
        pytest.param("{}", "outage_for: 15d", [f"2: repositories.shop.outage_for: {CUT_OFF}"], id="of-an-entry"),
        pytest.param("{outage_for: 0s}", "", [], id="no-outage"),
        pytest.param("{outage_for: 31s}", "", [], id="longer-than-fresh"),
        pytest.param("{outage_for: 30s}", "", [f"1: defaults.outage_for: {NO_OUTAGE}"], id="as-long-as-fresh"),
        pytest.param("{outage_for: 1m}", "fresh_for: 5m", [f"1: defaults.outage_for: {NO_OUTAGE}"], id="fresh-longer"),
        pytest.param("{expiry_grace: 0s}", "", [], id="no-grace"),
        pytest.param("{expiry_grace: 1ms}", "", [f"1: defaults.expiry_grace: {GRACE}"], id="grace"),
        pytest.param("{}", "expiry_grace: 30d", [f"2: repositories.shop.expiry_grace: {GRACE}"], id="own-grace"),
        pytest.param("{expiry_grace: 30d}", "expiry_grace: 0s", [], id="grace-that-is-not-for-it"),
    ],
)
def test_what_an_absent_notary_costs_is_warned_of(site: Site, defaults: str, own: str, warned: list[str]) -> None:
    """Time that whoever holds back news can gain, and time that nobody gets."""
    repositories = f"{{shop: {{signed_by: released{', ' if own else ''}{own}}}}}"
    assert site.warnings(compose(defaults=defaults, repositories=repositories)) == warned


def test_a_strict_entry_stays_strict_under_lax_defaults(site: Site) -> None:
    """A false or a `signed` of an entry's own is not overlooked."""
    found = entry(
        site,
        "{signed_by: released, released: required, fallback_to_targets: false, digest_pull: signed, "
        "superseded_for: 0s, tags_list: all, outage_for: 0s, expiry_grace: 0s}",
        defaults="{released: ignored, fallback_to_targets: true, superseded_for: 30d, tags_list: signed, "
        "outage_for: 14d, expiry_grace: 30d, "
        "digest_pull: {any: true, until: 2027-01-31T00:00:00Z, reason: OPS-1}}",
    )
    assert (found.released_required, found.fallback_to_targets, found.any_digest) == (True, False, None)
    assert (found.superseded_for, found.lists_signed_tags) == (timedelta(0), False)
    assert (found.outage_for, found.expiry_grace) == (timedelta(0), timedelta(0))


def test_no_entries_at_all_are_warned_of(site: Site) -> None:
    """Everything is refused, which is safe and hardly meant; then no Notary is needed either."""
    text = compose(repositories="{}", notaries="{}")
    assert site.warnings(text) == [
        "1: repositories: there is no entry here, so every pull is refused; add who must sign what"
    ]
    assert site.load(text).policy.entries == ()
