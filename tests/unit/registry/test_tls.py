"""The registry over TLS: whom the proxy believes."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from proxy.config.pem import PemFile
from proxy.config.settings import RegistrySettings
from proxy.errors import RegistryUnreachable, UserError
from proxy.manifests import MediaType
from proxy.names import Reference, Tag
from proxy.registry.client import connect
from proxy.registry.headers import ClientCredentials
from proxy.tls import client_context
from tests.unit.notary.authority import Authority, Pair
from tests.unit.registry.material import APP, FakeRegistry, allowed, answering, digest, image, served, settings

TAGGED = Reference(APP, Tag("v1"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of a test."""
    return Authority(tmp_path, "ours")


def serving(pair: Pair, clients: Authority | None = None, *, insists: bool = True) -> ssl.SSLContext:
    """A server's side of TLS; with `clients` it asks each client for a certificate of that authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED if insists else ssl.CERT_OPTIONAL
        context.load_verify_locations(clients.file)
    return context


async def test_the_configured_authority_is_believed(authority: Authority) -> None:
    """A registry with a certificate of `ca_file` is read."""
    body = image()
    registry = FakeRegistry()
    registry.holds(body)
    async with (
        served(registry, serving(authority.issue("registry"))),
        connect(settings(registry.url, ca_file=authority.file)) as client,
    ):
        assert (await client.get_manifest(TAGGED, allowed(body), ClientCredentials())).body == body


@pytest.mark.parametrize(
    ("host", "days", "trusted", "why"),
    [
        pytest.param("127.0.0.1", 1, False, "unable to get local issuer certificate", id="another authority"),
        pytest.param("127.0.0.2", 1, True, "IP address mismatch", id="another host"),
        pytest.param("127.0.0.1", -1, True, "certificate has expired", id="expired"),
    ],
)
async def test_nobody_else_is_believed(
    authority: Authority, tmp_path: Path, host: str, days: int, why: str, *, trusted: bool
) -> None:
    """A certificate that does not hold is a registry that cannot be reached, and no request is sent."""
    registry = FakeRegistry()
    ca_file = authority.file if trusted else Authority(tmp_path, "theirs").file
    async with (
        served(registry, serving(authority.issue("registry", host=host, days=days))),
        connect(settings(registry.url, ca_file=ca_file)) as client,
    ):
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.get_manifest(TAGGED, allowed(image()), ClientCredentials("Bearer alice"))
    assert refusal.value.why.startswith("certificate verify failed, ")
    assert why in refusal.value.why
    assert registry.requests == []


def showing(url: URL, authority: Authority, pair: Pair, hosts: frozenset[str] = frozenset()) -> RegistrySettings:
    """Settings with a client certificate."""
    return replace(
        settings(url, ca_file=authority.file),
        client_certificate_file=PemFile.read(pair.certificate),
        client_key_file=PemFile.read(pair.key),
        redirect_hosts=hosts,
    )


async def test_a_client_certificate_is_shown(authority: Authority, tmp_path: Path) -> None:
    """A registry that lets in the proxy alone is read and written with the configured certificate."""
    clients = Authority(tmp_path, "clients")
    body = image()
    registry = FakeRegistry()
    registry.holds(body)
    registry.scripted["PUT /v2/shop/app/manifests/v1"] = answering(status=201)
    async with (
        served(registry, serving(authority.issue("registry"), clients)),
        connect(showing(registry.url, authority, clients.issue("proxy", host=None))) as client,
    ):
        assert (await client.get_manifest(TAGGED, allowed(body), ClientCredentials())).body == body
        async with client.stream("PUT", "/v2/shop/app/manifests/v1", "", {}) as answer:
            assert answer.status == 201


@pytest.mark.parametrize("shown", [pytest.param(False, id="none"), pytest.param(True, id="of another authority")])
async def test_a_wrong_client_certificate_is_an_outage(*, authority: Authority, tmp_path: Path, shown: bool) -> None:
    """A registry that refuses the proxy in TLS has said nothing about the client."""
    registry = FakeRegistry()
    other = Authority(tmp_path, "others")
    async with served(registry, serving(authority.issue("registry"), Authority(tmp_path, "clients"))):
        chosen = settings(registry.url, ca_file=authority.file)
        if shown:
            chosen = showing(registry.url, authority, other.issue("proxy", host=None))
        async with connect(chosen) as client:
            with pytest.raises(RegistryUnreachable):
                await client.get_manifest(TAGGED, allowed(image()), ClientCredentials())
    assert registry.requests == []


async def test_nobody_else_sees_the_client_certificate(authority: Authority, tmp_path: Path) -> None:
    """Where a manifest is redirected to another host, the proxy is nobody there."""
    clients = Authority(tmp_path, "clients")
    body = image()
    seen: list[object] = []
    registry, store = FakeRegistry(), FakeRegistry()

    async def look(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append(request.transport.get_extra_info("peercert"))
        return web.Response(body=body, headers={"Content-Type": MediaType.DOCKER_MANIFEST})

    path = f"/v2/shop/app/manifests/{digest(body)}"
    store.scripted[f"GET {path}"] = look
    async with (
        served(store, serving(authority.issue("store"), clients, insists=False)),
        served(registry, serving(authority.issue("registry"), clients)),
    ):
        registry.scripted[f"GET {path}"] = answering(status=307, Location=f"{store.url}{path}")
        hosts = frozenset({f"127.0.0.1:{store.url.port}"})
        async with connect(showing(registry.url, authority, clients.issue("proxy", host=None), hosts)) as client:
            assert (await client.get_manifest(TAGGED, allowed(body), ClientCredentials("Bearer alice"))).body == body
    assert not any(seen)
    assert len(seen) == 1
    assert "Authorization" not in store.asked[0].headers


def test_a_client_certificate_that_cannot_be_used_is_a_persons_mistake(authority: Authority, tmp_path: Path) -> None:
    """It is named, with what to do."""
    certificate, other = authority.issue("proxy").certificate, Authority(tmp_path, "others").issue("proxy").key
    with pytest.raises(UserError, match=r"^registry\.client_certificate_file: .* \(key values mismatch\)"):
        client_context("registry", None, PemFile.read(certificate), PemFile.read(other))


def test_an_authority_that_is_none_is_a_persons_mistake(tmp_path: Path) -> None:
    """A file of something else is named, with what to do."""
    file = PemFile(tmp_path / "text.crt", b"hello")
    with pytest.raises(UserError, match=rf"^registry\.ca_file: {file} cannot be used \(.+\): name a file of PEM"):
        client_context("registry", file)


def test_old_protocols_are_not_spoken() -> None:
    """Nothing before TLS 1.2."""
    assert client_context("registry", None).minimum_version is ssl.TLSVersion.TLSv1_2


def test_who_believes_the_same_shares_a_context(authority: Authority, tmp_path: Path) -> None:
    """A machine's authorities take long to load; whoever shows a certificate has a context of its own."""
    ours = PemFile.read(authority.file)
    others = PemFile.read(Authority(tmp_path, "others").file)
    context = client_context("registry", ours)
    assert client_context("notaries.corp", PemFile(tmp_path / "copy", ours.data)) is context
    assert client_context("registry", others) is not context
    assert client_context("registry", None) is client_context("notaries.corp", None)
    pair = authority.issue("proxy", host=None)
    shows = client_context("registry", ours, PemFile.read(pair.certificate), PemFile.read(pair.key))
    assert shows is not context
    assert client_context("registry", ours) is context


def test_other_authorities_of_the_system_are_others(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was installed meanwhile counts for whoever is configured from then on."""
    file = authority.file
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    before = client_context("registry", None)
    file.write_bytes(file.read_bytes() * 2)
    assert client_context("registry", None) is not before
