"""A trust store that lasts as long as the process: for trials, in which nothing is enforced."""

from datetime import datetime
from typing import Final

from proxy.names import Gun
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict


class Memory(Overlay):
    """Remembers like any trust store, and writes nothing; `created` says that it begins with nothing."""

    created: Final = True

    def __init__(self) -> None:
        super().__init__(None)

    async def last_check(self) -> datetime | None:
        """The newest check of all collections."""
        return max((remembered.checked_at for remembered in self._seen.values()), default=None)

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """See `TrustStore.touch`."""
        remembered = self._seen.get((notary, gun))
        if remembered is None or remembered.generation != generation:
            raise Conflict
        await super().touch(notary, gun, generation=generation, checked_at=checked_at)
