"""The servers that are talked to, their files, and the trust store."""

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from yarl import URL

from proxy.config.opening import read_bounded
from proxy.config.pem import PemFile
from proxy.config.settings import Credentials, NotarySettings
from tests.support.certificates import authority, certificate, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, credentials, private_pem

CLIENT = ecdsa_key("client")


@pytest.fixture
def equipped(site: Site) -> Site:
    """A site with every kind of file that a server entry can name."""
    site.write("ca.crt", pem([authority("tls").certificate]))
    site.write("client.crt", pem([certificate("client", CLIENT)]))
    site.write("client.key", private_pem(CLIENT))
    site.write("login.json", credentials("tagwarden", "secret"))
    return site


def test_the_least_that_works(site: Site) -> None:
    """Whatever is left out has the documented default."""
    settings = site.load(compose())
    notary = settings.notaries["corp"]
    assert isinstance(notary, NotarySettings)
    assert (str(settings.listen.address), str(settings.probes)) == ("0.0.0.0:5000", "127.0.0.1:9596")
    assert (settings.trust_store.url, settings.trust_store.must_exist) == (
        "sqlite:////var/lib/tagwarden/trust.db",
        False,
    )
    assert (settings.registry.ca_file, settings.registry.credentials) == (None, None)
    assert (notary.ca_file, notary.client_certificate_file, notary.client_key_file) == (None, None, None)
    assert (notary.credentials, notary.timeout, notary.changefeed) == (None, 5.0, None)


def test_all_that_can_be_said_of_a_server(equipped: Site) -> None:
    """Files are found beside the configuration, and credentials are read from theirs."""
    settings = equipped.load(
        compose(
            registry="{url: 'https://registry:5001', ca_file: ca.crt, credentials_file: login.json}",
            notaries="{corp: {url: 'https://notary/trust', ca_file: ca.crt, client_certificate_file: client.crt, "
            "client_key_file: client.key, credentials_file: login.json, timeout: 1500ms, changefeed: 500ms, "
            "roots: [corp]}}",
            trust_store="{url: 'sqlite:///state/trust.db', must_exist: true}",
        )
    )
    here = equipped.directory
    notary = settings.notaries["corp"]
    assert isinstance(notary, NotarySettings)
    assert settings.registry.url == URL("https://registry:5001")
    assert settings.registry.ca_file == PemFile.read(here / "ca.crt")
    assert settings.registry.credentials == Credentials("tagwarden", "secret")
    assert notary.url == URL("https://notary/trust")
    assert (notary.name, notary.timeout, notary.changefeed) == ("corp", 1.5, 0.5)
    assert notary.credentials == Credentials("tagwarden", "secret")
    shown = PemFile.read(here / "client.crt"), PemFile.read(here / "client.key")
    assert (notary.client_certificate_file, notary.client_key_file) == shown
    assert settings.trust_store.url == f"sqlite:///{here}/state/trust.db"
    assert settings.warnings == ()


def test_a_changefeed_can_be_off(equipped: Site) -> None:
    """The bare word is text in YAML 1.2, and no `false`."""
    notaries = "{corp: {url: 'https://notary:4443', roots: [corp], changefeed: off}}"
    notary = equipped.load(compose(notaries=notaries)).notaries["corp"]
    assert isinstance(notary, NotarySettings)
    assert notary.changefeed is None


def test_a_password_is_not_shown(equipped: Site) -> None:
    """Neither settings nor their parts print it."""
    settings = equipped.load(compose(registry="{url: 'https://registry', credentials_file: login.json}"))
    assert "secret" not in repr(settings)


