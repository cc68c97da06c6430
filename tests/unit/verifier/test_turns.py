"""Turns in the process that verifies: one at a time, and whoever took long lets the others go first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from proxy.names import Gun
from proxy.tasks import spawn
from proxy.verifier.turns import Turns
from tests.support.resolving import HeldClock

HEAVY, LIGHT, OTHER = (Gun(f"registry.example.com/shop/{name}") for name in ("heavy", "light", "other"))


class Bench:
    """Turns, a clock that stands, and who had them."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.turns = Turns(self.clock.seconds)
        self.had: list[Gun] = []

    def want(self, gun: Gun) -> "asyncio.Task[None]":
        """Somebody who waits for a turn."""
        return spawn(self._come(gun), name=f"turn of {gun}")

    async def _come(self, gun: Gun) -> None:
        await self.turns.come(gun)
        self.had.append(gun)

    async def end(self, seconds: float = 0.0) -> None:
        """End the turn that was given last, after so many seconds."""
        self.clock.pass_by(seconds)
        self.turns.leave(self.had[-1])
        await settled()


async def settled() -> None:
    """Everybody who may go on has done so."""
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def present(bench: Bench, *guns: Gun) -> AsyncIterator[None]:
    """Verifications of these are under way."""
    async with AsyncExitStack() as stack:
        for gun in guns:
            stack.enter_context(bench.turns.present(gun))
        yield
    await settled()


async def test_one_at_a_time_in_the_order_in_which_they_came() -> None:
    """Nobody is passed over while nobody takes long."""
    bench = Bench()
    async with present(bench, HEAVY, LIGHT, OTHER):
        for gun in (HEAVY, LIGHT, OTHER):
            bench.want(gun)
        await settled()
        assert bench.had == [HEAVY]
        for _ in range(3):
            await bench.end()
        assert bench.had == [HEAVY, LIGHT, OTHER]


async def test_many_steps_of_one_collection_are_one_place_in_the_queue() -> None:
    """However many verifications of it wait, another has every second turn."""
    bench = Bench()
    async with present(bench, HEAVY, LIGHT):
        for gun in (HEAVY, HEAVY, HEAVY, HEAVY, LIGHT, LIGHT):
            bench.want(gun)
        await settled()
        for _ in range(6):
            await bench.end()
        assert bench.had == [HEAVY, HEAVY, LIGHT, HEAVY, LIGHT, HEAVY]


async def test_whoever_took_long_rests_as_long_while_there_are_others() -> None:
    """Also while the others wait for Notary, and have no step to take: they find the process free when they come."""
    bench = Bench()
    async with present(bench, HEAVY, LIGHT):
        bench.want(HEAVY)
        await settled()
        bench.want(HEAVY)
        await bench.end(seconds=3600)
        assert bench.had == [HEAVY]
        for _ in range(3):
            bench.want(LIGHT)
            await settled()
            await bench.end()
        assert bench.had == [HEAVY, LIGHT, LIGHT, LIGHT]
        bench.clock.pass_by(3600)
        bench.want(LIGHT)
        await settled()
        assert bench.had[-1] == HEAVY
        await bench.end()
        await bench.end()


async def test_nobody_rests_alone() -> None:
    """The process is never idle for the sake of nobody."""
    bench = Bench()
    async with present(bench, HEAVY):
        async with present(bench, LIGHT):
            bench.want(HEAVY)
            await settled()
            bench.want(HEAVY)
            await bench.end(seconds=3600)
            assert bench.had == [HEAVY]
        assert bench.had == [HEAVY, HEAVY]
        await bench.end()


async def test_a_rest_ends_by_itself() -> None:
    """Nobody has to come for it."""
    bench = Bench()
    async with present(bench, HEAVY, LIGHT):
        bench.want(HEAVY)
        await settled()
        second = bench.want(HEAVY)
        await bench.end(seconds=0.01)
        bench.clock.pass_by(0.01)
        await second
        assert bench.had == [HEAVY, HEAVY]
        await bench.end()


@pytest.mark.parametrize("is_given", [pytest.param(False, id="waiting"), pytest.param(True, id="at that very moment")])
async def test_whoever_leaves_the_queue_keeps_nobody_waiting(*, is_given: bool) -> None:
    """A turn that nobody takes any more is the next one's."""
    bench = Bench()
    async with present(bench, HEAVY, LIGHT):
        bench.want(HEAVY)
        await settled()
        leaving = bench.want(LIGHT)
        await settled()
        bench.want(OTHER)
        await settled()
        if is_given:
            bench.turns.leave(HEAVY)
            leaving.cancel()
        else:
            leaving.cancel()
            bench.turns.leave(HEAVY)
        await settled()
        assert bench.had == [HEAVY, OTHER]
        await bench.end()
