"""The reference page, the JSON Schema and the program say the same."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from proxy.config.document import KeyPath
from proxy.config.schema import keys_at, schema
from proxy.config.settings import NotarySettings, Settings
from proxy.config.shape import IncludedShape
from proxy.config.yaml import read
from proxy.names import Repository, Tag
from proxy.policy.entries import Mode
from proxy.policy.patterns import RepositoryPattern
from tests.unit.config.site import Site, compose, documented_example, equip_for_example

PAGE: Final = (Path(__file__).parents[3] / "docs/configuration.md").read_text(encoding="utf-8")
SECTIONS: Final[dict[str, KeyPath]] = {
    "Top level": (),
    "`listen`": ("listen",),
    "`listen.tls`": ("listen", "tls"),
    "`candidates`": ("candidates",),
    "`candidates.tls`": ("candidates", "tls"),
    "`probes`": ("probes",),
    "`registry`": ("registry",),
    "`trust_store`": ("trust_store",),
    "`log`": ("log",),
    "`tracing`": ("tracing",),
    "`notaries`": ("notaries", "corp"),
    "`roots`": ("roots", "corp"),
    "`signers`": ("signers", "ci"),
    "A key that ends": ("signers", "ci", "keys", 0),
    "`repositories`": ("repositories", "shop/**"),
    "`signed_by`": ("repositories", "shop/**", "signed_by"),
    "`tags`": ("repositories", "shop/**", "tags", "v*"),
    "`digest_pull`": ("repositories", "shop/**", "digest_pull"),
    "`rollout`": ("rollout", "shop/**"),
    "`exceptions`": ("exceptions", 0),
    "`blocked`": ("blocked", 0),
    "`owners`": ("owners", "shop"),
}
INCLUDED: Final[dict[str, KeyPath]] = {
    "An included file": (),
    "An entry of an included file": ("repositories", "shop/**"),
}


@pytest.fixture
def example(site: Site) -> Settings:
    """The documented example, loaded."""
    equip_for_example(site)
    return site.load(documented_example())


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the page."""
    section = PAGE.split(f"\n### {heading}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_documented_and_every_documented_key_exists(heading: str) -> None:
    """Each table of the page has the keys of its model, each once."""
    assert sorted(row[0].strip("`") for row in rows(heading)) == sorted(keys_at(SECTIONS[heading]))


@pytest.mark.parametrize("heading", INCLUDED)
def test_the_keys_of_an_included_file_are_documented(heading: str) -> None:
    """They are fewer than those of the main file, and each means the same."""
    documented = sorted(row[0].strip("`") for row in rows(heading))
    assert documented == sorted(keys_at(INCLUDED[heading], IncludedShape))


@pytest.mark.parametrize("key", keys_at(()))
def test_every_section_has_a_heading(key: str) -> None:
    """A problem names its key, and the page has an anchor of that name."""
    assert f"\n### `{key}`\n" in PAGE


def test_every_model_has_a_table() -> None:
    """No mapping with fixed keys is left out; `defaults` is an entry without its tags."""
    models = [node for node in [schema(), *schema()["$defs"].values()] if "properties" in node]
    assert len(models) == len(SECTIONS) + 1
    assert list(keys_at(("defaults",))) == [key for key in keys_at(SECTIONS["`repositories`"]) if key != "tags"]


def test_the_schema_is_for_people_with_an_editor() -> None:
    """It has one title, a description for every key, and no `null`, because a key without value is a mistake."""
    nodes = [schema(), *schema()["$defs"].values()]
    assert [node["title"] for node in nodes if "title" in node] == ["Tagwarden configuration"]
    assert all(value["description"] for node in nodes for value in node["properties"].values())
    assert "null" not in json.dumps(schema())


@pytest.mark.parametrize(
    ("path", "key", "described"),
    [
        pytest.param(("registry",), "push", {"type": "string", "enum": ["allow", "refuse"]}, id="push"),
        pytest.param(("registry",), "delete", {"type": "string", "enum": ["allow", "unsigned", "refuse"]}, id="delete"),
        pytest.param(("registry",), "blobs", {"type": "string", "enum": ["any", "admitted"]}, id="blobs"),
        pytest.param(("defaults",), "tags_list", {"type": "string", "enum": ["all", "signed"]}, id="tags_list"),
        pytest.param(("blocked", 0), "key", {"type": "string", "pattern": "^[0-9a-f]{64}$"}, id="key"),
        pytest.param(("blocked", 0), "digest", {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}, id="digest"),
        pytest.param(("exceptions", 0), "until", {"type": "string", "format": "date-time"}, id="until"),
        pytest.param(
            ("listen",),
            "trusted_proxies",
            {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            id="trusted_proxies",
        ),
    ],
)
def test_the_schema_tells_an_editor_what_fits(path: KeyPath, key: str, described: dict[str, object]) -> None:
    """Words are a choice, ids and digests have their pattern."""
    node = keys_at(path)[key]
    assert {name: value for name, value in node.items() if name != "description"} == described


def test_the_schema_wants_exactly_one_of_digest_and_key() -> None:
    """As the program does."""
    assert schema()["$defs"]["BlockedShape"]["oneOf"] == [{"required": ["digest"]}, {"required": ["key"]}]


def test_required_keys_are_documented_as_such() -> None:
    """Where the schema wants a key, the page says that it is required."""
    nodes = {tuple(node["properties"]): node.get("required", []) for node in schema()["$defs"].values()}
    for heading in SECTIONS.keys() - {"Top level", "`repositories`", "`signed_by`"}:
        documented = [row[0].strip("`") for row in rows(heading) if row[1] == "required"]
        assert documented == list(nodes[tuple(keys_at(SECTIONS[heading]))]), heading


def test_documented_defaults_are_the_real_ones(site: Site) -> None:
    """What the tables call a default is what a file without the key gets."""
    settings = site.load(compose())
    entry, corp = settings.policy.entries[0], settings.notaries["corp"]
    assert isinstance(corp, NotarySettings)
    real = {
        "`listen`": {
            "address": str(settings.listen.address),
            "fast_path": str(settings.listen.fast_path).lower(),
            "splice": str(settings.listen.splice).lower(),
        },
        "`probes`": {"address": str(settings.probes)},
        "`registry`": {
            "anyone_may_read": "false",
            "push": settings.registry.doors.push,
            "delete": settings.registry.doors.delete,
            "blobs": settings.registry.doors.blobs,
        },
        "`trust_store`": {"url": settings.trust_store.url, "must_exist": str(settings.trust_store.must_exist).lower()},
        "`notaries`": {
            "timeout": f"{corp.timeout:g}s",
            "changefeed": str(corp.changefeed or "off"),
        },
        "`roots`": {"allow_wildcard_name": str(entry.pins.entries[0].allow_wildcard_name).lower()},
        "`repositories`": {
            "gun": entry.gun_template,
            "fresh_for": f"{entry.fresh_for.total_seconds():g}s",
            "superseded_for": f"{entry.superseded_for.total_seconds() / 3600:g}h",
            "outage_for": f"{entry.outage_for.total_seconds() / 3600:g}h",
            "expiry_grace": f"{entry.expiry_grace.total_seconds():g}s",
            "released": "required" if entry.released_required else "ignored",
            "fallback_to_targets": str(entry.fallback_to_targets).lower(),
            "digest_pull": "signed" if entry.any_digest is None else "any",
            "tags_list": "signed" if entry.lists_signed_tags else "all",
        },
    }
    documented = {
        heading: {row[0].strip("`"): row[1].strip("`") for row in rows(heading) if row[1].startswith("`")}
        for heading in SECTIONS
        if heading not in ("Top level", "`signed_by`")
    }
    assert {heading: keys for heading, keys in documented.items() if keys} == real


def test_the_documented_example_is_complete(example: Settings) -> None:
    """It has every key that there is."""
    assert example.name == "registry.example.com"
    written = set(_keys(read(documented_example(), "example").tree))
    models = [node for node in [schema(), *schema()["$defs"].values()] if "properties" in node]
    assert {key for node in models for key in node["properties"]} <= written


def test_the_documented_example_fits_the_schema() -> None:
    """Wherever the schema has fixed keys, the example uses these only."""
    strangers = [path for path in _paths(read(documented_example(), "example").tree, ()) if not _is_known(path)]
    assert strangers == []


def test_the_documented_example_means_what_it_says(example: Settings) -> None:
    """Its comments are true."""
    policy = example.policy
    now = datetime(2026, 12, 1, tzinfo=UTC)
    api, legacy, vendor = (policy.entry_for(Repository(name)) for name in ("shop/api", "shop/legacy", "vendor/x/y"))
    assert api.rule_for(Tag("v1"))[0] == "shop/**:v*"
    assert [entry.notary for entry in (api, legacy, vendor)] == ["corp", "corp", "vendor"]
    assert [pin.name for pin in api.pins.entries] == ["corp-2024", "corp-2027"]
    assert vendor.gun(example.name, Repository("vendor/x/y")) == "registry.example.com/vendor/x/y"
    assert policy.mode_for(Repository("shop/legacy"), now) is Mode.AUDIT
    assert policy.mode_for(Repository("shop/legacy"), now + timedelta(days=365)) is Mode.ENFORCE
    assert policy.mode_for(Repository("vendor/beta"), now) is Mode.DISABLED
    assert policy.mode_for(Repository("vendor/other"), now) is Mode.PROTECT
    assert (api.lists_signed_tags, vendor.lists_signed_tags) == (False, True)
    assert [exempt.repository for exempt in policy.exemptions] == ["infra/tagwarden"]
    assert list(policy.blocked.digests.values()) == ["CVE-2026-1"]
    assert list(policy.blocked.keys.values()) == ["laptop stolen"]
    assert example.candidates is not None
    assert str(example.candidates.address) == "0.0.0.0:5002"


def test_the_documented_example_warns_of_what_it_relaxes(site: Site) -> None:
    """One entry hides another one and asks for less."""
    equip_for_example(site)
    assert [warning.split(": ", 1)[1] for warning in site.warnings(documented_example())] == [
        (
            'repositories."shop/legacy": this asks for less than "shop/**" on line 88, which it hides: '
            "any digest may be pulled"
        )
    ]


def test_the_documented_patterns_match_as_documented() -> None:
    """Each row of the table of patterns is true."""
    table = re.findall(r"^\| `([^`]+)` \| (.+) \| (.*) \|$", PAGE.split("\n## Patterns\n")[1], re.MULTILINE)
    found = [
        (pattern, name, RepositoryPattern(pattern).matches(name) is wanted)
        for pattern, matching, other in table
        for cell, wanted in ((matching, True), (other, False))
        for name in re.findall(r"`([^`]+)`", cell)
    ]
    assert len(found) > 10
    assert [row for row in found if not row[2]] == []


def test_the_documented_problems_are_those_that_are_reported(site: Site) -> None:
    """The sentences at the top of the page are real ones."""
    equip_for_example(site)
    (site.directory / "signers/ci-old.pub").unlink()
    broken = (
        documented_example()
        .replace("any_of: [ci, alice]", "any_of: [ci, alcie]")
        .replace("fresh_for: 30s", "fresh_for: 30")
    )
    reported = [line.replace(f"{site.directory}/", "") for line in site.problems(broken)]
    assert [f"config.yaml:{line}" for line in reported] == re.findall(
        r"^    error: (config\.yaml:.*)$", PAGE, re.MULTILINE
    )


def _keys(tree: object) -> Iterator[str]:
    match tree:
        case dict():
            for key, value in tree.items():
                yield key
                yield from _keys(value)
        case list():
            for value in tree:
                yield from _keys(value)


def _paths(tree: Any, path: KeyPath) -> Iterator[KeyPath]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _is_known(path: KeyPath) -> bool:
    keys = keys_at(path[:-1])
    return not keys or path[-1] in keys
