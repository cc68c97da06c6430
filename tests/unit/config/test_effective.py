"""Every value in effect and where it came from: nothing is left out, nothing differs from what is enforced."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.config import Loaded, load_whole
from proxy.config.document import KeyPath, show
from proxy.config.effective import Value, duration, effective
from proxy.config.schema import keys_at, schema
from proxy.config.settings import NotarySettings
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, credentials, documented_example, equip_for_example, public_pem

DEFAULTS = "{notary: corp, fresh_for: 1m, digest_pull: {any: true, until: 2027-01-31T01:00:00+01:00, reason: 'a: b'}}"
ENTRY = """{"shop/**": {signed_by: {at_least: 2, of: [ci, qa]}, tags: {"v*": {signed_by: released}}, roots: tofu}}"""


def loaded(site: Site, text: str, environ: dict[str, str] | None = None) -> Loaded:
    """A configuration with all that it was made from."""
    site.write("config.yaml", text)
    return load_whole(site.file, environ or {})


def told(site: Site, text: str, environ: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """Text and origin of each value by its path; the file is called by its name alone."""
    values = effective(loaded(site, text, environ))
    return {value.path: (value.text, value.origin.replace(f"{site.directory}/", "")) for value in values}


@pytest.fixture
def example(site: Site) -> Loaded:
    """The documented example, in which every key stands at least once."""
    equip_for_example(site)
    return loaded(site, documented_example())


def test_every_key_of_the_schema_is_shown(example: Loaded) -> None:
    """A key that is new in the schema cannot be forgotten."""
    words = {word for value in effective(example) for word in re.findall(r"\w+", value.path)}
    models = [node for node in [schema(), *schema()["$defs"].values()] if "properties" in node]
    assert {key for node in models for key in node["properties"]} <= words


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(("listen",), id="listen"),
        pytest.param(("probes",), id="probes"),
        pytest.param(("registry",), id="registry"),
        pytest.param(("trust_store",), id="trust_store"),
        pytest.param(("notaries", "corp"), id="notaries"),
        pytest.param(("roots", "corp"), id="roots"),
        pytest.param(("signers", "ci"), id="signers"),
        pytest.param(("defaults",), id="defaults"),
        pytest.param(("repositories", "shop/**"), id="repositories"),
    ],
)
def test_keys_that_nobody_wrote_are_shown_too(site: Site, path: KeyPath) -> None:
    """A short file shows what it leaves open."""
    shown = told(site, compose())
    for key in keys_at(path):
        at = show((*path, key))
        assert [other for other in shown if other == at or other.startswith(f"{at}.")], at


def test_every_origin(site: Site) -> None:
    """The line, the variable, the defaults with their line, another section with its line, or built in."""
    variables = {"TAGWARDEN__REGISTRY__PUSH": "refuse"}
    shown = told(site, compose(defaults=DEFAULTS, repositories="\n  'shop/**': {signed_by: released}"), variables)
    entry = 'repositories."shop/**"'
    assert shown["defaults.notary"] == ("corp", "config.yaml:1")
    assert shown[f"{entry}.signed_by"] == ("released", "config.yaml:3")
    assert shown[f"{entry}.notary"] == ("corp", "defaults (config.yaml:1)")
    assert shown[f"{entry}.fresh_for"] == ("1m", "defaults (config.yaml:1)")
    assert shown[f"{entry}.digest_pull.until"] == ("2027-01-31T00:00:00Z", "defaults (config.yaml:1)")
    assert shown[f"{entry}.digest_pull.reason"] == ('"a: b"', "defaults (config.yaml:1)")
    assert shown[f"{entry}.roots"] == ("[corp]", "notaries.corp.roots (config.yaml:7)")
    assert shown[f"{entry}.superseded_for"] == ("24h", "built in")
    assert shown[f"{entry}.tags"] == ("{}", "built in")
    assert shown["registry.push"] == ("refuse", "environment TAGWARDEN__REGISTRY__PUSH")
    assert shown["listen.address"] == ("0.0.0.0:5000", "built in")
    assert shown["listen.tls"] == ("none", "built in")


def test_the_only_notary_is_named(site: Site) -> None:
    """An entry that names none asks the only one, and that is where it comes from."""
    shown = told(site, compose(repositories=ENTRY))
    assert shown['repositories."shop/**".notary'] == ("corp", "the only one (config.yaml:5)")


def test_rules_show_what_was_chosen_alone(site: Site) -> None:
    """The other forms of a rule are not values that are absent."""
    shown = told(site, compose(repositories=ENTRY))
    rules = {path: text for path, (text, _) in shown.items() if ".signed_by" in path and path.startswith("repos")}
    assert rules == {
        'repositories."shop/**".signed_by.at_least': "2",
        'repositories."shop/**".signed_by.of': "[ci, qa]",
        'repositories."shop/**".tags."v*".signed_by': "released",
    }


def test_values_are_those_of_the_settings(example: Loaded) -> None:
    """What is shown is what is enforced."""
    shown = {value.path: value.value for value in effective(example)}
    settings, tls = example.settings, example.settings.listen.tls
    candidates, corp = settings.candidates, settings.notaries["corp"]
    assert tls is not None
    assert isinstance(corp, NotarySettings)
    assert candidates is not None
    assert candidates.tls.client_ca_file is not None
    sample: dict[str, Any] = {
        "name": settings.name,
        "listen.address": str(settings.listen.address),
        "listen.tls.key_file": str(tls.key_file),
        "listen.ns_allowed": sorted(settings.listen.ns_allowed),
        "candidates.tls.client_ca_file": str(candidates.tls.client_ca_file),
        "candidates.tls.key_file": str(candidates.tls.key_file),
        "probes.address": str(settings.probes),
        "registry.url": str(settings.registry.url),
        "registry.ca_file": str(settings.registry.ca_file),
        "registry.delete": str(settings.registry.doors.delete),
        "trust_store.url": settings.trust_store.url,
        "trust_store.must_exist": settings.trust_store.must_exist,
        "notaries.corp.timeout": f"{corp.timeout:g}s",
        "notaries.corp.changefeed": f"{corp.changefeed:g}s",
        "notaries.corp.client_key_file": str(corp.client_key_file),
    }
    for entry in settings.policy.entries:
        sample |= {
            show(("repositories", entry.pattern, key)): value
            for key, value in {
                "notary": entry.notary,
                "gun": entry.gun_template,
                "roots": [pin.name for pin in entry.pins.entries],
                "fresh_for": duration(entry.fresh_for),
                "superseded_for": duration(entry.superseded_for),
                "outage_for": duration(entry.outage_for),
                "expiry_grace": duration(entry.expiry_grace),
                "released": "required" if entry.released_required else "ignored",
                "fallback_to_targets": entry.fallback_to_targets,
                "tags_list": "signed" if entry.lists_signed_tags else "all",
            }.items()
        }
    assert {path: shown.get(path) for path in sample} == sample


def test_what_is_built_in_is_what_an_entry_gets_that_says_nothing(site: Site) -> None:
    """`defaults` shows the same values for what it leaves open as the entries have."""
    here = loaded(site, compose())
    entry = here.settings.policy.entries[0]
    shown = {value.path: value.value for value in effective(here)}
    assert shown["defaults.gun"] == entry.gun_template
    assert shown["defaults.fresh_for"] == duration(entry.fresh_for)
    assert shown["defaults.superseded_for"] == duration(entry.superseded_for)
    assert shown["defaults.outage_for"] == duration(entry.outage_for)
    assert shown["defaults.expiry_grace"] == duration(entry.expiry_grace)
    assert shown["defaults.released"] == ("required" if entry.released_required else "ignored")
    assert shown["defaults.fallback_to_targets"] is entry.fallback_to_targets
    assert shown["defaults.tags_list"] == ("signed" if entry.lists_signed_tags else "all")
    assert shown["defaults.digest_pull"] == ("signed" if entry.any_digest is None else "any")


def test_candidates_show_the_certificate_that_they_borrow(site: Site) -> None:
    """A listener without a certificate of its own has that of `listen.tls`, and the origin says so."""
    equip_for_example(site)
    tls = "tls: {certificate_file: tls/proxy.crt, key_file: tls/proxy.key}"
    candidates = "{address: '127.0.0.1:5002', tls: {client_ca_file: tls/ci-ca.crt}}"
    shown = told(site, compose(listen=f"{{{tls}}}", candidates=candidates))
    assert shown["candidates.tls.key_file"] == (
        f"{site.directory}/tls/proxy.key",
        "listen.tls.key_file (config.yaml:1)",
    )


def test_secrets_are_not_shown(site: Site) -> None:
    """Where the secret is, and nothing of it."""
    site.write("login.json", credentials("tagwarden", "correct horse"))
    values = effective(loaded(site, compose(registry="{url: 'https://registry', credentials_file: login.json}")))
    assert [value.value for value in values if value.path == "registry.credentials_file"] == [
        str(site.directory / "login.json")
    ]
    assert "horse" not in str(values)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("https://notary:4443/path", "https://notary:4443/path", id="plain"),
        pytest.param("a b", '"a b"', id="blank"),
        pytest.param("*", '"*"', id="star"),
        pytest.param("12", '"12"', id="digits"),
        pytest.param("none", '"none"', id="word-for-nothing"),
        pytest.param("", '""', id="empty"),
        pytest.param("x # y", '"x # y"', id="comment"),
        pytest.param(None, "none", id="nothing"),
        pytest.param(True, "true", id="yes"),
        pytest.param(2, "2", id="number"),
        pytest.param([], "[]", id="no-items"),
        pytest.param(["a", "b c"], '[a, "b c"]', id="items"),
        pytest.param({}, "{}", id="no-keys"),
    ],
)
def test_text_is_as_yaml_has_it(value: Any, text: str) -> None:
    """On one line, in quotes where it could be taken for something else."""
    assert Value("x", value, "built in").text == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(timedelta(0), "0s", id="nothing"),
        pytest.param(timedelta(milliseconds=1500), "1500ms", id="milliseconds"),
        pytest.param(timedelta(seconds=90), "90s", id="seconds"),
        pytest.param(timedelta(minutes=5), "5m", id="minutes"),
        pytest.param(timedelta(hours=24), "24h", id="a-day"),
        pytest.param(timedelta(days=30), "30d", id="days"),
    ],
)
def test_durations_are_as_people_write_them(value: timedelta, text: str) -> None:
    """The largest unit that leaves no rest."""
    assert duration(value) == text


def test_only_values_of_certain_keys_are_files(site: Site) -> None:
    """A repository may be called as a key is."""
    every = "{'**': {signed_by: released}}"
    shown = told(site, compose(rollout="{ca_file: protect, keys: enforce}", repositories=every))
    assert (shown["rollout.ca_file"][0], shown["rollout.keys"][0]) == ("protect", "enforce")
    assert shown["signers.ci.keys"][0] == "delegated"


def test_paths_are_relative_to_where_the_program_runs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is shown as it would be opened."""
    site.write("conf/login.json", credentials("tagwarden", "secret"))
    site.write("conf/config.yaml", compose(registry="{url: 'https://registry', credentials_file: login.json}"))
    monkeypatch.chdir(site.directory)
    values = effective(load_whole(Path("conf/config.yaml"), {}))
    assert [(value.text, value.origin) for value in values if value.path == "registry.credentials_file"] == [
        ("conf/login.json", "conf/config.yaml:1")
    ]


def test_included_files_follow_the_main_one(site: Site) -> None:
    """Their entries are as complete as others, and their own values come from their own lines."""
    site.write(
        "teams/shop.yaml", 'scope: "shop/**"\nsigners: {bob: {keys: [bob.pub]}}\nrepositories:\n  "shop/**": {}\n'
    )
    site.write("teams/bob.pub", public_pem(ecdsa_key("bob")))
    text = compose(include="['teams/*.yaml']", defaults="{signed_by: released}", repositories="{}")
    shown = told(site, text)
    assert shown["include"] == ('["teams/*.yaml"]', "config.yaml:1")
    assert shown["scope"] == ('"shop/**"', "teams/shop.yaml:1")
    assert shown["signers.bob.keys"] == (f"[{site.directory}/teams/bob.pub]", "teams/shop.yaml:2")
    assert shown['repositories."shop/**".signed_by'] == ("released", "defaults (config.yaml:2)")
    assert shown['repositories."shop/**".notary'] == ("corp", "the only one (config.yaml:7)")
