"""The registry over TLS: whom the proxy believes."""

import ssl
from pathlib import Path

import pytest

from proxy.errors import RegistryUnreachable, UserError
from proxy.names import Reference, Tag
from proxy.registry.client import connect
from proxy.registry.headers import ClientCredentials
from proxy.registry.tls import tls_context
from tests.unit.notary.authority import Authority, Pair
from tests.unit.registry.material import APP, FakeRegistry, allowed, image, served, settings

TAGGED = Reference(APP, Tag("v1"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of a test."""
    return Authority(tmp_path, "ours")


def serving(pair: Pair) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
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


def test_a_missing_authority_is_a_persons_mistake(tmp_path: Path) -> None:
    """A file that is not there is named, with what to do."""
    with pytest.raises(UserError) as mistake:
        tls_context(tmp_path / "none.crt")
    assert str(mistake.value) == (
        f"registry.ca_file: {tmp_path}/none.crt cannot be used (no such file or directory): "
        "name a file of PEM certificates"
    )


def test_an_authority_that_is_none_is_a_persons_mistake(tmp_path: Path) -> None:
    """So is a file of something else."""
    (tmp_path / "text.crt").write_text("hello")
    with pytest.raises(UserError, match=r"^registry\.ca_file: .* cannot be used \(.+\): name a file of PEM"):
        tls_context(tmp_path / "text.crt")


def test_old_protocols_are_not_spoken() -> None:
    """Nothing before TLS 1.2."""
    assert tls_context(None).minimum_version is ssl.TLSVersion.TLSv1_2
