"""Which digest a tag has now, and which it had: the records of the past, gone through in order.

Each record is seen as today's collection in which every usable role says what it said then, as far as keys
that signed it then are delegated to it today and not blocked. Today's rule is applied to that view.

1. A record with a digest: the tag had it until the record ended.
2. One without, while a re-sign was under way and its time not over: the tag still had the last digest.
3. Any other: the tag was revoked, and everything that it had before is over.

Today's collection comes last. Forgetting the oldest records can only shorten what this admits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from proxy.errors import Refusal
from proxy.names import Digest, RoleName, Tag
from proxy.policy.entries import Blocklist, Entry
from proxy.policy.past import Earlier, Past
from proxy.policy.verdicts import Verdict, judge, signed_again_until
from proxy.tuf.collection import Collection, Role, Unpublished, Unusable


@dataclass(frozen=True, slots=True)
class _Had:
    """A digest that a tag had, and when it got another."""

    verdict: Verdict
    ended: datetime


@dataclass(slots=True)
class _History:
    """One tag's digests before today's.

    `last` is the newest that had enough votes, `digests` all that a revocation has not ended; `ever` forgets
    none, for explanations.
    """

    last: _Had | None = None
    digests: dict[Digest, _Had] = field(default_factory=dict)
    ever: dict[Digest, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Tags:
    """The tags of a collection and of its past, under one entry at one instant."""

    entry: Entry
    collection: Collection
    now: datetime
    past: Past
    blocked: Blocklist

    def current(self, tag: Tag) -> Verdict:
        """The digest that a tag has now, be it only until a re-sign is complete. Raises a `Refusal`."""
        try:
            return judge(self.entry, tag, self.collection, self.now)
        except Refusal:
            last = self._history(tag).last
            verdict = self._between(last, self.collection, self.now) if last else None
            if verdict is None:
                raise
            return verdict

    def superseded(self, current: Verdict) -> list[Verdict]:
        """The digests that the tag of its current verdict had before, as far as they are still served.

        None is served for longer than the tag has a digest at all.
        """
        found: list[Verdict] = []
        for digest, had in self._history(current.tag).digests.items():
            end = had.ended + self.entry.superseded_for
            if self.now < end and digest != current.target.digest:
                until = min(had.verdict.valid_until, current.valid_until, end)
                found.append(replace(had.verdict, valid_until=until))
        return found

    def ended(self, tag: Tag, digest: Digest) -> datetime | None:
        """When a tag lost a digest that it had once; None if it never had it, as far as is known."""
        return self._history(tag).ever.get(digest)

    def _history(self, tag: Tag) -> _History:
        history = _History()
        for record in self.past.of(tag):
            view = self._view(record)
            try:
                verdict = judge(self.entry, tag, view, self.now)
                history.last = _Had(verdict, record.ended)  # (1)
            except Refusal:
                still = self._between(history.last, view, record.ended) if history.last else None  # (2)
                if still is None:
                    history.last = None  # (3)
                    history.digests.clear()
                    continue
                verdict = still
            history.digests[verdict.target.digest] = _Had(verdict, record.ended)
            history.ever[verdict.target.digest] = record.ended
        return history

    def _between(self, last: _Had, collection: Collection, at: datetime) -> Verdict | None:
        """The verdict that a re-sign leaves in force at an instant; None where none does, or not any more."""
        end = last.ended + self.entry.superseded_for
        until = signed_again_until(self.entry, last.verdict, collection, self.now)
        return replace(last.verdict, valid_until=min(until, end)) if until and at < end else None

    def _view(self, record: Earlier) -> Collection:
        """Today's collection, with what its roles said then in place of what they say."""
        roles = dict(self._silent)
        for statement in record.said:
            role = self.collection.roles.get(statement.role)
            if isinstance(role, Role):
                keys = statement.keys & self._keys[role.name]
                if len(keys) >= role.threshold:
                    roles[role.name] = replace(role, signed_by=keys, targets={record.tag: statement.target})
        return replace(self.collection, roles=roles)

    @cached_property
    def _silent(self) -> Mapping[RoleName, Role | Unusable | Unpublished]:
        """Today's roles, none of which says anything; made once, because there may be many records."""
        usable = {role.name: replace(role, signed_by=frozenset(), targets={}) for role in self.collection.usable()}
        return {**self.collection.roles, **usable}

    @cached_property
    def _keys(self) -> Mapping[RoleName, frozenset[str]]:
        """The public key ids that may sign for each usable role today."""
        blocked = self.blocked.keys.keys()
        return {
            role.name: frozenset(key.public_key_id for key in role.keys.values()) - blocked
            for role in self.collection.usable()
        }
