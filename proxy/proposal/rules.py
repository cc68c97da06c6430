"""Draws entries of `repositories` from what is signed now.

A rule asks for as much as every signed tag meets today, and for no more: enforcing it must refuse nothing that is
signed. It is found by trying, strongest first, with the code that will decide (design: Which digest a tag has).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.names import Repository
from proxy.policy.signers import AllOf, AnyOf, AtLeast, Released, SignedBy
from proxy.policy.weaker import in_words
from proxy.proposal.signed import SignedTag, Survey, signers

_NOBODY: Final = frozenset[str]()
TOP_LEVEL: Final = "top-level"
"""Who owns the repositories without a namespace."""


@dataclass(frozen=True, slots=True)
class ProposedEntry:
    """An entry of `repositories`: its pattern, owner and rule, and the repositories that it applies to now.

    `is_exception` where the repositories of its namespace are mostly signed otherwise, `has_other_root` where that is
    because of who anchors them. `roots` are the public key ids that anchor what it applies to, none where nothing does.
    """

    pattern: str
    owner: str
    rule: SignedBy
    covers: tuple[Repository, ...]
    is_exception: bool
    has_other_root: bool = False
    roots: tuple[str, ...] = ()


Roots: TypeAlias = Mapping[Repository, frozenset[str]]
"""The public key ids that anchor each repository; those without trust data are not in it."""


def draw(repositories: Iterable[Repository], surveys: Iterable[Survey], roots: Roots) -> tuple[ProposedEntry, ...]:
    """One entry for each namespace, and one for each repository that is signed otherwise than most of its namespace.

    Signed otherwise is whatever has another rule, or is anchored by other roots: a root for one repository must not
    vouch for another. Repositories without signed tags have no say in rules; they fall under their namespace's entry.
    """
    by_name = {each.repository: each for each in surveys if each.signed}
    namespaces: defaultdict[str, list[Repository]] = defaultdict(list)
    for repository in sorted(set(repositories)):
        namespaces[repository.partition("/")[0] if "/" in repository else ""].append(repository)
    return tuple(
        entry
        for namespace, members in sorted(namespaces.items())
        for entry in _of_namespace(namespace, members, [by_name[each] for each in members if each in by_name], roots)
    )


def strongest(surveys: Sequence[Survey], most: int | None = None) -> SignedBy:
    """The rule with the most votes, but not more than `most`, that every signed tag of these repositories meets."""
    votes = [each.votes for survey in surveys for each in survey.signed]
    fitting = (rule for rule in _candidates(votes, most) if all(survey.meets(rule) for survey in surveys))
    return next(fitting, Released())


def needed(rule: SignedBy) -> int:
    """How many votes a rule asks for; none for `released`."""
    return rule.needed if isinstance(rule, AllOf | AnyOf | AtLeast) else 0


def usual_votes(signed: Iterable[SignedTag]) -> frozenset[str]:
    """The signers that most of these tags have together; the larger group where two are as frequent."""
    counted = Counter(each.votes for each in signed)
    return max(counted, key=lambda votes: (counted[votes], len(votes), sorted(votes)), default=frozenset())


def _candidates(votes: Sequence[frozenset[str]], most: int | None) -> Iterator[SignedBy]:
    """Rules that these groups of signers may meet, strongest first; whether they do is for policy to say."""
    everybody = frozenset[str]().union(*votes)
    always = everybody.intersection(*votes)
    fewest = min(map(len, votes), default=0)
    for count in range(fewest if most is None else min(fewest, most), 0, -1):
        if count == len(always) > 1:
            yield AllOf(signers(always))
        if count > 1:
            yield AtLeast(count, signers(everybody))
        else:
            yield from (AnyOf(signers(frozenset({name}))) for name in sorted(always))
            yield AnyOf(signers(everybody))
    yield Released()


def _of_namespace(
    namespace: str, members: Sequence[Repository], surveys: Sequence[Survey], roots: Roots
) -> Iterator[ProposedEntry]:
    owner, pattern = (namespace, f"{namespace}/**") if namespace else (TOP_LEVEL, "*")
    main, anchors, apart = _parted(members, _clusters(surveys), roots)
    covered = tuple(each for each in members if each not in apart)
    yield ProposedEntry(pattern, owner, main, covered, is_exception=False, roots=tuple(sorted(anchors)))
    for repository, rule in sorted(apart.items()):
        own = roots.get(repository, anchors)
        yield ProposedEntry(
            str(repository),
            owner,
            rule,
            (repository,),
            is_exception=True,
            has_other_root=own != anchors,
            roots=tuple(sorted(own)),
        )


def _parted(
    members: Sequence[Repository], clusters: Mapping[SignedBy, Sequence[Repository]], roots: Roots
) -> tuple[SignedBy, frozenset[str], dict[Repository, SignedBy]]:
    """The rule and the roots that most of a namespace have, and the rules of those that differ in either."""
    rules = {repository: rule for rule, those in clusters.items() for repository in those}
    kinds = Counter((rule, roots.get(repository, _NOBODY)) for repository, rule in rules.items())
    ranked = sorted(kinds, key=lambda kind: (-kinds[kind], -needed(kind[0]), in_words(kind[0]), sorted(kind[1])))
    anchored = Counter(roots[each] for each in members if each in roots)
    usual = max(anchored, key=lambda ids: (anchored[ids], sorted(ids)), default=_NOBODY)
    main, anchors = ranked[0] if ranked else (Released(), usual)
    apart = {
        each: rules.get(each, main)
        for each in members
        if rules.get(each, main) != main or roots.get(each, anchors) != anchors
    }
    return main, anchors, apart


def _clusters(surveys: Sequence[Survey]) -> dict[SignedBy, list[Repository]]:
    """Repositories by rule.

    Those that one vote is enough for are taken together: whoever signs one of them may sign the others, as far as
    Notary delegates to them there. Where several votes are needed only the same rule is the same.
    """
    own = {survey.repository: strongest([survey]) for survey in surveys}
    single = [survey for survey in surveys if needed(own[survey.repository]) == 1]
    together = strongest(single, most=1) if single else Released()
    if needed(together) == 1:
        own |= {survey.repository: together for survey in single}
    clusters: dict[SignedBy, list[Repository]] = {}
    for repository, rule in own.items():
        clusters.setdefault(rule, []).append(repository)
    return clusters
