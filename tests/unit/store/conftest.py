"""A trust store in a directory of its own, open for a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store's file is, or will be."""
    return tmp_path / "trust.db"


@pytest.fixture
def settings(path: Path) -> TrustStoreSettings:
    """Settings that allow the store to be created."""
    return TrustStoreSettings(url=f"sqlite:///{path}", must_exist=False)


@pytest.fixture
async def store(settings: TrustStoreSettings) -> AsyncIterator[SqlTrustStore]:
    """A new store."""
    opened = await open_store(settings)
    assert isinstance(opened, SqlTrustStore)
    yield opened
    await opened.close()
