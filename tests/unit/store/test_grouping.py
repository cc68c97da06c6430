"""Writes that wait for one another share a transaction, and nobody can tell but by the time it takes."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select

from proxy.errors import TrustStoreUnavailable
from proxy.limits import STORE_GROUPED_WRITES
from proxy.names import Gun
from proxy.store import grouping
from proxy.store.grouping import Group
from proxy.store.protocol import Conflict
from proxy.store.sql import SqlTrustStore
from proxy.store.tables import COMPATIBILITY
from proxy.tasks import spawn
from tests.unit.store.material import NOON, NOTARY, files_of

GUNS = [Gun(f"shop/app-{number}") for number in range(10)]


class Held:
    """A store whose writer is busy until `go` is called, and how often it committed since."""

    def __init__(self, store: SqlTrustStore) -> None:
        self.store = store
        self.commits = 0
        self._go = threading.Event()
        store._writer.submit(self._go.wait)
        event.listen(store._database.engine, "commit", self._count)

    def go(self) -> None:
        """Let it write."""
        self._go.set()

    def _count(self, _connection: Connection) -> None:
        self.commits += 1


@pytest.fixture
def held(store: SqlTrustStore) -> Held:
    """A store before which writes queue up."""
    return Held(store)


async def commits(held: Held, guns: list[Gun], expected: int | None = None) -> list[int | BaseException]:
    """Commit to all of them while the writer is busy, then let it write."""
    waiting = [
        spawn(held.store.commit(NOTARY, gun, files_of(1), expected=expected, checked_at=NOON), name="commit")
        for gun in guns
    ]
    await asyncio.sleep(0)
    held.go()
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_those_that_wait_are_committed_together(held: Held) -> None:
    """Ten commits, one wait for the disk; each has its own generation."""
    assert await commits(held, GUNS) == [1] * len(GUNS)
    assert held.commits == 1
    assert [(await held.store.load(NOTARY, gun)) is not None for gun in GUNS] == [True] * len(GUNS)


async def test_a_conflict_is_told_to_its_own_writer(held: Held) -> None:
    """One that was not first spoils nothing for those who wait with it, and changes nothing itself."""
    found = await commits(held, [*GUNS, GUNS[3]])
    assert [type(each) for each in found] == [int] * len(GUNS) + [Conflict]
    remembered = await held.store.load(NOTARY, GUNS[3])
    assert remembered is not None
    assert remembered.generation == 1


async def test_damage_is_told_to_its_own_writer(held: Held) -> None:
    """A collection whose rows were changed by hand is refused, and the others are committed."""
    with held.store._database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO collections (notary, gun, generation, checked_at, seal) VALUES (?, ?, 1, 1, x'00')",
            (NOTARY, GUNS[0]),
        )
    found = await commits(held, GUNS[1:])
    assert found == [1] * len(GUNS[1:])
    assert isinstance((await commits(held, GUNS[:1], 1))[0], TrustStoreUnavailable)


async def test_a_writer_that_left_is_passed_over(held: Held) -> None:
    """It stood in line and went; whoever stood behind it is served."""
    gone = spawn(held.store.commit(NOTARY, GUNS[0], files_of(1), expected=None, checked_at=NOON), name="gone")
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    assert await commits(held, GUNS[1:]) == [1] * len(GUNS[1:])
    assert await held.store.load(NOTARY, GUNS[0]) is None


async def test_who_waits_when_it_closes_is_served_first(held: Held) -> None:
    """Closing a store loses nothing that was handed to it, and takes nothing more."""
    waiting = spawn(commits(held, GUNS), name="commits")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing = spawn(held.store.close(), name="closing")
    assert await waiting == [1] * len(GUNS)
    await closing
    with pytest.raises(TrustStoreUnavailable, match="closed"):
        await held.store.commit(NOTARY, GUNS[0], files_of(2), expected=1, checked_at=NOON)


def _write(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(insert(COMPATIBILITY).values(application=name, oldest=""))
        return name

    return work


def _answers(futures: list[Future[Any]]) -> list[object]:
    return [future.exception() or future.result() for future in futures]


@pytest.mark.parametrize("breaking", [pytest.param(0, id="at the first"), pytest.param(2, id="at the commit itself")])
async def test_what_breaks_the_transaction_is_told_to_everybody(store: SqlTrustStore, breaking: int) -> None:
    """Nobody is told that a write is kept whose transaction did not end well."""
    failure = OSError("the disk is full")

    def transaction(work: Callable[[Connection], Any]) -> Any:
        with store._writing.begin() as connection:
            if breaking > 0:
                work(connection)
            raise failure

    group = Group(transaction)
    futures = [group.add(_write(name)) for name in ("one", "two")]
    group.run()
    group.run()
    assert _answers(futures) == [failure, failure]
    with store._reading.begin() as connection:
        kept = set(connection.scalars(select(COMPATIBILITY.c.application)))
    assert kept & {"one", "two"} == set()


async def test_a_group_has_an_end(store: SqlTrustStore) -> None:
    """So many share a transaction and no more; the rest has the next one."""
    counts: list[int] = []

    def transaction(work: Callable[[Connection], Any]) -> Any:
        with store._writing.begin() as connection:
            found = work(connection)
        counts.append(len(found) if isinstance(found, list) else 1)
        return found

    group = Group(transaction)
    futures = [group.add(_write(f"number {number}")) for number in range(STORE_GROUPED_WRITES + 1)]
    for _ in futures:
        group.run()
    assert _answers(futures) == [f"number {number}" for number in range(STORE_GROUPED_WRITES + 1)]
    assert counts == [STORE_GROUPED_WRITES, 1]


async def test_a_group_ends_where_it_takes_long(store: SqlTrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes wait for the same database: what is left has another transaction."""
    monkeypatch.setattr(grouping, "STORE_GROUP_SECONDS", 0.0)
    transactions = 0

    def transaction(work: Callable[[Connection], Any]) -> Any:
        nonlocal transactions
        transactions += 1
        with store._writing.begin() as connection:
            return work(connection)

    group = Group(transaction)
    futures = [group.add(_write(name)) for name in ("one", "two", "three")]
    group.run()
    assert _answers(futures) == ["one", "two", "three"]
    assert transactions == 3
