"""Warns where a more specific entry asks for less than the one it hides (design: Patterns).

Nothing is inherited between entries, so whoever adds an entry for one repository may not notice what no
longer holds there. Only clear cases are named: fewer signatures, more people who can give as many, or a
check that is switched off.
"""

from collections.abc import Iterator, Sequence

from proxy.config.document import Document, quoted
from proxy.policy.entries import Entry
from proxy.policy.signers import AllOf, AtLeast, Released, SignedBy


def warn_weaker(document: Document, entries: Sequence[Entry]) -> None:
    """Compare each entry with the most specific one of those that it hides."""
    patterns = [entry for entry in entries if "*" in entry.pattern]
    for entry in entries:
        hidden = [
            other
            for other in patterns
            if other.pattern.specificity < entry.pattern.specificity and other.pattern.overlaps(entry.pattern)
        ]
        if not hidden:
            continue
        stronger = max(hidden, key=lambda other: other.pattern.specificity)
        lacks = "; ".join(_lacks(entry, stronger))
        if lacks:
            other = f"{quoted(stronger.pattern)} on line {document.line(('repositories', stronger.pattern))}"
            sentence = f"this asks for less than {other}, which it hides: {lacks}"
            document.warn(("repositories", entry.pattern), sentence)


def _lacks(entry: Entry, hidden: Entry) -> Iterator[str]:
    """What the hidden entry asks for and this one does not, in a few words each."""
    if _is_weaker(entry.signed_by, hidden.signed_by):
        yield f"{_words(entry.signed_by)} instead of {_words(hidden.signed_by)}"
    for pattern, rule in hidden.tags:
        same = dict(entry.tags).get(pattern)
        if same is None and any(pattern.overlaps(other) for other, _ in entry.tags):
            continue
        mine = same or entry.signed_by
        if _is_weaker(mine, rule):
            yield f"{_words(mine)} instead of {_words(rule)} for tags {quoted(pattern)}"
    if hidden.any_digest is None and entry.any_digest is not None:
        yield "any digest may be pulled"
    if hidden.released_required and not entry.released_required:
        yield "releases are ignored"
    if entry.fallback_to_targets and not hidden.fallback_to_targets:
        yield "tags may come from targets"
    if entry.pins.is_tofu and not hidden.pins.is_tofu:
        yield "roots are trusted on first use"


def _is_weaker(rule: SignedBy, than: SignedBy) -> bool:
    """Fewer votes, or as many from a wider circle."""
    mine, theirs = _names(rule), _names(than)
    return _needed(rule) < _needed(than) or (_needed(rule) == _needed(than) > 0 and mine > theirs)


def _needed(rule: SignedBy) -> int:
    match rule:
        case Released():
            return 0
        case AllOf(signers):
            return len(signers)
        case AtLeast(needed, _):
            return needed
        case _:
            return 1


def _names(rule: SignedBy) -> frozenset[str]:
    return frozenset() if isinstance(rule, Released) else frozenset(signer.name for signer in rule.signers)


def _words(rule: SignedBy) -> str:
    if isinstance(rule, Released):
        return "released"
    return f"{_needed(rule)} of {', '.join(signer.name for signer in rule.signers)}"
