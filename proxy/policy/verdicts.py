"""What a rule makes of one collection, be it today's or an earlier one seen with today's keys.

1. `released`: the digest in `targets/releases` if that role is declared, else in `targets` (S4).
2. Otherwise each named signer has at most one vote; each vote stands on a public key of its own.
3. Where `targets/releases` is declared, only votes for what it names count, unless the entry ignores it.
4. Enough votes for one digest decide. Two such digests are a disagreement.
"""

from dataclasses import dataclass
from datetime import datetime

from proxy.errors import TagNotSigned
from proxy.names import Tag
from proxy.policy.entries import Entry
from proxy.policy.expiry import valid_until
from proxy.policy.polls import Poll, gravest, has, is_unreleased, names_of
from proxy.policy.release import Release, release_of
from proxy.policy.signers import Released
from proxy.policy.votes import Vote, cast, is_silent
from proxy.tuf.collection import Collection, Target


@dataclass(frozen=True, slots=True)
class Verdict:
    """The digest that a tag has, who stands behind it, and until when that holds.

    `votes` are those that decided, none for `released`; `release` is what they had to agree with.
    """

    tag: Tag
    rule: str
    target: Target
    signers: tuple[str, ...]
    valid_until: datetime
    votes: tuple[Vote, ...]
    release: Release


def judge(entry: Entry, tag: Tag, collection: Collection, now: datetime) -> Verdict:
    """Apply the rule of a tag to a collection. Raises a `Refusal` that says what stops it."""
    rule, signed_by = entry.rule_for(tag)
    release = release_of(entry, tag, collection, now)
    if isinstance(signed_by, Released):
        if release.defect and not is_silent(release.role, tag, collection):
            raise gravest([release.defect])
        if release.target is None:
            raise TagNotSigned(tag, is_unreleased(tag, collection))
        names = names_of(tag, release.target, collection)
        until = valid_until([release.role], collection, now, entry.expiry_grace)
        return Verdict(tag, rule, release.target, names, until, (), release)
    ballot = cast(signed_by.signers, tag, collection, now)
    votes = Poll(tag, signed_by.signers, ballot, release, collection).decide(signed_by)
    rests_on = [vote.signer.role for vote in votes] + ([release.role] if release.is_binding else [])
    holds = valid_until(rests_on, collection, now, entry.expiry_grace)
    until = min([holds, *(vote.until for vote in votes if vote.until)])
    names = tuple(vote.signer.name for vote in votes)
    return Verdict(tag, rule, votes[0].target, names, until, tuple(votes), release)


def signed_again_until(entry: Entry, last: Verdict, collection: Collection, now: datetime) -> datetime | None:
    """Until when a re-sign can be under way since `last` had enough votes, None where none is.

    What has to hold (design: Which digest a tag has, 6):

    1. Each of its voters still has a valid vote on the tag, and the release it agreed with still has the tag.
    2. One of all valid votes, or the release, names another digest.
    3. No digest has enough votes.
    """
    signed_by = entry.rule_for(last.tag)[1]
    if isinstance(signed_by, Released):
        return None  # the release alone decides, so there is nothing between two digests
    release = release_of(entry, last.tag, collection, now)
    ballot = cast(signed_by.signers, last.tag, collection, now)
    if not {vote.signer for vote in last.votes} <= {vote.signer for vote in ballot.votes}:  # (1)
        return None
    if last.release.is_binding and not has(last.release.role, last.tag, collection):
        return None
    named = {vote.target.digest for vote in ballot.votes}  # (2)
    if release.is_binding and release.target:
        named.add(release.target.digest)
    if named <= {last.target.digest}:
        return None
    if Poll(last.tag, signed_by.signers, ballot, release, collection).has_enough(signed_by):  # (3)
        return None
    return min([last.valid_until, *(vote.until for vote in ballot.votes if vote.until)])
