"""What a configuration says of one image, with the lines on which it says so."""

from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.config import load_whole
from proxy.config.applying import Applying, applying
from proxy.names import Reference
from tests.unit.config.site import Site, compose

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = datetime(2027, 11, 22, tzinfo=UTC)
DIGEST = f"sha256:{'9' * 64}"

REPOSITORIES = """
  "**": {signed_by: {all_of: [ci, qa]}, roots: tofu}
  "shop/**":
    signed_by: {any_of: [ci]}
    tags:
      "v*": {signed_by: {at_least: 2, of: [alice, ci, qa]}}
  "shop/tools": {signed_by: {any_of: [ci, alice]}}"""
ROLLOUT = """
  "shop/tools": {mode: audit, until: 2027-01-31T00:00:00Z, reason: OPS-1}
  "shop/*": protect"""
EXCEPTIONS = f"""
  - {{allow: 'shop/api@{DIGEST}', until: 2027-06-30T00:00:00Z, reason: bootstrap}}"""
BLOCKED = f"""
  - {{key: {"a" * 64}, reason: lost}}
  - {{digest: '{DIGEST}', reason: CVE-1}}"""


def found(site: Site, reference: str, now: datetime = NOW, **sections: str) -> Applying:
    """What applies to a reference; a file has `repositories` from its first line on."""
    site.write("config.yaml", compose(**{"repositories": REPOSITORIES, **sections}))
    loaded = load_whole(site.file, {})
    return applying(loaded, Reference.parse(reference, loaded.settings.name), now)


def rows(site: Site, reference: str, now: datetime = NOW, **sections: str) -> list[str]:
    """The same as lines for people; the file is called by its name alone."""
    lines = found(site, reference, now, **sections).rows()
    return [f"{what}: {told}".replace(f"{site.directory}/", "") for what, told in lines]


def test_a_tag_has_one_entry_and_one_rule(site: Site) -> None:
    """Each line says where the file has it."""
    lines = rows(site, "shop/api:v1")
    assert lines[:-1] == [
        "reference: shop/api:v1",
        'entry: "shop/**" (config.yaml:3)',
        'rule: "shop/**:v*" wants 2 of alice, ci, qa (config.yaml:6)',
        "mode: enforce: nothing in rollout matches",
        "collection: registry.example.com/shop/api",
        "Notary: corp, https://notary:4443",
        "roots: [corp] (notaries.corp.roots, config.yaml:11)",
    ]
    assert lines[-1].startswith(
        'hides: "**" (config.yaml:2); what applies asks for less: 1 of ci instead of 2 of ci, qa'
    )


def test_a_tag_without_a_rule_of_its_own_has_that_of_the_entry(site: Site) -> None:
    """No tag is `latest`, and the registry's name may be in front."""
    lines = rows(site, "registry.example.com/shop/api")
    assert lines[0] == "reference: shop/api:latest"
    assert lines[2] == 'rule: "shop/**" wants 1 of ci (config.yaml:4)'


def test_a_rule_may_stand_in_the_defaults(site: Site) -> None:
    """Then that is its line."""
    lines = rows(site, "shop/api", repositories="\n  'shop/**': {}", defaults="{signed_by: released}")
    assert 'rule: "shop/**" wants released (config.yaml:3)' in lines


def test_a_digest_may_be_admitted_by_every_rule(site: Site) -> None:
    """It has no tag, so each rule of the entry is named."""
    assert [line for line in rows(site, f"shop/api@{DIGEST}") if line.startswith("rule")] == [
        "rules: each tag that names this digest admits it by its own rule:",
        'rule: "shop/**" wants 1 of ci (config.yaml:4)',
        'rule: "shop/**:v*" wants 2 of alice, ci, qa (config.yaml:6)',
    ]


@pytest.mark.parametrize(
    ("reference", "now", "line"),
    [
        pytest.param(
            "shop/tools",
            NOW,
            'mode: audit until 2027-01-31T00:00:00Z: OPS-1; then enforce, by "shop/tools" (config.yaml:9)',
            id="relaxed",
        ),
        pytest.param(
            "shop/tools",
            LATER,
            'mode: enforce: it was audit until 2027-01-31T00:00:00Z: OPS-1, by "shop/tools" (config.yaml:9)',
            id="run-out",
        ),
        pytest.param("shop/api", NOW, 'mode: protect, by "shop/*" (config.yaml:10)', id="without-an-end"),
        pytest.param("other", NOW, "mode: enforce: nothing in rollout matches", id="unlisted"),
    ],
)
def test_the_mode_says_until_when_and_why(site: Site, reference: str, now: datetime, line: str) -> None:
    """And which entry of `rollout` says so."""
    assert line in rows(site, reference, now, rollout=ROLLOUT)


