"""Writes that wait for one another share a transaction: a commit waits for the disk, however much is in it.

Only where whoever writes holds the whole database: elsewhere two processes whose groups name the same collections
in another order would wait for each other. A group is done whole; where anything in it cannot be done, each of its
writes is done alone, as if there were no groups, and gets its own answer.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection

from proxy.limits import STORE_GROUP_SECONDS, STORE_GROUPED_WRITES

Work: TypeAlias = Callable[[Connection], Any]
Transaction: TypeAlias = Callable[[Work], Any]


@dataclass(slots=True)
class _Write:
    """One write, and the answer to whoever waits for it."""

    work: Work
    done: Future[Any] = field(default_factory=Future)

    def alone(self, transaction: Transaction) -> None:
        """Do it in a transaction of its own."""
        try:
            result = transaction(self.work)
        except BaseException as failure:  # noqa: BLE001  (whoever waits is told, as a thread pool does it)
            self.done.set_exception(failure)
        else:
            self.done.set_result(result)


class Group:
    """Writes in line, for one thread that does them; `Database.groups` says where."""

    def __init__(self, transaction: Transaction) -> None:
        """Do writes with `transaction`, which does work whole or not at all."""
        self._transaction = transaction
        self._waiting: deque[_Write] = deque()

    def add(self, work: Work) -> Future[Any]:
        """Stand in line; `run` is to be called once for each write in the thread that writes."""
        write = _Write(work)
        self._waiting.append(write)
        return write.done

    def run(self) -> None:
        """Do what stands in line, if an earlier call has not done it."""
        writes = self._taken()
        while len(writes) > 1 and (done := self._together(writes)):
            writes = writes[done:]
        for write in writes:
            write.alone(self._transaction)

    def _taken(self) -> Sequence[_Write]:
        count = min(len(self._waiting), STORE_GROUPED_WRITES)
        writes = [self._waiting.popleft() for _ in range(count)]
        return [write for write in writes if write.done.set_running_or_notify_cancel()]

    def _together(self, writes: Sequence[_Write]) -> int:
        """How many of them, from the first on, are done; where it is 0, nobody has been told anything.

        What takes long is no reason to keep others from the database for long: the rest has another transaction.
        """

        def as_many_as_are_quick(connection: Connection) -> list[Any]:
            results, ends = [], time.monotonic() + STORE_GROUP_SECONDS
            for write in writes:
                results.append(write.work(connection))
                if time.monotonic() >= ends:
                    break
            return results

        try:
            results = self._transaction(as_many_as_are_quick)
        except Exception:  # noqa: BLE001  (each will say its own, alone)
            return 0
        for write, result in zip(writes, results, strict=False):
            write.done.set_result(result)
        return len(results)
