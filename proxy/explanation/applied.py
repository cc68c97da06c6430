"""The entry that applies and those that it hides; where there is none, what is near and what to add."""

from typing import Final

from proxy.explanation.known import Known
from proxy.explanation.story import Applied, Hidden
from proxy.explanation.words import asks_for
from proxy.names import Repository, Tag
from proxy.policy.entries import Entry
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer
from proxy.policy.weaker import lacks

_NEAREST: Final = 3
_WORDS: Final = {AnyOf: "any_of", FirstOf: "first_of", AllOf: "all_of"}


def apply(known: Known) -> Applied:
    """The one entry that counts, or why there is none and what to add."""
    entry, target, repository = known.entry, known.reference.target, known.reference.repository
    if entry is None:
        return _without(known, repository)
    if isinstance(target, Tag):
        rule, signed_by = entry.rule_for(target)
        asks = asks_for(signed_by, entry)
    else:
        rule, asks = str(entry.pattern), "a digest that a signed tag has, or had until lately, or an index of one names"
    return Applied(
        pattern=str(entry.pattern),
        place=entry.place,
        rule=rule,
        asks=asks,
        owner=entry.owner.name if entry.owner else "",
        contact=entry.contact,
        hides=tuple(
            Hidden(str(each.pattern), each.place, lacks(entry, each)) for each in known.policy.hidden_for(repository)
        ),
    )


def _without(known: Known, repository: Repository) -> Applied:
    near = sorted(known.policy.entries, key=lambda entry: _shared(entry, repository), reverse=True)[:_NEAREST]
    return Applied(
        pattern="",
        place="",
        rule="",
        asks="",
        nearest=tuple(Hidden(str(entry.pattern), entry.place, ()) for entry in near),
        snippet=_snippet(repository, near),
    )


def _shared(entry: Entry, repository: Repository) -> int:
    """How many characters of its beginning a pattern has in common with a name."""
    pattern = str(entry.pattern)
    return next(
        (place for place, (one, other) in enumerate(zip(pattern, repository, strict=False)) if one != other),
        min(len(pattern), len(repository)),
    )


def _snippet(repository: Repository, near: list[Entry]) -> str:
    """YAML for this one repository, that asks for no less than the nearest entry does."""
    rule = _as_yaml(near[0].signed_by) if near else "released"
    return f'repositories:\n  "{repository}":\n    signed_by: {rule}\n'


def _as_yaml(signed_by: SignedBy) -> str:
    """A rule as the configuration has it."""
    match signed_by:
        case Released():
            return "released"
        case AtLeast(needed, signers):
            return f"{{at_least: {needed}, of: [{_names(signers)}]}}"
        case _:
            return f"{{{_WORDS[type(signed_by)]}: [{_names(signed_by.signers)}]}}"


def _names(signers: tuple[Signer, ...]) -> str:
    return ", ".join(signer.name for signer in signers)
