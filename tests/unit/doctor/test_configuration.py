"""The configuration's own warnings are repeated, and the certificate that clients see is looked at."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.config import load
from proxy.doctor import configuration
from proxy.doctor.findings import Finding, Hop, Level
from tests.support.certificates import certificate, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose
from tests.unit.doctor.reading import read

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def troubles(directory: Path, **sections: str) -> dict[str, Finding]:
    """What is not ok about a configuration, by name."""
    site, hop = Site(directory), Hop("configuration")
    site.write("config.yaml", compose(**sections))
    configuration.examine(hop, load(site.file, {}, NOW), NOW)
    read(hop.findings)
    return {str(each.name): each for each in hop.findings if each.level is not Level.OK}


def listener(directory: Path, until: datetime, host: str = "registry.example.com") -> str:
    """A listener with a certificate for a host until then."""
    key = ecdsa_key("listener")
    leaf = certificate(host, key, not_after=until, usage=None, alternative_name=host)
    Site(directory).write("proxy.crt", pem([leaf]))
    private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Site(directory).write("proxy.key", private)
    return "{tls: {certificate_file: proxy.crt, key_file: proxy.key}}"


def test_all_is_right(tmp_path: Path) -> None:
    """A configuration without warnings gives none."""
    assert troubles(tmp_path) == {}
    assert troubles(tmp_path, listen=listener(tmp_path, NOW + timedelta(days=90))) == {}


def test_warnings_are_repeated(tmp_path: Path) -> None:
    """What `config check` warns of comes again, with what to do."""
    found = troubles(tmp_path, registry="{url: 'http://registry:5000'}")["config-warning"]
    assert "registry.url: clients' credentials go to the registry in plain text" in found.sentence
    assert found.remedy == "use https, or run it on loopback"


@pytest.mark.parametrize(
    ("until", "host", "level", "words"),
    [
        pytest.param(NOW - timedelta(days=1), "registry.example.com", Level.FAILED, "ran out on 2026-11-21", id="past"),
        pytest.param(NOW + timedelta(days=7), "registry.example.com", Level.WARNING, "runs out on", id="soon"),
        pytest.param(NOW + timedelta(days=90), "www.example.com", Level.WARNING, "www.example.com", id="another-host"),
    ],
)
def test_certificate_of_the_listener(tmp_path: Path, until: datetime, host: str, level: Level, words: str) -> None:
    """A certificate with which clients do not connect, or soon will not, is one finding."""
    found = troubles(tmp_path, listen=listener(tmp_path, until, host))
    assert {name: finding.level for name, finding in found.items()} == {"listen-certificate": level}
    assert words in found["listen-certificate"].sentence
