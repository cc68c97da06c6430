"""A proposal appears whole or not at all, and never over anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from proxy.config import load
from proxy.errors import UserError
from proxy.names import Repository
from proxy.policy.entries import Mode
from proxy.policy.signers import AllOf
from proxy.proposal import summary, writing
from proxy.proposal.proposing import Proposal
from tests.support.collections import signers
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW
from tests.unit.proposal.site import FORTNIGHT, Site, rules


@pytest.fixture
def proposal() -> Proposal:
    """A repository that alice signs, with one tag that ci signs, too."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"], "2.0": ["alice", "ci"]})
    return site.propose()


def _found(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_configuration_and_keys_appear(proposal: Proposal, tmp_path: Path) -> None:
    """Nothing else does, and directories are made on the way."""
    written = writing.write(proposal, tmp_path / "deep" / "down")
    assert set(_found(tmp_path / "deep" / "down")) == {"config.yaml", "signers/alice.pub", "signers/ci.pub"}
    assert written.misfits == ()
    assert rules(tmp_path / "deep" / "down" / "config.yaml") == {"shop/**": {"any_of": ["alice"]}}


def test_enforcement_begins_by_itself(proposal: Proposal, tmp_path: Path) -> None:
    """The file loads from where it is, audits until its instant, and enforces from then on."""
    writing.write(proposal, tmp_path)
    settings = load(tmp_path / "config.yaml", {}, NOW)
    [each] = proposal.gathered
    assert settings.policy.mode_for(each.repository, NOW) is Mode.AUDIT
    assert settings.policy.mode_for(each.repository, NOW + FORTNIGHT) is Mode.ENFORCE
    assert settings.policy.entry_for(each.repository).owner is not None


def test_names_that_mean_something_to_yaml(tmp_path: Path) -> None:
    """Namespaces, repositories and signers may be called as numbers and truths are written."""
    site = Site()
    for name in ("0", "1e3", "null", "true/0x1f", "no/off", "a__b.c-d/1.0"):
        site.repository(name, {"1.0": ["123", "true", "-"]})
    writing.write(site.propose(), tmp_path)
    policy = load(tmp_path / "config.yaml", {}, NOW).policy
    entries = [policy.entry_for(Repository(name)) for name in site.gathered]
    assert {entry.owner.name for entry in entries if entry.owner} == {"top-level", "true", "no", "a__b.c-d"}
    assert {entry.signed_by.needed for entry in entries if isinstance(entry.signed_by, AllOf)} == {3}


def test_several_roots_and_a_rule_that_counts(tmp_path: Path) -> None:
    """Each root key is an entry of its own, and `at_least` is written as it is read."""
    site = Site()
    site.repository("shop/api", {"1": ["alice", "bob"], "2": ["bob", "qa"], "3": ["alice", "qa"]})
    site.add("infra/dns", NotarySimulator("registry.example.com/infra/dns", root_kind="rsa"), [])
    proposal = writing.write(site.propose(), tmp_path)
    assert len(proposal.roots) == 2
    assert "`roots` of an entry below says" in (tmp_path / "config.yaml").read_text()
    assert rules(tmp_path / "config.yaml")["shop/**"] == {"at_least": 2, "of": ["alice", "bob", "qa"]}


def test_a_configuration_is_never_overwritten(proposal: Proposal, tmp_path: Path) -> None:
    """Not even one that is a broken link."""
    (tmp_path / "config.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"config\.yaml is there already and is never overwritten"):
        writing.write(proposal, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_a_key_of_somebody_else_is_never_overwritten(proposal: Proposal, tmp_path: Path) -> None:
    """Then nothing appears at all, and what was there stays as it is."""
    (tmp_path / "signers").mkdir()
    (tmp_path / "signers" / "ci.pub").write_bytes(b"another key")
    with pytest.raises(UserError, match=r"ci\.pub is there already and is never overwritten"):
        writing.write(proposal, tmp_path)
    assert _found(tmp_path) == {"signers/ci.pub": b"another key"}


def test_the_same_key_may_be_there(proposal: Proposal, tmp_path: Path) -> None:
    """So a configuration that was moved away can be proposed anew."""
    writing.write(proposal, tmp_path)
    first = _found(tmp_path)
    (tmp_path / "config.yaml").unlink()
    writing.write(proposal, tmp_path)
    assert _found(tmp_path) == first


def test_the_same_key_in_a_planted_file_is_replaced(proposal: Proposal, tmp_path: Path) -> None:
    """Whoever can still write to the file that was there does not change what is trusted."""
    writing.write(proposal, tmp_path / "first")
    planted = tmp_path / "second" / "signers" / "ci.pub"
    planted.parent.mkdir(parents=True)
    planted.write_bytes((tmp_path / "first" / "signers" / "ci.pub").read_bytes())
    kept = tmp_path / "kept"
    kept.hardlink_to(planted)
    writing.write(proposal, tmp_path / "second")
    kept.write_bytes(b"another key")
    assert planted.read_bytes() == (tmp_path / "first" / "signers" / "ci.pub").read_bytes()


@pytest.mark.parametrize("name", [pytest.param("signers", id="directory"), pytest.param("signers/ci.pub", id="file")])
def test_nothing_is_written_through_a_link(proposal: Proposal, tmp_path: Path, name: str) -> None:
    """A link that somebody put there beforehand leads nowhere, whatever it leads to."""
    writing.write(proposal, tmp_path / "elsewhere")
    before = _found(tmp_path / "elsewhere")
    link = tmp_path / "proposed" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere" / name)
    with pytest.raises(UserError, match=r"is a link|is there already"):
        writing.write(proposal, tmp_path / "proposed")
    assert link.is_symlink()
    assert not (tmp_path / "proposed" / "config.yaml").exists()
    assert _found(tmp_path / "elsewhere") == before


def test_a_place_that_cannot_be_written_to(proposal: Proposal, tmp_path: Path) -> None:
    """One sentence with the reason of the system."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"nothing was written to .*file/below \(Not a directory\)"):
        writing.write(proposal, tmp_path / "file" / "below")


def test_a_failure_leaves_nothing_behind(proposal: Proposal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the directory that was made for it."""
    monkeypatch.setattr(writing, "judge", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        writing.write(proposal, tmp_path / "proposed")
    assert list(tmp_path.iterdir()) == []


def test_what_it_would_refuse_stands_in_the_file(proposal: Proposal, tmp_path: Path) -> None:
    """A rule that is too strong is found out, and is named in the file and on the screen with its code."""
    [each] = proposal.entries
    wrong = replace(each, rule=AllOf(signers("alice", "ci")))
    judged = writing.write(replace(proposal, entries=(wrong,)), tmp_path)
    assert list(summary.troubles(judged)) == [
        "the proposal would refuse what is signed and released today: shop/api:1.0 [signer_missing]"
    ]
    assert summary.has_findings(judged)
    written = (tmp_path / "config.yaml").read_text()
    assert "BEWARE: signed and released today, and yet this would refuse shop/api:1.0 [signer_missing]." in written


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
