"""What a configuration was made from is known, so that it can be told when to read it anew."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.config import ConfigProblems, Seen, load
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, write_pair

TLS = "{tls: {certificate_file: proxy.crt, key_file: proxy.key}}"
REGISTRY = "{url: 'https://registry:5001', credentials_file: registry.json}"
TEAM = "scope: 'web/**'\nrepositories: {'web/**': {signed_by: {any_of: [ci]}}}\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A configuration that names files of every kind."""
    site = Site(tmp_path)
    write_pair(site, "proxy", ecdsa_key("proxy"))
    site.write("registry.json", '{"username": "u", "password": "p"}')
    site.write("teams/web.yaml", TEAM)
    site.write("config.yaml", compose(listen=TLS, include="['teams/*.yaml']", registry=REGISTRY))
    return site


def read(site: Site) -> Seen:
    """Read it, whatever is wrong with it."""
    seen = Seen()
    with suppress(ConfigProblems):
        load(site.file, {}, seen=seen)
    return seen


def link(site: Site) -> None:
    """Let a link lead elsewhere, as Kubernetes does."""
    (site.directory / "..2").mkdir()
    (site.directory / "..2" / "registry.json").write_text('{"username": "u", "password": "q"}')
    (site.directory / "registry.json").unlink()
    (site.directory / "registry.json").symlink_to("..2/registry.json")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda site: site.write("config.yaml", compose()), id="the-file-itself"),
        pytest.param(lambda site: site.write("proxy.crt", "other"), id="certificate"),
        pytest.param(lambda site: site.write("proxy.key", "other"), id="key"),
        pytest.param(lambda site: site.write("registry.json", "{}"), id="credentials"),
        pytest.param(lambda site: (site.directory / "registry.json").chmod(0o400), id="permissions"),
        pytest.param(link, id="where-a-link-leads"),
        pytest.param(lambda site: site.write("teams/web.yaml", TEAM + "\n"), id="included-file"),
        pytest.param(lambda site: site.write("teams/more.yaml", TEAM), id="one-more-included-file"),
        pytest.param(lambda site: (site.directory / "teams/web.yaml").unlink(), id="one-less"),
    ],
)
def test_a_change_is_seen(site: Site, change: Callable[[Site], object]) -> None:
    """Whatever the configuration was made from, and only then."""
    seen = read(site)
    assert seen.look_again() == seen.looks
    change(site)
    assert seen.look_again() != seen.looks


@pytest.mark.parametrize("name", ["proxy.key", "registry.json", "teams"])
def test_what_was_missing_is_waited_for(site: Site, name: str) -> None:
    """A configuration that could not be used is looked at again when what it lacks is there."""
    aside = site.directory.with_name(f"{site.directory.name}-aside")
    (site.directory / name).rename(aside)
    seen = read(site)
    assert seen.look_again() == seen.looks
    aside.rename(site.directory / name)
    assert seen.look_again() != seen.looks


def test_a_change_while_it_is_read_is_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file looks as it did when it was opened, not as it does when all has been read."""
    opened = os.fstat

    def touched(descriptor: int) -> os.stat_result:
        state = opened(descriptor)
        site.write("config.yaml", compose(listen=TLS))
        return state

    monkeypatch.setattr("proxy.config.opening.os.fstat", touched)
    seen = read(site)
    monkeypatch.undo()
    assert seen.look_again() != seen.looks


def test_what_lies_beside_is_nobodys_business(site: Site) -> None:
    """A trust store in the same directory changes all the time."""
    seen = read(site)
    site.write("trust.db-wal", "x")
    site.write("teams/.web.yaml.swp", "x")
    assert seen.look_again() == seen.looks
