"""Carries what is remembered of a Notary over to its new name, as if another store had held it under that one."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from proxy.trust.holding import Damaged, held
from proxy.trust.outcomes import Became, Outcome
from proxy.trust.uniting import Union

_KNOWN: Final = (Became.NEW, Became.RAISED, Became.SAME, Became.OLDER)
"""What the new name remembers at least as well as the old one did."""


@dataclass(frozen=True, slots=True)
class Renaming:
    """From one name to another, within the store of a union that has begun; `by` is who wants it."""

    union: Union
    old: str
    new: str
    by: str

    async def carry(self, begin: Callable[[int], object]) -> AsyncIterator[Outcome]:
        """Take over one collection after the other; what is known under the new name is forgotten under the old one.

        `begin` is told how many there are. Raises `TrustStoreUnavailable`.
        """
        keys = [key for key in await self.union.store.everything() if key[0] == self.old]
        begin(len(keys))
        for _, gun in keys:
            piece = await held(self.union.store, self.old, gun)
            if isinstance(piece, Damaged):
                self.union.damaged.append(piece.what)
                continue
            await self.union.take(replace(piece, notary=self.new))
            outcome = self.union.outcomes[-1]
            if outcome.became in _KNOWN:
                now, reason = self.union.clock.now(), f"renamed to {self.new}"
                await self.union.store.forget(self.old, gun, reason=reason, by=self.by, at=now)
            yield outcome
