"""The screen tells in a few lines what was found, and in sentences what is wrong."""

from pathlib import Path

from proxy.errors import RootNotTrusted
from proxy.proposal.summary import has_findings, summary, troubles
from proxy.proposal.writing import write
from tests.unit.proposal.site import Site


def test_what_was_found(tmp_path: Path) -> None:
    """Numbers that a person can compare with what they expect."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"], "dev": None})
    site.repository("infra/dns", {"1.0": ["alice", "bob"]})
    site.without("infra/ntp", ["1.0", "2.0"])
    proposal = write(site.propose(), tmp_path)
    [root] = proposal.roots
    assert list(summary(proposal, Path("proposed"))) == [
        "wrote         proposed/config.yaml",
        "repositories  3: 2 signed, 1 not signed",
        "tags          2 signed, 3 in the registry not signed",
        "signers       alice, bob",
        f"roots         to compare with their holders: {root.name} (2 repositories)",
        "owners        2 contacts to fill in: infra, shop",
        "enforced      from 2026-12-05T12:00:00Z on, by itself",
    ]
    assert list(troubles(proposal)) == []
    assert not has_findings(proposal)


def test_trust_data_that_does_not_verify(tmp_path: Path) -> None:
    """A finding, with the sentence that a refusal would have."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]})
    site.without("shop/broken", [], RootNotTrusted("its certificate is for 'somebody'"))
    proposal = write(site.propose(), tmp_path)
    assert has_findings(proposal)
    assert "repositories  2: 1 signed, 0 not signed, 1 not readable" in list(summary(proposal, tmp_path))
    [sentence] = troubles(proposal)
    assert sentence.startswith("shop/broken: the root of gun registry.example.com/shop/broken is not trusted")
    assert sentence.endswith("[root_not_trusted]")


def test_nothing_signed_at_all(tmp_path: Path) -> None:
    """A finding: perhaps the name is not the one that people sign for."""
    site = Site()
    site.without("shop/api", ["1.0"])
    proposal = write(site.propose(), tmp_path)
    assert has_findings(proposal)
    assert list(troubles(proposal)) == [
        "nothing is signed under registry.example.com; is that the host that people sign for (--name)?"
    ]
    lines = list(summary(proposal, tmp_path))
    assert "signers       none: Notary delegates to nobody" in lines
    assert "roots         none, so roots are trusted on first use (tofu)" in lines


def test_signed_but_not_released(tmp_path: Path) -> None:
    """Said, but no finding: somebody may be about to release it."""
    site = Site()
    simulator = site.repository("shop/api", {"1.0": ["alice"]})
    simulator.sign("2.0", role="targets/alice")
    site.add("shop/api", simulator, ["1.0", "2.0"])
    proposal = write(site.propose(), tmp_path)
    assert not has_findings(proposal)
    [sentence] = troubles(proposal)
    assert sentence == "signed, but not released, so refused once this is enforced: shop/api:2.0 [signer_missing]"


def test_many_that_cannot_be_read(tmp_path: Path) -> None:
    """The first few in full, on the screen and in the file, the others by name."""
    site = Site()
    site.repository("shop/api", {"1.0": ["alice"]})
    for number in range(7):
        site.without(f"shop/broken-{number}", [], RootNotTrusted("it is somebody's"))
    proposal = write(site.propose(), tmp_path)
    *sentences, last = troubles(proposal)
    assert len(sentences) == 5
    assert last == "the trust data of these cannot be used either: shop/broken-5, shop/broken-6"
    assert (
        "# The trust data of these cannot be used either: shop/broken-5, shop/broken-6."
        in (tmp_path / "config.yaml").read_text()
    )


def test_nothing_that_can_be_read() -> None:
    """Whoever answers first would be believed although there are signatures: so there is no file at all."""
    site = Site()
    site.without("shop/broken", [], RootNotTrusted("it is somebody's"))
    proposal = site.propose()
    assert proposal.is_blind
    assert next(troubles(proposal)) == "nothing was written, because no trust data could be read:"