def test_a_relative_store_has_an_absolute_path(equipped: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place of the trust store does not depend on where the program runs later."""
    monkeypatch.chdir(equipped.directory)
    relative = Site(Path())
    relative.write("config.yaml", compose(trust_store="{url: 'sqlite:///trust.db'}"))
    assert relative.load(relative.file.read_text()).trust_store.url == f"sqlite:///{equipped.directory}/trust.db"


def test_a_store_on_a_server_has_its_password_in_a_file(equipped: Site) -> None:
    """The port is filled in, the password read, and nothing that is printed shows it."""
    equipped.write("password", " two words' \\\n")
    settings = equipped.load(
        compose(
            trust_store="{url: 'postgresql://tagwarden@db.internal/trust', password_file: password, ca_file: ca.crt}"
        )
    )
    store = settings.trust_store
    assert (store.url, store.is_server) == ("postgresql://tagwarden@db.internal:5432/trust", True)
    assert (store.password, store.ca_file) == (" two words' \\", PemFile.read(equipped.directory / "ca.crt"))
    assert "two words" not in repr(settings)


def test_a_store_on_a_server_needs_no_password(equipped: Site) -> None:
    """The server may know its users by other means."""
    store = equipped.load(compose(trust_store="{url: 'postgresql://u@127.0.0.1:6000/t'}")).trust_store
    assert (store.url, store.password, store.ca_file) == ("postgresql://u@127.0.0.1:6000/t", None, None)


def test_the_password_of_a_store_that_others_can_read_is_warned_of(equipped: Site) -> None:
    """As with every secret."""
    equipped.write("password", "secret", mode=0o644)
    written = "{url: 'postgresql://u@db/t', password_file: password}"
    [warning] = equipped.warnings(compose(trust_store=written))
    assert "holds a secret that other users of this machine can read; chmod 600" in warning


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "holds no password; write it there on one line and nothing else", id="empty"),
        pytest.param(b"\n", "holds no password; write it there on one line and nothing else", id="an empty line"),
        pytest.param(b"a\nb\n", "holds no password; write it there on one line and nothing else", id="two lines"),
        pytest.param(b"\xff\xfe", "holds no password; write it there on one line and nothing else", id="binary"),
        pytest.param(None, "cannot be read (No such file or directory); check the path and its permissions", id="none"),
    ],
)
def test_a_file_without_a_password_is_a_problem(equipped: Site, data: bytes | None, sentence: str) -> None:
    """It is not taken for an empty password, and what it holds is not shown."""
    if data is not None:
        equipped.write("password", data)
    [problem] = equipped.problems(compose(trust_store="{url: 'postgresql://u@db/t', password_file: password}"))
    assert problem == f'1: trust_store.password_file: "password" {sentence}'


@pytest.mark.parametrize("key", [pytest.param("password_file", id="password"), pytest.param("ca_file", id="authority")])
def test_what_a_file_of_sqlite_has_no_use_for_is_a_problem(equipped: Site, key: str) -> None:
    """Somebody expects a protection that is not there."""
    [problem] = equipped.problems(compose(trust_store=f"{{url: 'sqlite:///t.db', {key}: ca.crt}}"))
    assert problem.endswith(f"trust_store.{key}: this is for a database on a server; remove it")


def test_a_secret_that_is_replaced_meanwhile_is_no_mistake(equipped: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read counts; its successor is read when the change is noticed."""
    equipped.write("password", b"secret")

    def read_and_gone(path: Path, *more: Any) -> bytes:
        data = read_bounded(path, *more)
        path.unlink()
        return data

    monkeypatch.setattr("proxy.config.files.read_bounded", read_and_gone)
    assert equipped.problems(compose(trust_store="{url: 'postgresql://u@localhost/t', password_file: password}")) == []


@pytest.mark.parametrize("url", ["postgresql://u:secret@db/t", "postgresql://u@db/t?sslmode=disable"])
def test_a_mistake_in_the_url_is_the_only_one(equipped: Site, url: str) -> None:
    """The password beside it is not taken for one of a file."""
    equipped.write("password", b"secret")
    [problem] = equipped.problems(compose(trust_store=f"{{url: '{url}', password_file: password}}"))
    assert "trust_store.url" in problem


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        *(
            pytest.param(
                data,
                '"login.json" holds no credentials; write {"username": "...", "password": "..."} into it '
                "and nothing else",
                id=name,
            )
            for name, data in {
                "no-json": "tagwarden:secret",
                "other-keys": '{"user": "tagwarden", "password": "secret"}',
                "more-keys": '{"username": "tagwarden", "password": "secret", "email": "x"}',
                "number": '{"username": "tagwarden", "password": 5}',
                "list": "[]",
                "deep-nesting": "[" * 100_000,
            }.items()
        ),
        *(
            pytest.param(data, 'the user name in "login.json" is empty or has a colon in it; mend it', id=name)
            for name, data in {
                "empty-name": credentials("", "secret"),
                "colon-in-name": credentials("tag:warden", "secret"),
            }.items()
        ),
    ],
)
def test_wrong_credentials_are_described_and_not_shown(site: Site, data: str, sentence: str) -> None:
    """The sentence names the file and never what is in it."""
    site.write("login.json", data)
    text = compose(registry="{url: 'https://registry', credentials_file: login.json}")
    assert site.problems(text) == [f"1: registry.credentials_file: {sentence}"]


