"""How the votes on a tag add up, signer by signer: a decision taken apart, for people.

Nothing is decided here. Votes, release and outcome come from the functions that decide (`cast`, `Poll`, `Tags`);
what is added is why a signer has no vote, or what keeps a vote from counting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from proxy.errors import Refusal, TrustError
from proxy.names import Tag
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry
from proxy.policy.past import NO_PAST, Past
from proxy.policy.polls import Poll
from proxy.policy.release import Release, release_of
from proxy.policy.signers import FirstOf, Released, SignedBy, Signer
from proxy.policy.superseded import Tags
from proxy.policy.verdicts import Verdict, judge
from proxy.policy.votes import Ballot, Vote, cast, standing
from proxy.tuf.collection import Collection, Role, Target, Unpublished


class Standing(StrEnum):
    """What becomes of one signer of a rule.

    With a vote: it `COUNTS`, for the digest that it names; it is for another digest than the released one
    (`UNRELEASED`); another vote stands on its only key (`SAME_KEY`); under `first_of` another signer was asked
    first (`NOT_ASKED`). Without one: everything else.
    """

    COUNTS = "counts"
    UNRELEASED = "unreleased"
    SAME_KEY = "same-key"
    NOT_ASKED = "not-asked"
    UNDECLARED = "undeclared"
    UNPUBLISHED = "unpublished"
    UNUSABLE = "unusable"
    SILENT = "silent"
    UNCOVERED = "uncovered"
    KEY_RUN_OUT = "key-run-out"
    KEY_BLOCKED = "key-blocked"
    KEY_UNUSED = "key-unused"
    KEY_FOREIGN = "key-foreign"


@dataclass(frozen=True, slots=True)
class Voice:
    """One signer of a rule, and what it comes to.

    `target` is what its role's own file says of the tag; `keys` the public key ids (dialect 2.5, canonical) that
    stand behind its vote or, without one, that signed its role; `delegated` those that may sign the role;
    `defect` why the role cannot be used; `until` when its vote stops counting.
    """

    signer: Signer
    standing: Standing
    target: Target | None = None
    keys: frozenset[str] = frozenset()
    delegated: frozenset[str] = frozenset()
    defect: TrustError | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """All that is said of one tag under its rule, and what follows from it.

    `needed` is how many votes for one digest it takes, 0 where the release alone decides. `outcome` is what
    `resolve_tag` allows or refuses. `under_way` where it allows the last digest that had enough votes, because
    its signers are signing another one.
    """

    tag: Tag
    rule: str
    signed_by: SignedBy
    needed: int
    voices: tuple[Voice, ...]
    release: Release
    outcome: Verdict | Refusal
    under_way: bool

    @property
    def counted(self) -> Mapping[Target, tuple[Voice, ...]]:
        """The votes that count, by what they are for."""
        found: dict[Target, tuple[Voice, ...]] = {}
        for voice in self.voices:
            if voice.standing is Standing.COUNTS and voice.target:
                found[voice.target] = (*found.get(voice.target, ()), voice)
        return found

    @property
    def most(self) -> int:
        """The most votes that count for one digest."""
        return max(map(len, self.counted.values()), default=0)

    @property
    def agreed(self) -> Target | None:
        """The one digest that the rule is content with; None where there is none, or two."""
        if isinstance(self.signed_by, Released):
            return self.release.target
        reached = [target for target, voices in self.counted.items() if len(voices) >= self.needed]
        return reached[0] if len(reached) == 1 else None


def tally(
    entry: Entry,
    tag: Tag,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> Tally:
    """Take apart what `resolve_tag` makes of a tag; the arguments are the same. Raises nothing that it raises."""
    rule, signed_by = entry.rule_for(tag)
    release = release_of(entry, tag, collection, now)
    outcome, under_way = _outcome(Tags(entry, collection, now, past, blocked), tag)
    voices: tuple[Voice, ...] = ()
    if not isinstance(signed_by, Released):
        ballot = cast(signed_by.signers, tag, collection, now)
        poll = Poll(tag, signed_by.signers, ballot, release, collection)
        first = _first(poll, signed_by) if isinstance(signed_by, FirstOf) else None
        votes = _votes(poll, first)
        each = {signer.name: signer for signer in signed_by.signers}.values()
        voices = tuple(
            votes.get(signer.name) or _without_vote(signer, tag, collection, ballot, blocked) for signer in each
        )
    return Tally(tag, rule, signed_by, needed(signed_by), voices, release, outcome, under_way)


def needed(signed_by: SignedBy) -> int:
    """How many votes for one digest a rule takes; 0 for `released`, where the release alone decides."""
    match signed_by:
        case Released():
            return 0
        case FirstOf():
            return 1
        case _:
            return signed_by.needed


def weakest_rule(entry: Entry) -> tuple[str, SignedBy]:
    """The rule of an entry that is the easiest to meet, and its name: a digest is as strong as that.

    Fewer votes are weaker, then more people who may give them (design: Which digests are admitted, 1).
    """
    rules = [(str(entry.pattern), entry.signed_by)]
    rules += [(f"{entry.pattern}:{pattern}", signed_by) for pattern, signed_by in entry.tags]
    return min(rules, key=lambda rule: (needed(rule[1]), -_circle(rule[1])))


def _circle(signed_by: SignedBy) -> int:
    return 0 if isinstance(signed_by, Released) else len(signed_by.signers)


def _outcome(tags: Tags, tag: Tag) -> tuple[Verdict | Refusal, bool]:
    """What a tag has now, and whether it has that only until a re-sign is complete."""
    try:
        verdict, under_way = judge(tags.entry, tag, tags.collection, tags.now), False
    except Refusal:
        try:
            verdict, under_way = tags.current(tag), True
        except Refusal as refusal:
            return refusal, False
    stopped = tags.blocked.refusal(verdict.target.digest)
    return stopped or verdict, under_way


def _first(poll: Poll, signed_by: FirstOf) -> str:
    """The name of the signer whose vote decides under `first_of`, empty where none does."""
    try:
        return poll.decide(signed_by)[0].signer.name
    except Refusal:
        return ""


def _votes(poll: Poll, first: str | None) -> dict[str, Voice]:
    """Every vote, and whether it counts; `first` is whose alone does, where one signer is asked after the other."""
    stands = {vote.signer.name for group in poll.counting().by_target().values() for vote in standing(group)}
    released = {vote.signer.name for vote in poll.counting().votes}

    def weigh(vote: Vote) -> Standing:
        name = vote.signer.name
        if name not in released:
            return Standing.UNRELEASED
        if first is not None:
            return Standing.COUNTS if name == first else Standing.NOT_ASKED
        return Standing.COUNTS if name in stands else Standing.SAME_KEY

    return {
        vote.signer.name: Voice(
            vote.signer,
            weigh(vote),
            target=vote.target,
            keys=vote.keys,
            delegated=_delegated(poll.collection, vote.signer),
            until=vote.until,
        )
        for vote in poll.ballot.votes
    }


def _without_vote(signer: Signer, tag: Tag, collection: Collection, ballot: Ballot, blocked: Blocklist) -> Voice:
    """Why a signer has no vote, in the order in which `cast` finds out."""
    delegated = _delegated(collection, signer)
    if defect := ballot.defects.get(signer.name):
        return Voice(signer, Standing.UNUSABLE, delegated=delegated, defect=defect)
    role = collection.roles.get(signer.role)
    if not isinstance(role, Role):
        why = Standing.UNPUBLISHED if isinstance(role, Unpublished) else Standing.UNDECLARED
        return Voice(signer, why, delegated=delegated)
    if role.target(tag) is None:
        why = Standing.UNCOVERED if tag in role.targets else Standing.SILENT
        return Voice(signer, why, role.targets.get(tag), role.signed_by, delegated)
    listed = frozenset(key.public_key_id for key in signer.keys or ())
    why = _why_no_key(role.signed_by, delegated, listed, blocked.keys)
    return Voice(signer, why, role.target(tag), role.signed_by, delegated)


def _why_no_key(
    signed: frozenset[str], delegated: frozenset[str], listed: frozenset[str], blocked: Iterable[str]
) -> Standing:
    """Why nobody's signature under a role that names the tag is one that policy accepts."""
    if signed & listed:
        return Standing.KEY_RUN_OUT
    if delegated & listed & frozenset(blocked):
        return Standing.KEY_BLOCKED
    return Standing.KEY_UNUSED if delegated & listed else Standing.KEY_FOREIGN


def _delegated(collection: Collection, signer: Signer) -> frozenset[str]:
    role = collection.roles.get(signer.role)
    return frozenset(key.public_key_id for key in role.keys.values()) if role else frozenset()
