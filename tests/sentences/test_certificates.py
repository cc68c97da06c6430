"""What somebody reads whose proxy does not start because of TLS: files that looked right until they were used."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

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
from proxy.config import Seen, Settings
from proxy.config.pem import PemFile
from proxy.config.settings import RegistrySettings, TlsSettings
from tests.sentences.transcripts import Transcript
from tests.support.certificates import authority, pem
from tests.support.keys import Key, ecdsa_key
from tests.unit.config.site import Site, compose, write_pair

_Holder = TypeVar("_Holder", TlsSettings, RegistrySettings)

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
    monkeypatch.setattr(telemetry, "configure", lambda *_, **__: None)
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


def test_files_that_tls_refuses(transcript: Transcript, monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """Loading found them right, and the system's own TLS thinks otherwise."""
    assert site.file.exists()
    for name, whose in KEYS.items():
        locked = ecdsa_key(name).private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        transcript.situation(f"The key {whose} is encrypted.")
        with monkeypatch.context() as patched:
            patched.setattr(config, "load", loading_with(f"{name}.key", locked))
            assert serve(transcript) == 2
    for name, whose in {"nodes": "clients", "ca": "the registry"}.items():
        transcript.situation(f"The authority of {whose} is none.")
        with monkeypatch.context() as patched:
            patched.setattr(config, "load", loading_with(f"{name}.crt", b"just words"))
            assert serve(transcript) == 2
    transcript.check("serve-tls-changed")


def serve(transcript: Transcript) -> int:
    """Start the proxy, which cannot."""
    with capture_logs():
        return transcript.run("tagwarden serve -c config.yaml")


def loading_with(name: str, data: bytes) -> Callable[..., Settings]:
    """Loading, where a file passes whose contents TLS then refuses."""
    load = config.load

    def spoil(holder: _Holder) -> _Holder:
        files = {each.name: getattr(holder, each.name) for each in fields(holder)}
        named = {key: file for key, file in files.items() if isinstance(file, PemFile) and file.path.name == name}
        spoilt: dict[str, Any] = {key: replace(file, data=data) for key, file in named.items()}
        return replace(holder, **spoilt)

    def load_and_spoil(path: Path, environ: dict[str, str], now: datetime, seen: Seen) -> Settings:
        settings = load(path, environ, now, seen)
        assert settings.listen.tls is not None
        listen = replace(settings.listen, tls=spoil(settings.listen.tls))
        return replace(settings, listen=listen, registry=spoil(settings.registry))

    return load_and_spoil


def short_key() -> Key:
    """A key as people made them twenty years ago."""
    private = rsa.generate_private_key(65537, 1024)  # noqa: S505  (nothing is protected by it)
    return Key("rsa", private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), private)
