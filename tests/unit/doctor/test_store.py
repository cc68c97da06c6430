"""The trust store is looked at as the proxy will see it, and left as it was."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import proxy.store.sqlite
from proxy.config.settings import IN_MEMORY, TrustStoreSettings
from proxy.doctor import store
from proxy.doctor.findings import Finding, Hop, Level
from proxy.errors import TrustStoreUnavailable
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustReader
from tests.unit.doctor.material import HeldClock
from tests.unit.doctor.reading import read
from tests.unit.store.material import GUN, NOTARY, files_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(path: Path, *, must_exist: bool = False) -> TrustStoreSettings:
    """A trust store in a file."""
    return TrustStoreSettings(f"sqlite:///{path}", must_exist)


async def made(path: Path, checked_at: datetime = NOON) -> TrustStoreSettings:
    """A store in which one collection was checked."""
    opened = await open_store(at(path))
    await opened.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=checked_at)
    await opened.close()
    return at(path)


async def troubles(settings: TrustStoreSettings, now: datetime = NOON) -> dict[str, Finding]:
    """What is not ok, by name."""
    hop = Hop("trust store")
    await store.examine(hop, settings, HeldClock(now))
    read(hop.findings)
    return {str(each.name): each for each in hop.findings if each.level is not Level.OK}


async def test_good_store(tmp_path: Path) -> None:
    """A store that can be read and written gives no trouble, and is not touched."""
    settings = await made(tmp_path / "trust.db")
    before = (tmp_path / "trust.db").read_bytes()
    assert await troubles(settings) == {}
    assert (tmp_path / "trust.db").read_bytes() == before


async def test_store_in_memory() -> None:
    """A trial's store is in memory, where nothing can be wrong with it."""
    assert await troubles(TrustStoreSettings(IN_MEMORY, must_exist=False)) == {}


async def test_no_store_yet(tmp_path: Path) -> None:
    """Where there is none, none is made."""
    found = await troubles(at(tmp_path / "trust.db"))
    assert found["store-missing"].level is Level.WARNING
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "name", "level"),
    [
        pytest.param("PRAGMA application_id = 1", "store-foreign", Level.FAILED, id="another-program's"),
        pytest.param("UPDATE alembic_version SET version_num = '0001'", "store-schema", Level.WARNING, id="older"),
        pytest.param("UPDATE alembic_version SET version_num = '9999'", "store-schema", Level.FAILED, id="newer"),
    ],
)
async def test_what_the_file_is(tmp_path: Path, change: str, name: str, level: Level) -> None:
    """A file of another program, or of another version of this one, is told apart."""
    settings = await made(tmp_path / "trust.db")
    with closing(sqlite3.connect(tmp_path / "trust.db", isolation_level=None)) as database:
        database.execute(change)
    found = await troubles(settings)
    assert {each: finding.level for each, finding in found.items()} == {name: level}


async def test_damaged(tmp_path: Path) -> None:
    """Damage in the middle of the file is found."""
    path = tmp_path / "trust.db"
    settings = await made(path)
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    assert list(await troubles(settings)) == ["store-damaged"]


async def test_locked_by_somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that is locked it is said who has it open."""
    monkeypatch.setattr(proxy.store.sqlite, "STORE_BUSY_SECONDS", 0.1)
    path = tmp_path / "trust.db"
    settings = await made(path)
    program = (
        "import sqlite3, sys, time; held = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "held.execute('PRAGMA locking_mode=EXCLUSIVE'); held.execute('BEGIN EXCLUSIVE'); print(flush=True); input()"
    )
    holder = await asyncio.create_subprocess_exec(
        "python3", "-c", program, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    try:
        found = await troubles(settings)
    finally:
        await holder.communicate(b"\n")
    assert list(found) == ["store-held"]
    assert f"process {holder.pid} (python3" in found["store-held"].sentence


async def test_disk_reports_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that opens and then cannot be read is failed as well."""

    async def fail(_: object) -> None:
        raise TrustStoreUnavailable("the disk reports an error")

    settings = await made(tmp_path / "trust.db")
    monkeypatch.setattr(SqlTrustReader, "last_check", fail)
    found = await troubles(settings)
    assert {name: finding.level for name, finding in found.items()} == {"store": Level.FAILED}


async def test_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full is warned of."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100 << 20))
    found = await troubles(await made(tmp_path / "trust.db"))
    assert {name: finding.level for name, finding in found.items()} == {"store-space": Level.WARNING}
    assert "100 MiB" in found["store-space"].sentence


async def test_not_for_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not write is found before SQLite stumbles over it."""
    settings = await made(tmp_path / "trust.db")
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path / "trust.db")
    found = await troubles(settings)
    assert {name: finding.level for name, finding in found.items()} == {
        "store-writable": Level.FAILED,
        "store": Level.UNKNOWN,
    }


async def test_directory_is_not_for_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite needs to write beside the file."""
    settings = await made(tmp_path / "trust.db")
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    assert list(await troubles(settings)) == ["store-directory"]


@pytest.mark.parametrize(
    ("behind", "levels"),
    [
        pytest.param(timedelta(seconds=30), {}, id="hardly"),
        pytest.param(timedelta(minutes=2), {"store-clock": Level.WARNING}, id="a-little"),
        pytest.param(timedelta(hours=2), {"store-clock": Level.FAILED}, id="far"),
        pytest.param(timedelta(days=-9), {}, id="ahead"),
    ],
)
async def test_clock_behind_the_last_check(tmp_path: Path, behind: timedelta, levels: dict[str, Level]) -> None:
    """No honest clock is behind a check that was noted; one that is ahead of it only means that time went by."""
    found = await troubles(await made(tmp_path / "trust.db"), NOON - behind)
    assert {name: finding.level for name, finding in found.items()} == levels
