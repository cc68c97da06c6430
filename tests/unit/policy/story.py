"""A repository as the proxy saw it over some hours, for tests of what its tags had before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from proxy.errors import Refusal, ThresholdNotMet
from proxy.names import Tag
from proxy.policy.decisions import Allowed
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry
from proxy.policy.evaluation import admit_digest, admitted, resolve_tag, why_not_admitted
from proxy.policy.past import NO_PAST, record
from proxy.policy.signers import AllOf, SignedBy
from proxy.tuf.collection import Collection, Role
from tests.support.collections import NOW, digest, entry, of, says, signers

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
ALICE_BOB = AllOf(signers("alice", "bob"))
BROKEN = ThresholdNotMet("targets/alice", 0, 1)


class Story:
    """A repository as the proxy saw it: one collection an hour, the last one `NOW`."""

    def __init__(self, *collections: Collection, rule: SignedBy | None = None, **rules: Any) -> None:
        self.entry: Entry = entry(rule, superseded_for=DAY, **rules)
        self.today = collections[-1]
        self.past = NO_PAST
        self.blocked = NOTHING_BLOCKED
        for number, (before, after) in enumerate(pairwise(collections)):
            self.past = record(self.past, before, after, NOW - (len(collections) - 2 - number) * HOUR, DAY)

    def block(self, **what: Sequence[str]) -> "Story":
        """Block digests (by their words) or keys."""
        digests = {digest(word): "leaked" for word in what.get("digests", ())}
        self.blocked = Blocklist(digests, dict.fromkeys(what.get("keys", ()), "stolen"))
        return self

    def tag(self, name: str = "1.4", *, now: datetime = NOW) -> Allowed:
        """What a tag is."""
        return resolve_tag(self.entry, Tag(name), self.today, now, past=self.past, blocked=self.blocked)

    def admit(self, word: str, *, now: datetime = NOW) -> Allowed | None:
        """Whether a digest is admitted; what is, is a root of admitted indexes, and nothing else."""
        found = admit_digest(self.entry, digest(word), self.today, now, past=self.past, blocked=self.blocked)
        roots = admitted(self.entry, self.today, now, past=self.past, blocked=self.blocked)
        assert [each for each in roots if each.digest == digest(word)] == ([found] if found else [])
        return found

    def admits(self, word: str, *, now: datetime = NOW) -> bool:
        """Whether a digest is admitted, whatever refuses it otherwise."""
        try:
            return self.admit(word, now=now) is not None
        except Refusal:
            return False

    def end(self, word: str) -> datetime | None:
        """Until when a digest is admitted as things are; None if it is not."""
        found = self.admit(word)
        return found.valid_until if found else None

    def why_not(self, word: str, *, now: datetime = NOW) -> Refusal:
        """Why a digest is not admitted."""
        return why_not_admitted(self.entry, digest(word), self.today, now, past=self.past, blocked=self.blocked)


def signed(word: str, *roles: str, **fields: Any) -> list[Role]:
    """Roles that say that the tag 1.4 is this digest."""
    return [says(f"targets/{role}", {"1.4": word}, **fields) for role in roles]


def both(word: str) -> Collection:
    """A collection in which alice, bob and releases agree."""
    return of(*signed(word, "alice", "bob", "releases"))


OLD, NEW, NEWEST = both("old"), both("new"), both("newest")
HALF = of(*signed("new", "alice", "releases"), *signed("old", "bob"))  # alice signed the new one and released it
