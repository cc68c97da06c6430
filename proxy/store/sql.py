"""The trust store over SQLAlchemy Core: each call is a transaction in a thread, or a part of one (`grouping`).

Databases block, so they get threads of their own. A thread also finishes what it began when the caller is
cancelled: no transaction is ever left open half way, with its lock held.
"""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine

from proxy.errors import TrustStoreUnavailable
from proxy.limits import STORE_ATTEMPTS, STORE_READERS, STORE_WRITTEN_SECONDS
from proxy.names import Digest, Gun, Tag
from proxy.store import admissions, indexes, many, transactions
from proxy.store.database import Database
from proxy.store.failures import explained
from proxy.store.grouping import Group
from proxy.store.protocol import Admission, Conflict, Forgotten, Remembered, Tagged
from proxy.store.rows import Key
from proxy.store.whole import WholeReader, WholeStore
from proxy.tuf.collection import Stored

_Result = TypeVar("_Result")


class SqlTrustReader(WholeReader):
    """Implements `TrustReader`; `proxy.store.opening` makes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = database.engine.execution_options(**database.reading)
        self._readers = ThreadPoolExecutor(STORE_READERS, thread_name_prefix="trust-store-reader")
        self._closed = False

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """See `TrustReader.load`."""
        return await self._read(partial(transactions.load, key=Key(notary, gun)))

    async def generation(self, notary: str, gun: Gun) -> int | None:
        """See `TrustReader.generation`."""
        return await self._read(partial(transactions.generation, key=Key(notary, gun)))

    async def collections(self) -> tuple[tuple[str, Gun], ...]:
        """See `TrustReader.collections`."""
        return await self._read(many.collections)

    async def asked_since(self, instant: datetime) -> tuple[tuple[str, Gun], ...]:
        """See `TrustReader.asked_since`."""
        return await self._read(partial(many.asked_since, since=instant))

    async def forgettings(self) -> tuple[Forgotten, ...]:
        """See `TrustReader.forgettings`."""
        return await self._read(many.forgettings)

    async def last_check(self) -> datetime | None:
        """See `TrustReader.last_check`."""
        return await self._read(transactions.last_check)

    async def ever_had(self, notary: str, gun: Gun, tag: Tag) -> bool:
        """See `TrustReader.ever_had`."""
        return await self._read(partial(transactions.ever_had, key=Key(notary, gun), tag=tag))

    async def is_doubted(self, notary: str, gun: Gun) -> bool:
        """See `TrustReader.is_doubted`."""
        return await self._read(partial(transactions.is_doubted, key=Key(notary, gun)))

    async def load_index(self, digest: Digest) -> bytes | None:
        """See `TrustReader.load_index`."""
        return await self._read(partial(indexes.load_index, digest=digest))

    async def indexes_naming(self, digest: Digest) -> tuple[Digest, ...]:
        """See `TrustReader.indexes_naming`."""
        return await self._read(partial(indexes.indexes_naming, digest=digest))

    async def close(self) -> None:
        """See `TrustReader.close`."""
        self._closed = True
        await asyncio.to_thread(self._finish)

    async def _read(self, work: Callable[[Connection], _Result]) -> _Result:
        return await self._run(self._readers, partial(self._transaction, self._reading, work))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
        if self._closed:
            raise TrustStoreUnavailable("it is closed")
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    def _transaction(self, engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
        """Do the work whole or not at all."""
        self._database.check()
        with explained(), engine.begin() as connection:
            result = work(connection)
        self._database.check()
        return result

    def _finish(self) -> None:
        self._readers.shutdown()
        self._database.close()


class SqlTrustStore(SqlTrustReader, WholeStore):
    """Implements `TrustStore`; `created` says whether it was new when it was opened."""

    def __init__(self, database: Database, *, created: bool) -> None:
        super().__init__(database)
        self.created = created
        self._writing = database.engine.execution_options(**database.writing)
        self._written = -math.inf
        # One thread: our writers stand in line here rather than polling for SQLite's lock.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="trust-store-writer")
        self._group = Group(self._change)

    async def commit(
        self,
        notary: str,
        gun: Gun,
        stored: Stored,
        *,
        expected: int | None,
        checked_at: datetime,
        past: bytes = b"",
        new_tags: Collection[Tag] = (),
        doubted_at: datetime | None = None,
    ) -> int:
        """See `TrustStore.commit`."""
        work = partial(
            transactions.commit,
            key=Key(notary, gun),
            stored=stored,
            expected=expected,
            checked_at=checked_at,
            past=past,
            doubted_at=doubted_at,
            new_tags=new_tags,  # gone through in the thread: there may be half a million of them
        )
        return await self._write(work)

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """See `TrustStore.touch`."""
        work = partial(transactions.touch, key=Key(notary, gun), generation=generation, checked_at=checked_at)
        await self._write(work)

    async def doubt(self, notary: str, gun: Gun, *, generation: int, at: datetime) -> None:
        """See `TrustStore.doubt`."""
        await self._write(partial(transactions.doubt, key=Key(notary, gun), generation=generation, at=at))

    async def touch_all(self, checks: Mapping[tuple[str, Gun], tuple[int, datetime]]) -> frozenset[tuple[str, Gun]]:
        """See `TrustStore.touch_all`."""
        by_key = {Key(*key): check for key, check in checks.items()}
        return await self._insist(partial(many.touch_all, checks=by_key), timed=True)

    async def note_asked(self, keys: Iterable[tuple[str, Gun]], at: datetime) -> None:
        """See `TrustStore.note_asked`."""
        work = partial(many.note_asked, keys=[Key(*key) for key in keys], at=at)
        await self._insist(work, timed=True)

    async def forget(self, notary: str, gun: Gun, *, reason: str, by: str, at: datetime) -> bool:
        """See `TrustStore.forget`."""
        work = partial(transactions.forget, key=Key(notary, gun), reason=reason, by=by, at=at)
        return await self._insist(work, timed=True)

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """See `TrustStore.keep_index`."""
        await self._insist(partial(indexes.keep_index, digest=digest, data=data), timed=False)

    async def note_admissions(self, admitted: Mapping[Tagged, Admission]) -> None:
        """See `TrustStore.note_admissions`."""
        if due := await self._read(partial(admissions.due, admissions=admitted)):
            await self._insist(partial(admissions.note, admissions=due), timed=True)

    async def note_refusals(self, refusals: Mapping[Tagged, datetime], since: datetime) -> Mapping[Tagged, Admission]:
        """See `TrustStore.note_refusals`."""
        ending = await self._read(partial(admissions.ending, refusals=refusals, since=since))
        if not ending:
            return {}
        return await self._insist(partial(admissions.refuse, refusals=ending, since=since), timed=True)

    async def check_writable(self, *, timed: bool = False) -> None:
        """See `TrustStore.check_writable`."""
        if time.monotonic() - self._written >= STORE_WRITTEN_SECONDS:
            await self._write(transactions.try_to_write, timed=timed)

    async def _write(self, work: Callable[[Connection], _Result], *, timed: bool = True) -> _Result:
        work = partial(self._on_time, work) if timed else work
        if not self._database.groups:
            return await self._run(self._writer, partial(self._change, work))
        if self._closed:
            raise TrustStoreUnavailable("it is closed")
        done = self._group.add(work)
        self._writer.submit(self._group.run)
        result: _Result = await asyncio.wrap_future(done)
        return result

    async def _insist(self, work: Callable[[Connection], _Result], *, timed: bool) -> _Result:
        """Where it does not matter who was first, whoever was second tries again."""
        for _ in range(STORE_ATTEMPTS):
            with suppress(Conflict):
                return await self._write(work, timed=timed)
        raise TrustStoreUnavailable("other processes keep changing the same")

    def _on_time(self, work: Callable[[Connection], _Result], connection: Connection) -> _Result:
        self._database.check_clock(connection)
        return work(connection)

    def _change(self, work: Callable[[Connection], _Result]) -> _Result:
        self._written, written = -math.inf, time.monotonic()
        result = self._transaction(self._writing, work)
        self._written = written
        return result

    def _finish(self) -> None:
        self._writer.shutdown()
        super()._finish()
