"""A server that goes away, hangs, comes back or has another idea of the time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import pytest

from deploy.stack.postgresql import PASSWORD, Cluster, Postgresql, cluster
from proxy.clock import Clock
from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable
from proxy.limits import STORE_RETRY_SECONDS
from proxy.names import Gun
from proxy.store import postgresql as ours
from proxy.store.opening import open_store
from proxy.store.protocol import Remembered
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of

LONGEST = 15.0  # with what a crowded machine adds; a person would call it a moment


@dataclass
class Fragile:
    """A store, the server that it is on, and the cluster to start that again."""

    cluster: Cluster
    server: Postgresql
    settings: TrustStoreSettings
    store: SqlTrustStore


@pytest.fixture(scope="module")
def fragile_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose servers may be killed."""
    with cluster(tmp_path_factory.mktemp("fragile")) as made:
        yield made


@pytest.fixture
async def fragile(fragile_cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Fragile]:
    """A store with one collection, on such a server."""
    with fragile_cluster.started() as server:
        name = request.node.name.partition("[")[0].removeprefix("test_")[:60]
        settings = TrustStoreSettings(server.database(name), must_exist=True, password=PASSWORD)
        store = await open_store(settings, create=True)
        assert isinstance(store, SqlTrustStore)
        await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
        yield Fragile(fragile_cluster, server, settings, store)
        await store.close()


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """Nobody waits for longer than a decision takes."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < LONGEST


async def test_connections_that_were_lost_are_made_again(fragile: Fragile) -> None:
    """A server that was restarted between two questions is not even noticed."""
    await asyncio.gather(*(fragile.store.load(NOTARY, GUN) for _ in range(8)))
    fragile.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tagwarden'")
    assert await fragile.store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    assert await fragile.store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON) == 2


async def test_a_killed_server_is_a_reason_and_its_return_an_end_of_it(fragile: Fragile) -> None:
    """While it is away everything is refused at once; when it is back, what was committed is there."""
    await fragile.store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    fragile.server.kill()
    with soon():
        for _ in range(5):
            with pytest.raises(TrustStoreUnavailable):
                await fragile.store.load(NOTARY, GUN)
            with pytest.raises(TrustStoreUnavailable):
                await fragile.store.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON)
    with fragile.cluster.started():
        await asyncio.sleep(STORE_RETRY_SECONDS)
        assert await fragile.store.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON)
        assert await fragile.store.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON) == 3


async def test_a_server_that_hangs_is_given_up(fragile: Fragile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections stay open and say nothing; still nobody waits, and when it goes on, so do we."""
    monkeypatch.setattr(ours._Connection, "patience", 0.5)
    store = await open_store(fragile.settings)
    assert isinstance(store, SqlTrustStore)
    await asyncio.gather(*(store.load(NOTARY, GUN) for _ in range(8)))
    for connection in ours_of(store):
        connection.patience = 0.5
    fragile.server.hang()
    try:
        with soon():
            outcomes = await asyncio.gather(*(store.load(NOTARY, GUN) for _ in range(12)), return_exceptions=True)
    finally:
        fragile.server.resume()
    assert {type(outcome) for outcome in outcomes} == {TrustStoreUnavailable}
    await asyncio.sleep(STORE_RETRY_SECONDS)
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await store.close()


def ours_of(store: SqlTrustStore) -> list[ours._Connection]:
    """The connections that a store has at hand."""
    found = []
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            raw = stack.enter_context(contextlib.closing(store._database.engine.raw_connection()))
            assert isinstance(raw.driver_connection, ours._Connection)
            found.append(raw.driver_connection)
    return found


