"""What somebody reads whose proxy does not start because of TLS: files that looked right until they were used."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from structlog.testing import capture_logs

from proxy import config, telemetry
from proxy.config import Settings
from tests.sentences.transcripts import Transcript
from tests.support.certificates import authority, pem
from tests.support.keys import Key, ecdsa_key
from tests.unit.config.site import Site, compose, write_pair

PEERS: Final = "ca_file: ca.crt, client_certificate_file: client.crt, client_key_file: client.key"
SITE: Final = compose(
    listen=(
        "{address: '127.0.0.1:0', tls: {certificate_file: proxy.crt, key_file: proxy.key, client_ca_file: nodes.crt}}"
    ),
    probes="{address: '127.0.0.1:0'}",
    registry=f"{{url: 'https://127.0.0.1:1', {PEERS}}}",
    trust_store="{url: 'sqlite:///trust.db'}",
)
KEYS: Final = {"proxy": "of the proxy", "client": "for the registry"}


@pytest.fixture
def site(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A configuration and all files of its TLS, as they should be; nothing is logged."""
    monkeypatch.setattr(telemetry, "configure", lambda: None)
    site = Site(transcript.directory)
    site.write("config.yaml", SITE)
    for name in KEYS:
        write_pair(site, name, ecdsa_key(name))
    for name in ("nodes", "ca"):
        site.write(f"{name}.crt", pem([authority(name).certificate]))
    return site


def test_keys_that_are_too_short(transcript: Transcript, site: Site) -> None:
    """Certificate and key belong together, but no TLS of today uses them."""
    for name, whose in KEYS.items():
        write_pair(site, name, short_key())
        transcript.situation(f"The certificate {whose} has a key of 1024 bits.")
        assert serve(transcript) == 2
        write_pair(site, name, ecdsa_key(name))
    transcript.check("serve-tls-short-keys")


def test_files_that_change_while_the_proxy_starts(
    transcript: Transcript, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were read and found right, and then somebody put others in their place."""
    for name, whose in KEYS.items():
        locked = ecdsa_key(name).private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        transcript.situation(f"The key {whose} is encrypted.")
        with monkeypatch.context() as patched:
            patched.setattr(config, "load", loading_before(site, f"{name}.key", locked))
            assert serve(transcript) == 2
        write_pair(site, name, ecdsa_key(name))
    for name, whose in {"nodes": "clients", "ca": "the registry"}.items():
        transcript.situation(f"The authority of {whose} is none.")
        with monkeypatch.context() as patched:
            patched.setattr(config, "load", loading_before(site, f"{name}.crt", b"just words"))
            assert serve(transcript) == 2
        site.write(f"{name}.crt", pem([authority(name).certificate]))
    transcript.check("serve-tls-changed")


def serve(transcript: Transcript) -> int:
    """Start the proxy, which cannot."""
    with capture_logs():
        return transcript.run("tagwarden serve -c config.yaml")


def loading_before(site: Site, name: str, data: bytes) -> Callable[..., Settings]:
    """Loading, and right after it a file changes."""
    load = config.load

    def load_and_write(path: Path, environ: dict[str, str], now: datetime) -> Settings:
        settings = load(path, environ, now)
        site.write(name, data)
        return settings

    return load_and_write


def short_key() -> Key:
    """A key as people made them twenty years ago."""
    private = rsa.generate_private_key(65537, 1024)  # noqa: S505  (nothing is protected by it)
    return Key("rsa", private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), private)
