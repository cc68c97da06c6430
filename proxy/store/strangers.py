"""Notaries that a store remembers and a configuration does not name, as after one was renamed there.

What is remembered belongs to a name. Under another one nothing is known: every floor is gone, and nobody hears of it.
"""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass

from proxy.store.protocol import TrustReader


@dataclass(frozen=True, slots=True)
class Stranger:
    """A name of which so many collections have files, and which counts for nobody."""

    notary: str
    collections: int

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"name it so again, or carry what is remembered over to its new name: {self.command} NAME"

    @property
    def command(self) -> str:
        """What carries it over, without the new name."""
        return f"tagwarden trust rename {self.notary}"

    def __str__(self) -> str:
        """What is wrong, in a sentence."""
        what = f"{self.collections} collection{'' if self.collections == 1 else 's'}"
        return f"{self.notary} is remembered for {what}, but is no Notary of this configuration"


async def strangers(reader: TrustReader, notaries: Container[str]) -> tuple[Stranger, ...]:
    """Every Notary of a store that is not among these. Raises `TrustStoreUnavailable`."""
    count = Counter(notary for notary, _ in await reader.collections())
    return tuple(Stranger(notary, number) for notary, number in sorted(count.items()) if notary not in notaries)
