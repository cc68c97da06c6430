"""Others write to the same store at the same time: whoever was second looks again, and gives up in the end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.config.settings import BundleSettings
from proxy.errors import TrustStoreUnavailable
from proxy.limits import COMMIT_ATTEMPTS
from proxy.notary.directory import DirectorySource
from proxy.store.protocol import Conflict
from proxy.store.sql import SqlTrustStore
from proxy.trust.exporting import Export
from proxy.trust.holding import Held, Piece
from proxy.trust.importing import Import
from proxy.trust.outcomes import Outcome
from tests.support.resolving import HeldClock
from tests.support.signed_roles import NOW
from tests.unit.trust.material import API, NOTARY, everything, judge_under, opened, remember, repository, unite


@pytest.fixture
async def old(old: SqlTrustStore) -> SqlTrustStore:
    """A store that remembers a collection."""
    await remember(old, repository(), NOW - timedelta(hours=1))
    return old


def beaten(store: SqlTrustStore, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> None:
    """Let the next commits fail."""
    commit, left = store.commit, [error] * times

    async def failing(*args: Any, **more: Any) -> int:
        if left:
            raise left.pop()
        return await commit(*args, **more)

    monkeypatch.setattr(store, "commit", failing)


async def bring(store: SqlTrustStore, old: SqlTrustStore, bundle: Path) -> Outcome:
    """Export from one and import into the other."""
    clock = HeldClock()
    Export(NOTARY, bundle, judge_under(), clock).remembered(API, await old.load(NOTARY, API))
    source = DirectorySource(BundleSettings(NOTARY, bundle))
    return await Import(NOTARY, source, store, judge_under(), clock).bring(API)


@pytest.mark.parametrize(
    ("times", "became"),
    [
        pytest.param(COMMIT_ATTEMPTS - 1, "new", id="in-the-end"),
        pytest.param(COMMIT_ATTEMPTS, "undecided", id="never"),
    ],
)
async def test_somebody_else_was_first(
    old: SqlTrustStore, new: SqlTrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, became: str
) -> None:
    """What was verified against is not what is there any more."""
    beaten(new, monkeypatch, Conflict(), times)
    assert (await unite(new, await everything(old))).became == {API: became}
    async with opened(tmp_path / "third.db") as third:
        beaten(third, monkeypatch, Conflict(), times)
        outcome = await bring(third, old, tmp_path / "bundle")
        assert outcome.became == became
        assert ("other processes keep changing it" in outcome.why) is (became == "undecided")


async def test_a_store_that_fails_is_no_refusal(
    old: SqlTrustStore, new: SqlTrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the command, and says nothing of the collection."""
    beaten(new, monkeypatch, TrustStoreUnavailable("the disk is full"), 2)
    with pytest.raises(TrustStoreUnavailable):
        await unite(new, await everything(old))
    with pytest.raises(TrustStoreUnavailable):
        await bring(new, old, tmp_path / "bundle")


async def test_tags_come_although_files_do_not(
    old: SqlTrustStore, new: SqlTrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are asked for by `protect`, whatever the files are worth."""
    beaten(new, monkeypatch, Conflict(), COMMIT_ATTEMPTS)
    await unite(new, await everything(old))
    assert await new.tags(NOTARY, API) == {"1.0"}
    assert await new.collections() == ()


async def test_an_index_that_went_meanwhile_is_left_out(old: SqlTrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy made room for others between listing and reading."""

    async def gone(*_: object) -> None:
        return None

    with old._database.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO indexes VALUES (zeroblob(32), 1, 1, X'00')")
    monkeypatch.setattr(old, "load_index", gone)
    found: list[Piece] = await everything(old)
    assert [type(piece) for piece in found] == [Held]
