"""Our own clock is judged by the newest check that anybody noted."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.errors import Undecided
from proxy.last_check import LastCheck
from proxy.limits import CLOCK_BEHIND_SECONDS, LAST_CHECK_SECONDS
from proxy.names import Gun
from proxy.store.memory import Memory
from proxy.tuf.collection import Stored

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEHIND = timedelta(seconds=CLOCK_BEHIND_SECONDS)


def test_a_clock_may_be_a_little_behind() -> None:
    """Five minutes are between two machines; more than that, and nothing can be said of expiry."""
    last = LastCheck()
    last.hold_against(NOON)
    last.note(NOON)
    last.note(NOON - timedelta(days=1))
    last.hold_against(NOON - BEHIND)
    with pytest.raises(Undecided, match="clock is behind"):
        last.hold_against(NOON - BEHIND - timedelta(seconds=1))


async def test_what_others_checked_is_asked_for_now_and_then() -> None:
    """A check of another replica counts here within seconds, and costs no question each time."""
    store, last = Memory(), LastCheck()
    await last.ask(store, 0.0)
    await store.commit("corp", Gun("shop/app"), Stored({}), expected=None, checked_at=NOON)
    await last.ask(store, LAST_CHECK_SECONDS - 0.1)
    last.hold_against(NOON - BEHIND - timedelta(seconds=1))
    await last.ask(store, LAST_CHECK_SECONDS)
    with pytest.raises(Undecided):
        last.hold_against(NOON - BEHIND - timedelta(seconds=1))
