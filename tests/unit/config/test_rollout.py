"""How far repositories are rolled out, and what holds on the day a relaxation ends."""

from datetime import UTC, datetime

import pytest

from proxy.names import Repository
from proxy.policy.entries import Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern
from tests.unit.config.site import Site, compose

UNTIL = datetime(2027, 1, 31, 7, tzinfo=UTC)


def test_relaxations_have_a_mode_an_end_and_a_reason(site: Site) -> None:
    """What is not listed is enforced, and so is everything after the end."""
    policy = site.load(
        compose(
            rollout="{'shop/**': enforce, "
            "'shop/old': {mode: audit, until: '2027-01-31T08:00:00+01:00', reason: OPS-1}, "
            "'shop/x*': {mode: disabled, until: 2027-01-31T07:00:00Z, reason: OPS-2}}"
        )
    ).policy
    assert policy.rollout == (
        Relaxation(RepositoryPattern("shop/**"), Mode.ENFORCE, None, None),
        Relaxation(RepositoryPattern("shop/old"), Mode.AUDIT, UNTIL, "OPS-1"),
        Relaxation(RepositoryPattern("shop/x*"), Mode.DISABLED, UNTIL, "OPS-2"),
    )
    assert policy.mode_for(Repository("shop/old"), UNTIL) is Mode.ENFORCE


@pytest.mark.parametrize("mode", ["audit", "disabled"])
def test_a_relaxation_needs_a_rule_for_the_day_it_ends(site: Site, mode: str) -> None:
    """Otherwise every pull would be refused on that day, and nobody would have been told."""
    text = compose(rollout=f"{{'team/**': {{mode: {mode}, until: 2027-01-31T07:00:00Z, reason: OPS-1}}}}")
    assert site.problems(text) == [
        (
            '1: rollout."team/**": no entry of repositories matches any repository of this pattern, '
            "so all are refused after until; add the entry that holds then"
        )
    ]


def test_protect_needs_neither_end_nor_reason(site: Site) -> None:
    """It only ever becomes stricter, so nobody has to come back for it."""
    policy = site.load(compose(rollout="{'shop/**': protect}")).policy
    assert policy.rollout == (Relaxation(RepositoryPattern("shop/**"), Mode.PROTECT, None, None),)
    assert policy.mode_for(Repository("shop/old"), UNTIL) is Mode.PROTECT


def test_protect_without_an_entry_protects_nothing(site: Site) -> None:
    """Without a rule there is no collection, and everything would pass for good, without an end and a reason."""
    assert site.problems(compose(rollout="{'team/**': protect}")) == [
        (
            '1: rollout."team/**": no entry of repositories matches any repository of this pattern, '
            "so nothing is protected and everything passes; add the entry"
        )
    ]


@pytest.mark.parametrize(
    ("pattern", "entries", "warned"),
    [
        pytest.param("shop/**", ["shop/**"], False, id="the-same"),
        pytest.param("shop/**", ["**"], False, id="everything"),
        pytest.param("shop/*", ["shop/**"], False, id="segment-of-a-rest"),
        pytest.param("shop/api*", ["shop/a*"], False, id="shorter-prefix"),
        pytest.param("*/api", ["**"], False, id="segment-in-front"),
        pytest.param("shop/api", ["shop/*"], False, id="one-repository"),
        pytest.param("shop/api", ["shop/api"], False, id="one-repository-by-its-name"),
        pytest.param("shop/**", ["shop/*", "shop/*/**"], False, id="two-that-are-all-together"),
        pytest.param("shop/**", ["shop/*", "shop/*/*"], True, id="not-deep-enough"),
        pytest.param("shop/**", ["shop/api"], True, id="one-of-many"),
        pytest.param("shop/a*", ["shop/ab*"], True, id="longer-prefix"),
        pytest.param("**", ["*/**"], True, id="names-of-one-segment"),
        pytest.param("*/api", ["shop/**"], True, id="one-segment-in-front"),
    ],
)
def test_protect_is_warned_of_where_some_have_no_entry(
    site: Site, pattern: str, entries: list[str], *, warned: bool
) -> None:
    """The part without an entry passes for good, which the word does not say."""
    text = compose(
        rollout=f"{{'{pattern}': protect}}",
        repositories=f"{{{', '.join(f'{entry!r}: {{signed_by: released}}' for entry in entries)}}}",
    )
    warning = (
        "some repositories of this pattern have no entry of repositories, so nothing of theirs is ever protected; "
        "add an entry for them, or make this pattern narrower"
    )
    shown = f'"{pattern}"'
    assert site.warnings(text) == ([f"1: rollout.{shown}: {warning}"] if warned else [])


def test_to_enforce_what_no_entry_matches_is_warned_of(site: Site) -> None:
    """It is as safe as it is useless, and probably misspelt."""
    assert site.warnings(compose(rollout="{'team/**': enforce}")) == [
        (
            '1: rollout."team/**": no entry of repositories matches any repository of this pattern, '
            "so all are refused; add an entry or check the spelling"
        )
    ]


def test_a_wide_relaxation_is_covered_by_a_narrow_entry(site: Site) -> None:
    """A first configuration watches everything and knows rules for some of it."""
    text = compose(rollout="{'**': {mode: audit, until: 2027-01-31T07:00:00Z, reason: first weeks}}")
    assert site.problems(text) == []


def test_an_entry_that_cannot_be_read_still_covers_its_relaxation(site: Site) -> None:
    """One mistake is one line."""
    text = compose(
        repositories="{'Team/**': {signed_by: released}, 'lib/**': x}",
        rollout="{'team/**': {mode: audit, until: 2027-01-31T07:00:00Z, reason: OPS-1}, 'lib/**': enforce, "
        "'team/x': protect}",
    )
    assert len(site.problems(text)) == 2
