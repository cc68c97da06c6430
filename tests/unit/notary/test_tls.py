"""Whom the client believes to be Notary, and how it shows who it is."""

import re
from pathlib import Path

import pytest
from aiohttp import web

from proxy.errors import UserError
from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.tuf.messages import Fetch, Fetched, Reply, Unavailable
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import server_tls, serving, settings_for

CANNOT_VERIFY = "certificate verify failed, "


async def _empty(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"{}")


async def ask(url: object, **settings: object) -> Reply:
    """Fetch something from a server once."""
    async with NotarySource(settings_for(str(url), **settings)) as source:
        return await source.fetch(Gun("a/b"), Fetch("timestamp", 100))


async def test_the_authority_that_is_named_is_believed(authority: Authority) -> None:
    """A server with a certificate of the configured authority, for its address, is Notary."""
    async with serving(_empty, server_tls(authority.issue("notary"))) as url:
        assert await ask(url, ca_file=authority.file) == Fetched(b"{}")


async def test_a_host_name_is_checked_as_well_as_an_address(authority: Authority) -> None:
    """A server is found by name, and its certificate has to be for that name."""
    async with serving(_empty, server_tls(authority.issue("notary", host="localhost"))) as url:
        assert await ask(url.with_host("localhost"), ca_file=authority.file) == Fetched(b"{}")
        reply = await ask(url, ca_file=authority.file)
    assert isinstance(reply, Unavailable)
    assert reply.why.startswith(f"{CANNOT_VERIFY}IP address mismatch")


async def test_other_authorities_are_not_believed(authority: Authority, tmp_path: Path) -> None:
    """With a `ca_file` only that authority counts."""
    other = Authority(tmp_path, "other")
    async with serving(_empty, server_tls(other.issue("notary"))) as url:
        assert await ask(url, ca_file=authority.file) == Unavailable(
            f"{CANNOT_VERIFY}unable to get local issuer certificate"
        )


async def test_without_a_file_the_system_decides(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a `ca_file` the system's authorities count, and no others."""
    async with serving(_empty, server_tls(authority.issue("notary"))) as url:
        reply = await ask(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # where OpenSSL looks for the system's
        believed = await ask(url)
    assert reply == Unavailable(f"{CANNOT_VERIFY}unable to get local issuer certificate")
    assert believed == Fetched(b"{}")


async def test_the_systems_authorities_end_where_a_file_begins(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that the system believes is not enough where a `ca_file` is named."""
    system = Authority(tmp_path, "system")
    monkeypatch.setenv("SSL_CERT_FILE", str(system.file))
    async with serving(_empty, server_tls(system.issue("notary"))) as url:
        reply = await ask(url, ca_file=authority.file)
    assert reply == Unavailable(f"{CANNOT_VERIFY}unable to get local issuer certificate")


async def test_an_expired_certificate_is_not_believed(authority: Authority) -> None:
    """A server whose certificate ran out is not Notary."""
    async with serving(_empty, server_tls(authority.issue("notary", days=-1))) as url:
        assert await ask(url, ca_file=authority.file) == Unavailable(f"{CANNOT_VERIFY}certificate has expired")


async def test_https_to_a_plain_server(authority: Authority) -> None:
    """A server that does not speak TLS is an outage, never asked in plain text instead."""
    async with serving(_empty) as url:
        reply = await ask(url.with_scheme("https"), ca_file=authority.file)
    assert isinstance(reply, Unavailable)
    assert re.match(r"TLS failed, |connection", reply.why)


async def test_a_client_certificate_is_shown(authority: Authority, tmp_path: Path) -> None:
    """A server that asks for a client certificate gets the configured one."""
    clients = Authority(tmp_path, "clients")
    pair = clients.issue("proxy", host=None)
    async with serving(_empty, server_tls(authority.issue("notary"), clients)) as url:
        reply = await ask(
            url, ca_file=authority.file, client_certificate_file=pair.certificate, client_key_file=pair.key
        )
    assert reply == Fetched(b"{}")


@pytest.mark.parametrize("shown", [pytest.param(False, id="none"), pytest.param(True, id="of another authority")])
async def test_a_wrong_client_certificate_is_an_outage(*, authority: Authority, tmp_path: Path, shown: bool) -> None:
    """A server that refuses the client in TLS said nothing about the file."""
    pair = Authority(tmp_path, "others").issue("proxy", host=None)
    settings = {"client_certificate_file": pair.certificate, "client_key_file": pair.key} if shown else {}
    async with serving(_empty, server_tls(authority.issue("notary"), Authority(tmp_path, "clients"))) as url:
        reply = await ask(url, ca_file=authority.file, **settings)
    assert isinstance(reply, Unavailable)
    assert re.match(r"TLS failed, |connection ", reply.why), reply.why


# --- files that cannot be used --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("", "no certificate or crl found", id="empty"),
        pytest.param("not a certificate", "no certificate or crl found", id="text"),
    ],
)
async def test_an_unusable_ca_file_is_a_sentence(tmp_path: Path, content: str, reason: str) -> None:
    """What is wrong with the file is said when the client is made, not at the first fetch."""
    file = tmp_path / "ca.crt"
    file.write_text(content)
    with pytest.raises(UserError) as raised:
        NotarySource(settings_for("https://127.0.0.1:1", ca_file=file))
    assert str(raised.value) == (
        f"notaries.corp.ca_file: {file} cannot be used ({reason}): name a file of PEM certificates"
    )


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param("encrypted", "its key is encrypted", id="encrypted"),
        pytest.param("another", "key values mismatch", id="of another certificate"),
        pytest.param("certificate", "no start line|no reason given", id="a certificate instead"),
        pytest.param(None, "no start line|no reason given", id="not given, and not in the certificate's file"),
    ],
)
async def test_an_unusable_client_key_is_a_sentence(authority: Authority, key: str | None, reason: str) -> None:
    """A key that does not fit, or would ask somebody for a password, is named when the client is made."""
    pair = authority.issue("proxy")
    encrypted = authority.issue("proxy", password=b"secret")
    certificate = encrypted.certificate if key == "encrypted" else pair.certificate
    keys = {
        "encrypted": encrypted.key,
        "another": authority.issue("proxy").key,
        "certificate": pair.certificate,
    }
    settings = settings_for(
        "https://127.0.0.1:1", client_certificate_file=certificate, client_key_file=keys[key] if key else None
    )
    with pytest.raises(UserError, match=rf"notaries.corp.client_certificate_file: .* \(({reason})\): name a PEM"):
        NotarySource(settings)
