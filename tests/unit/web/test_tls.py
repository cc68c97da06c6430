"""TLS towards clients: versions, protocols, client certificates, and files that cannot be used."""

import ssl
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import ObjectIdentifier

from certs.authority import CLIENT, SERVER, Authority, Certificate
from proxy.errors import UserError
from proxy.web.tls import HandshakeFailed, server_context, subject_shown_on
from tests.support.pem import listener_tls
from tests.unit.web.hands import a_client, files, shake_hands


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom clients trust."""
    return Authority.open(tmp_path / "ours")


@pytest.fixture
def others(tmp_path: Path) -> Authority:
    """Somebody else's authority."""
    return Authority.open(tmp_path / "theirs")


def test_a_client_that_trusts_the_authority_is_served(authority: Authority) -> None:
    """Without `client_ca_file` nobody has to show anything."""
    server = server_context(files(authority.issue("proxy")), "listen")
    assert shake_hands(server, a_client(authority)).version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        pytest.param(["h2", "http/1.1"], "http/1.1", id="both"),
        pytest.param(["http/1.1"], "http/1.1", id="HTTP/1.1"),
        pytest.param(["h2"], None, id="HTTP/2 alone"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_only_http_1_1_is_offered(authority: Authority, offered: list[str], chosen: str | None) -> None:
    """HTTP/2 has no reason phrases, in which our sentences travel."""
    client = a_client(authority)
    if offered:
        client.set_alpn_protocols(offered)
    server = server_context(files(authority.issue("proxy")), "listen")
    assert shake_hands(server, client).selected_alpn_protocol() == chosen


def an_old_client(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that knows this version of TLS and no newer one."""
    client = a_client(authority)
    client.set_ciphers("DEFAULT@SECLEVEL=0")
    if version < ssl.TLSVersion.TLSv1_2:
        with pytest.deprecated_call():
            client.minimum_version = client.maximum_version = version
    else:
        client.maximum_version = version
    return client


def test_tls_1_2_is_served(authority: Authority) -> None:
    """Older clients have it."""
    server = server_context(files(authority.issue("proxy")), "listen")
    assert shake_hands(server, an_old_client(authority, ssl.TLSVersion.TLSv1_2)).version() == "TLSv1.2"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1])
def test_older_versions_are_refused(authority: Authority, version: ssl.TLSVersion) -> None:
    """They are broken; a server that does not mind would take the same client."""
    pair, client = authority.issue("proxy"), an_old_client(authority, version)
    server = server_context(files(pair), "listen")
    with pytest.raises(HandshakeFailed) as raised:
        shake_hands(server, client)
    assert raised.value.why == "unsupported protocol"
    assert raised.value.alert.endswith(bytes([2, 70]))  # fatal, protocol_version (RFC 8446, 6)
    with pytest.deprecated_call():
        server.minimum_version = version
    server.set_ciphers("DEFAULT@SECLEVEL=0")
    assert shake_hands(server, client).version() in {"TLSv1", "TLSv1.1"}


def test_a_client_with_a_certificate_is_let_in(authority: Authority, others: Authority) -> None:
    """With `client_ca_file`, whoever shows a certificate of that authority is served."""
    server = server_context(files(authority.issue("proxy"), others), "candidates")
    shown = others.issue("ci", usages=(CLIENT,))
    certificate = shake_hands(server, a_client(authority, shown)).getpeercert()
    assert certificate is not None
    assert certificate["subject"] == ((("commonName", "ci"),),)


@pytest.mark.parametrize(
    ("issuer", "usages", "reason"),
    [
        pytest.param(None, (), "peer did not return a certificate", id="none"),
        pytest.param("ours", (CLIENT,), "self-signed certificate in certificate chain", id="of another authority"),
        pytest.param("theirs", (SERVER,), "unsuitable certificate purpose", id="of a server"),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_a_fitting_certificate_is_not(
    authority: Authority,
    others: Authority,
    issuer: str | None,
    usages: tuple[ObjectIdentifier, ...],
    reason: str,
    version: ssl.TLSVersion,
) -> None:
    """It is refused in TLS, before any request."""
    server = server_context(files(authority.issue("proxy"), others), "candidates")
    by = {"ours": authority, "theirs": others}
    client = a_client(authority, by[issuer].issue("ci", usages=usages) if issuer else None)
    client.maximum_version = version
    with pytest.raises(HandshakeFailed) as raised:
        shake_hands(server, client)
    assert raised.value.why.endswith(reason)
    assert raised.value.alert


# --- files that cannot be used --------------------------------------------------------------------


def encrypted(pair: Certificate, directory: Path) -> Path:
    """The same key under a password."""
    key = load_pem_private_key(pair.key_file.read_bytes(), password=None)
    file = directory / "encrypted.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    return file


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        pytest.param("encrypted key", "its key is encrypted", id="encrypted"),
        pytest.param("another key", "key values mismatch", id="of another certificate"),
        pytest.param("certificate as key", "no start line|no reason given", id="a certificate instead"),
        pytest.param("key as certificate", "no start line|no reason given", id="no certificate"),
    ],
)
def test_an_unusable_certificate_is_a_sentence(authority: Authority, tmp_path: Path, wrong: str, reason: str) -> None:
    """It is said at the start, with both files, and nobody is asked for a password."""
    pair = authority.issue("proxy")
    certificate, key = {
        "encrypted key": (pair.certificate_file, encrypted(pair, tmp_path)),
        "another key": (pair.certificate_file, authority.issue("other").key_file),
        "certificate as key": (pair.certificate_file, pair.certificate_file),
        "key as certificate": (pair.key_file, pair.key_file),
    }[wrong]
    with pytest.raises(UserError) as raised:
        server_context(listener_tls(certificate, key), "listen")
    text = str(raised.value)
    assert text.startswith(f"listen.tls: {certificate} with {key} cannot be used (")
    assert any(part in text for part in reason.split("|")), text


def test_an_unusable_authority_is_a_sentence(authority: Authority, tmp_path: Path) -> None:
    """A listener that wants certificates never opens without knowing whose."""
    pair, file = authority.issue("proxy"), tmp_path / "ca.crt"
    file.write_text("not a certificate")
    with pytest.raises(UserError) as raised:
        server_context(listener_tls(pair.certificate_file, pair.key_file, file), "candidates")
    assert str(raised.value) == (
        f"candidates.tls.client_ca_file: {file} cannot be used (no certificate or crl found): "
        "name a file of PEM certificates"
    )


# --- who it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        pytest.param("scanner", "CN=scanner", id="plain"),
        pytest.param("a,CN=admin+b", r"CN=a\,CN=admin\+b", id="with separators"),
    ],
)
def test_the_subject_that_a_client_showed(authority: Authority, others: Authority, name: str, subject: str) -> None:
    """It is written as RFC 4514 has it, so that nobody can look like somebody else by a comma."""
    server = server_context(files(authority.issue("proxy"), client_ca=others), "candidates")
    ours = shake_hands(server, a_client(authority, others.issue(name, usages=(CLIENT,))))
    assert subject_shown_on(ours) == subject


def test_who_shows_nothing_has_no_subject(authority: Authority) -> None:
    """Neither without TLS, nor where no certificate is asked for."""
    ours = shake_hands(server_context(files(authority.issue("proxy")), "listen"), a_client(authority))
    assert (subject_shown_on(ours), subject_shown_on(None)) == (None, None)


def test_a_certificate_that_cannot_be_read_ends_no_request() -> None:
    """Who was let in is answered, and the log says that there was one."""

    class Odd:
        def getpeercert(self, *, binary_form: bool) -> bytes:
            return b"no certificate" if binary_form else b""

    assert subject_shown_on(cast("ssl.SSLObject", Odd())) == "not readable"
