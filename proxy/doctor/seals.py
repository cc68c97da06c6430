"""Every collection of a trust store, read whole: its seal tells whether it is as it was written."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from proxy.doctor.findings import Hop, Level, Name, listed
from proxy.errors import TrustStoreUnavailable
from proxy.limits import DOCTOR_SEALS_SECONDS
from proxy.names import Gun
from proxy.store.failures import is_damage
from proxy.store.sql import SqlTrustReader

_LIST: Final = ("tagwarden", "trust", "list")
_RESTORE: Final = (
    "bring it back from a backup, into a new trust store (docs/trust-store.md, When the store is lost or damaged)"
)


@dataclass(frozen=True, slots=True)
class Seals:
    """How many of all collections were read, and those among them that are not as they were written."""

    read: int
    everything: int
    damaged: Sequence[Gun]

    def into(self, hop: Hop) -> None:
        """Say so."""
        if self.damaged:
            many = len(self.damaged) > 1
            what = f"{listed(self.damaged)} {'are' if many else 'is'} damaged, so pulls of {'them' if many else 'it'}"
            remedy = f"{_RESTORE}; {' '.join(_LIST)} names all of them"
            hop.note(Name.STORE_DAMAGED, Level.FAILED, f"{what} are refused", remedy, _LIST)
        elif self.read:
            hop.ok(Name.STORE_DAMAGED, f"{_collections(self.read)} read, each as it was written")
        if self.read < self.everything:
            left = f"{self.everything - self.read} of {_collections(self.everything)}"
            hop.unknown(Name.STORE_DAMAGED, f"{left}, which would take longer: {' '.join(_LIST)} reads all of them")


async def check_seals(reader: SqlTrustReader) -> Seals:
    """Read as many collections as there is time for. Raises `TrustStoreUnavailable` where none can be read."""
    keys = await reader.everything()
    read, damaged = 0, []
    with suppress(TimeoutError):
        async with asyncio.timeout(DOCTOR_SEALS_SECONDS):
            for notary, gun in keys:
                if not await _is_whole(reader, notary, gun):
                    damaged.append(gun)
                read += 1
    return Seals(read, len(keys), damaged)


async def _is_whole(reader: SqlTrustReader, notary: str, gun: Gun) -> bool:
    try:
        return await reader.load(notary, gun) is not None
    except TrustStoreUnavailable as unavailable:
        if not is_damage(unavailable):
            raise
        return False


def _collections(number: int) -> str:
    return f"{number} collection{'' if number == 1 else 's'}"
