"""A proxy over TLS with a listener for candidates, and one without TLS, both in front of the same shop."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certs.authority import CLIENT, Authority, Certificate
from deploy.stack import docker_trust, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration
from tests.stack.listener.shop import CHECKED, Shop


@pytest.fixture(scope="package")
def shop(registry: Registry, owner: Person, signers: dict[str, Person]) -> Shop:
    """What there is to pull."""
    repository, alice = f"listener/{os.urandom(6).hex()}", signers["alice"]
    signed, unsigned = image(f"signed {repository}"), image(f"unsigned {repository}")
    push(registry, repository, signed, "signed")
    push(registry, repository, unsigned, "unsigned")
    gun = f"{registry.host}/{repository}"
    docker_trust.add_signer(owner, gun, alice.name, alice.public_key)
    notary_client.sign_as(alice, gun, "signed", signed.digest, signed.length)
    return Shop(repository, signed, unsigned)


@pytest.fixture(scope="package")
def settings(registry: Registry, notary: Notary, signers: dict[str, Person], anchor: str) -> dict[str, Any]:
    """A configuration that wants alice for everything."""
    right = configuration(registry, notary, [anchor], signers)
    return right | {"repositories": {"**": {"signed_by": {"any_of": ["alice"]}}}}


@pytest.fixture(scope="package")
def certificate(authority: Authority) -> Certificate:
    """The proxy's own."""
    return authority.issue("listener", CHECKED)


@pytest.fixture(scope="package")
def ci(scratch: Path) -> Authority:
    """Who vouches for scanners."""
    return Authority.open(scratch / "ci")


@pytest.fixture(scope="package")
def scanner(ci: Authority) -> Certificate:
    """What a scanner shows."""
    return ci.issue("scanner", usages=(CLIENT,))


@pytest.fixture(scope="package")
def proxy(
    scratch: Path, settings: dict[str, Any], certificate: Certificate, authority: Authority, ci: Authority
) -> Iterator[Proxy]:
    """A proxy over TLS, with a listener for candidates."""
    with run_proxy(
        scratch / "tls",
        settings,
        certificate=certificate,
        ca_file=authority.certificate_file,
        candidates_ca_file=ci.certificate_file,
    ) as running:
        yield running


@pytest.fixture(scope="package")
def plain(scratch: Path, settings: dict[str, Any]) -> Iterator[Proxy]:
    """A proxy without TLS, which believes this machine about clients."""
    believing = settings | {"listen": {"trusted_proxies": ["127.0.0.1"]}}
    with run_proxy(scratch / "plain", believing) as running:
        yield running


@pytest.fixture(autouse=True)
def no_traceback(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever clients do, the log has one JSON object a line and no traceback."""
    yield
    for name in {"proxy", "plain"} & set(request.fixturenames):
        running: Proxy = request.getfixturevalue(name)
        lines = running.daemon.log.read_text().splitlines()
        assert [line for line in lines if not line.startswith("{") or "Traceback" in line] == []
        assert [event for event in map(json.loads, lines) if event["level"] in ("error", "critical")] == []
