"""One check of a collection: is it as it was, and if not, what is it now (design: Freshness).

The usual case is that nothing changed: then Notary's timestamp is the very one that is known, nobody else wrote into
the trust store, and one small file was fetched. Anything else is verified whole and committed.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import structlog

from proxy.chronicle import Chronicle
from proxy.clock import Clock
from proxy.decision_cache import DecisionCache, Evidence, EvidenceKey, Standing
from proxy.doubts import Doubts
from proxy.errors import NotaryUnreachable, Refusal, TrustError, TrustStoreUnavailable, Undecided
from proxy.last_check import LastCheck
from proxy.limits import COMMIT_ATTEMPTS, NOTED_SECONDS, TIMESTAMP_BYTES, VERIFIED_SECONDS
from proxy.names import TIMESTAMP, Gun
from proxy.policy.entries import Policy
from proxy.policy.expiry import by_grace
from proxy.refusals import for_log
from proxy.store.protocol import Conflict, Remembered, TrustStore
from proxy.telemetry import traces
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Reply, Unavailable
from proxy.verification import Job, Verified
from proxy.verifier import Verifier

_log = structlog.get_logger()

Fetcher: TypeAlias = Callable[[Gun, Fetch], Awaitable[Reply]]


class Away(Exception):
    """Nothing contradicts what is known, but it could not be confirmed: Notary or the trust store is away."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(slots=True)
