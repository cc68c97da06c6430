"""What the screen says at the end: what was found, what is left to do, and what is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.proposal.notes import trouble
from proxy.proposal.proposing import Proposal
from proxy.proposal.text import instant
from proxy.proposal.writing import CONFIG
from proxy.proposal.yaml import SHOWN, counted, some

_NOT_LET_IN: Final = ("401", "403")


def summary(proposal: Proposal, directory: Path) -> Iterator[str]:
    """Lines for a person, after the file was written."""
    unsigned, unreadable = len(proposal.unsigned), len(proposal.unreadable)
    signers = [signer.name for signer in proposal.signers if signer.keys]
    roots = [f"{root.name} ({counted(len(root.uses), 'repository', 'repositories')})" for root in proposal.roots]
    total = len(proposal.gathered)
    yield f"wrote         {directory / CONFIG}"
    empty = sum(each.collection is not None for each in proposal.unsigned)
    parts = [f"{total - unsigned - unreadable} signed", f"{unsigned - empty} not signed"]
    parts += [f"{empty} initialised, but nothing signed"] if empty else []
    parts += [f"{unreadable} not readable"] if unreadable else []
    yield f"repositories  {total}: {', '.join(parts)}"
    yield f"tags          {sum(map(len, proposal.signed.values()))} signed{_unsigned_tags(proposal)}"
    yield f"signers       {some(signers) or 'none: Notary delegates to nobody'}"
    if roots:
        yield f"roots         to compare with their holders: {some(roots)}"
    else:
        yield "roots         none, so roots are trusted on first use (tofu)"
    yield f"owners        {counted(len(proposal.owners), 'contact')} to fill in: {some(proposal.owners)}"
    yield f"enforced      from {instant(proposal.until)} on, by itself"


def _unsigned_tags(proposal: Proposal) -> str:
    """How many tags the registry has beside the signed ones, as far as it lists them."""
    loose = sum(len(proposal.unsigned_tags(each)) for each in proposal.gathered)
    unlisted = [each for each in proposal.gathered if each.tags is None]
    if unlisted and len(unlisted) == len(proposal.gathered):
        return f"; the registry did not list its own ({unlisted[0].unlisted})"
    where = f" where it lists them, which it does not for {some([each.repository for each in unlisted])}"
    return f", {loose} in the registry not signed{where if unlisted else ''}"


def troubles(proposal: Proposal) -> Iterator[str]:
    """Sentences about what does not fit or cannot be read; each is in the file, too, if there is one."""
    if proposal.is_blind:
        yield "nothing was written, because no trust data could be read:"
    elif not proposal.roots:
        name = proposal.settings.name
        yield f"nothing is signed under {name}; is that the host that people sign for (--name)?"
    for why in dict.fromkeys(each.unlisted for each in proposal.gathered if each.tags is None):
        names = [each.repository for each in proposal.gathered if each.tags is None and each.unlisted == why]
        yield f"the registry did not list the tags of {some(names)} ({why}){_advice(proposal, why)}"
    for each in proposal.unreadable[:SHOWN]:
        yield trouble(proposal, each.repository)
    if others := proposal.unreadable[SHOWN:]:
        yield f"the trust data of these cannot be used either: {some([each.repository for each in others])}"
    broken = [each for each in proposal.misfits if each.released]
    if broken:
        yield f"the proposal would refuse what is signed and released today: {some(broken)}"
    unreleased = [each for each in proposal.misfits if not each.released]
    if unreleased:
        yield f"signed, but not released, so refused once this is enforced: {some(unreleased)}"


def _advice(proposal: Proposal, why: str) -> str:
    """What to give, unless it was given."""
    if why not in _NOT_LET_IN:
        return ""
    account = proposal.settings.registry.credentials
    if account is None:
        return ": give --registry-credentials"
    return f": it does not let {account.username} read them, mend the rights of that account or --registry-credentials"


def has_findings(proposal: Proposal) -> bool:
    """Whether somebody should mend something before relying on it; what is merely not signed yet is none."""
    is_hidden = any(each.tags is None for each in proposal.gathered)
    broken = any(each.released for each in proposal.misfits)
    return bool(proposal.unreadable or not proposal.roots or is_hidden or broken)
