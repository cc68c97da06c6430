"""A driver moves wishes and replies between a workflow and a source, and adds nothing of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Generator

import pytest

from proxy.drive import drive, drive_in_turn
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply

Workflow = Generator[tuple[Fetch, ...], tuple[Reply, ...], str]


class Lost(Exception):
    """A source that does not do what it promises."""


class Journal:
    """A workflow of two rounds that notes what it was told, and that it was closed."""

    def __init__(self) -> None:
        self.told: list[tuple[Reply, ...]] = []
        self.closed = False

    def workflow(self) -> Workflow:
        """Wish for one file, then for three at once."""
        try:
            self.told.append((yield (Fetch("timestamp", 1),)))
            self.told.append((yield (Fetch("a", 1), Fetch("b", 2), Fetch("c", 3))))
            return "verified"
        finally:
            self.closed = True


def reply_to(wish: Fetch) -> Reply:
    """A reply that names its wish."""
    return Missing() if wish.name == "b" else Fetched(f"{wish.name}:{wish.limit}".encode())


TOLD = [(Fetched(b"timestamp:1"),), (Fetched(b"a:1"), Missing(), Fetched(b"c:3"))]


async def test_replies_come_in_the_order_of_the_wishes() -> None:
    """Whichever fetch is done first, each reply stands where its wish stood."""

    async def fetch(wish: Fetch) -> Reply:
        for _ in range({"a": 5, "b": 3}.get(wish.name, 0)):
            await asyncio.sleep(0)
        return reply_to(wish)

    journal = Journal()
    assert await drive(journal.workflow(), fetch) == "verified"
    assert journal.told == TOLD


async def test_the_wishes_of_a_round_are_fetched_at_the_same_time() -> None:
    """All three fetches of the second round have begun before any of them ends."""
    everybody = asyncio.Barrier(3)

    async def fetch(wish: Fetch) -> Reply:
        if wish.name != "timestamp":
            await everybody.wait()
        return reply_to(wish)

    async with asyncio.timeout(5):
        assert await drive(Journal().workflow(), fetch) == "verified"


def test_in_turn_it_is_the_same_without_a_loop() -> None:
    """A plain function gives the same workflow the same replies."""
    journal = Journal()
    assert drive_in_turn(journal.workflow(), reply_to) == "verified"
    assert journal.told == TOLD


def at_once() -> Workflow:
    """A workflow that needs nothing."""
    yield from ()
    return "nothing to do"


async def test_a_workflow_may_need_nothing() -> None:
    """A workflow that ends without a wish has its result."""

    async def never(wish: Fetch) -> Reply:
        raise Lost(wish)

    assert await drive(at_once(), never) == "nothing to do"
    assert drive_in_turn(at_once(), reply_to) == "nothing to do"


def refusing() -> Workflow:
    """A workflow that refuses what it is told."""
    yield (Fetch("timestamp", 1),)
    raise Lost("refused")


async def test_what_the_workflow_raises_is_raised() -> None:
    """A refusal climbs as it is."""

    async def fetch(wish: Fetch) -> Reply:
        return reply_to(wish)

    with pytest.raises(Lost, match="refused"):
        await drive(refusing(), fetch)
    with pytest.raises(Lost, match="refused"):
        drive_in_turn(refusing(), reply_to)


async def test_a_failing_source_ends_everything() -> None:
    """An error of one fetch is raised itself, the other fetches are cancelled, and the workflow is closed."""
    cancelled = []

    async def fetch(wish: Fetch) -> Reply:
        if wish.name == "b":
            raise Lost("source")
        if wish.name in ("a", "c"):
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(wish.name)
        return reply_to(wish)

    journal = Journal()
    with pytest.raises(Lost, match="source"):
        await drive(journal.workflow(), fetch)
    assert sorted(cancelled) == ["a", "c"]
    assert journal.closed


def test_a_failing_source_closes_the_workflow_in_turn_too() -> None:
    """Without a loop as well, nothing is left open."""

    def fetch(wish: Fetch) -> Reply:
        raise Lost(wish.name)

    journal = Journal()
    with pytest.raises(Lost, match="timestamp"):
        drive_in_turn(journal.workflow(), fetch)
    assert journal.closed


async def test_cancelling_stops_the_fetches_and_closes_the_workflow() -> None:
    """When nobody waits any more, nothing goes on."""
    begun, ended = asyncio.Barrier(4), []

    async def fetch(wish: Fetch) -> Reply:
        if wish.name == "timestamp":
            return reply_to(wish)
        try:
            await begun.wait()
            await asyncio.Event().wait()
        finally:
            ended.append(wish.name)
        raise AssertionError("cannot come here")

    journal = Journal()
    async with asyncio.TaskGroup() as group:
        driving = group.create_task(drive(journal.workflow(), fetch))
        await begun.wait()
        driving.cancel()
    assert driving.cancelled()
    assert sorted(ended) == ["a", "b", "c"]
    assert journal.closed


async def test_a_source_may_return_any_awaitable() -> None:
    """A future is as good as a coroutine."""

    def fetch(wish: Fetch) -> Awaitable[Reply]:
        future = asyncio.get_running_loop().create_future()
        future.set_result(reply_to(wish))
        return future

    source: Callable[[Fetch], Awaitable[Reply]] = fetch
    assert await drive(Journal().workflow(), source) == "verified"
