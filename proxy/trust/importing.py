"""Imports collections from a directory, as if Notary had answered with them now.

The store's floors hold, today's pins and blocked keys, and expiry as of now, with the entry's `expiry_grace`: exactly
what the proxy would do that reads the directory itself. What was taken, or confirmed, counts as checked now.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from proxy.clock import Clock
from proxy.errors import Refusal, Rollback, TrustStoreUnavailable, Undecided
from proxy.limits import COMMIT_ATTEMPTS
from proxy.names import Gun
from proxy.notary.directory import DirectorySource
from proxy.store.protocol import Conflict
from proxy.store.sql import SqlTrustStore
from proxy.trust.committing import commit, damaged_here, past_of, recalled, refused
from proxy.trust.outcomes import Became, Outcome
from proxy.trust.verifying import Judge

_LOWER: Final = "from version "
"""How the reason of a version that went back begins; others are about one that has two contents."""


@dataclass(frozen=True, slots=True)
class Import:
    """Brings collections of one Notary into a store."""

    notary: str
    source: DirectorySource
    store: SqlTrustStore
    judge: Judge
    clock: Clock

    async def bring(self, gun: Gun) -> Outcome:
        """Verify one collection and remember it. Raises `TrustStoreUnavailable`."""
        try:
            for _ in range(COMMIT_ATTEMPTS):
                try:
                    return Outcome(self.notary, gun, await self._attempt(gun))
                except Conflict:
                    continue
        except TrustStoreUnavailable as unavailable:
            return damaged_here(self.notary, gun, unavailable)
        except Rollback as rollback:
            return self._gone_back(gun, rollback)
        except Refusal as refusal:
            return refused(self.notary, gun, refusal)
        return refused(self.notary, gun, Undecided("other processes keep changing it"))

    def _gone_back(self, gun: Gun, rollback: Rollback) -> Outcome:
        """What is said first is what it mostly is: the stick of last week."""
        told = refused(self.notary, gun, rollback)
        if not rollback.why.startswith(_LOWER):
            return told
        what = f"{gun} is older there than what is remembered ({rollback.role} {rollback.why})"
        why = f"{what}: most likely it is an earlier export, so bring the newest one [{told.code}]"
        return replace(told, why=why, is_stale=True)

    async def _attempt(self, gun: Gun) -> Became:
        """Raises `Conflict`, and the `Refusal` of what does not verify."""
        anchors = self.judge.anchors(self.notary, gun)
        known, now = await self.store.load(self.notary, gun), self.clock.now()
        files = known.stored.files if known else {}
        brought = self.judge.bring(gun, anchors, files, partial(self.source.read, gun), now)
        if known and brought.files == files:
            await self.store.touch(self.notary, gun, generation=known.generation, checked_at=now)
            return Became.SAME
        before = recalled(self.judge, gun, anchors, known)
        past = self.judge.past(past_of(known.past if known else b""), before, brought, now)
        await commit(self.store, self.notary, known, brought, before, past, now)
        return Became.RAISED if files else Became.NEW