def test_every_hidden_entry_is_named(site: Site) -> None:
    """The most specific first, and only what asks for more says so."""
    hides = found(site, "shop/tools", repositories=REPOSITORIES.replace("[ci, alice]", "[ci]")).hides
    assert [(hidden.pattern, bool(hidden.lacks)) for hidden in hides] == [("shop/**", True), ("**", True)]
    assert found(site, "other/x").hides == ()
    strict = "{'**': {signed_by: {any_of: [ci]}}, 'shop/*': {signed_by: {all_of: [ci, qa]}}}"
    assert [hidden.lacks for hidden in found(site, "shop/x", repositories=strict).hides] == [()]


def test_exceptions_and_blocked_name_the_digest(site: Site) -> None:
    """Both are told, and which of them wins."""
    lines = rows(site, f"shop/api@{DIGEST}", exceptions=EXCEPTIONS, blocked=BLOCKED)
    assert lines[-2:] == [
        "exception: until 2027-06-30T00:00:00Z: bootstrap (config.yaml:9)",
        "blocked: CVE-1 (config.yaml:12); this counts before everything else",
    ]
    ended = rows(site, f"shop/api@{DIGEST}", LATER, exceptions=EXCEPTIONS)
    assert ended[-1] == "exception: it ended 2027-06-30T00:00:00Z: bootstrap (config.yaml:9)"


@pytest.mark.parametrize("reference", [f"shop/other@{DIGEST}", f"shop/api@sha256:{'8' * 64}", "shop/api:1"])
def test_other_references_have_no_exception(site: Site, reference: str) -> None:
    """An exception is for one digest in one repository."""
    assert found(site, reference, exceptions=EXCEPTIONS).exceptions == ()


def test_without_an_entry_the_nearest_patterns_are_named(site: Site) -> None:
    """One of them may have been meant."""
    only = "{'shop/api': {signed_by: released}, 'infra/**': {signed_by: released}}"
    assert rows(site, "shop/apis", repositories=only) == [
        "reference: shop/apis:latest",
        "entry: none matches, so enforce refuses it [no_rule]; add one, or correct a pattern",
        'nearest: "shop/api" (config.yaml:1)',
        "mode: enforce: nothing in rollout matches",
    ]


def test_json_has_everything(site: Site) -> None:
    """In the same words, with instants as text."""
    told: dict[str, Any] = found(site, "shop/tools", rollout=ROLLOUT).as_json()
    assert told["rollout"] == {
        "mode": "audit",
        "entry": {"pattern": "shop/tools", "place": f"{site.file}:9"},
        "says": "audit",
        "until": "2027-01-31T00:00:00Z",
        "reason": "OPS-1",
    }
    assert told["trust_data"]["roots"] == {
        "path": 'repositories."shop/tools".roots',
        "value": ["corp"],
        "origin": f"notaries.corp.roots ({site.file}:14)",
    }
    assert [rule["name"] for rule in told["rules"]] == ["shop/tools"]
    assert (told["reference"], told["nearest"], told["blocked"]) == ("shop/tools:latest", [], [])


@pytest.mark.parametrize(
    ("path", "belongs"),
    [
        pytest.param('repositories."shop/tools".signed_by', True, id="its-entry"),
        pytest.param('rollout."shop/tools".mode', True, id="its-mode"),
        pytest.param('repositories."shop/**".signed_by', False, id="another-entry"),
        pytest.param('rollout."shop/*"', False, id="another-mode"),
        pytest.param("registry.url", False, id="nothing-of-repositories"),
    ],
)
def test_values_that_belong_to_it(site: Site, path: str, *, belongs: bool) -> None:
    """So the list of values can be narrowed to what matters for one image."""
    assert found(site, "shop/tools", rollout=ROLLOUT).has(path) is belongs


INCLUDED = """scope: "shop/**"
signers: {bob: {keys: delegated}}
repositories:
  "shop/api":
    signed_by: {all_of: [ci, qa, bob]}
    tags: {"v*": {signed_by: {all_of: [ci, qa, bob]}}}
"""


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        pytest.param("#shop", "shop, #shop", id="named"),
        pytest.param("FILL-IN", "shop, who has no contact yet", id="not"),
    ],
)
def test_the_owner_is_named_with_the_contact(site: Site, contact: str, told: str) -> None:
    """The word that stands for a contact to come is shown to nobody."""
    owned = "{'shop/**': {signed_by: released, owner: shop}}"
    owners = f"{{shop: {{contact: '{contact}'}}}}"
    assert f"owner: {told}" in rows(site, "shop/api", repositories=owned, owners=owners)


def test_an_included_entry_has_its_own_file(site: Site) -> None:
    """What is hidden stands in another file, and both are named."""
    site.write("teams/shop.yaml", INCLUDED)
    lines = rows(
        site, "shop/api:v1", include="['teams/*.yaml']", repositories=REPOSITORIES.replace(", roots: tofu", "")
    )
    assert 'entry: "shop/api" (teams/shop.yaml:4)' in lines
    assert 'rule: "shop/api:v*" wants 3 of ci, qa, bob (teams/shop.yaml:6)' in lines
    assert next(line for line in lines if line.startswith("hides")).startswith('hides: "shop/**" (config.yaml:3)')
