"""Which entry applies to a repository, which rule to a tag, where its trust data is, and which mode it has."""

from datetime import timedelta
from typing import Final

import pytest

from proxy.errors import NameInvalid, NoRule
from proxy.names import Repository, Tag
from proxy.policy.entries import UNFILLED, Mode, Owner, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import AllOf, AnyOf, Released
from tests.support.collections import NOW, REPOSITORY, entry, signers

_ANY, _ALL, _RELEASED = AnyOf(signers("ci")), AllOf(signers("alice", "qa")), Released()
_TAGS: Final = ((TagPattern("v*"), _ALL), (TagPattern("*"), _RELEASED), (TagPattern("v1.0"), _ANY))


@pytest.mark.parametrize(
    ("tag", "rule"),
    [
        pytest.param("v1.0", ("shop/**:v1.0", _ANY), id="literal before pattern"),
        pytest.param("v2", ("shop/**:v*", _ALL), id="longer prefix before star"),
        pytest.param("latest", ("shop/**:*", _RELEASED), id="star"),
    ],
)
def test_the_most_specific_tag_pattern_gives_the_rule(tag: str, rule: object) -> None:
    """The pattern itself is the rule's name."""
    assert entry(_ANY, tags=_TAGS).rule_for(Tag(tag)) == rule


def test_without_a_fitting_tag_pattern_the_entry_itself_is_the_rule() -> None:
    """`tags` refines an entry and does not replace it."""
    assert entry(_ANY, tags=_TAGS[:1]).rule_for(Tag("latest")) == ("shop/**", _ANY)


@pytest.mark.parametrize(
    ("pattern", "template", "gun"),
    [
        pytest.param("shop/**", "{name}/{repository}", "registry.example.com/shop/api", id="default"),
        pytest.param("shop/**", "docker.io/library/{rest}", "docker.io/library/api", id="rest of the double star"),
        pytest.param("shop/*", "docker.io/library/api", "docker.io/library/api", id="fixed"),
    ],
)
def test_the_gun_is_filled_in(pattern: str, template: str, gun: str) -> None:
    """Name, repository and the part that `**` stands for make the GUN."""
    described = entry(pattern=RepositoryPattern(pattern), gun_template=template)
    assert described.gun("registry.example.com", REPOSITORY) == gun


def test_a_template_that_gives_no_gun_is_refused() -> None:
    """An empty rest leaves an empty segment, which is no address."""
    with pytest.raises(NameInvalid):
        entry(pattern=RepositoryPattern("shop/*"), gun_template="docker.io/{rest}").gun("x", REPOSITORY)


def test_the_most_specific_entry_applies_alone() -> None:
    """Exactly one entry decides; their order does not matter."""
    wide, narrow, exact = (entry(pattern=RepositoryPattern(text)) for text in ("**", "shop/*", "shop/api"))
    for entries in ((wide, narrow, exact), (exact, narrow, wide)):
        policy = Policy("registry.example.com", entries, ())
        assert policy.entry_for(REPOSITORY) is exact
        assert policy.entry_for(Repository("shop/web")) is narrow
        assert policy.entry_for(Repository("other")) is wide


def test_a_repository_without_an_entry_has_no_rule() -> None:
    """What nobody wrote a rule for is refused."""
    with pytest.raises(NoRule):
        Policy("registry.example.com", (entry(),), ()).entry_for(Repository("other/api"))


_AUDIT: Final = Relaxation(RepositoryPattern("shop/**"), Mode.AUDIT, NOW + timedelta(seconds=1), "OPS-412")
_OTHER: Final = Relaxation(RepositoryPattern("other/**"), Mode.DISABLED, None, None)
_ENFORCED: Final = Relaxation(RepositoryPattern("shop/api"), Mode.ENFORCE, None, None)


@pytest.mark.parametrize(
    ("rollout", "seconds", "mode"),
    [
        pytest.param((), 0, Mode.ENFORCE, id="unlisted"),
        pytest.param((_AUDIT,), 0, Mode.AUDIT, id="relaxed"),
        pytest.param((_AUDIT,), 1, Mode.ENFORCE, id="run out at its instant"),
        pytest.param((_AUDIT, _ENFORCED), 0, Mode.ENFORCE, id="more specific entry"),
        pytest.param(
            (Relaxation(RepositoryPattern("other/**"), Mode.DISABLED, None, None),), 0, Mode.ENFORCE, id="other"
        ),
    ],
)
def test_a_repository_is_enforced_unless_it_is_relaxed_now(
    rollout: tuple[Relaxation, ...], seconds: int, mode: Mode
) -> None:
    """Relaxations end by themselves; what is not listed is enforced."""
    policy = Policy("registry.example.com", (entry(),), rollout)
    assert policy.mode_for(REPOSITORY, NOW + timedelta(seconds=seconds)) is mode


WHEREABOUTS = {"gun": f"example.com/{REPOSITORY}", "notary": "corp", "owner": "#shop-oncall"}


@pytest.mark.parametrize(
    ("pattern", "template", "expected"),
    [
        pytest.param("**", "{name}/{repository}", WHEREABOUTS, id="named"),
        pytest.param("other/**", "{name}/{repository}", {}, id="no-entry"),
        pytest.param("**", "*", {}, id="no-gun"),
    ],
)
def test_sentences_can_name_gun_notary_and_owner(pattern: str, template: str, expected: dict[str, str]) -> None:
    """Where trust data is and whom to ask, as far as the configuration says it."""
    owner = Owner("shop", "#shop-oncall")
    found = entry(pattern=RepositoryPattern(pattern), gun_template=template, notary="corp", owner=owner)
    assert Policy("example.com", (found,), ()).whereabouts(REPOSITORY) == expected
    assert Policy("docker.io", (found,), ()).whereabouts(REPOSITORY, "example.com") == expected


def test_sentences_can_know_that_notary_is_a_directory() -> None:
    """Nobody signs anything anew there, so they ask for something else."""
    found = entry(pattern=RepositoryPattern("**"), is_carried=True)
    assert Policy("example.com", (found,), ()).whereabouts(REPOSITORY)["carried"] == "yes"


@pytest.mark.parametrize(
    ("owner", "contact"),
    [
        pytest.param(Owner("shop", "#shop-oncall"), "#shop-oncall", id="somebody"),
        pytest.param(Owner("shop", UNFILLED), "", id="not-filled-in-yet"),
        pytest.param(None, "", id="nobody"),
    ],
)
def test_only_a_contact_that_somebody_wrote_is_named(owner: Owner | None, contact: str) -> None:
    """A placeholder helps nobody whose pull is refused."""
    assert entry(owner=owner).contact == contact


def test_what_an_entry_hides_is_known() -> None:
    """The most specific first: that would apply next."""
    entries = [entry(pattern=RepositoryPattern(text)) for text in ("**", "web/**", "shop/api", "shop/*", "shop/**")]
    hidden = Policy("x", entries, ()).hidden_for(REPOSITORY)
    assert [each.pattern for each in hidden] == ["shop/*", "shop/**", "**"]
