"""What a collection costs by its size: verifying it, verifying it again, and seeing that nothing has changed."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from loadtest.bench.rounds import Effort, in_turns
from loadtest.bench.signed import Signed, source, verified, with_tags
from loadtest.bench.stage import Stage
from loadtest.bench.table import Found, Point
from proxy.checks import Checks
from proxy.clock import Clock
from proxy.names import Gun
from proxy.policy.entries import Policy
from proxy.store.overlay import Overlay
from proxy.tuf.messages import Fetch, Reply
from proxy.tuf.pins import Pins
from proxy.verifier import Verifier

SIZES: Final = "cost over size"

_NOTARY: Final = "corp"


def sizes(_there: Stage, effort: Effort) -> Iterator[Found]:
    """Milliseconds of a processor, in one process and without any network."""
    for tags in effort.tags:
        effort.say(f"a collection of {tags} tags: signing it")
        with _signed(tags) as sim:
            found = in_turns(effort, f"a collection of {tags} tags", _checking(sim, effort.seconds / 3))
        for line, samples in found.items():
            yield Point(SIZES, line, "CPU ms", tags, samples)


def _checking(sim: Signed, seconds: float) -> dict[str, Callable[[], float]]:
    first = verified(sim)
    sim.bump("timestamp")
    sim.publish("timestamp")
    return {
        "first contact": lambda: _milliseconds(lambda: verified(sim), seconds),
        "a new timestamp, all else remembered": lambda: _milliseconds(lambda: verified(sim, first), seconds),
        "the same timestamp": lambda: asyncio.run(_confirming(sim, seconds)),
    }


@contextmanager
def _signed(tags: int) -> Iterator[Signed]:
    """A collection that the collector of garbage does not go through: no proxy has its signer in memory."""
    sim = with_tags(tags)
    gc.collect()
    gc.freeze()
    try:
        yield sim
    finally:
        gc.unfreeze()


def _milliseconds(work: Callable[[], object], seconds: float) -> float:
    """Processor time of one, done again and again for so many seconds, once at least."""
    began, times = time.process_time(), 0
    while not times or time.process_time() - began < seconds:
        work()
        times += 1
    return 1000 * (time.process_time() - began) / times


async def _confirming(sim: Signed, seconds: float) -> float:
    """The same for the check that finds nothing new, with the trust store in memory."""
    answer = source(sim)

    async def fetch(_gun: Gun, wish: Fetch) -> Reply:
        return answer(wish)

    policy = Policy("registry.example.com", (), ())
    async with Verifier() as verifier:
        checks = Checks(policy, Overlay(None), {_NOTARY: fetch}, Clock(), verifier=verifier)
        key = (_NOTARY, Gun(sim.gun), Pins.tofu(), timedelta())
        await checks.check(key)
        asked = len(sim.requests)
        began, times = time.process_time(), 0
        while not times or time.process_time() - began < seconds:
            await checks.check(key)
            times += 1
        spent = time.process_time() - began
    if len(sim.requests) - asked != times:
        raise RuntimeError("the timestamp alone was to be fetched")
    return 1000 * spent / times
