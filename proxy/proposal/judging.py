"""Holds a proposed configuration against everything that is signed now, with the code that will decide.

The rules were drawn to fit, so it should find nothing that is released; it looks all the same, at the file as it was
loaded, because whoever believes a proposal breaks pulls with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from proxy.errors import Refusal
from proxy.names import Digest, Repository, Tag
from proxy.policy.entries import Entry, Policy
from proxy.policy.evaluation import resolve_tag
from proxy.policy.signers import Released
from proxy.proposal.gathering import Gathered
from proxy.proposal.signed import resolved
from proxy.refusals import row_of
from proxy.tuf.collection import Collection
from proxy.tuf.pins import root_keys

OTHER_DIGEST: Final = "another digest"
OTHER_COLLECTION: Final = "another gun"
ROOT: Final = "root_not_trusted"


@dataclass(frozen=True, slots=True)
class Misfit:
    """What a proposal would refuse although it is signed: a tag, or all tags where `tag` is None.

    `code` is that of the refusal, or says what else is wrong. `released` where Docker's own rule serves the tag today.
    """

    repository: Repository
    tag: Tag | None
    code: str
    released: bool

    def __str__(self) -> str:
        """As people write it, with the code."""
        return f"{self.repository}{f':{self.tag}' if self.tag else ''} [{self.code}]"


def judge(policy: Policy, gathered: Iterable[Gathered], now: datetime) -> tuple[Misfit, ...]:
    """Every signed tag that a policy would refuse, or give another digest than Docker's own rule gives it."""
    return tuple(
        misfit for each in gathered if each.collection for misfit in _misfits(policy, each, each.collection, now)
    )


def _misfits(policy: Policy, each: Gathered, collection: Collection, now: datetime) -> Iterable[Misfit]:
    repository = each.repository
    try:
        entry = policy.entry_for(repository)
        gun = entry.gun(policy.name, repository)
    except Refusal as refusal:
        yield Misfit(repository, None, row_of(refusal).code, released=True)
        return
    if gun != each.gun:
        yield Misfit(repository, None, OTHER_COLLECTION, released=True)
    elif root_keys(collection.root_keys, gun, entry.pins, now).keys() != collection.root_keys.keys():
        yield Misfit(repository, None, ROOT, released=True)
    dockers = replace(entry, signed_by=Released(), tags=(), fallback_to_targets=False)
    for tag in sorted(collection.tags()):
        expected = resolved(dockers, tag, collection, now)
        code = _code(entry, tag, collection, now, expected)
        if code:
            yield Misfit(repository, tag, code, released=expected is not None)


def _code(entry: Entry, tag: Tag, collection: Collection, now: datetime, expected: Digest | None) -> str:
    """Why a tag does not get the digest that is expected, empty if it does."""
    try:
        allowed = resolve_tag(entry, tag, collection, now)
    except Refusal as refusal:
        return row_of(refusal).code
    return OTHER_DIGEST if expected and allowed.digest != expected else ""
