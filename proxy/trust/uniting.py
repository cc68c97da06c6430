"""Unites what another store held with this one: versions never fall, tags are never lost, roots are verified.

Each collection is verified as of its last check, since what it holds may have expired by now: it is a floor, and what
is served from it is for Notary and the clock to say. Whether it takes the place of what is remembered here is a
question for the verifier too: only if somebody who remembers this one would accept that one from Notary. What Notary
contradicted, there or here, stays in doubt: it has confirmed nothing since. So is what Notary confirmed before it gave
the other store something older.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from proxy.clock import Clock
from proxy.errors import Refusal, TrustStoreUnavailable, Undecided
from proxy.limits import CLOCK_BEHIND_SECONDS, COMMIT_ATTEMPTS
from proxy.manifests import digest_of, parse
from proxy.names import Gun
from proxy.policy.past import NO_PAST, Past
from proxy.store.failures import is_damage
from proxy.store.protocol import Conflict, Forgotten, Remembered
from proxy.store.sql import SqlTrustStore
from proxy.trust.belonging import ON_ITS_OWN, Anchor
from proxy.trust.committing import check_clock, commit, damaged_here, past_of, recalled, refused
from proxy.trust.holding import Damaged, Held, KeptIndex, Piece
from proxy.trust.outcomes import Became, Outcome
from proxy.trust.verifying import Judge, reading, with_floors
from proxy.tuf.collection import Collection

_BETWEEN_CLOCKS: Final = timedelta(seconds=CLOCK_BEHIND_SECONDS)
"""By how much the clocks of two machines may differ: within that, neither of two instants is the later one."""


@dataclass(slots=True)
class Union:
    """Takes the pieces of another store into this one, in the order in which `pieces` gives them."""

    store: SqlTrustStore
    judge: Judge
    clock: Clock
    outcomes: list[Outcome] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    _forgotten: dict[tuple[str, Gun], Forgotten] = field(default_factory=dict)
    _theirs: list[Forgotten] = field(default_factory=list)

    async def begin(self) -> None:
        """Look at this store. Raises `TrustStoreUnavailable`, and `Undecided` where our clock cannot be believed."""
        await check_clock(self.store, self.clock)
        for each in sorted(await self.store.forgettings(), key=lambda each: each.at):
            self._forgotten[each.notary, each.gun] = each  # the latest counts, in whatever order they were heard of

    async def take(self, piece: Piece) -> None:
        """Take one piece in. Raises `TrustStoreUnavailable`."""
        match piece:
            case Held():
                self.outcomes.append(await self._take(piece))
            case KeptIndex():
                await self._take_index(piece)
            case Forgotten():
                self._theirs.append(piece)
            case Damaged(what):
                self.damaged.append(what)

    async def end(self) -> None:
        """Write down what was forgotten elsewhere; not what is still to come. Raises `TrustStoreUnavailable`."""
        now = self.clock.now()
        await self.store.note_forgettings(each for each in self._theirs if each.at - now <= _BETWEEN_CLOCKS)

    async def _take(self, held: Held) -> Outcome:
        """Tags are taken in whatever becomes of the files: `protect` is for good."""
        key = held.notary, held.gun
        checked_at = min(held.checked_at, self.clock.now())
        try:
            outcome = await self._files(held, checked_at) if held.files else Outcome(*key, Became.FORGOTTEN)
            await self.store.keep_tags(*key, held.tags, checked_at=checked_at)
        except TrustStoreUnavailable as unavailable:
            return damaged_here(*key, unavailable)
        return outcome

    async def _files(self, held: Held, checked_at: datetime) -> Outcome:
        key = held.notary, held.gun
        anchors = self.judge.belonging.anchors(*key) or (ON_ITS_OWN,)
        try:
            for _ in range(COMMIT_ATTEMPTS):
                try:
                    return await self._attempt(held, anchors, checked_at)
                except Conflict:
                    continue
        except TrustStoreUnavailable:
            raise
        except Refusal as refusal:
            return refused(*key, refusal)
        return refused(*key, Undecided("other processes keep changing it"))

    async def _attempt(self, held: Held, anchors: Sequence[Anchor], checked_at: datetime) -> Outcome:
        """Raises `Conflict`, and the `Refusal` of what does not verify."""
        key = held.notary, held.gun
        known = await self.store.load(*key)
        is_doubted = held.is_doubted or (known is not None and known.is_doubted)
        doubted_at = self.clock.now() if is_doubted else None
        if known and known.stored.files == held.files:  # where it was forgotten: brought back on purpose
            await self._doubt(held, known)
            return Outcome(*key, Became.SAME)
        forgotten = self._forgotten.get(key)
        if forgotten and held.checked_at - forgotten.at <= _BETWEEN_CLOCKS:
            why = f"was forgotten here at {_minute(forgotten.at)}, and what was brought is not clearly newer"
            was = f"(last checked at {_minute(held.checked_at)}): its tags alone are taken"
            return Outcome(*key, Became.FORGOTTEN, f"{held.gun} {why} {was}")
        if known is None or not known.stored.files:
            brought = self.judge.alone(held.gun, anchors, held.files, checked_at)
            await commit(self.store, held.notary, known, brought, None, self._past(held), checked_at, doubted_at)
            return Outcome(*key, Became.NEW)
        followed = self._with_their_floors(held, known, anchors)
        if followed and followed.files == known.stored.files:
            await self._doubt(held, known, is_newer=held.checked_at - known.checked_at > _BETWEEN_CLOCKS)
            return Outcome(*key, Became.OLDER)
        if known.checked_at - held.checked_at > _BETWEEN_CLOCKS:
            doubted_at = self.clock.now()  # Notary answered with something older since
        before = recalled(self.judge, held.gun, anchors, known)
        if followed:
            # what a role said that is refused now was over before, so nobody knows what tags had
            await commit(self.store, held.notary, known, followed, before, NO_PAST, checked_at, doubted_at)
            roles = ", ".join(
                sorted(role for role, data in followed.files.items() if known.stored.files.get(role) != data)
            )
            why = f"{roles} of {held.gun} had a newer version there: an older one is refused here from now on"
            return Outcome(*key, Became.RAISED, why)
        raised = self.judge.bring(held.gun, anchors, known.stored.files, reading(held.files), checked_at)
        raised = with_floors(raised, held.files)
        past = self.judge.past(past_of(known.past), before, raised, self.clock.now())
        await commit(self.store, held.notary, known, raised, before, past, checked_at, doubted_at)
        return Outcome(*key, Became.RAISED)

    async def _doubt(self, held: Held, known: Remembered, *, is_newer: bool = False) -> None:
        """Leave what is remembered, but for a doubt that was brought.

        Where the answer that was brought `is_newer`, and yet older than what is remembered, that is one.
        Raises `Conflict`.
        """
        if (held.is_doubted or is_newer) and not known.is_doubted:
            await self.store.doubt(held.notary, held.gun, generation=known.generation, at=self.clock.now())

    def _with_their_floors(self, held: Held, known: Remembered, anchors: Sequence[Anchor]) -> Collection | None:
        """What is remembered here, as somebody sees it who remembers that one; None if they would not accept it.

        A delegation that is behind that one, or withheld, does not keep them from it (L2), but it has its floor there.
        """
        files = known.stored.files
        try:
            seen = self.judge.bring(held.gun, anchors, held.files, reading(files), known.checked_at)
        except Refusal:
            return None
        return with_floors(replace(seen, files=files, hashes={}), held.files)

    def _past(self, held: Held) -> Past:
        """What tags had before, as far as it has an end: nobody signed that, and it admits digests until then."""
        now = self.clock.now()
        return Past(tuple(each for each in past_of(held.past).records if each.ended - now <= _BETWEEN_CLOCKS))

    async def _take_index(self, index: KeptIndex) -> None:
        """Take in an index that is none of ours yet; a damaged one is no loss, the registry has it."""
        try:
            if digest_of(index.data) != index.digest or await self.store.load_index(index.digest) is not None:
                return
            parse(index.data, None)
            await self.store.keep_index(index.digest, index.data)
        except TrustStoreUnavailable as unavailable:
            if not is_damage(unavailable):
                raise
            self.damaged.append(f"index {index.digest}")
        except Refusal:
            return


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
