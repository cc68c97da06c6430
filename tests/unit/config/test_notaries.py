"""A Notary is a server or a directory, and exactly one of them."""

import pytest

from proxy.config import load_whole
from proxy.config.effective import effective
from proxy.config.schema import schema
from proxy.config.settings import BundleSettings
from tests.unit.config.site import Site, compose


def _problems(site: Site, keys: str) -> list[str]:
    return site.problems(compose(notaries=f"{{corp: {{roots: [corp], {keys}}}}}"))


def test_a_directory_stands_in_the_place_of_a_server(site: Site) -> None:
    """Relative to the file, and not looked into: it may be mounted later."""
    settings = site.load(compose(notaries="{corp: {dir: trust/data, roots: [corp]}}"))
    assert settings.notaries["corp"] == BundleSettings("corp", site.directory / "trust/data")
    assert settings.notaries["corp"].place == str(site.directory / "trust/data")


@pytest.mark.parametrize(
    ("notary", "is_carried"),
    [pytest.param("dir: trust/data", True, id="directory"), pytest.param("url: 'https://n'", False, id="server")],
)
def test_entries_know_that_their_notary_is_a_directory(site: Site, notary: str, *, is_carried: bool) -> None:
    """So that a refusal can say what helps."""
    settings = site.load(compose(notaries=f"{{corp: {{{notary}, roots: [corp]}}}}"))
    assert [entry.is_carried for entry in settings.policy.entries] == [is_carried]


def test_the_directory_is_shown_as_it_is_opened(site: Site) -> None:
    """`config check --effective` names it so that it can be pasted."""
    site.write("config.yaml", compose(notaries="{corp: {dir: trust-data, roots: [corp]}}"))
    shown = {value.path: value.value for value in effective(load_whole(site.file, {}))}
    assert shown["notaries.corp.dir"] == str(site.directory / "trust-data")
    assert shown["notaries.corp.url"] is None


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        pytest.param(
            "timeout: 5s",
            ["1: notaries.corp: nothing says where its trust data is; add url (a Notary server), or dir (a directory)"],
            id="neither",
        ),
        pytest.param(
            "url: 'https://notary', dir: bundle",
            ["1: notaries.corp.dir: there is a url as well, and only one of them can be asked; remove one of them"],
            id="both",
        ),
        pytest.param(
            "dir: bundle, changefeed: 1s, timeout: 5s, ca_file: ca.crt",
            [
                f"1: notaries.corp.{key}: this is about a server, and has no effect beside dir; remove this key"
                for key in ("ca_file", "timeout", "changefeed")
            ],
            id="server-keys",
        ),
        pytest.param(
            "dir: bundle, changefeed: 'off'",
            ["1: notaries.corp.changefeed: this is about a server, and has no effect beside dir; remove this key"],
            id="also-if-it-is-the-default",
        ),
        pytest.param("dir: ''", ["1: notaries.corp.dir: this is empty; write a value, or remove the key"], id="empty"),
        pytest.param("url: notary", None, id="one-problem-is-enough"),
    ],
)
def test_exactly_one_of_them_is_named(site: Site, keys: str, lines: list[str] | None) -> None:
    """What is about a server beside a directory means that somebody expects a server to be asked."""
    found = _problems(site, keys)
    assert len(found) == 1 if lines is None else found == lines


def test_the_schema_wants_exactly_one_of_them() -> None:
    """As the program does."""
    assert schema()["$defs"]["NotaryShape"]["oneOf"] == [{"required": ["url"]}, {"required": ["dir"]}]
