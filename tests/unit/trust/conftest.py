"""Two trust stores: what one holds is brought to the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store.sql import SqlTrustStore
from tests.unit.trust.material import opened


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """The store that was kept."""
    async with opened(tmp_path / "old.db") as store:
        yield store


@pytest.fixture
async def new(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """The store that takes it in."""
    async with opened(tmp_path / "new.db") as store:
        yield store
