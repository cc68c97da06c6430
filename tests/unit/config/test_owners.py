"""Owners: whom people should ask, and who is asked about which repository."""

import pytest

from proxy.config.settings import Settings
from proxy.names import Repository
from tests.unit.config.site import Site, compose

OWNERS = "{shop: {contact: '#shop-oncall'}, web: {contact: web@example.com}}"


def contact(settings: Settings, repository: str) -> str:
    """Whom a refusal about a repository names."""
    return settings.policy.entry_for(Repository(repository)).contact


def test_an_entry_has_the_contact_of_its_owner(site: Site) -> None:
    """Its own, or that of the defaults; and nobody where nobody is named."""
    repositories = "{'**': {signed_by: released}, 'web/**': {signed_by: released, owner: web}}"
    settings = site.load(compose(owners=OWNERS, repositories=repositories))
    assert (contact(settings, "web/a"), contact(settings, "shop/a")) == ("web@example.com", "")
    settings = site.load(compose(owners=OWNERS, repositories=repositories, defaults="{owner: shop}"))
    assert (contact(settings, "web/a"), contact(settings, "shop/a")) == ("web@example.com", "#shop-oncall")


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: released, owner: shopp}}"},
            '1: repositories."shop/**".owner: there is no "shopp" under owners; did you mean "shop"?',
            id="entry",
        ),
        pytest.param(
            {"defaults": "{owner: sho}"},
            '1: defaults.owner: there is no "sho" under owners; did you mean "shop"?',
            id="defaults",
        ),
        pytest.param(
            {"owners": "{shop: {}}"},
            "1: owners.shop.contact: this key is required; add it (whom people should ask, in a few words; FILL-IN if "
            "nobody knows yet)",
            id="no-contact",
        ),
        *(
            pytest.param(
                {"owners": f"{{shop: {{contact: {text}}}}}"},
                f"1: owners.shop.contact: {text} cannot be part of a refusal; write one line of ASCII without square "
                "brackets",
                id=name,
            )
            for name, text in {
                "brackets": '"a [no_rule]"',
                "one-bracket": '"a]"',
                "two-lines": '"a\\nb"',
                "not-ascii": '"B\u00e4r"',
                "control": '"a\\u0007"',
            }.items()
        ),
        pytest.param(
            {"owners": f"{{shop: {{contact: {'x' * 61}}}}}"},
            "1: owners.shop.contact: this is longer than the 60 characters that a refusal has room for; shorten it",
            id="too-long",
        ),
        pytest.param(
            {"owners": "{shop: {contact: ' '}}"},
            "1: owners.shop.contact: this is empty; write a value, or remove the key",
            id="blank",
        ),
    ],
)
def test_an_owner_that_nobody_could_ask_is_a_problem(site: Site, sections: dict[str, str], problem: str) -> None:
    """The sentence says what to write."""
    assert problem in site.problems(compose(**{**sections, "owners": sections.get("owners", OWNERS)}))


def test_a_contact_has_room_for_a_few_words(site: Site) -> None:
    """Sixty characters, without the space around them."""
    settings = site.load(
        compose(
            owners=f"{{shop: {{contact: ' {'x' * 60} '}}}}", repositories="{'**': {signed_by: released, owner: shop}}"
        )
    )
    assert contact(settings, "a") == "x" * 60


def test_a_contact_that_is_still_to_be_written_is_warned_of(site: Site) -> None:
    """And named to nobody."""
    text = compose(
        owners="\n  web: {contact: web@example.com}\n  shop: {contact: FILL-IN}",
        repositories="{'**': {signed_by: released, owner: shop}}",
    )
    assert site.warnings(text) == ["3: owners.shop: owner shop has no contact yet; write whom people should ask"]
    assert contact(site.load(text), "a") == ""
