"""One question for all who ask it at the same time; it is answered also when whoever asked first has left."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from proxy.tasks import spawn

_Key = TypeVar("_Key", bound=Hashable)
_Result = TypeVar("_Result")


class Flights(Generic[_Key, _Result]):
    """Questions that are under way. Nothing is remembered: whoever comes after the answer asks anew."""

    def __init__(self) -> None:
        """Nothing is under way yet."""
        self._under_way: dict[_Key, asyncio.Task[_Result]] = {}

    async def join(self, key: _Key, ask: Callable[[], Coroutine[Any, Any, _Result]], *, name: str) -> _Result:
        """The answer to the question that is under way for `key`, or to a new one.

        Args:
            key: all that the answer depends on, the asker's credential too; or strangers share a permission.
            ask: asks; it must end by itself.
            name: of the task.

        Raises:
            Exception: what `ask` raises, the same object for everybody.
        """
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = spawn(ask(), name=name)
            flight.add_done_callback(lambda landed: self._land(key, landed))
        return await asyncio.shield(flight)

    def _land(self, key: _Key, flight: asyncio.Task[_Result]) -> None:
        """Make room for the next one; a failure that nobody waits for any more has been looked at."""
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()
