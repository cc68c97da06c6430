"""The trust store over SQLAlchemy Core: each call is one transaction in a thread.

SQLite blocks, so it gets threads of its own. A thread also finishes what it began when the caller is
cancelled: no transaction is ever left open half way, with its lock held.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, select

from proxy.errors import TrustStoreUnavailable
from proxy.limits import STORE_READERS
from proxy.names import Digest, Gun, Tag
from proxy.store import indexes, transactions
from proxy.store.failures import explained
from proxy.store.protocol import Remembered
from proxy.store.sqlite import READING, WRITING, FileGuard
from proxy.store.tables import COLLECTIONS
from proxy.store.transactions import Key
from proxy.tuf.collection import Stored

_Result = TypeVar("_Result")


class SqlTrustReader:
    """Implements `TrustReader`; `proxy.store.opening` makes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = ThreadPoolExecutor(STORE_READERS, thread_name_prefix="trust-store-reader")
        self._closed = False

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """See `TrustReader.load`."""
        return await self._run(self._readers, READING, partial(transactions.load, key=Key(notary, gun)))

    async def last_check(self) -> datetime | None:
        """See `TrustReader.last_check`."""
        return await self._run(self._readers, READING, transactions.last_check)

    async def ever_had(self, notary: str, gun: Gun, tag: Tag) -> bool:
        """See `TrustReader.ever_had`."""
        return await self._run(self._readers, READING, partial(transactions.ever_had, key=Key(notary, gun), tag=tag))

    async def load_index(self, digest: Digest) -> bytes | None:
        """See `TrustReader.load_index`."""
        return await self._run(self._readers, READING, partial(indexes.load_index, digest=digest))

    async def indexes_naming(self, digest: Digest) -> tuple[Digest, ...]:
        """See `TrustReader.indexes_naming`."""
        return await self._run(self._readers, READING, partial(indexes.indexes_naming, digest=digest))

    async def close(self) -> None:
        """See `TrustReader.close`."""
        self._closed = True
        await asyncio.to_thread(self._finish)

    async def _run(
        self, threads: ThreadPoolExecutor, begin: Mapping[str, str], work: Callable[[Connection], _Result]
    ) -> _Result:
        if self._closed:
            raise TrustStoreUnavailable("it is closed")
        return await asyncio.get_running_loop().run_in_executor(threads, self._transaction, begin, work)

    def _transaction(self, begin: Mapping[str, str], work: Callable[[Connection], _Result]) -> _Result:
        """Do the work whole or not at all."""
        with explained(), self._engine.execution_options(**begin).begin() as connection:
            return work(connection)

    def _finish(self) -> None:
        self._readers.shutdown()
        self._engine.dispose()


class SqlTrustStore(SqlTrustReader):
    """Implements `TrustStore`; `created` says whether it was new when it was opened."""

    def __init__(self, engine: Engine, path: Path, *, created: bool) -> None:
        super().__init__(engine)
        self.created = created
        # One thread: writers stand in line here rather than polling for SQLite's lock.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="trust-store-writer")
        # One connection stays, unused: SQLite deletes its log with the last one, and the guard would take
        # that for a removed file.
        self._keeper = engine.connect()
        self._keeper.execute(select(COLLECTIONS.c.generation).limit(1))
        self._keeper.rollback()
        self._guard = FileGuard(path)

    async def commit(
        self,
        notary: str,
        gun: Gun,
        stored: Stored,
        *,
        expected: int | None,
        checked_at: datetime,
        past: bytes = b"",
        new_tags: Iterable[Tag] = (),
    ) -> int:
        """See `TrustStore.commit`."""
        work = partial(
            transactions.commit,
            key=Key(notary, gun),
            stored=stored,
            expected=expected,
            checked_at=checked_at,
            past=past,
            new_tags=tuple(new_tags),
        )
        return await self._run(self._writer, WRITING, work)

    async def touch(self, notary: str, gun: Gun, *, generation: int, checked_at: datetime) -> None:
        """See `TrustStore.touch`."""
        work = partial(transactions.touch, key=Key(notary, gun), generation=generation, checked_at=checked_at)
        await self._run(self._writer, WRITING, work)

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """See `TrustStore.keep_index`."""
        await self._run(self._writer, WRITING, partial(indexes.keep_index, digest=digest, data=data))

    def _transaction(self, begin: Mapping[str, str], work: Callable[[Connection], _Result]) -> _Result:
        self._guard.check()
        result = super()._transaction(begin, work)
        self._guard.check()
        return result

    def _finish(self) -> None:
        self._writer.shutdown()
        self._keeper.close()
        super()._finish()