class Checks:
    """Checks collections under one policy. `notaries` fetch files of a GUN, by the Notary's name."""

    policy: Policy
    store: TrustStore
    notaries: Mapping[str, Fetcher]
    clock: Clock
    cache: DecisionCache = field(default_factory=DecisionCache)
    verifier: Verifier = field(default_factory=Verifier)
    chronicle: Chronicle = field(default_factory=Chronicle)
    _doubts: Doubts = field(default_factory=Doubts)
    _last: LastCheck = field(default_factory=LastCheck)
    _terms: Counter[str] = field(default_factory=Counter)

    def rebind(self, policy: Policy, notaries: Mapping[str, Fetcher], moved: Collection[str]) -> Collection[str]:
        """Go on under another policy, and with other clients of Notaries.

        Of a Notary that `moved` to another address nothing is known any more, and of no Notary where other keys are
        blocked: what was verified before is not what would be verified now. A check that is under way starts over.
        Answers which Notaries that is about.
        """
        if policy.blocked.keys != self.policy.blocked.keys:
            moved = {*self.notaries, *notaries}
        kinds = {(each.notary, each.pins, each.expiry_grace) for each in policy.entries}
        gone = {(each.notary, each.pins, each.expiry_grace) for each in self.policy.entries} - kinds
        self.policy, self.notaries = policy, notaries
        self._terms.update(moved)
        if moved or gone:
            for key in self.cache.keys():  # noqa: SIM118  (it is no mapping)
                notary, _, *rest = key
                if notary in moved or (notary, *rest) in gone:
                    self.cache.drop(key)
        return moved

    async def check(self, key: EvidenceKey) -> Evidence:
        """Evidence that Notary confirmed just now; the cache has it too.

        Raises:
            Away: what the cache has may serve under the outage rule, if it has anything.
            Refusal: any other; nothing that was known serves any longer where it is a `TrustError`.
        """
        for _ in range(COMMIT_ATTEMPTS):
            terms = self._terms[key[0]]
            try:
                with traces.verification(*key[:2]):
                    found: Evidence | Refusal | Away = await self._find_out(key)
            except (Refusal, Away) as failure:
                found = failure
            if terms != self._terms[key[0]]:
                self.cache.drop(key)  # it was found under terms that do not hold any more
            elif not isinstance(found, Evidence):
                raise found
            elif self.is_contradicted(key):
                self.cache.drop(key)
                raise Undecided("Notary said something else since it was asked")
            else:
                return found
        raise Undecided("its configuration keeps changing")

    def is_contradicted(self, key: EvidenceKey) -> bool:
        """Whether Notary said something else last, which did not verify, so that the old must not serve longer."""
        return self._doubts.is_contradicted(key)

    def is_changed(self, key: EvidenceKey) -> bool:
        """Whether Notary says something else now, which is being verified."""
        return self._doubts.is_changed(key)

    def is_in_doubt(self, key: EvidenceKey) -> bool:
        """Whether one of these is so: no time for the outage rule."""
        return self.is_contradicted(key) or self.is_changed(key)

    def contradicted(self) -> tuple[EvidenceKey, ...]:
        """All of which Notary said something else last, which did not verify."""
        return self._doubts.contradicted()

    def contradict(self, key: EvidenceKey) -> None:
        """Note that Notary said something else."""
        self._doubts.contradict(key, self.clock.seconds())

    def believe(self, key: EvidenceKey, checked: float) -> None:
        """Note that what Notary said then (monotonic seconds) verifies, unless it said something else since."""
        self._doubts.believe(key, checked)

    async def recall(self, key: EvidenceKey, generation: int) -> Verified:
        """Verify what another process of ours committed, without Notary.

        Raises `Conflict` where the trust store is at another generation or in doubt, and a `Refusal`.
        """
        notary, gun, *_ = key
        remembered = await self.store.load(notary, gun)
        if remembered is None or remembered.generation != generation or remembered.is_doubted:
            raise Conflict
        now = self.clock.now()
        self._last.note(remembered.checked_at)
        self._last.hold_against(now)
        return await self.verifier.recall(self._job(key, remembered, now))

    async def _find_out(self, key: EvidenceKey) -> Evidence:
        """See `check`; what Notary says now, and nobody could verify, is in doubt afterwards."""
        try:
            return await self._check(key)
        except NotaryUnreachable as unreachable:
            if self.is_contradicted(key):
                raise
            self._doubts.end_change(key)  # an answer of which a part is missing is no answer: that is an outage
            await self._fall_back(key)
            raise Away(unreachable) from None
        finally:
            if self._doubts.end_change(key):
                self.contradict(key)  # what Notary says now was not found out

    async def _check(self, key: EvidenceKey) -> Evidence:
        standing = self.cache.standing(key)
        try:
            if standing and await self._confirm(key, standing):
                confirmed = self.cache.get(key)
                if confirmed:
                    return confirmed
            verified = await self._verify(key)
        except TrustError:
            self.cache.drop(key)  # an answer that does not verify ends older evidence at once
            raise
        except TrustStoreUnavailable:
            if standing:
                self.contradict(key)  # what Notary says now cannot be committed, so it is not known
            raise
        except Undecided:
            if standing and self._doubts.is_changed(key):
                await self._doubt(key, standing.generation)
            raise
        self.cache.put(key, verified)
        return verified

    async def _confirm(self, key: EvidenceKey, standing: Standing) -> bool:
        """Whether everything is as it was. Raises `Away`, `NotaryUnreachable`, `Undecided`.

        1. Nothing that it rests on has expired, and no role was found unusable, which Notary may have mended. Once a
           day everything is verified anew: certificates run out too.
        2. Notary's timestamp is the same, byte for byte.
        3. Nobody else has written into the trust store since: a version that another replica saw is a floor here too.
        """
        notary, gun, *_ = key
        now, seconds = self.clock.now(), self.clock.seconds()
        self._last.hold_against(now)
        if standing.has_expired(now) or not standing.is_whole or seconds - standing.verified >= VERIFIED_SECONDS:  # (1)
            return False
        if await self._timestamp(key) != standing.timestamp:  # (2)
            return False
        was_doubted = self._doubts.end(key, seconds)
        try:
            await self._last.ask(self.store, seconds)
            self._last.hold_against(now)
            if await self.store.generation(notary, gun) != standing.generation:  # (3)
                return False
            is_due = was_doubted or seconds - standing.noted >= NOTED_SECONDS
            if standing.generation is not None and is_due:
                await self.store.touch(notary, gun, generation=standing.generation, checked_at=now)
                standing.noted = seconds
        except Conflict:
            return False
        except TrustStoreUnavailable as unavailable:
            raise Away(unavailable) from None
        self.cache.confirm(key, now, seconds)
        self._last.note(now)
        return True

    async def _load(self, key: EvidenceKey) -> Remembered | None:
        """What is remembered. Raises `TrustStoreUnavailable`, or `Away` where nothing is known that needs the store."""
        try:
            remembered = await self.store.load(*key[:2])
            await self._last.ask(self.store, self.clock.seconds())
        except TrustStoreUnavailable as unavailable:
            standing = self.cache.standing(key)
            if standing and await self._is_unchanged(key, standing):
                raise Away(unavailable) from None
            raise
        if remembered is not None:
            self._last.note(remembered.checked_at)
        return remembered

    async def _is_unchanged(self, key: EvidenceKey, standing: Standing) -> bool:
        """Whether Notary says nothing else, as far as it can be asked: what ran out it has to have signed anew."""
        seconds = self.clock.seconds()
        try:
            timestamp = await self._timestamp(key)
        except NotaryUnreachable:
            return not self.is_in_doubt(key)
        if timestamp != standing.timestamp or standing.has_expired(self.clock.now()):
            return False
        self._doubts.end(key, seconds)
        return True

    async def _timestamp(self, key: EvidenceKey) -> bytes | None:
        """The SHA-256 of Notary's timestamp, None where it has none that could be read. Raises `NotaryUnreachable`."""
        wish = Fetch(TIMESTAMP, TIMESTAMP_BYTES)
        reply = await self._fetch(key, wish)
        if isinstance(reply, Unavailable) and (reply.status or 0) >= 500:
            reply = await self._fetch(key, wish)  # one failure is forgiven (S6)
        if isinstance(reply, Unavailable):
            raise NotaryUnreachable(reply.why)
        return _hash(reply)

    async def _fetch(self, key: EvidenceKey, wish: Fetch) -> Reply:
        """What the Notary of that name now replies, also in the middle of a check.

        That its timestamp is another one is noted until a verification has ended.
        """
        notary, gun, *_ = key
        fetch = self.notaries.get(notary)
        reply = Unavailable("it is not configured any more") if fetch is None else await fetch(gun, wish)
        if wish.name == TIMESTAMP and not isinstance(reply, Unavailable):
            standing = self.cache.standing(key)
            if standing and _hash(reply) != standing.timestamp:
                self._doubts.change(key)
        return reply

    async def _verify(self, key: EvidenceKey) -> Evidence:
        """Fetch, verify and commit; where another process was first, start from what it left. Raises a `Refusal`."""
        gun = key[1]
        for _ in range(COMMIT_ATTEMPTS):
            remembered = await self._load(key)
            now, seconds = self.clock.now(), self.clock.seconds()
            self._last.hold_against(now)
            job = self._job(key, remembered, now)
            try:
                verified = await self.verifier.verify(job, partial(self._fetch, key))
            except TrustError as refusal:
                self.chronicle.note_refusal(*key[:2], refusal)
                if remembered:
                    await self._contradict(key, remembered, job)
                raise
            if verified.lost:
                what = "what tags had before cannot be told: superseded digests end now"
                _log.warning(what, gun=gun, why=verified.lost)
            try:
                generation = await self._remember(key, remembered, verified, now)
            except Conflict:
                continue
            except TrustStoreUnavailable as unavailable:
                if not verified.is_new and self._is_standing(key, verified):
                    self._doubts.end(key, seconds)
                    raise Away(unavailable) from None
                raise
            self._doubts.end(key, seconds)
            self._last.note(now)
            was_forgotten = remembered is not None and not remembered.stored.files
            self.chronicle.note(*key[:2], verified, was_forgotten=was_forgotten)
            for skipped in verified.skipped if verified.is_new else ():
                _log.warning("target skipped", gun=gun, what=skipped)
            if roles := by_grace(verified.collection, now):
                _log.warning("expiry-grace", gun=gun, roles=list(roles))
            return Evidence(verified.collection, verified.past, generation, now, seconds)
        raise Undecided("other processes keep changing the trust store")

    def _is_standing(self, key: EvidenceKey, verified: Verified) -> bool:
        standing = self.cache.standing(key)
        return standing is not None and verified.collection.hashes[TIMESTAMP] == standing.timestamp

    async def _contradict(self, key: EvidenceKey, remembered: Remembered, job: Job) -> None:
        """Note that Notary contradicts what is remembered; the trust store is told where that could serve again."""
        self.contradict(key)
        is_harmless = self._doubts.is_harmless(key, remembered.generation)
        if remembered.is_doubted or not remembered.stored.files or is_harmless:
            return
        standing = self.cache.standing(key)
        if standing is None or standing.generation != remembered.generation:
            try:
                await self.verifier.recall(job)
            except TrustError:
                # under these pins it does not serve anyhow, and under others it may be well
                self._doubts.note_harmless(key, remembered.generation)
                return
            except Refusal:
                pass  # nobody knows, so it might serve
        await self._doubt(key, remembered.generation)

    async def _doubt(self, key: EvidenceKey, generation: int | None) -> None:
        """Have a contradiction outlive this process; where that fails, it counts as long as the process lives."""
        self.contradict(key)
        notary, gun, *_ = key
        if generation is None:
            return
        try:
            await self.store.doubt(notary, gun, generation=generation, at=self.clock.now())
        except Conflict:
            return  # it went on since
        except TrustStoreUnavailable as unavailable:
            what = "a contradiction cannot be noted: a restart forgets it"
            _log.warning(what, gun=gun, why=for_log(unavailable, gun))

    async def _fall_back(self, key: EvidenceKey) -> None:
        """Have what the trust store knows in memory, as old as it is: another replica may have committed since.

        A doubt that another process noted counts as well. While the store is away, memory serves on. Raises
        `Undecided` where our clock cannot tell how old it is.
        """
        notary, gun, *_ = key
        standing = self.cache.standing(key)
        try:
            generation = await self.store.generation(notary, gun)
            if standing and generation == standing.generation and not await self.store.is_doubted(notary, gun):
                return
            self.cache.drop(key)
            remembered = None if generation is None else await self.store.load(notary, gun)
        except TrustStoreUnavailable:
            return
        if remembered is None or not remembered.stored.files:
            return
        if remembered.is_doubted:
            self.contradict(key)  # what is being checked elsewhere may not serve in between either
            return
        job = self._job(key, remembered, self.clock.now())
        self._last.note(remembered.checked_at)
        self._last.hold_against(job.now)
        try:
            recalled = await self.verifier.recall(job)
        except Refusal as refusal:
            _log.warning("what is remembered cannot serve", gun=gun, why=for_log(refusal, gun))
            return
        age = max(job.now - remembered.checked_at, timedelta()).total_seconds()
        seconds = self.clock.seconds() - age
        known = Evidence(recalled.collection, recalled.past, remembered.generation, remembered.checked_at, seconds)
        standing = self.cache.standing(key)
        if not self.is_contradicted(key) and (standing is None or standing.checked < seconds):
            self.cache.put(key, known)  # unless somebody told this process more meanwhile

    async def _remember(
        self, key: EvidenceKey, remembered: Remembered | None, verified: Verified, now: datetime
    ) -> int:
        """Commit what is new, else note the check; answers the generation. Raises as the store does."""
        notary, gun, *_ = key
        if remembered and not verified.is_new:
            await self.store.touch(notary, gun, generation=remembered.generation, checked_at=now)
            return remembered.generation
        return await self.store.commit(
            notary,
            gun,
            Stored(verified.files),
            expected=remembered.generation if remembered else None,
            checked_at=now,
            past=verified.past.encode(),
            new_tags=verified.new_tags,
        )

    def _job(self, key: EvidenceKey, remembered: Remembered | None, now: datetime) -> Job:
        _, gun, pins, grace = key
        keep_for = max((entry.superseded_for for entry in self.policy.entries), default=timedelta())
        return Job(gun, pins, remembered, now, grace, self.policy.blocked.keys, keep_for)


def _hash(reply: Reply) -> bytes | None:
    return hashlib.sha256(reply.data).digest() if isinstance(reply, Fetched) else None
