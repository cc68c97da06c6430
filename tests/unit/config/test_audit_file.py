"""`log.audit_file` is a file of its own: whatever else the configuration needs would be spoiled by its lines."""

import os
from typing import Final

import pytest

from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, credentials, public_pem, write_pair

READ: Final = "is read as part of this configuration, and lines would be appended to it"
REMEMBERED: Final = "belongs to the trust store, and lines would be appended to it"


def whole(audit_file: str) -> str:
    """A configuration that names files of many kinds."""
    return compose(
        log=f"{{audit_file: '{audit_file}'}}",
        listen="{address: '127.0.0.1:5000', tls: {certificate_file: proxy.crt, key_file: proxy.key}}",
        registry="{url: 'https://registry:5000', ca_file: proxy.crt, credentials_file: registry.json}",
        signers="{ci: {keys: [ci.pub]}}",
        include="[teams/*.yaml]",
        trust_store="{url: 'sqlite:///trust.db'}",
    )


@pytest.fixture
def full(site: Site) -> Site:
    """A directory with all that the configuration names; the trust store is not begun yet."""
    write_pair(site, "proxy", ecdsa_key("proxy"))
    site.write("registry.json", credentials("proxy", "secret"))
    site.write("ci.pub", public_pem(ecdsa_key("ci")))
    site.write("teams/web.yaml", "scope: web/**\n")
    return site


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        pytest.param("config.yaml", READ, id="the configuration"),
        pytest.param("teams/../config.yaml", READ, id="the configuration, by another way"),
        pytest.param("teams/web.yaml", READ, id="an included file"),
        pytest.param("proxy.key", READ, id="a private key"),
        pytest.param("proxy.crt", READ, id="a certificate"),
        pytest.param("registry.json", READ, id="credentials"),
        pytest.param("ci.pub", READ, id="a signer's key"),
        pytest.param("trust.db", REMEMBERED, id="the trust store that is still to come"),
        pytest.param("trust.db-wal", REMEMBERED, id="what SQLite writes first"),
        pytest.param("trust.db-shm", REMEMBERED, id="what SQLite shares"),
        pytest.param("trust.db-journal", REMEMBERED, id="what SQLite undoes"),
        pytest.param("teams", "is a directory; name a file in it", id="a directory"),
        pytest.param("pipe", "is no regular file; name one, or write - for standard output", id="a pipe"),
    ],
)
def test_what_is_no_place_for_lines(full: Site, written: str, problem: str) -> None:
    """It is said before anything is appended to it."""
    os.mkfifo(full.directory / "pipe")
    [said] = full.problems(whole(written))
    assert said.startswith("1: log.audit_file: ")
    assert problem in said


@pytest.mark.parametrize("is_symbolic", [True, False], ids=["symbolic", "hard"])
@pytest.mark.parametrize("name", ["config.yaml", "proxy.key", "trust.db"])
def test_another_name_of_such_a_file(full: Site, name: str, *, is_symbolic: bool) -> None:
    """Links of both kinds lead to the same bytes."""
    full.write("config.yaml", "")
    full.write("trust.db", "")
    link = full.directory / "audit.jsonl"
    (link.symlink_to if is_symbolic else link.hardlink_to)(full.directory / name)
    [said] = full.problems(whole("audit.jsonl"))
    assert "lines would be appended to it; name a file that nothing else uses" in said


def test_a_file_of_its_own(full: Site) -> None:
    """One that is there already is gone on with."""
    full.write("audit.jsonl", '{"event":"decision"}\n')
    assert full.load(whole("audit.jsonl")).log.audit_file == full.directory / "audit.jsonl"
