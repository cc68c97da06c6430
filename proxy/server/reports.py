"""What a worker tells its supervisor: what its clients ask for, so that it is kept renewed for all workers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from proxy.decision_cache import EvidenceKey
from proxy.limits import CHANNEL_COLLECTIONS, CHANNEL_GUN_LENGTH, CHANNEL_REPORT, WORKER_TICK_SECONDS
from proxy.names import Gun
from proxy.renewal import Renewal
from proxy.server.words import Asked, Kinds, Word
from proxy.telemetry import meters


@dataclass(slots=True)
class Reports:
    """Gathers what is asked for, and says it once a second; with nothing to say, that this worker lives."""

    renewal: Renewal
    kinds: Kinds
    say: Callable[[Word], bool]
    _asked: set[EvidenceKey] = field(default_factory=set)

    async def run(self) -> None:
        """Go on until cancelled."""
        self.renewal.asked = self.renewal.doubted = self._note
        while True:
            await asyncio.sleep(WORKER_TICK_SECONDS)
            meters.publish()
            self.tell()

    def tell(self) -> None:
        """Say what was asked for since the last time.

        What is not known here is not spoken of, unless it fell into doubt: nobody can make the supervisor ask Notary
        for names that do not exist.
        """
        told = iter([told for key in self._asked if (told := self._told(key))])
        self._asked.clear()
        some = list(islice(told, CHANNEL_COLLECTIONS))
        number = self.kinds.configuration
        while self.say(Asked(number=number, of=some)) and (some := list(islice(told, CHANNEL_COLLECTIONS))):
            pass

    def _note(self, key: EvidenceKey) -> None:
        if len(self._asked) < CHANNEL_REPORT:
            self._asked.add(key)

    def _told(self, key: EvidenceKey) -> tuple[int, Gun, int | None] | None:
        standing, is_in_doubt = self.renewal.cache.standing(key), self.renewal.checks.is_contradicted(key)
        kind = self.kinds.number(key)
        if kind is None or len(key[1]) > CHANNEL_GUN_LENGTH or not (standing or is_in_doubt):
            return None
        return kind, key[1], standing.generation if standing and not is_in_doubt else None
