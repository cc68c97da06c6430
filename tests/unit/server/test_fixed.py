"""What of a configuration needs a restart, and that nothing else does."""

from pathlib import Path

import pytest

from proxy.server.fixed import kept_from
from tests.support.certificates import authority, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, write_pair

TLS = "tls: {certificate_file: proxy.crt, key_file: proxy.key}"
CANDIDATES = "tls: {certificate_file: proxy.crt, key_file: proxy.key, client_ca_file: ca.crt}"
STORE = "url: 'postgresql://warden@database/trust', ca_file: ca.crt"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A directory with the files that listeners name."""
    site = Site(tmp_path)
    write_pair(site, "proxy", ecdsa_key("proxy"))
    site.write("ca.crt", pem([authority("one").certificate]))
    return site


def kept(site: Site, before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The keys that keep one from taking the place of the other, which are the same both ways."""
    one, other = site.load(compose(**before)), site.load(compose(**after))
    sentences = list(kept_from(one, other))
    assert sentences == list(kept_from(other, one))
    ending = ": this cannot change while the proxy runs; restart it, or take the change back"
    assert all(sentence.endswith(ending) for sentence in sentences)
    return [sentence.removesuffix(ending) for sentence in sentences]


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        pytest.param(
            {"listen": "{address: '0.0.0.0:5000'}"},
            {"listen": "{address: '0.0.0.0:5002'}"},
            ["listen.address"],
            id="listen",
        ),
        pytest.param({}, {"listen": f"{{{TLS}}}"}, ["listen.tls"], id="tls-or-none"),
        pytest.param(
            {"listen": f"{{{TLS}}}"}, {"listen": f"{{{CANDIDATES}}}"}, ["listen.tls.client_ca_file"], id="certificates"
        ),
        pytest.param({}, {"listen": f"{{{CANDIDATES}}}"}, ["listen.tls"], id="tls-with-certificates-is-said-once"),
        pytest.param(
            {}, {"candidates": f"{{address: '0.0.0.0:1', {CANDIDATES}}}"}, ["candidates"], id="candidates-or-none"
        ),
        pytest.param(
            {"candidates": f"{{address: '0.0.0.0:1', {CANDIDATES}}}"},
            {"candidates": f"{{address: '0.0.0.0:2', {CANDIDATES}}}"},
            ["candidates.address"],
            id="candidates",
        ),
        pytest.param({}, {"probes": "{address: '127.0.0.1:1'}"}, ["probes.address"], id="probes"),
        pytest.param({}, {"workers": "2"}, ["workers"], id="workers"),
        pytest.param({}, {"workers": "auto"}, ["workers"], id="a-worker-for-each-core"),
        pytest.param({}, {"trust_store": "{url: 'sqlite:///other.db'}"}, ["trust_store"], id="trust-store"),
        pytest.param(
            {"trust_store": "{url: 'sqlite:///other.db'}"},
            {"trust_store": f"{{{STORE}}}"},
            ["trust_store"],
            id="another-store-with-authorities-is-said-once",
        ),
        pytest.param({}, {"log": "{format: text}"}, ["log"], id="log"),
        pytest.param({}, {"tracing": "{endpoint: 'http://collector:4318'}"}, ["tracing"], id="tracing"),
        pytest.param(
            {},
            {"workers": "3", "probes": "{address: '127.0.0.1:1'}", "listen": f"{{address: '0.0.0.0:2', {TLS}}}"},
            ["listen.address", "listen.tls", "probes.address", "workers"],
            id="several",
        ),
    ],
)
def test_what_needs_a_restart(site: Site, before: dict[str, str], after: dict[str, str], keys: list[str]) -> None:
    """Each key is a sentence; whoever changed several hears of all of them at once."""
    assert kept(site, before, after) == keys


def test_the_authorities_of_a_database_need_one(site: Site) -> None:
    """Connections to it live in a pool that was made with the old ones."""
    text = compose(trust_store=f"{{{STORE}}}")
    before = site.load(text)
    assert list(kept_from(before, site.load(text))) == []
    site.write("ca.crt", pem([authority("other").certificate]))
    [sentence] = kept_from(before, site.load(text))
    assert sentence.startswith("trust_store.ca_file: this cannot change while the proxy runs")


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"name": "other.example.com"}, id="name"),
        pytest.param({"registry": "{url: 'https://elsewhere', blobs: admitted}"}, id="registry"),
        pytest.param({"notaries": "{corp: {url: 'https://elsewhere', roots: tofu}}", "roots": "{}"}, id="notaries"),
        pytest.param({"repositories": "{'**': {signed_by: released}}"}, id="rules"),
        pytest.param({"listen": "{ns_allowed: [docker.io], trusted_proxies: [10.0.0.0/8]}"}, id="who-is-believed"),
        pytest.param({"trust_store": "{must_exist: true}"}, id="what-must-exist-at-the-start"),
    ],
)
def test_everything_else_may_change(site: Site, sections: dict[str, str]) -> None:
    """While clients are served."""
    assert kept(site, {}, sections) == []


def test_certificates_of_listeners_may_change(site: Site) -> None:
    """That there are some is what cannot."""
    text = compose(listen=f"{{{TLS}}}", candidates=f"{{address: '0.0.0.0:1', {CANDIDATES}}}")
    before = site.load(text)
    write_pair(site, "proxy", ecdsa_key("other"))
    site.write("ca.crt", pem([authority("other").certificate]))
    assert list(kept_from(before, site.load(text))) == []
