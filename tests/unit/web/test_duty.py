"""One application after another: each request is seen through by the one that it began with."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.tasks import spawn
from proxy.web.duty import Duty
from tests.unit.registry.material import eventually


class Answers:
    """An application that answers with its name when a test lets it, and says when it has ended."""

    def __init__(self, name: str) -> None:
        self.name, self.has_closed = name, False
        self.released = asyncio.Event()
        self.released.set()
        self.begun = 0

    async def answer(self, _: web.Request) -> web.Response:
        """Answer."""
        self.begun += 1
        await self.released.wait()
        if self.name == "fails":
            raise ConnectionResetError
        return web.Response(text=self.name)

    async def _open(self, _: web.Application) -> AsyncIterator[None]:
        yield
        self.has_closed = True

    async def duty(self) -> Duty:
        """Have it begin."""
        app = web.Application()
        app.cleanup_ctx.append(self._open)
        app.router.add_get("/", self.answer)
        return await Duty.begin(app)


def request() -> web.BaseRequest:
    """A request of somebody."""
    return make_mocked_request("GET", "/")


@asynccontextmanager
async def asked(duty: Duty, answers: Answers) -> AsyncIterator["asyncio.Task[web.StreamResponse]"]:
    """Somebody who waits for an answer, which is let go in the end."""
    answers.released.clear()
    before = answers.begun
    asking = spawn(duty.answer(request()), name="ask")
    await eventually(lambda: answers.begun > before)
    try:
        yield asking
    finally:
        answers.released.set()
        await asyncio.wait([asking])


async def test_it_ends_with_its_last_request() -> None:
    """Not before, and without anybody who waits for that."""
    answers = Answers("old")
    duty = await answers.duty()
    async with asked(duty, answers) as first:
        duty.end()
        await asyncio.sleep(0.01)
        assert (answers.has_closed, duty.has_ended) == (False, False)
    response = first.result()
    assert isinstance(response, web.Response)
    assert response.text == "old"
    await eventually(lambda: duty.has_ended)
    assert answers.has_closed


async def test_one_that_is_idle_ends_at_once() -> None:
    """It has answered before, which counts for nothing any more."""
    answers = Answers("old")
    duty = await answers.duty()
    await duty.answer(request())
    assert not duty.has_ended
    duty.end()
    await eventually(lambda: duty.has_ended)
    assert answers.has_closed


@pytest.mark.parametrize("name", ["fails", "cancelled"])
async def test_requests_that_fail_end_too(name: str) -> None:
    """Nobody who left keeps an old application."""
    answers = Answers(name)
    duty = await answers.duty()
    async with asked(duty, answers) as asking:
        duty.end()
        if name == "cancelled":
            asking.cancel()
    assert asking.cancelled() or asking.exception() is not None
    await eventually(lambda: duty.has_ended)
    assert answers.has_closed


async def test_one_that_is_on_duty_stays() -> None:
    """However many requests end: it is no use to anybody once it is closed."""
    answers = Answers("new")
    duty = await answers.duty()
    for _ in range(3):
        await duty.answer(request())
    await asyncio.sleep(0.01)
    assert (answers.has_closed, duty.has_ended) == (False, False)
    await duty.close()


async def test_it_is_closed_once() -> None:
    """At the end of the program everybody who closes it waits until it has closed."""
    answers = Answers("old")
    duty = await answers.duty()
    duty.end()
    await asyncio.gather(duty.close(), duty.close())
    assert answers.has_closed
    assert duty.has_ended


async def test_nothing_of_it_is_kept() -> None:
    """An application that has ended can be forgotten, with all that it had."""

    async def over() -> weakref.ref[Answers]:
        answers = Answers("old")
        duty = await answers.duty()
        await duty.answer(request())
        duty.end()
        await eventually(lambda: duty.has_ended)
        return weakref.ref(answers)

    kept = await over()
    await asyncio.sleep(0.01)
    gc.collect()
    assert kept() is None
