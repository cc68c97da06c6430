"""What a reload says has changed: keys as they stand in the file, whatever lies behind them."""

from pathlib import Path

import pytest

from proxy.limits import CHANGES_TOLD
from proxy.server.changes import changes
from tests.support.keys import ecdsa_key
from tests.unit.config.site import ROOT_ID, Site, compose, credentials, public_pem, write_pair

UNTIL = "until: '2100-01-01T00:00:00Z', reason: trial"
DIGEST = f"sha256:{'0' * 64}"
REGISTRY = "url: 'http://127.0.0.1:5001'"
NOTARY = "url: 'https://notary:4443'"
RULE = "'shop/**': {signed_by: {any_of: [ci]}, notary: corp}"
OTHER_ROOT = f"{{corp: {{public_key_ids: ['{ROOT_ID[::-1]}']}}}}"


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"name": "other.example.com"}, ["name"], id="name"),
        pytest.param({"listen": "{ns_allowed: [docker.io]}"}, ["listen"], id="listen"),
        pytest.param({"registry": f"{{{REGISTRY}, push: refuse}}"}, ["registry.push"], id="one-door"),
        pytest.param(
            {"registry": f"{{{REGISTRY}, delete: refuse, blobs: admitted}}"},
            ["registry.blobs", "registry.delete"],
            id="two-doors",
        ),
        pytest.param({"registry": f"{{{REGISTRY}, redirect_hosts: [cdn]}}"}, ["registry"], id="registry"),
        pytest.param(
            {"notaries": f"{{corp: {{{NOTARY}, roots: [corp], timeout: 2s}}}}"}, ["notaries.corp"], id="notary"
        ),
        pytest.param(
            {"notaries": f"{{corp: {{{NOTARY}, roots: [corp]}}, new: {{{NOTARY}, roots: tofu}}}}"},
            ["notaries.new"],
            id="one-more-notary",
        ),
        pytest.param({"roots": OTHER_ROOT}, ['repositories."shop/**"', "roots.corp"], id="pins-and-what-they-are-for"),
        pytest.param(
            {"repositories": f"{{{RULE}, 'a/**': {{signed_by: released}}}}"}, ['repositories."a/**"'], id="rule"
        ),
        pytest.param(
            {"repositories": "{'a/**': {signed_by: {any_of: [ci]}}}"},
            ['repositories."a/**"', 'repositories."shop/**"'],
            id="renamed-rule",
        ),
        pytest.param({"rollout": f"{{'shop/**': {{mode: audit, {UNTIL}}}}}"}, ['rollout."shop/**"'], id="rollout"),
        pytest.param({"exceptions": f"[{{allow: 'a@{DIGEST}', {UNTIL}}}]"}, ["exceptions"], id="exception"),
        pytest.param({"blocked": f"[{{digest: '{DIGEST}', reason: CVE}}]"}, ["blocked"], id="blocked-digest"),
        pytest.param({"blocked": f"[{{key: '{ROOT_ID}', reason: stolen}}]"}, ["blocked"], id="blocked-key"),
        pytest.param(
            {"trust_store": "{url: 'sqlite:///trust.db', must_exist: true}"}, ["trust_store"], id="trust-store"
        ),
    ],
)
def test_changed_keys_are_named(tmp_path: Path, sections: dict[str, str], told: list[str]) -> None:
    """Those whose value is another one, in order, and no others; from there and back they are the same."""
    site, usual = Site(tmp_path), {"trust_store": "{url: 'sqlite:///trust.db'}", "repositories": f"{{{RULE}}}"}
    before, after = site.load(compose(**usual)), site.load(compose(**usual | sections))
    assert changes(before, after) == changes(after, before) == told


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        pytest.param({"defaults": "{outage_for: 1h}"}, ["defaults.outage_for", 'repositories."shop/**"'], id="default"),
        pytest.param({"defaults": "{outage_for: 24h}"}, ["defaults.outage_for"], id="default-that-is-the-usual"),
        pytest.param({"signers": "{ci: {keys: delegated}}"}, ["signers.alice", "signers.qa"], id="signers-in-no-rule"),
        pytest.param(
            {"repositories": "{'shop/**': {signed_by: {any_of: [ci]}, notary: corp, outage_for: 24h}}"},
            ["repositories"],
            id="rule-that-says-the-usual-aloud",
        ),
    ],
)
def test_what_has_another_text_is_named(tmp_path: Path, sections: dict[str, str], told: list[str]) -> None:
    """An event with another generation says why, also where every value is the same as before."""
    site, usual = Site(tmp_path), {"repositories": f"{{{RULE}}}"}
    before, after = site.load(compose(**usual)), site.load(compose(**usual | sections))
    assert before.generation != after.generation
    assert changes(before, after) == changes(after, before) == told


