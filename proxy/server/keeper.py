"""Keeps evidence renewed once for all workers: hears what they want, and tells them what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.decision_cache import EvidenceKey, Standing
from proxy.names import Gun
from proxy.server.channel import Broken
from proxy.server.words import Asked, Confirmed, Doubted, Hinted, Kinds, Unconfirmed, Word
from proxy.upkeep import Upkeep


@dataclass(slots=True)
class Keeper:
    """Between upkeep and workers: `Upkeep.audience`, `Crew.asked`, `Crew.greet`. `tell` says something to everybody.

    `before` are the kinds of the configuration before the one of now: some worker may still speak of them.
    """

    upkeep: Upkeep
    kinds: Kinds
    tell: Callable[[Word], None]
    before: Kinds | None = None

    def rebind(self, kinds: Kinds) -> None:
        """Speak of the kinds of another configuration; to be called before workers are told of it."""
        self.before, self.kinds = self.kinds, kinds

    def want(self, asked: Asked) -> None:
        """Keep renewed what a worker was asked for. Raises `Broken` for what no worker of ours says."""
        spoken_of = self.kinds if asked.number == self.kinds.configuration else self.before
        if spoken_of is None or asked.number != spoken_of.configuration:
            return
        for kind, gun, generation in asked.of:
            try:
                key = spoken_of.key(kind, gun)
            except IndexError:
                raise Broken(f"there is no kind {kind}") from None
            if self.kinds.number(key) is not None:
                self.upkeep.want(key, generation)

    def greet(self, tell: Callable[[Word], None]) -> None:
        """Tell a worker what is in doubt under the kinds of now, which it may not know, and nor may the trust store."""
        for key in self.upkeep.renewal.checks.contradicted():
            if (kind := self.kinds.number(key)) is not None:
                tell(Doubted(kind=kind, gun=key[1]))

    def tell_confirmed(self, key: EvidenceKey, standing: Standing) -> None:
        """See `Audience.tell_confirmed`."""
        kind = self.kinds.number(key)
        if standing.generation is None or kind is None:
            return
        confirmed = Confirmed(
            kind=kind,
            gun=key[1],
            generation=standing.generation,
            timestamp=standing.timestamp.hex(),
            is_whole=standing.is_whole,
            checked_at=standing.checked_at,
            checked=standing.checked,
        )
        self.tell(confirmed)

    def tell_doubted(self, key: EvidenceKey) -> None:
        """See `Audience.tell_doubted`."""
        if (kind := self.kinds.number(key)) is not None:
            self.tell(Doubted(kind=kind, gun=key[1]))

    def tell_unconfirmed(self, key: EvidenceKey, seconds: float) -> None:
        """See `Audience.tell_unconfirmed`."""
        if (kind := self.kinds.number(key)) is not None:
            self.tell(Unconfirmed(kind=kind, gun=key[1], at=seconds))

    def tell_hinted(self, notary: str, guns: frozenset[Gun] | None, seconds: float) -> None:
        """See `Audience.tell_hinted`."""
        for word in Hinted.all_of(notary, guns, seconds):
            self.tell(word)
