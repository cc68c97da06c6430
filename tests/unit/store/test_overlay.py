"""Commands decide on the store without changing it."""

import pytest

from proxy.config.settings import TrustStoreSettings
from proxy.store.opening import open_reader
from proxy.store.overlay import Overlay
from proxy.store.protocol import Conflict, Remembered, TrustStore
from proxy.store.sql import SqlTrustStore
from tests.unit.store.material import GUN, MINUTE, NOON, NOTARY, files_of


async def test_it_reads_what_is_below_and_keeps_what_it_is_told(
    settings: TrustStoreSettings, store: SqlTrustStore
) -> None:
    """A commit is seen by this process alone; the store below stays as it was."""
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    overlay: TrustStore = Overlay(await open_reader(settings))
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    assert await overlay.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON + MINUTE) == 2
    await overlay.touch(NOTARY, GUN, generation=2, checked_at=NOON + MINUTE)
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(2), 2, NOON + MINUTE)
    assert await overlay.last_check() == NOON
    assert await store.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await overlay.close()


async def test_without_a_store_it_starts_from_nothing() -> None:
    """Where nothing is remembered, it remembers for as long as the command runs."""
    overlay = Overlay(None)
    assert await overlay.load(NOTARY, GUN) is None
    assert await overlay.last_check() is None
    await overlay.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    with pytest.raises(Conflict):
        await overlay.commit(NOTARY, GUN, files_of(2), expected=None, checked_at=NOON)
    await overlay.close()
    assert await overlay.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
