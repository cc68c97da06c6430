"""What a more specific entry asks for less than one that it hides (design: Patterns).

Nothing is inherited between entries, so whoever adds an entry for one repository may not notice what no
longer holds there. Of the operator's own entries only clear cases are named (`lacks`): fewer signatures, more
people or keys that can give as many, or a check that is switched off. What somebody else may write has to be
seen to serve nothing that the hidden entry would refuse, on the same trust data (`falls_short`).
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import product
from typing import Final, TypeAlias

from proxy.policy.entries import Entry
from proxy.policy.patterns import Specificity, TagPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer

_Count: TypeAlias = AnyOf | AllOf | AtLeast
_Poll: TypeAlias = _Count | FirstOf
_Rule: TypeAlias = tuple[TagPattern, Specificity, SignedBy]
_Compare: TypeAlias = Callable[[SignedBy, SignedBy], str]

_ANY_TAG: Final = TagPattern("*")
_REST: Final[Specificity] = ()
"""Less specific than any pattern: the rule for tags that no pattern of the entry matches."""


def lacks(entry: Entry, hidden: Entry) -> tuple[str, ...]:
    """What the hidden entry asks for and this one does not, in a few words each; empty where it asks for as much."""
    return tuple(dict.fromkeys(_lacks(entry, hidden, _weaker)))


def falls_short(entry: Entry, hidden: Entry) -> tuple[str, ...]:
    """The same, and all in which it cannot be seen to ask for as much: other people, trust data from elsewhere.

    Where this is empty, a tag that has a digest under this entry has the same under the hidden one. So nobody whose
    dissent stops it there (`signers_disagree`) is left out here.
    """
    compare = partial(_maybe_weaker, heard=hidden.released_required or not entry.released_required)
    found = (*_lacks(entry, hidden, compare), *_elsewhere(entry, hidden))
    return tuple(dict.fromkeys(found))


def in_words(rule: SignedBy) -> str:
    """A rule as people say it: `released`, `2 of alice, ci, qa`, `the first of alice, ci`."""
    if isinstance(rule, Released):
        return "released"
    count = "the first" if isinstance(rule, FirstOf) and len(rule.signers) > 1 else _needed(rule)
    return f"{count} of {', '.join(signer.name for signer in rule.signers)}"


def _lacks(entry: Entry, hidden: Entry, compare: _Compare) -> Iterator[str]:
    for tags, mine, theirs in _side_by_side(entry, hidden):
        if less := compare(mine, theirs):
            yield f"{less}{tags}"
        yield from _looser_keys(mine, theirs)
    if entry.any_digest and (hidden.any_digest is None or entry.any_digest.until > hidden.any_digest.until):
        yield "any digest may be pulled"
    if hidden.released_required and not entry.released_required:
        yield "releases are ignored"
    if entry.fallback_to_targets and not hidden.fallback_to_targets:
        yield "tags may come from targets"
    if entry.pins.is_tofu and not hidden.pins.is_tofu:
        yield "roots are trusted on first use"
    yield from _lasts(entry, hidden)


def _lasts(entry: Entry, hidden: Entry) -> Iterator[str]:
    """What holds for longer under this entry although somebody took it back, or nobody confirms it."""
    if entry.superseded_for > hidden.superseded_for:
        yield "digests stay admitted longer after their tag was signed anew"
    if entry.fresh_for > hidden.fresh_for:
        yield "revocations are noticed later"
    if entry.outage_for > hidden.outage_for:
        yield "trust data serves longer while Notary is away"
    if entry.expiry_grace > hidden.expiry_grace:
        yield "trust data counts longer after it expired"


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
    above_theirs = [_most_specific(mine, pattern) for pattern, _, _ in theirs]
    above_mine = [_most_specific(theirs, pattern) for pattern, _, _ in mine]
    for (one, never_one), (other, never_other) in product(
        zip(mine, above_mine, strict=True), zip(theirs, above_theirs, strict=True)
    ):
        if one[1] < never_other or other[1] < never_one or not one[0].overlaps(other[0]):
            continue
        pattern, specificity, _ = max(one, other, key=lambda rule: rule[1])
        yield ("" if specificity == _REST else f' for tags "{pattern}"'), one[2], other[2]


def _rules(entry: Entry) -> list[_Rule]:
    named = ((pattern, pattern.specificity, rule) for pattern, rule in entry.tags)
    return [(_ANY_TAG, _REST, entry.signed_by), *named]


def _most_specific(rules: list[_Rule], pattern: TagPattern) -> Specificity:
    """The most specific of an entry's rules that hold for all tags of a pattern: a lesser one never holds for them."""
    return max(specificity for each, specificity, _ in rules if each.covers(pattern))


def _weaker(rule: SignedBy, than: SignedBy) -> str:
    """Fewer votes, or as many from a wider circle; empty where it is neither."""
    mine, theirs = _names(rule), _names(than)
    if _needed(rule) < _needed(than) or (_needed(rule) == _needed(than) > 0 and mine > theirs):
        return _instead(rule, than)
    return ""


def _maybe_weaker(rule: SignedBy, than: SignedBy, *, heard: bool) -> str:
    """In what a rule may be content where the other is not; empty where it never is.

    `released` is the word of one role, which no signer by name is. `heard` is whether a vote for another digest
    than the released one counts here wherever it counts there.
    """
    if isinstance(rule, Released) or isinstance(than, Released):
        return "" if rule == than else _instead(rule, than)
    if isinstance(than, FirstOf):
        return "" if _keeps_order(rule, than.signers, heard=heard) else _instead(rule, than)
    if _certain(rule, than) < than.needed:
        return _instead(rule, than)
    if _dissent(rule, than, heard=heard) >= than.needed:
        return f"{_instead(rule, than)}, who stop it where they sign different digests"
    return ""


def _instead(rule: SignedBy, than: SignedBy) -> str:
    return f"{in_words(rule)} instead of {in_words(than)}"


def _keeps_order(rule: _Poll, order: tuple[Signer, ...], *, heard: bool) -> bool:
    """Whether nobody outvotes those who stand before them in an order."""
    if isinstance(rule, FirstOf):
        return rule.signers == order[: len(rule.signers)] and (heard or len(rule.signers) == 1)
    return rule.needed == len(rule.signers) and order[0] in rule.signers


def _certain(rule: _Poll, than: _Count) -> int:
    """How many of the votes that are enough for a rule count for the other one, too, whoever gave them."""
    others = sum(not any(_is_within(signer, one) for one in than.signers) for signer in rule.signers)
    return max(0, _needed(rule) - others)


def _dissent(rule: _Poll, than: _Count, *, heard: bool) -> int:
    """The most votes for another digest that can be cast under `than` where `rule` is content with the fewest.

    A signer with the same keys in both is heard by both. So of these there are too few for a second digest, unless
    the first in an order decides; of all others nobody here asks what they say.
    """
    both = sum(heard and signer in rule.signers for signer in than.signers)
    agreeing = min(both, _certain(rule, than))
    unheard = len(than.signers) - both - (_certain(rule, than) - agreeing)
    most = both if isinstance(rule, FirstOf) else rule.needed - 1
    return unheard + min(both - agreeing, most)


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
