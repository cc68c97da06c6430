"""Which collections a Notary has for certain: what strangers ask for must not cost these anything.

Anybody who may ask this proxy can ask for names that no Notary knows, as many as they like.
"""

from dataclasses import dataclass, field

import cachetools

from proxy.limits import NOTARY_KNOWN
from proxy.names import ROOT, Gun
from proxy.tuf.messages import Fetch, Fetched, Reply


@dataclass(slots=True)
class Known:
    """Collections that gave a file, the latest `NOTARY_KNOWN` of one Notary."""

    _guns: "cachetools.LRUCache[Gun, None]" = field(default_factory=lambda: cachetools.LRUCache(NOTARY_KNOWN))

    def is_stranger(self, gun: Gun, wish: Fetch) -> bool:
        """Whether nothing shows that there is such a collection.

        First contact asks for the root by its plain name (dialect 3.1); whoever wishes for anything else has a root
        of it, be it from before a restart.
        """
        return wish.name == ROOT and gun not in self._guns

    def note(self, gun: Gun, reply: Reply) -> None:
        """Remember who gave a file."""
        if isinstance(reply, Fetched):
            self._guns[gun] = None
