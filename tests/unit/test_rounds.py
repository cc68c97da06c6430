"""The rounds of a Notary hold each collection once, however often they are told of it."""

import asyncio

import pytest

from proxy.decision_cache import Evidence, EvidenceKey
from proxy.names import Gun
from proxy.rounds import Rounds
from proxy.tasks import spawn
from tests.support.resolving import NAME, Bench, bench

COLLECTIONS = 200


async def known(at: Bench) -> list[EvidenceKey]:
    """Many collections with evidence."""
    await at.resolve()
    cache = at.resolver.renewal.cache
    (first,) = cache.keys()
    evidence = cache.get(first)
    assert evidence
    for number in range(COLLECTIONS):
        key = (first[0], Gun(f"{NAME}/service-{number}"), *first[2:])
        cache.put(key, Evidence(evidence.collection, evidence.past, 1, evidence.checked_at, evidence.checked))
    return list(cache.keys())


async def test_hints_that_come_again_and_again_take_no_room() -> None:
    """A changefeed may name everything at each poll, long before there is room to check it."""
    async with bench() as at:
        keys = await known(at)
        rounds = Rounds.of(at.resolver.renewal, "corp")
        for _ in range(50):
            rounds.want(keys)
        assert len(rounds._heap) == len(keys)


async def test_what_is_planned_anew_takes_no_room() -> None:
    """Each check plans the next one; what was planned before is gone, not only passed over when its time comes."""
    async with bench() as at:
        keys = await known(at)
        rounds = Rounds.of(at.resolver.renewal, "corp")
        for _ in range(50):
            for key in keys:
                rounds.plan(key)
        assert len(rounds._heap) <= 3 * len(keys)


@pytest.mark.parametrize("times", [pytest.param(1, id="hinted at once"), pytest.param(50, id="again and again")])
async def test_what_is_hinted_at_is_checked_once_in_the_order_of_the_hints(
    times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room that is saved costs nobody a check."""
    async with bench() as at:
        keys = await known(at)
        rounds = Rounds.of(at.resolver.renewal, "corp")
        for key in keys:
            for _ in range(5):
                rounds.plan(key)
        for _ in range(times):
            rounds.want(keys)
        checked: list[EvidenceKey] = []
        is_done = asyncio.Event()

        async def check(_rounds: Rounds, key: EvidenceKey) -> None:
            checked.append(key)
            if len(checked) == len(keys):
                is_done.set()

        monkeypatch.setattr(Rounds, "_check", check)
        running = spawn(rounds.run(), name="rounds")
        await is_done.wait()
        running.cancel()
        await asyncio.wait([running])
        assert checked == keys
