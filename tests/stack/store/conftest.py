"""A server of PostgreSQL for all tests of a worker, and a database of its own for each of them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack.postgresql import PASSWORD, Postgresql
from deploy.stack.postgresql import postgresql as run_postgresql
from proxy.config.settings import TrustStoreSettings
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustStore

_TEMPLATE = "template_store"


@pytest.fixture(scope="session")
def postgresql(scratch: Path, authority: Authority) -> Iterator[Postgresql]:
    """A server that speaks TLS to whoever wants it; nothing is stopped or broken here."""
    with run_postgresql(scratch / "postgresql", authority) as running:
        settings = TrustStoreSettings(running.database(_TEMPLATE), must_exist=False, password=PASSWORD)
        asyncio.run(_initialise(settings))
        yield running


@pytest.fixture
def empty(postgresql: Postgresql) -> TrustStoreSettings:
    """A database with nothing in it."""
    return TrustStoreSettings(postgresql.database(_name()), must_exist=False, password=PASSWORD)


@pytest.fixture
def settings(postgresql: Postgresql) -> Iterator[TrustStoreSettings]:
    """A trust store that remembers nothing, and is gone with the test."""
    name = _name()
    postgresql.sql(f'CREATE DATABASE "{name}" TEMPLATE {_TEMPLATE} OWNER tagwarden')
    url = f"postgresql://tagwarden@127.0.0.1:{postgresql.port}/{name}"
    yield TrustStoreSettings(url, must_exist=True, password=PASSWORD)
    postgresql.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def store(settings: TrustStoreSettings) -> AsyncIterator[SqlTrustStore]:
    """The same, open."""
    opened = await open_store(settings)
    assert isinstance(opened, SqlTrustStore)
    yield opened
    await opened.close()


@pytest.fixture
def administrator(postgresql: Postgresql, settings: TrustStoreSettings) -> Callable[[str], str]:
    """Runs statements in the database of `settings`, as somebody who may do everything."""
    name = settings.url.rpartition("/")[2]
    return lambda statements: postgresql.sql(statements, name)


def _name() -> str:
    return f"store_{secrets.token_hex(6)}"


async def _initialise(settings: TrustStoreSettings) -> None:
    await (await open_store(settings, create=True)).close()
