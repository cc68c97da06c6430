"""Which entries a remembered collection belongs to, read backwards from its GUN."""

from datetime import timedelta

import pytest

from proxy.names import Gun
from proxy.policy.entries import Policy
from proxy.policy.patterns import RepositoryPattern
from proxy.trust.belonging import Anchor, Belonging
from proxy.tuf.pins import Pins, RootPin
from tests.support.resolving import NAME, entry

OTHER = Pins((RootPin("vendor", public_key_ids=frozenset({"a" * 64})),))


def belonging(*entries: object) -> Belonging:
    """Under these entries, for a registry that is known by two names."""
    return Belonging(Policy(NAME, entries, ()), (NAME, "docker.io"))  # type: ignore[arg-type]  # entries as they are


def made(pattern: str, gun: str = "{name}/{repository}", **more: object) -> object:
    """An entry for a pattern."""
    return entry(pattern=RepositoryPattern(pattern), gun_template=gun, **more)


@pytest.mark.parametrize(
    ("pattern", "template", "gun", "repository"),
    [
        pytest.param("shop/**", "{name}/{repository}", f"{NAME}/shop/api", "shop/api", id="default"),
        pytest.param("shop/**", "{name}/{repository}", "docker.io/shop/api", "shop/api", id="mirror"),
        pytest.param("vendor/**", "docker.io/library/{rest}", "docker.io/library/alpine", "vendor/alpine", id="rest"),
        pytest.param("**", "{repository}", "shop/api", "shop/api", id="bare"),
        pytest.param("**", "{repository}/{repository}", "a/b/a/b", "a/b", id="twice"),
        pytest.param("team-*/**", "x/{rest}", "x/api", None, id="not-told"),
        pytest.param("shop/api", "fixed.example.com/shop", "fixed.example.com/shop", None, id="fixed"),
    ],
)
def test_a_gun_leads_to_its_entry(pattern: str, template: str, gun: str, repository: str | None) -> None:
    """The repository is told where the template lets one tell it."""
    [owner] = belonging(made(pattern, template)).owners("corp", Gun(gun))
    assert (str(owner.entry.pattern), owner.repository) == (pattern, repository)


@pytest.mark.parametrize(
    ("pattern", "template", "gun"),
    [
        pytest.param("shop/**", "{name}/{repository}", "elsewhere.example.com/shop/api", id="another-name"),
        pytest.param("shop/**", "{name}/{repository}", f"{NAME}/tools/x", id="another-repository"),
        pytest.param("shop/**", "{name}/{repository}", f"{NAME}/shop/API", id="no-repository"),
        pytest.param("vendor/**", "docker.io/library/{rest}", "docker.io/other/alpine", id="another-place"),
        pytest.param("**", "{repository}/{repository}", "a/b/a/c", id="not-twice"),
    ],
)
def test_a_gun_of_nobody_leads_nowhere(pattern: str, template: str, gun: str) -> None:
    """No entry would ever read it."""
    assert belonging(made(pattern, template)).owners("corp", Gun(gun)) == ()


def test_only_the_entry_that_applies_counts() -> None:
    """A more specific one hides the other; another Notary's entry has nothing to say."""
    found = belonging(made("shop/**"), made("shop/api", pins=OTHER), made("**", notary="other"))
    assert found.anchors("corp", Gun(f"{NAME}/shop/api")) == (Anchor(OTHER, timedelta()),)
    assert found.anchors("corp", Gun(f"{NAME}/shop/web")) == (Anchor(Pins.tofu(), timedelta()),)
    assert found.anchors("corp", Gun(f"{NAME}/tools/x")) == ()
    assert [each.repository for each in found.owners("other", Gun(f"{NAME}/tools/x"))] == ["tools/x"]


def test_each_anchor_is_named_once() -> None:
    """Two entries that read one collection under the same pins are one question."""
    found = belonging(made("a/**", "x"), made("b/**", "x"), made("c/**", "x", pins=OTHER))
    assert len(found.owners("corp", Gun("x"))) == 3
    assert [each.pins for each in found.anchors("corp", Gun("x"))] == [Pins.tofu(), OTHER]


def test_the_longest_time_counts() -> None:
    """What tags had before is kept as long as any entry may ask for it."""
    found = belonging(made("a/**", superseded_for=timedelta(hours=1)), made("b/**", superseded_for=timedelta(hours=30)))
    assert found.keep_for() == timedelta(hours=30)
    assert belonging().keep_for() == timedelta()
