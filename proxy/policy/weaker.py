"""What a more specific entry asks for less than one that it hides (design: Patterns).

Nothing is inherited between entries, so whoever adds an entry for one repository may not notice what no
longer holds there. Of the operator's own entries only clear cases are named (`lacks`): fewer signatures, more
people or keys that can give as many, or a check that is switched off. What somebody else may write has to be
seen to ask for as much, of the same trust data (`falls_short`).
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import product
from typing import Final, TypeAlias

from proxy.policy.entries import Entry
from proxy.policy.patterns import Specificity, TagPattern
from proxy.policy.signers import AllOf, AtLeast, FirstOf, Released, SignedBy, Signer

_Rule: TypeAlias = tuple[TagPattern, Specificity, SignedBy]
_Compare: TypeAlias = Callable[[SignedBy, SignedBy], bool]

_ANY_TAG: Final = TagPattern("*")
_REST: Final[Specificity] = ()
"""Less specific than any pattern: the rule for tags that no pattern of the entry matches."""


def lacks(entry: Entry, hidden: Entry) -> tuple[str, ...]:
    """What the hidden entry asks for and this one does not, in a few words each; empty where it asks for as much."""
    return tuple(dict.fromkeys(_lacks(entry, hidden, _is_weaker)))


def falls_short(entry: Entry, hidden: Entry) -> tuple[str, ...]:
    """The same, and all in which it cannot be seen to ask for as much: other people, trust data from elsewhere.

    Whatever has enough votes under this entry has enough under the hidden one, too, where this is empty.
    """
    found = (*_lacks(entry, hidden, _may_be_weaker), *_elsewhere(entry, hidden))
    return tuple(dict.fromkeys(found))


def in_words(rule: SignedBy) -> str:
    """A rule as people say it: `released`, `2 of alice, ci, qa`, `the first of alice, ci`."""
    if isinstance(rule, Released):
        return "released"
    count = "the first" if isinstance(rule, FirstOf) and len(rule.signers) > 1 else _needed(rule)
    return f"{count} of {', '.join(signer.name for signer in rule.signers)}"


def _lacks(entry: Entry, hidden: Entry, is_weaker: _Compare) -> Iterator[str]:
    for tags, mine, theirs in _side_by_side(entry, hidden):
        if is_weaker(mine, theirs):
            yield f"{in_words(mine)} instead of {in_words(theirs)}{tags}"
        yield from _looser_keys(mine, theirs)
    if entry.any_digest and (hidden.any_digest is None or entry.any_digest.until > hidden.any_digest.until):
        yield "any digest may be pulled"
    if hidden.released_required and not entry.released_required:
        yield "releases are ignored"
    if entry.fallback_to_targets and not hidden.fallback_to_targets:
        yield "tags may come from targets"
    if entry.pins.is_tofu and not hidden.pins.is_tofu:
        yield "roots are trusted on first use"
    if entry.superseded_for > hidden.superseded_for:
        yield "digests stay admitted longer after their tag was signed anew"
    if entry.fresh_for > hidden.fresh_for:
        yield "revocations are noticed later"


def _elsewhere(entry: Entry, hidden: Entry) -> Iterator[str]:
    """What makes this entry believe other trust data; the same roots have the same names."""
    if entry.notary != hidden.notary:
        yield f"trust data from elsewhere, Notary {entry.notary} instead of {hidden.notary}"
    if not _is_same_gun(entry, hidden):
        yield f"trust data from elsewhere, gun {entry.gun_template} instead of {hidden.gun_template}"
    mine, theirs = ({pin.name for pin in each.pins.entries} for each in (entry, hidden))
    if not entry.pins.is_tofu and (hidden.pins.is_tofu or mine != theirs):
        yield "trust data from elsewhere, other roots are pinned"


def _is_same_gun(entry: Entry, hidden: Entry) -> bool:
    """Whether both name the same collection for a repository; `{rest}` depends on where `**` stands."""
    if "{rest}" in entry.gun_template and entry.pattern.count("/") != hidden.pattern.count("/"):
        return False
    return entry.gun_template == hidden.gun_template


def _side_by_side(entry: Entry, hidden: Entry) -> Iterator[tuple[str, SignedBy, SignedBy]]:
    """Each two rules that can hold for the same tag, and for which tags, in words for the end of a sentence."""
    mine, theirs = _rules(entry), _rules(hidden)
    for one, other in product(mine, theirs):
        if not one[0].overlaps(other[0]) or _is_never(one, other, mine) or _is_never(other, one, theirs):
            continue
        pattern, specificity, _ = max(one, other, key=lambda rule: rule[1])
        yield ("" if specificity == _REST else f' for tags "{pattern}"'), one[2], other[2]


def _rules(entry: Entry) -> list[_Rule]:
    named = ((pattern, pattern.specificity, rule) for pattern, rule in entry.tags)
    return [(_ANY_TAG, _REST, entry.signed_by), *named]


def _is_never(rule: _Rule, beside: _Rule, rules: list[_Rule]) -> bool:
    """Whether a more specific rule of the same entry holds for all tags of the one beside."""
    return any(specificity > rule[1] and pattern.covers(beside[0]) for pattern, specificity, _ in rules)


def _is_weaker(rule: SignedBy, than: SignedBy) -> bool:
    """Fewer votes, or as many from a wider circle."""
    mine, theirs = _names(rule), _names(than)
    return _needed(rule) < _needed(than) or (_needed(rule) == _needed(than) > 0 and mine > theirs)


def _may_be_weaker(rule: SignedBy, than: SignedBy) -> bool:
    """Whether enough votes for one rule may be too few for the other, or may overrule whoever comes first there.

    Anybody who is named has to be delegated by the holder of the targets key, who alone decides under `released`.
    """
    if isinstance(than, Released):
        return False
    if isinstance(than, FirstOf):
        return not _keeps_order(rule, than.signers)
    others = sum(not any(_is_within(signer, one) for one in than.signers) for signer in _signers(rule))
    return _needed(rule) - others < than.needed


def _keeps_order(rule: SignedBy, order: tuple[Signer, ...]) -> bool:
    """Whether nobody outvotes those who stand before them in an order."""
    if isinstance(rule, FirstOf):
        return rule.signers == order[: len(rule.signers)]
    return _needed(rule) == len(_signers(rule)) and order[0] in _signers(rule)


def _looser_keys(rule: SignedBy, than: SignedBy) -> Iterator[str]:
    """Which keys count for a rule that nobody wrote down for the other."""
    mine, theirs = _signers(rule), {signer.name: signer for signer in _signers(than)}
    known = {signer.name for signer in theirs.values() if signer.keys is None}
    delegated = [signer.name for signer in mine if signer.keys is None and signer.name not in known]
    if delegated and _written(rule) < _written(than):
        yield f"whatever keys Notary delegates to {', '.join(delegated)}"
    for signer in mine:
        if signer.keys is not None and signer.name in theirs and not _is_within(signer, theirs[signer.name]):
            yield f"more keys for {signer.name}"


def _written(rule: SignedBy) -> int:
    """How many of the votes are certain to be by keys that are written down."""
    return max(0, _needed(rule) - sum(signer.keys is None for signer in _signers(rule)))


def _is_within(signer: Signer, other: Signer) -> bool:
    """Whether it is the same role and every key that counts for one counts as long for the other."""
    if signer.name != other.name or signer.keys is None or other.keys is None:
        return signer.name == other.name and other.keys is None
    until = {key.public_key_id: key.until for key in other.keys}
    return all(key.public_key_id in until and _ends_by(key.until, until[key.public_key_id]) for key in signer.keys)


def _ends_by(end: datetime | None, other: datetime | None) -> bool:
    return other is None or (end is not None and end <= other)


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


def _signers(rule: SignedBy) -> tuple[Signer, ...]:
    return () if isinstance(rule, Released) else rule.signers


def _names(rule: SignedBy) -> frozenset[str]:
    return frozenset(signer.name for signer in _signers(rule))
