"""The trust store is looked at as the proxy will see it, and left as it was."""

import asyncio
import os
import sqlite3
from collections.abc import Container
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import proxy.store.sqlite
from deploy.stack.ports import free_port
from proxy.config.settings import IN_MEMORY, Address, TrustStoreSettings
from proxy.doctor import seals, store
from proxy.doctor.findings import Finding, Hop, Level, Name
from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun, Tag
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustReader
from proxy.web import probes
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
    await opened.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=checked_at, new_tags=[Tag("1.0")])
    await opened.close()
    return at(path)


async def troubles(
    settings: TrustStoreSettings,
    now: datetime = NOON,
    notaries: Container[str] = (NOTARY,),
    listening: Address | None = None,
) -> dict[str, Finding]:
    """What is not ok, by name."""
    hop = await examined(settings, now, notaries, listening)
    return {str(each.name): each for each in hop.findings if each.level is not Level.OK}


async def examined(
    settings: TrustStoreSettings,
    now: datetime = NOON,
    notaries: Container[str] = (NOTARY,),
    listening: Address | None = None,
) -> Hop:
    """Everything that is found."""
    hop = Hop("trust store")
    async with AsyncExitStack() as opened:
        await store.examine(hop, settings, notaries, HeldClock(now), opened, listening)
    read(hop.findings)
    return hop


async def test_good_store(tmp_path: Path) -> None:
    """A store that can be read and written gives no trouble, and is not touched."""
    settings = await made(tmp_path / "trust.db")
    before = (tmp_path / "trust.db").read_bytes()
    assert await troubles(settings) == {}
    assert (tmp_path / "trust.db").read_bytes() == before


async def test_a_server_that_is_away() -> None:
    """A store on a server is read like any other; what keeps it from being read is told."""
    found = await troubles(TrustStoreSettings(f"postgresql://u@127.0.0.1:{free_port()}/t", must_exist=False))
    assert [(each, finding.level) for each, finding in found.items()] == [("store", Level.FAILED)]


async def test_store_in_memory() -> None:
    """A trial's store is in memory, where nothing can be wrong with it."""
    assert await troubles(TrustStoreSettings(IN_MEMORY, must_exist=False)) == {}


