"""Every collection of a trust store, read whole: its seal tells whether it is as it was written."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from proxy.doctor.findings import Hop, Level, Name, listed
from proxy.errors import TrustStoreUnavailable
from proxy.limits import DOCTOR_SEALS_SECONDS
from proxy.names import Gun
from proxy.store.failures import DAMAGED, is_damage
from proxy.store.sql import SqlTrustReader

_LIST: Final = ("tagwarden", "trust", "list")
_RESTORE: Final = (
    "bring it back from a backup, into a new trust store (docs/trust-store.md, When the store is lost or damaged)"
)


@dataclass(frozen=True, slots=True)
class Seals:
    """How many of all collections were read, and those among them that are not as they were written.

    Of `tagless` everything is, but for the tags that they ever had.
    """

    read: int
    everything: int
    damaged: Sequence[Gun]
    tagless: Sequence[Gun]

    def into(self, hop: Hop) -> None:
        """Say so."""
        if self.damaged:
            are, them = ("are", "them") if len(self.damaged) > 1 else ("is", "it")
            _fail(hop, f"{listed(self.damaged)} {are} damaged, so pulls of {them} are refused")
        if self.tagless:
            them = "them" if len(self.tagless) > 1 else "it"
            later = f"and once Notary says something new every pull of {them} is refused"
            what = f"the tags that {listed(self.tagless)} ever had are damaged"
            _fail(hop, f"{what}, so `protect` refuses what is not signed, {later}")
        if self.read and not (self.damaged or self.tagless):
            hop.ok(Name.STORE_DAMAGED, f"{_collections(self.read)} read, each as it was written")
        if self.read < self.everything:
            left = f"{self.everything - self.read} of {_collections(self.everything)}"
            hop.unknown(Name.STORE_DAMAGED, f"{left}, which would take longer: {' '.join(_LIST)} reads all of them")


async def check_seals(reader: SqlTrustReader) -> Seals:
    """Read as many collections as there is time for. Raises `TrustStoreUnavailable` where none can be read."""
    keys = await reader.everything()
    read, damaged, tagless = 0, list[Gun](), list[Gun]()
    with suppress(TimeoutError):
        async with asyncio.timeout(DOCTOR_SEALS_SECONDS):
            for key in keys:
                if not await _is_whole(_load(reader, *key)):
                    damaged.append(key[1])
                elif not await _is_whole(reader.check_notes(*key)):
                    tagless.append(key[1])
                read += 1
    return Seals(read, len(keys), damaged, tagless)


async def _load(reader: SqlTrustReader, notary: str, gun: Gun) -> None:
    """Hold a collection against its seal; one that is named and is not there is damaged, too."""
    if await reader.load(notary, gun) is None:
        raise TrustStoreUnavailable(DAMAGED.why)


async def _is_whole(reading: Awaitable[object]) -> bool:
    try:
        await reading
    except TrustStoreUnavailable as unavailable:
        if not is_damage(unavailable):
            raise
        return False
    return True


def _fail(hop: Hop, what: str) -> None:
    hop.note(Name.STORE_DAMAGED, Level.FAILED, what, f"{_RESTORE}; {' '.join(_LIST)} names all of them", _LIST)


def _collections(number: int) -> str:
    return f"{number} collection{'' if number == 1 else 's'}"
