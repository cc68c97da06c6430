"""What a worker makes of what its supervisor found out (design: Freshness).

Evidence of the very same generation and timestamp is confirmed without a look at anything. Another generation is
read from the trust store and verified here once more. What cannot be had that way is forgotten: whoever asks next has
it checked.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from proxy.decision_cache import Evidence, EvidenceKey
from proxy.errors import Refusal
from proxy.names import TIMESTAMP
from proxy.refusals import for_log
from proxy.renewal import Renewal
from proxy.server.channel import Broken, Channel
from proxy.server.words import Confirmed, Doubted, FoundOut, FromSupervisor, Greeted, Hinted, Kinds, Rebind, Unconfirmed
from proxy.store.protocol import Conflict
from proxy.tasks import spawn

_log = structlog.get_logger()


@dataclass(slots=True)
class Hearsay:
    """Takes what it is told for a hint or for a confirmation, and never for evidence."""

    renewal: Renewal
    kinds: Kinds
    _reading: dict[EvidenceKey, Confirmed] = field(default_factory=dict)

    def rebind(self, kinds: Kinds) -> None:
        """Hear of the kinds of another configuration; what is being read for the one before is not kept."""
        self.kinds = kinds
        self._reading.clear()

    def hear(self, word: FoundOut) -> None:
        """Take note. Raises `Broken` for what cannot be meant."""
        match word:
            case Confirmed():
                self._confirm(self._key(word), word)
            case Doubted():
                key = self._key(word)
                self._reading.pop(key, None)
                self.renewal.doubt(key)
            case Unconfirmed(at=at):
                self._question([self._key(word)], at)
            case Hinted(notary=notary, guns=guns, at=at):
                self._question(self.renewal.keys(notary) if guns is None else self.kinds.keys(notary, guns), at)
                self.renewal.forget_refusals(notary, None if guns is None else frozenset(guns))

    def _question(self, keys: Iterable[EvidenceKey], at: float) -> None:
        """Have what was checked before then checked by whoever asks next, unless somebody else says that he did."""
        if at > self.renewal.clock.seconds():
            raise Broken("a question has yet to come")
        for key in keys:
            self.renewal.question(key, at)

    def _key(self, word: Confirmed | Doubted | Unconfirmed) -> EvidenceKey:
        try:
            return self.kinds.key(word.kind, word.gun)
        except IndexError:
            raise Broken(f"there is no kind {word.kind}") from None

    def _confirm(self, key: EvidenceKey, told: Confirmed) -> None:
        if told.checked > self.renewal.clock.seconds():
            raise Broken("a check has yet to come")
        self.renewal.outages.note_back(*key[:2], told.checked)
        standing = self.renewal.cache.standing(key)
        if standing is None:
            self.renewal.checks.believe(key, told.checked)
            return  # nobody asks for it here
        if told.checked < standing.checked:
            return  # this process knows better
        if (standing.generation, standing.timestamp.hex()) == (told.generation, told.timestamp):
            self._reading.pop(key, None)
            self.renewal.confirm(key, told.checked_at, told.checked)
        elif told.is_whole:
            self._reading[key] = told
            spawn(self._read(key, told), name=f"read {key[1]} anew")
        else:
            self.renewal.cache.drop(key)  # what a role withholds, only Notary's answer shows

    async def _read(self, key: EvidenceKey, told: Confirmed) -> None:
        """Read what another process committed, unless something newer is heard of it meanwhile.

        Whatever keeps us from it, what was known before counts no more.
        """
        evidence = None
        try:
            recalled = await self.renewal.checks.recall(key, told.generation)
            evidence = Evidence(recalled.collection, recalled.past, told.generation, told.checked_at, told.checked)
        except Conflict:
            pass  # it went on since, and somebody will say so
        except Refusal as refusal:
            _log.warning("what another process committed cannot be read", gun=key[1], why=for_log(refusal, key[1]))
        except Exception as defect:  # noqa: BLE001  (a defect of ours: it is not to leave what was revoked)
            why = repr(defect)
            _log.error("what another process committed cannot be read", gun=key[1], why=why, exc_info=defect)
        if self._reading.get(key) is not told:
            return
        del self._reading[key]
        if evidence and evidence.collection.hashes[TIMESTAMP].hex() == told.timestamp:
            self.renewal.adopt(key, evidence)
        else:
            self.renewal.cache.drop(key)


async def listen(
    channel: Channel[FromSupervisor],
    hear: Callable[[FoundOut], None],
    rebind: Callable[[Rebind], Awaitable[None]],
) -> bool:
    """Hear what the supervisor says, one word after the other, until it hangs up or cannot be understood.

    True is answered before that, once it has said all that has to be known before anybody is served.

    What cannot be understood may have been a revocation. Either way there is nothing more to be heard, and this worker
    ends. Whatever `rebind` raises ends it too: nobody serves an old configuration where there is a new one.
    """
    while True:
        try:
            word = await channel.hear()
            if word is not None and not isinstance(word, Greeted | Rebind):
                hear(word)
        except Exception as defect:  # noqa: BLE001  (whatever it is: requests under way are answered yet)
            what = "the supervisor cannot be understood: this worker ends, and another one takes its place"
            _log.error(what, why=repr(defect))
            return False
        if word is None or isinstance(word, Greeted):
            return word is not None
        if isinstance(word, Rebind):
            await rebind(word)