async def test_no_store_yet(tmp_path: Path) -> None:
    """Where there is none, none is made."""
    found = await troubles(at(tmp_path / "trust.db"), listening=Address("127.0.0.1", free_port()))
    assert found["store-missing"].level is Level.WARNING
    assert found["store-missing"].remedy.startswith("if it was there before, restore it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("must_exist", [False, True])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  (asked here, not listened on)
async def test_a_store_that_a_running_proxy_has_lost(tmp_path: Path, host: str, *, must_exist: bool) -> None:
    """Nobody is told to start that proxy again, which would begin without memory."""

    async def ready() -> dict[str, str | None]:
        return {}

    async def metrics(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    async with TestServer(probes.build(ready, metrics)) as server:
        assert server.port
        found = await troubles(at(tmp_path / "trust.db", must_exist=must_exist), listening=Address(host, server.port))
    missing = found["store-missing"]
    assert (missing.level, "start the proxy" in missing.remedy) == (Level.FAILED, False)
    assert "restore it before" in missing.remedy


async def test_who_else_answers_there_is_no_proxy(tmp_path: Path) -> None:
    """Some other program may have the port, or the system may choose it."""
    async with TestServer(web.Application()) as server:
        assert server.port
        for port in (server.port, 0):
            found = await troubles(at(tmp_path / "trust.db"), listening=Address("127.0.0.1", port))
            assert found["store-missing"].level is Level.WARNING


@pytest.mark.parametrize(
    ("change", "name", "level"),
    [
        pytest.param("PRAGMA application_id = 1", "store-foreign", Level.FAILED, id="another-program's"),
        pytest.param("UPDATE alembic_version SET version_num = '0001'", "store-schema", Level.WARNING, id="older"),
        pytest.param(
            "UPDATE alembic_version SET version_num = '9999'; UPDATE compatibility SET oldest = '9999'",
            "store-schema",
            Level.FAILED,
            id="newer",
        ),
    ],
)
async def test_what_the_file_is(tmp_path: Path, change: str, name: str, level: Level) -> None:
    """A file of another program, or of another version of this one, is told apart."""
    settings = await made(tmp_path / "trust.db")
    with closing(sqlite3.connect(tmp_path / "trust.db", isolation_level=None)) as database:
        database.executescript(change)
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


@pytest.mark.parametrize("question", ["last_check", "everything", "load", "check_notes"])
async def test_disk_reports_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    """A store that opens and then cannot be read is failed as well, and no collection of it is said to be damaged."""

    async def fail(*_: object) -> None:
        raise TrustStoreUnavailable("the disk reports an error")

    settings = await made(tmp_path / "trust.db")
    monkeypatch.setattr(SqlTrustReader, question, fail)
    found = await troubles(settings)
    assert {name: finding.level for name, finding in found.items()} == {"store": Level.FAILED}


@pytest.mark.parametrize(
    ("free", "user", "level", "words"),
    [
        pytest.param(100 << 20, 1000, Level.WARNING, "has 100 MiB free", id="nearly-full"),
        pytest.param(
            0, 1000, Level.FAILED, "is full (0 KiB free), so whatever has to be remembered is refused", id="full"
        ),
        pytest.param(300 << 10, 1000, Level.FAILED, "is full (300 KiB free)", id="hardly-anything"),
        pytest.param(0, 0, None, "", id="root-has-what-is-kept-back"),
    ],
)
async def test_little_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, user: int, level: Level | None, words: str
) -> None:
    """A disk that is nearly full is warned of; one that takes no more from this user is a failure."""
    settings, block = await made(tmp_path / "trust.db"), 1024
    whole = 8 << 30
    space = os.statvfs_result((block, block, whole // block, whole // block, free // block, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: space)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = await troubles(settings)
    assert {name: finding.level for name, finding in found.items()} == ({"store-space": level} if level else {})
    assert all(words in finding.sentence for finding in found.values())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE collections SET generation = generation + 1", id="generation"),
        pytest.param("UPDATE collections SET checked_at = checked_at - 1", id="time-of-the-check"),
        pytest.param("UPDATE files SET data = x'00' WHERE role = 'root'", id="file"),
        pytest.param("DELETE FROM files WHERE role = 'timestamp'", id="file-gone"),
        pytest.param("PRAGMA foreign_keys = off; DELETE FROM collections", id="row-gone"),
    ],
)
async def test_one_collection_is_damaged(tmp_path: Path, change: str) -> None:
    """A file that SQLite finds whole may hold what nobody wrote: the seal of each collection tells."""
    settings = await made(tmp_path / "trust.db")
    with closing(sqlite3.connect(tmp_path / "trust.db", isolation_level=None)) as database:
        database.executescript(change)
    found = await troubles(settings)
    assert {name: finding.level for name, finding in found.items()} == {"store-damaged": Level.FAILED}
    damaged = found["store-damaged"]
    assert damaged.sentence == f"{GUN} is damaged, so pulls of it are refused"
    assert "docs/trust-store.md" in damaged.remedy
    assert damaged.command == ("tagwarden", "trust", "list")


@pytest.mark.parametrize("names", ["b", "bc"])
async def test_remembered_tags_are_damaged(tmp_path: Path, names: str) -> None:
    """They are in no file of Notary's, and `protect` rests on them: so they are read as well."""
    settings = await made(tmp_path / "trust.db")
    opened = await open_store(settings)
    for name in ("a", "b", "c"):
        gun = Gun(f"{GUN}/{name}")
        await opened.commit(NOTARY, gun, files_of(1), expected=None, checked_at=NOON, new_tags=[Tag("1.0")])
    await opened.close()
    with closing(sqlite3.connect(tmp_path / "trust.db", isolation_level=None)) as database:
        database.execute("UPDATE collections SET generation = 7 WHERE gun LIKE '%/a'")
        for name in names:
            database.execute("UPDATE notes SET data = x'00' WHERE name LIKE 'tags/%' AND gun LIKE ?", (f"%/{name}",))
    found = (await examined(settings)).findings
    damaged = [each for each in found if each.name is Name.STORE_DAMAGED]
    assert [each.level for each in damaged] == [Level.FAILED] * 2
    whose = " and ".join(f"{GUN}/{name}" for name in names)
    assert damaged[0].sentence.startswith(f"{GUN}/a is damaged")
    assert damaged[1].sentence.startswith(f"the tags that {whose} ever had are damaged, so `protect` refuses")
    assert damaged[1].command == ("tagwarden", "trust", "list")


async def test_some_collections_are_damaged(tmp_path: Path) -> None:
    """Those that are whole are not said to be damaged."""
    settings = await made(tmp_path / "trust.db")
    opened = await open_store(settings)
    for name in ("a", "b", "c"):
        await opened.commit(NOTARY, Gun(f"{GUN}/{name}"), files_of(1), expected=None, checked_at=NOON)
    await opened.close()
    with closing(sqlite3.connect(tmp_path / "trust.db", isolation_level=None)) as database:
        database.execute("UPDATE collections SET generation = 7 WHERE gun LIKE '%/a' OR gun LIKE '%/b'")
    found = await troubles(settings)
    assert found["store-damaged"].sentence == f"{GUN}/a and {GUN}/b are damaged, so pulls of them are refused"


async def test_a_collection_that_is_named_and_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ever takes one out, so it is not called whole."""

    async def nothing(*_: object) -> None:
        return None

    settings = await made(tmp_path / "trust.db")
    monkeypatch.setattr(SqlTrustReader, "load", nothing)
    found = await troubles(settings)
    assert found["store-damaged"].sentence == f"{GUN} is damaged, so pulls of it are refused"


async def test_how_many_collections_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how many are as they were written; and for how many there was no time, and what reads those."""
    settings = await made(tmp_path / "trust.db")
    hop = await examined(settings)
    assert [each.sentence for each in hop.findings if each.name is Name.STORE_DAMAGED] == [
        "1 collection read, each as it was written"
    ]
    monkeypatch.setattr(seals, "DOCTOR_SEALS_SECONDS", 0)
    found = await troubles(settings)
    assert {name: finding.level for name, finding in found.items()} == {"store-damaged": Level.UNKNOWN}
    assert found["store-damaged"].sentence.startswith(
        "1 of 1 collection, which would take longer: tagwarden trust list"
    )


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


async def test_a_notary_that_was_renamed(tmp_path: Path) -> None:
    """What is remembered of a name that the configuration does not have holds nobody back any more."""
    found = await troubles(await made(tmp_path / "trust.db"), notaries=("main",))
    assert {name: finding.level for name, finding in found.items()} == {"store-notary": Level.WARNING}
    sentence = f"{NOTARY} is remembered for 1 collection, but is no Notary of this configuration"
    assert found["store-notary"].sentence == sentence
    assert found["store-notary"].remedy.endswith(f"tagwarden trust rename {NOTARY} NAME")


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
