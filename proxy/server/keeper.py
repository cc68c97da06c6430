"""Keeps evidence renewed once for all workers: hears what they want, and tells them what came of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proxy.decision_cache import EvidenceKey, Standing
from proxy.names import Gun
from proxy.server.channel import Broken
from proxy.server.words import Asked, Confirmed, Doubted, Hinted, Kinds, Unconfirmed, Word
from proxy.upkeep import Upkeep


@dataclass(slots=True)
class Keeper:
    """Between upkeep and workers: `Upkeep.audience`, `Crew.asked`, `Crew.news`. `tell` says something to everybody.

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
        spoken_of = self._kinds(asked.number)
        if spoken_of is None:
            return
        for kind, gun, generation in asked.of:
            try:
                key = spoken_of.key(kind, gun)
            except IndexError:
                raise Broken(f"there is no kind {kind}") from None
            if self.kinds.number(key) is not None:
                self.upkeep.want(key, generation)

    def news(self, configuration: int) -> Iterator[Word]:
        """What is in doubt under a configuration, which a worker may not know, and nor may the trust store.

        The latest comes first, as there may be very much of it. Whoever takes his time with it is not told what has
        ended meanwhile; what begins meanwhile is told to everybody. Raises `LookupError` for a configuration that is
        neither that of now nor the one before.
        """
        kinds, checks = self._kinds(configuration), self.upkeep.renewal.checks
        if kinds is None:
            raise LookupError(configuration)
        return (
            Doubted(kind=kind, gun=key[1])
            for key in reversed(checks.contradicted())
            if checks.is_contradicted(key) and (kind := kinds.number(key)) is not None
        )

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

    def _kinds(self, configuration: int) -> Kinds | None:
        """Those of the configuration of that number, if anybody can still speak of them."""
        spoken_of = self.kinds if configuration == self.kinds.configuration else self.before
        return spoken_of if spoken_of and spoken_of.configuration == configuration else None
