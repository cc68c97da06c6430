"""Puts a verified collection into the place of what was remembered, as the proxy does after an update."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from proxy.clock import Clock
from proxy.errors import CannotDecide, Refusal, TrustStoreUnavailable, Undecided
from proxy.limits import CLOCK_BEHIND_SECONDS
from proxy.names import Gun, Tag
from proxy.policy.past import NO_PAST, Past
from proxy.refusals import present
from proxy.store.failures import is_damage
from proxy.store.protocol import Remembered
from proxy.store.sql import SqlTrustStore
from proxy.trust.belonging import Anchor
from proxy.trust.outcomes import Became, Outcome
from proxy.trust.verifying import Judge
from proxy.tuf.collection import Collection


async def check_clock(store: SqlTrustStore, clock: Clock) -> None:
    """See that our clock is not far behind the store's last check. Raises `Undecided`, `TrustStoreUnavailable`."""
    last = await store.last_check()
    if last and last - clock.now() > timedelta(seconds=CLOCK_BEHIND_SECONDS):
        raise Undecided("this machine's clock is behind the last check of its trust store")


async def commit(
    store: SqlTrustStore,
    notary: str,
    known: Remembered | None,
    brought: Collection,
    before: Collection | None,
    past: Past,
    checked_at: datetime,
    doubted_at: datetime | None = None,
) -> None:
    """Commit what was `brought` over what was `known`. Raises `Conflict`, `TrustStoreUnavailable`."""
    had = before.tags() if before else frozenset[Tag]()
    await store.commit(
        notary,
        brought.gun,
        brought.stored(),
        expected=known.generation if known else None,
        checked_at=checked_at,
        past=past.encode(),
        new_tags=brought.tags() | had,
        doubted_at=doubted_at,
    )


def recalled(judge: Judge, gun: Gun, anchors: Sequence[Anchor], known: Remembered | None) -> Collection | None:
    """What was remembered, as of its last check; None where that does not verify any more, or was nothing."""
    if known is None or not known.stored.files:
        return None
    try:
        return judge.alone(gun, anchors, known.stored.files, known.checked_at)
    except Refusal:
        return None


def past_of(written: bytes) -> Past:
    """What tags had before; what cannot be read admits nothing."""
    try:
        return Past.decode(written)
    except ValueError:
        return NO_PAST


def damaged_here(notary: str, gun: Gun, unavailable: TrustStoreUnavailable) -> Outcome:
    """What is said of a collection that cannot be read here. Raises what is a matter of the whole store."""
    if not is_damage(unavailable):
        raise unavailable
    why = f"{gun} in Notary {notary} is damaged in this trust store"
    code = present(unavailable, reference=gun, gun=gun, notary=notary).code
    return Outcome(notary, gun, Became.REFUSED, why, code)


def refused(notary: str, gun: Gun, refusal: Refusal) -> Outcome:
    """What is said of a collection that is not taken, and why."""
    told = present(refusal, reference=gun, gun=gun, notary=notary)
    became = Became.UNDECIDED if isinstance(refusal, CannotDecide) else Became.REFUSED
    return Outcome(notary, gun, became, told.message, told.code)