@pytest.mark.parametrize(
    ("owner", "mode", "warned"),
    [
        pytest.param(0, 0o600, False, id="owner-only"),
        pytest.param(0, 0o440, False, id="root-for-a-group"),
        pytest.param(0, 0o660, True, id="changed-by-a-group"),
        pytest.param(0, 0o604, True, id="everybody"),
        pytest.param(65532, 0o400, False, id="the-service-itself"),
        pytest.param(65532, 0o440, True, id="the-group-of-a-user"),
    ],
)
def test_secrets_that_others_can_read_are_warned_of(site: Site, owner: int, mode: int, *, warned: bool) -> None:
    """Credentials and private keys should be the proxy's own; root may give them to a group, as kubelet does."""
    site.write("login.json", credentials("tagwarden", "secret"), mode)
    os.chown(site.directory / "login.json", owner, owner)
    warning = (
        '1: registry.credentials_file: "login.json" holds a secret that other users of this machine can read; chmod 600'
    )
    text = compose(registry="{url: 'https://registry', credentials_file: login.json}")
    assert site.warnings(text) == ([warning] if warned else [])


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        pytest.param(
            "client_certificate_file: client.crt",
            [
                (
                    "1: notaries.corp.client_key_file: certificate and key only work together; "
                    "add this key, or remove the other"
                )
            ],
            id="certificate-without-key",
        ),
        pytest.param(
            "client_key_file: client.key",
            [
                (
                    "1: notaries.corp.client_certificate_file: certificate and key only work together; "
                    "add this key, or remove the other"
                )
            ],
            id="key-without-certificate",
        ),
        pytest.param(
            "client_certificate_file: client.crt, client_key_file: other.key",
            ['1: notaries.corp.client_key_file: "other.key" is not the key of "client.crt"; check both names'],
            id="key-of-somebody-else",
        ),
        pytest.param(
            "client_certificate_file: client.crt, client_key_file: locked.key",
            ['1: notaries.corp.client_key_file: "locked.key" is encrypted; name a file with the key in plain PEM'],
            id="encrypted-key",
        ),
        pytest.param(
            "client_certificate_file: client.crt, client_key_file: client.crt",
            ['1: notaries.corp.client_key_file: "client.crt" holds no private key; name a file with the key in PEM'],
            id="certificate-as-key",
        ),
        pytest.param(
            "client_certificate_file: client.key, client_key_file: client.key",
            [
                (
                    '1: notaries.corp.client_certificate_file: "client.key" holds no certificate; '
                    "name a file with certificates in PEM"
                )
            ],
            id="key-as-certificate",
        ),
        pytest.param(
            "ca_file: login.json",
            ['1: notaries.corp.ca_file: "login.json" holds no certificate; name a file with certificates in PEM'],
            id="no-authorities",
        ),
        pytest.param(
            "ca_file: large.crt",
            ['1: notaries.corp.ca_file: "large.crt" is larger than a key or certificate can be; check the path'],
            id="endless-file",
        ),
        pytest.param(
            "ca_file: tls",
            ['1: notaries.corp.ca_file: "tls" cannot be read (Is a directory); check the path and its permissions'],
            id="directory",
        ),
        pytest.param(
            'ca_file: "a\\0b"',
            ['1: notaries.corp.ca_file: "a\\u0000b" cannot be read (not a path); check the path and its permissions'],
            id="no-path-at-all",
        ),
    ],
)
def test_files_of_a_notary_are_checked_at_once(equipped: Site, keys: str, lines: list[str]) -> None:
    """What TLS would fail with on the first request is said when the configuration is read."""
    locked = CLIENT.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    equipped.write("locked.key", locked)
    equipped.write("other.key", private_pem(ecdsa_key("other")))
    equipped.write("large.crt", b"x" * ((1 << 20) + 1))
    equipped.write("tls/some.crt", b"")
    text = compose(notaries=f"{{corp: {{url: 'https://notary', roots: [corp], {keys}}}}}")
    assert equipped.problems(text) == lines


def test_tls_files_beside_plain_http_are_a_mistake(equipped: Site) -> None:
    """Somebody expects a protection that is not there."""
    text = compose(
        registry="{url: 'http://127.0.0.1:5001', ca_file: ca.crt}",
        notaries="{corp: {url: 'http://127.0.0.1:4443', roots: [corp], client_certificate_file: client.crt, "
        "client_key_file: client.key}}",
    )
    sentence = "this has no effect without TLS; make the url https, or remove this key"
    assert equipped.problems(text) == [
        f"1: registry.ca_file: {sentence}",
        f"2: notaries.corp.client_certificate_file: {sentence}",
        f"2: notaries.corp.client_key_file: {sentence}",
    ]


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        pytest.param("http://registry:5000", True, id="plain-text-on-a-network"),
        pytest.param("http://10.0.0.7:5000", True, id="plain-text-to-an-address"),
        pytest.param("http://localhost:5001", False, id="plain-text-at-home"),
        pytest.param("https://registry:5000", False, id="tls"),
    ],
)
def test_credentials_in_plain_text_are_warned_of(site: Site, url: str, *, warned: bool) -> None:
    """The bytes are checked anyway, but clients' passwords travel with the requests."""
    warning = "1: registry.url: clients' credentials go to the registry in plain text; use https, or run it on loopback"
    assert site.warnings(compose(registry=f"{{url: '{url}'}}")) == ([warning] if warned else [])


def test_clients_and_probes_need_addresses_of_their_own(site: Site) -> None:
    """The same address twice could not be listened on."""
    text = compose(listen="{address: '127.0.0.1:80'}", probes="{address: '127.0.0.1:80'}")
    assert site.problems(text) == ["2: probes.address: clients are served on this address; choose another port"]
    free = compose(listen="{address: '127.0.0.1:0'}", probes="{address: '127.0.0.1:0'}")
    assert site.problems(free) == []
