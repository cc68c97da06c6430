"""What the screen says at the end: what was found, what is left to do, and what is wrong."""

from collections.abc import Iterator
from pathlib import Path

from proxy.proposal.notes import trouble
from proxy.proposal.proposing import Proposal
from proxy.proposal.text import instant
from proxy.proposal.writing import CONFIG
from proxy.proposal.yaml import SHOWN, counted, some


def summary(proposal: Proposal, directory: Path) -> Iterator[str]:
    """Lines for a person, after the file was written."""
    unsigned, unreadable = len(proposal.unsigned), len(proposal.unreadable)
    loose = sum(len(proposal.unsigned_tags(each)) for each in proposal.gathered)
    signers = [signer.name for signer in proposal.signers if signer.keys]
    roots = [f"{root.name} ({counted(len(root.uses), 'repository', 'repositories')})" for root in proposal.roots]
    total = len(proposal.gathered)
    yield f"wrote         {directory / CONFIG}"
    yield f"repositories  {total}: {total - unsigned - unreadable} signed, {unsigned} not signed" + (
        f", {unreadable} not readable" if unreadable else ""
    )
    yield f"tags          {sum(map(len, proposal.signed.values()))} signed, {loose} in the registry not signed"
    yield f"signers       {some(signers) or 'none: Notary delegates to nobody'}"
    if roots:
        yield f"roots         to compare with their holders: {some(roots)}"
    else:
        yield "roots         none, so roots are trusted on first use (tofu)"
    yield f"owners        {counted(len(proposal.owners), 'contact')} to fill in: {some(proposal.owners)}"
    yield f"enforced      from {instant(proposal.until)} on, by itself"


def troubles(proposal: Proposal) -> Iterator[str]:
    """Sentences about what does not fit or cannot be read; each is in the file, too, if there is one."""
    if proposal.is_blind:
        yield "nothing was written, because no trust data could be read:"
    elif not proposal.roots:
        name = proposal.settings.name
        yield f"nothing is signed under {name}; is that the host that people sign for (--name)?"
    for each in proposal.unreadable[:SHOWN]:
        yield trouble(proposal, each.repository)
    if others := proposal.unreadable[SHOWN:]:
        yield f"the same or the like holds for {some([each.repository for each in others])}"
    broken = [each for each in proposal.misfits if each.released]
    if broken:
        yield f"the proposal would refuse what is signed and released today: {some(broken)}"
    unreleased = [each for each in proposal.misfits if not each.released]
    if unreleased:
        yield f"signed, but not released, so refused once this is enforced: {some(unreleased)}"


def has_findings(proposal: Proposal) -> bool:
    """Whether somebody should mend something before relying on it; what is merely not signed yet is none."""
    return bool(proposal.unreadable or not proposal.roots or any(each.released for each in proposal.misfits))