async def test_a_row_that_somebody_locks_is_not_waited_for_long(
    fragile: Fragile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator's forgotten transaction, or a proxy that stands still, holds up its own collection alone."""
    monkeypatch.setattr(ours, "STORE_LOCK_SECONDS", 0.3)
    store = await open_store(fragile.settings)
    await store.commit(NOTARY, Gun("other"), files_of(1), expected=None, checked_at=NOON)
    url = f"{fragile.settings.url.replace('tagwarden', 'postgres', 1)}?connect_timeout=5"
    with psycopg.connect(url, password=PASSWORD) as connection:
        connection.execute("SELECT * FROM collections WHERE gun = %s FOR UPDATE", [GUN])
        with soon(), pytest.raises(TrustStoreUnavailable, match="another process keeps it locked"):
            await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
        await store.touch(NOTARY, Gun("other"), generation=1, checked_at=NOON + MINUTE)
        assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    assert await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON) == 2
    await store.close()


class Wrong(Clock):
    """A clock that is off by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        """The time, wrong."""
        return super().now() + self._by


@pytest.mark.parametrize(
    ("minutes", "words"),
    [pytest.param(-7, "7 minutes behind its", id="behind"), pytest.param(90, "90 minutes ahead of its", id="ahead")],
)
async def test_a_clock_that_differs_from_the_databases_writes_nothing(
    settings: TrustStoreSettings, store: SqlTrustStore, minutes: int, words: str
) -> None:
    """Its time would count for every proxy of this database; reading does no harm."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    wrong = SqlTrustStore(
        ours.PostgresqlDatabase(ours.make_engine(settings), Wrong(timedelta(minutes=minutes))), created=False
    )
    why = f"this proxy's clock is {words} database's"
    for call in (
        wrong.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON),
        wrong.touch(NOTARY, GUN, generation=1, checked_at=NOON + MINUTE),
        wrong.touch_all({(NOTARY, GUN): (1, NOON + MINUTE)}),
        wrong.note_asked([(NOTARY, GUN)], NOON),
        wrong.forget(NOTARY, GUN, reason="because", by="me", at=NOON),
        wrong.check_writable(timed=True),
    ):
        with pytest.raises(TrustStoreUnavailable) as refusal:
            await call
        assert refusal.value.why == why
    assert await wrong.load(NOTARY, GUN) == await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await wrong.close()


async def test_a_clock_that_differs_a_little_is_no_matter(settings: TrustStoreSettings) -> None:
    """Four minutes are within what is allowed."""
    database = ours.PostgresqlDatabase(ours.make_engine(settings), Wrong(timedelta(minutes=4)))
    store = SqlTrustStore(database, created=False)
    assert await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON) == 1
    await store.close()


async def test_a_commit_is_on_the_servers_disk(settings: TrustStoreSettings, postgresql: Postgresql) -> None:
    """Even where the server was told to answer before that."""
    name = settings.url.rpartition("/")[2]
    postgresql.sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    store = await open_store(settings)
    assert isinstance(store, SqlTrustStore)
    with store._database.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    await store.close()


async def test_a_stricter_promise_of_the_server_is_kept(settings: TrustStoreSettings, postgresql: Postgresql) -> None:
    """A server that waits for its replicas goes on doing so."""
    name = settings.url.rpartition("/")[2]
    postgresql.sql(f'ALTER DATABASE "{name}" SET synchronous_commit = remote_apply')
    store = await open_store(settings)
    assert isinstance(store, SqlTrustStore)
    with store._database.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "remote_apply"
    await store.close()


async def test_nothing_of_the_environment_leads_elsewhere(
    settings: TrustStoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's own variables and files do not count: the configuration says where the store is, and how."""
    for name, value in {
        "PGHOST": "192.0.2.1",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "nothing",
        "PGPASSWORD": "wrong",
        "PGSSLMODE": "require",
        "PGOPTIONS": "-c statement_timeout=1",
        "PGTARGETSESSIONATTRS": "standby",
        "PGCONNECT_TIMEOUT": "1",
        "PGAPPNAME": "other",
    }.items():
        monkeypatch.setenv(name, value)
    store = await open_store(settings)
    assert await store.load(NOTARY, GUN) is None
    await store.close()