def test_a_file_that_says_the_same_in_other_words_is_named(tmp_path: Path) -> None:
    """A line behind a key changes nothing, and is no reason to say that nothing was changed."""
    site = Site(tmp_path)
    text = compose(signers="{ci: {keys: [ci.pub]}}", include="[team.yaml]", repositories="{}")
    site.write("ci.pub", public_pem(ecdsa_key("one")))
    site.write("team.yaml", "scope: web/**\nrepositories: {'web/**': {signed_by: {any_of: [ci]}}}\n")
    before = site.load(text)
    site.write("ci.pub", public_pem(ecdsa_key("one")) + b"x\n")
    rewritten = site.load(text)
    assert changes(before, rewritten) == [f"{tmp_path}/ci.pub"]
    site.write("team.yaml", "scope: web/**\nrepositories: {'web/**': {signed_by: {any_of: [ci]}, tags: {}}}\n")
    assert changes(rewritten, site.load(text)) == [f"{tmp_path}/team.yaml"]


def test_contents_of_files_count(tmp_path: Path) -> None:
    """A certificate, a password or a key that is replaced changes the key that names its file, which is named too."""
    site = Site(tmp_path)
    text = compose(
        registry="{url: 'https://registry', credentials_file: registry.json}",
        listen="{tls: {certificate_file: proxy.crt, key_file: proxy.key}}",
        signers="{ci: {keys: [ci.pub]}}",
    )
    write_pair(site, "proxy", ecdsa_key("one"))
    site.write("registry.json", credentials("tagwarden", "one"))
    site.write("ci.pub", public_pem(ecdsa_key("one")))
    before = site.load(text)
    assert changes(before, site.load(text)) == []
    write_pair(site, "proxy", ecdsa_key("other"))
    site.write("registry.json", credentials("tagwarden", "other"))
    site.write("ci.pub", public_pem(ecdsa_key("other")))
    certificate, public = f"{tmp_path}/proxy.crt", f"{tmp_path}/ci.pub"
    assert changes(before, site.load(text)) == [public, certificate, "listen", "registry", 'repositories."shop/**"']


def test_where_rules_come_from_is_nothing(tmp_path: Path) -> None:
    """Comments, order and line breaks change no decision."""
    site = Site(tmp_path)
    one, other = "{'a/**': {signed_by: released}, 'b/**': {signed_by: released}}", "\n  b/**: {signed_by: released}\n"
    before = site.load(compose(repositories=one))
    after = site.load("# moved\n\n" + compose(repositories=f"{other}  a/**: {{signed_by: released}}"))
    assert changes(before, after) == []


def test_one_event_names_so_many(tmp_path: Path) -> None:
    """A large change is counted where it is not told."""
    site = Site(tmp_path)
    rules = [f"'team{number:03}/**': {{signed_by: released}}" for number in range(CHANGES_TOLD + 5)]
    before = site.load(compose())
    after = site.load(compose(repositories=f"{{{RULE}, {', '.join(rules)}}}"))
    told = changes(before, after)
    assert told == [*(f'repositories."team{number:03}/**"' for number in range(CHANGES_TOLD)), "and 5 more"]
    fitting = site.load(compose(repositories=f"{{{RULE}, {', '.join(rules[:CHANGES_TOLD])}}}"))
    assert changes(before, fitting) == told[:-1]
