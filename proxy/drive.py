"""Drives a workflow: asks for what it wishes, and tells it the replies.

The workflow knows no socket and no clock; this only moves bytes between it and a source.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from proxy.tuf.messages import Fetch, Reply

_Result = TypeVar("_Result")


async def drive(
    workflow: Generator[tuple[Fetch, ...], tuple[Reply, ...], _Result], fetch: Callable[[Fetch], Awaitable[Reply]]
) -> _Result:
    """Run a workflow to its end; wishes of one round are fetched at the same time.

    Replies come in the order of the wishes. Whatever workflow or fetch raise is raised here, and when that
    happens, or this is cancelled, the other fetches are cancelled and the workflow is closed.
    """
    try:
        wishes = next(workflow)
        while True:
            wishes = workflow.send(await replies_to(wishes, fetch))
    except StopIteration as end:
        result: _Result = end.value
        return result
    finally:
        workflow.close()


def drive_in_turn(
    workflow: Generator[tuple[Fetch, ...], tuple[Reply, ...], _Result], fetch: Callable[[Fetch], Reply]
) -> _Result:
    """The same without an event loop: one fetch after the other."""
    try:
        wishes = next(workflow)
        while True:
            wishes = workflow.send(tuple(fetch(wish) for wish in wishes))
    except StopIteration as end:
        result: _Result = end.value
        return result
    finally:
        workflow.close()


async def replies_to(wishes: tuple[Fetch, ...], fetch: Callable[[Fetch], Awaitable[Reply]]) -> tuple[Reply, ...]:
    """Fetch all wishes of one round at the same time; replies come in their order. Raises the first error."""

    async def ask(wish: Fetch) -> Reply:
        return await fetch(wish)

    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(wish), name=f"fetch {wish.name}") for wish in wishes]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # the caller handles errors, not groups of them
    return tuple(task.result() for task in asked)
