"""`python -m loadtest.stall`: how long the event loop stands still while a very large collection is verified.

A ticker on the loop wants to run every millisecond; how late it is each time is the stall that any request would have
met. Measured for the first contact with 50,000 tags (10 MB) and for a renewal after one of them changed, from the
first fetch until the evidence can be asked; beside them, as the control, a process that is busy with something else.

On a machine that is busy anyway every loop is late. So the loop's own time without a pause is told too: it is what
this program is to blame for.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from statistics import median
from time import perf_counter, thread_time
from typing import Any, Final, TypeVar

import uvloop

from proxy.decision_cache import DecisionCache, Evidence
from proxy.names import Gun, Tag
from proxy.store.protocol import Remembered
from proxy.tasks import spawn
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.pins import Pins
from proxy.verification import Job, Verified
from proxy.verifier import Verifier
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW
from tests.support.wire import hashes

_GUN: Final = Gun("registry.example.com/shop/api")
_TICK: Final = 0.001
_GRACE: Final = timedelta()
_CONTROL: Final = "control"

_Result = TypeVar("_Result")


@dataclass
class Stalls:
    """Of each tick, in milliseconds: how late it was, and for how long the loop had been at work since the last."""

    late: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print the medians of all runs, and fail above what was promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--most", type=float, default=10.0, help="milliseconds of the 99.9th percentile")
    wanted = parser.parse_args()
    sim = _signed(wanted.tags)
    print(f"{wanted.tags} tags, {sum(map(len, sim.current.values())) / 1e6:.1f} MB of trust data", flush=True)
    runs = [uvloop.run(_run(sim)) for _ in range(wanted.runs)]
    print(
        f"{'milliseconds':14}{'late: 99 %':>12}{'99.9 %':>8}{'worst':>8}{'busy: 99.9 %':>14}{'worst':>8}{'seconds':>9}"
    )
    late = {name: _report(name, [run[name] for run in runs]) for name in runs[0]}
    if max(late.values()) > max(wanted.most, late[_CONTROL]):
        raise SystemExit(f"the loop stood still for more than {wanted.most} ms, and longer than beside other work")


def _report(name: str, runs: Sequence[tuple[Stalls, float]]) -> float:
    stalls = [each for each, _ in runs]
    late, busy = ([_at(0.999, getattr(each, kind)) for each in stalls] for kind in ("late", "busy"))
    usual = median(_at(0.99, each.late) for each in stalls)
    worst = [max(max(getattr(each, kind)) for each in stalls) for kind in ("late", "busy")]
    took = median(seconds for _, seconds in runs)
    print(
        f"{name:14}{usual:12.1f}{median(late):8.1f}{worst[0]:8.1f}{median(busy):14.1f}{worst[1]:8.1f}{took:9.2f}",
        flush=True,
    )
    return median(late)


def _at(share: float, values: Sequence[float]) -> float:
    """The value below which this share of all is."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def _run(sim: NotarySimulator) -> dict[str, tuple[Stalls, float]]:
    """First contact, and renewal after a tag was signed again."""
    cache = DecisionCache()
    found: dict[str, tuple[Any, Stalls, float]] = {}
    async with Verifier() as verifier:
        job = Job(_GUN, Pins.tofu(), None, NOW, _GRACE, {}, timedelta(days=1))
        found["first contact"] = await _watched(lambda: _verify(verifier, job, sim, cache))
        first = found["first contact"][0]
        twin = sim.clone()
        twin.sign("v7", b"another image")
        twin.bump("targets", "snapshot", "timestamp")
        twin.publish("targets")
        twin.publish("snapshot")
        twin.publish("timestamp")
        remembered = Remembered(Stored(dict(first.files)), 1, NOW, first.past.encode())
        again = replace(job, remembered=remembered, now=NOW + timedelta(minutes=1))
        found["renewal"] = await _watched(lambda: _verify(verifier, again, twin, cache))
        renewed = found["renewal"][0]
        if [earlier.tag for earlier in renewed.past.records] != ["v7"]:
            raise RuntimeError("the renewal did not see what changed")
    found[_CONTROL] = await _watched(_elsewhere)
    return {name: (stalls, took) for name, (_, stalls, took) in found.items()}


async def _elsewhere() -> None:
    """As much work as a verification, in a process that this one has nothing to do with."""
    busy = [sys.executable, "-c", "import os; os.nice(5); sum(range(40_000_000))"]
    child = await asyncio.create_subprocess_exec(*busy)
    await child.wait()


async def _verify(verifier: Verifier, job: Job, sim: NotarySimulator, cache: DecisionCache) -> Verified:
    async def fetch(wish: Fetch) -> Reply:
        answer = sim.answer(wish.name)
        return Fetched(answer.body) if answer.status == 200 else Missing()

    verified = await verifier.verify(job, fetch)
    key = ("corp", job.gun, job.pins, job.grace)
    cache.put(key, Evidence(verified.collection, verified.past, 1, job.now, 0.0))
    known = cache.get(key)
    if known is None or known.collection.targets.target(Tag("v7")) is None:
        raise RuntimeError("the collection does not say what was signed")
    return verified


async def _watched(work: Callable[[], Awaitable[_Result]]) -> tuple[_Result, Stalls, float]:
    stalls = Stalls()

    async def tick() -> None:
        while True:
            wanted, before = perf_counter() + _TICK, thread_time()
            await asyncio.sleep(_TICK)
            stalls.late.append(max(0.0, 1000 * (perf_counter() - wanted)))
            stalls.busy.append(1000 * (thread_time() - before))

    ticker, began = spawn(tick(), name="ticker"), perf_counter()
    try:
        result = await work()
        took = perf_counter() - began
        await asyncio.sleep(20 * _TICK)
        return result, stalls, took
    finally:
        ticker.cancel()


def _signed(tags: int) -> NotarySimulator:
    sim = NotarySimulator(_GUN)
    for number in range(tags):
        content = f"manifest {number}".encode()
        sim.targets.tags[f"v{number}"] = {"hashes": hashes(content), "length": 1500 + number % 1000}
    sim.publish()
    gc.collect()
    gc.freeze()  # no proxy has a Notary of Python objects for its collector to go through
    return sim


if __name__ == "__main__":
    main()
