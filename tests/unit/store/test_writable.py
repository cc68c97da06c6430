"""A trust store that cannot be written is found out before something has to be remembered."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable
from proxy.store import transactions
from proxy.store.memory import Memory
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, NOON, NOTARY, files_of


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often something was written only to see that it can be."""
    tried, write = list[int](), transactions.try_to_write

    def noting(connection: Connection) -> None:
        tried.append(1)
        write(connection)

    monkeypatch.setattr(transactions, "try_to_write", noting)
    return tried


async def test_a_store_takes_what_it_is_given(store: SqlTrustStore, path: Path) -> None:
    """Something is really written: only that shows whether the disk takes more. Nothing of it stays."""
    before = log_of(path)
    await store.check_writable()
    assert log_of(path) > before
    assert await store.everything() == ()


async def test_what_was_written_lately_is_proof_enough(store: SqlTrustStore, tried: list[int]) -> None:
    """An orchestrator asks every few seconds; a disk need not hear of it."""
    for _ in range(3):
        await store.check_writable()
    assert len(tried) == 1
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.check_writable()
    assert len(tried) == 1


async def test_after_a_failure_nothing_is_proof(store: SqlTrustStore, tried: list[int]) -> None:
    """Whatever was written before: the disk may be full since."""
    await store.check_writable()

    def fail(_: Connection) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(TrustStoreUnavailable):
        await store._write(fail, timed=False)
    await store.check_writable()
    assert len(tried) == 2


async def test_later_it_is_tried_again(store: SqlTrustStore, tried: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was possible once may not be any more."""
    await store.check_writable()
    monkeypatch.setattr("proxy.store.sql.STORE_WRITTEN_SECONDS", 0.0)
    await store.check_writable()
    assert len(tried) == 2


async def test_a_store_that_only_reads_says_so(settings: TrustStoreSettings) -> None:
    """As where the disk was remounted after an error."""
    store = await open_store(settings)
    assert isinstance(store, SqlTrustStore)
    event.listen(store._database.engine, "begin", lambda begun: begun.exec_driver_sql("PRAGMA query_only = ON"))
    with pytest.raises(TrustStoreUnavailable, match="cannot be written"):
        await store.check_writable()
    await store.close()


async def test_memory_can_always_be_written() -> None:
    """A trial has nothing that could be full."""
    await Memory().check_writable()


def log_of(path: Path) -> int:
    """How long the write-ahead log is."""
    return path.with_name(f"{path.name}-wal").stat().st_size
