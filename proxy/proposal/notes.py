"""What the comments of an entry say: why its rule is what it is, and whom it would refuse."""

from collections.abc import Iterator, Sequence

from proxy.policy.signers import AllOf, AnyOf, AtLeast, SignedBy
from proxy.proposal.proposing import Proposal
from proxy.proposal.rules import ProposedEntry, needed, usual_votes
from proxy.proposal.signed import SignedTag
from proxy.proposal.yaml import SHOWN, counted, some
from proxy.refusals import present


def notes(proposal: Proposal, entry: ProposedEntry) -> Iterator[str]:
    """The sentences above an entry, each a comment of its own."""
    covered = set(entry.covers)
    signed = [tag for each in entry.covers for tag in proposal.signed.get(each, ())]
    unsigned = [each.repository for each in proposal.unsigned if each.repository in covered]
    unreadable = [each for each in proposal.unreadable if each.repository in covered]
    yield f"{counted(len(covered), 'repository', 'repositories')}, {counted(len(signed), 'signed tag')}."
    yield from _why(entry, signed)
    yield from _held_back(entry.rule, signed)
    if unsigned:
        yield f"Not signed yet, so refused once this is enforced: {some(unsigned)}."
    for each in unreadable[:SHOWN]:
        yield f"Refused once this is enforced, unless it is mended: {trouble(proposal, each.repository)}"
    if others := unreadable[SHOWN:]:
        yield f"The trust data of these cannot be used either: {some([each.repository for each in others])}."
    named = {*unsigned, *(each.repository for each in unreadable)}
    told = {(misfit.repository, misfit.tag) for misfit in proposal.misfits}
    loose = [
        f"{each.repository}:{tag}"
        for each in proposal.gathered
        if each.repository in covered - named
        for tag in proposal.unsigned_tags(each)
        if (each.repository, tag) not in told
    ]
    if loose:
        yield f"In the registry, but not signed, so refused too, {counted(len(loose), 'tag')}: {some(loose)}."
    unlisted = [each.repository for each in proposal.gathered if each.repository in covered and each.tags is None]
    if unlisted:
        yield f"The registry did not list the tags of {some(unlisted)}, so it is not known which are unsigned."
    yield from _misfits(proposal, entry)


def trouble(proposal: Proposal, repository: str) -> str:
    """Why a repository's trust data cannot be used, in the sentence of the refusal."""
    for each in proposal.unreadable:
        if each.repository == repository and each.refusal:
            notary = next(iter(proposal.settings.notaries))
            return present(each.refusal, reference=repository, gun=each.gun, notary=notary).message
    return repository


def _why(entry: ProposedEntry, signed: Sequence[SignedTag]) -> Iterator[str]:
    if entry.has_other_root:
        yield "An entry of its own, because other roots anchor it than most of its namespace."
    elif entry.is_exception:
        yield "An entry of its own, because it is signed differently from most of its namespace."
        yield "Where it asks for less than the entry of the namespace, config check warns of it."
    names = [signer.name for signer in entry.rule.signers] if isinstance(entry.rule, AllOf | AnyOf | AtLeast) else []
    match entry.rule:
        case AllOf():
            yield f"Every one of them is signed by all of {', '.join(names)}."
        case AnyOf() if len(names) == 1:
            yield f"Every one of them is signed by {names[0]}."
        case AnyOf():
            yield f"Every one of them is signed by at least one of {', '.join(names)}."
        case AtLeast(count, _):
            yield f"Every one of them is signed by at least {count} of {', '.join(names)}."
        case _ if signed:
            bare = [str(tag) for tag in signed if not tag.votes]
            why = f" (the repository's own key alone signed {some(bare)})" if bare else ""
            yield f"No rule that names signers fits all of them{why}, so the rule is `released`, which is Docker's own."
        case _:
            yield "No signed tag was seen here, so nobody is named. Once you know who signs: signed_by: {any_of: [...]}"


def _held_back(rule: SignedBy, signed: Sequence[SignedTag]) -> Iterator[str]:
    """What keeps a rule weaker than most of its tags would let it be."""
    usual = usual_votes(signed)
    weak = [tag for tag in signed if len(tag.votes) < len(usual)]
    most = sum(tag.votes == usual for tag in signed)
    if len(usual) > needed(rule) and weak and 2 * most > len(signed):
        shown = [f"{tag} (by {', '.join(sorted(tag.votes)) or 'the repository key'})" for tag in weak]
        yield (
            f"{most} of {len(signed)} tags are signed by {', '.join(sorted(usual))}. "
            f"The rule asks for less because of {some(shown)}."
        )


def _misfits(proposal: Proposal, entry: ProposedEntry) -> Iterator[str]:
    found = [each for each in proposal.misfits if each.repository in entry.covers]
    broken = [each for each in found if each.released]
    unreleased = [each for each in found if not each.released]
    if broken:
        yield f"BEWARE: signed and released today, and yet this would refuse {some(broken)}."
    if unreleased:
        yield f"Signed, but not released, so refused once this is enforced: {some(unreleased)}."
