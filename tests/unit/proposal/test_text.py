"""The file as people read it: a whole one to the letter, and nothing in it that a server could have written."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from proxy.config.without_file import Trial
from proxy.errors import NotaryUnreachable, RootNotTrusted
from proxy.names import Repository
from proxy.proposal import notes, writing
from proxy.proposal.keys import ProposedSigner
from proxy.proposal.text import render
from proxy.proposal.yaml import comment, counted, quoted, some, text
from tests.support.keys import ecdsa_key
from tests.unit.config.site import credentials
from tests.unit.proposal.site import Site

_WHOLE: Final = Path(__file__).with_name("proposed.yaml")


def _site() -> Site:
    """Everything that a proposal can have to say."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice", "qa"], "1.1": ["alice", "qa"], "dev": None})
    site.repository("shop/web", {"1.0": ["alice", "qa"], "nightly": None})
    site.repository("shop/old", {"0.9": [], "1.0": []})
    site.repository("shop/dev", {"1.0": ["alice", "qa"], "1.1": ["alice", "qa"], "1.2": ["qa"]})
    site.repository("infra/dns", {"1": ["alice"]}, keys={"alice": [ecdsa_key("another alice")]})
    site.repository("infra/ntp", {"1": ["ci"], "2": ["bob", "ci"], "3": ["bob", "ci"], "4": ["bob"]})
    site.without("shop/new", ["1", "2"])
    site.without("shop/broken", ["1"], RootNotTrusted("its certificate is for 'registry.example.com/shop/brkoen'"))
    site.without("busybox", ["latest"])
    half = site.repository("infra/half", {"1": ["ci"]})
    half.sign("2", role="targets/ci")
    site.add("infra/half", half, ["1", "2"])
    return site


def test_a_whole_file(tmp_path: Path) -> None:
    """To the letter; where it is meant to change, copy the new file over `proposed.yaml` and read the difference."""
    writing.write(_site().propose(), tmp_path)
    assert (tmp_path / "config.yaml").read_text() == _WHOLE.read_text()


def test_the_same_site_gives_the_same_file() -> None:
    """Whatever order the answers came in."""
    one, other = _site(), _site()
    other.gathered = dict(reversed(other.gathered.items()))
    assert render(one.propose()) == render(other.propose())


def test_files_are_named_by_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that was typed in one directory is found from any other."""
    (tmp_path / "registry.json").write_text(credentials("proposer", "secret"))
    (tmp_path / "registry.json").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    site = Site(Trial("registry.example.com", "http://127.0.0.1:5001", "https://notary", None, Path("registry.json")))
    site.repository("shop/api", {"1.0": ["alice"]})
    writing.write(site.propose(), Path("elsewhere"))
    assert f'credentials_file: "{tmp_path}/registry.json"' in (tmp_path / "elsewhere" / "config.yaml").read_text()


def test_where_nothing_is_signed() -> None:
    """There is nobody to pin and nobody to name, and the file says so."""
    site = Site()
    site.without("shop/api", ["1.0"])
    written = render(site.propose())
    assert "    roots: tofu" in written
    assert "no root to pin" in written
    assert "\nroots:" not in written
    assert "\nsigners:" not in written


def test_tags_that_the_registry_did_not_list() -> None:
    """What is not known is not called signed."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]})
    known = site.gathered["shop/api"]
    site.gathered["shop/api"] = type(known)(known.repository, known.gun, known.collection, None, None)
    assert "The registry did not list the tags of shop/api" in render(site.propose())


def test_what_a_server_says_stays_in_its_comment() -> None:
    """Reasons, names and certificates come from servers: none of them can add a line of configuration."""
    hostile = "x\n'\nexceptions:\r  - {allow: 'a'}\x85signers: {}\u2028\u2029\t\"#:"
    plain, attacked = Site(), Site()
    for site, why in ((plain, "x"), (attacked, hostile)):
        site.repository("shop/api", {"1.0": ["alice"]})
        site.without("shop/broken", [], RootNotTrusted(why))
        site.without("shop/away", [], NotaryUnreachable(why))
    for written in (render(plain.propose()), render(attacked.propose())):
        assert written.isascii()
        assert not set(written) & set("\r\t\x85")
    reader = YAML(typ="safe", pure=True)
    assert reader.load(render(attacked.propose())) == reader.load(render(plain.propose()))


def test_trouble_of_an_unknown_repository_is_its_name() -> None:
    """There is nothing more to say."""
    assert notes.trouble(Site().propose(), "shop/api") == "shop/api"


def test_a_signer_without_keys_is_told_of() -> None:
    """A role that nobody can sign for is no entry of `signers`, which needs a key."""
    ghost = ProposedSigner("ghost", (), (Repository("shop/api"),))
    written = render(replace(_site().propose(), signers=(ghost,)))
    assert "signers: {}" in written
    assert "# ghost (in shop/api) has no key that could be used, so it is left out." in written


@given(st.text())
def test_a_comment_is_nothing_but_comment(sentence: str) -> None:
    """Whatever is in it: each line is one to YAML, and there is no other."""
    lines = comment(sentence, 2)
    assert all(line.startswith("  # ") and line.isascii() and line.isprintable() for line in lines)


@given(st.text())
def test_quoted_text_is_read_as_it_was(value: str) -> None:
    """As value and as key, be it a word that means something to YAML."""
    reader = YAML(typ="safe", pure=True)
    assert reader.load(f"a: {quoted(value)}") == {"a": value}
    assert reader.load(f"a: {text(value)}") == {"a": value}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param("alice", "alice", id="word"),
        pytest.param("true", '"true"', id="truth"),
        pytest.param("no", '"no"', id="norway"),
        pytest.param("0123", '"0123"', id="number"),
        pytest.param("-", '"-"', id="dash"),
        pytest.param("alice/2", '"alice/2"', id="nested"),
    ],
)
def test_words_are_written_as_they_are(value: str, written: str) -> None:
    """Unless some reader of YAML takes them for something else."""
    assert text(value) == written


def test_long_lists_are_cut_short() -> None:
    """The first five, and how many more."""
    assert some(["a"] * 5) == "a, a, a, a, a"
    assert some(["a"] * 7) == "a, a, a, a, a and 2 more"
    assert [counted(number, "tag") for number in (0, 1, 2)] == ["no tags", "1 tag", "2 tags"]
