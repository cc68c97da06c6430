"""Asks again until the answer is the one that is waited for, or the time is over."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from proxy.cli.outcome import Outcome
from proxy.cli.screen import say
from proxy.clock import Clock

_PAUSES: Final = (1.0, 2.0)
_LONGEST_PAUSE: Final = 5.0


def wait_for(
    attempt: Callable[[], Awaitable[Outcome]],
    is_enough: Callable[[Outcome], bool],
    seconds: float,
    *,
    clock: Clock | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Ask, and ask again after 1 s, 2 s, then every 5 s; the last answer counts.

    The first one says on standard error what is waited for. The last attempt starts when the time is over, so an
    answer that comes in time is never missed by a pause. With 0 s there is one attempt.

    Args:
        attempt: asks once, in an event loop of its own.
        is_enough: whether an answer ends the wait.
        seconds: how long to wait at most.
        clock: tells the time.
        pause: sleeps for so many seconds.
    """
    import uvloop

    clock = clock or Clock()
    deadline = clock.seconds() + seconds
    outcome = uvloop.run(_one(attempt))
    pauses = iter(_PAUSES)
    first = True
    while not is_enough(outcome) and (left := deadline - clock.seconds()) > 0:
        if first:
            say(f"waiting up to {seconds:g} s: {outcome.sentence}")
            first = False
        pause(min(next(pauses, _LONGEST_PAUSE), left))
        outcome = uvloop.run(_one(attempt))
    return outcome


async def _one(attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    return await attempt()
