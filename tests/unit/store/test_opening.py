"""What can be wrong with the store's file at the start, and what people are told about it."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import pytest

from deploy.stack.children import child
from proxy.config.settings import TrustStoreSettings
from proxy.errors import UserError
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Remembered
from tests.unit.store.material import GUN, NOON, NOTARY, files_of


async def filled(settings: TrustStoreSettings) -> None:
    """Create the store and commit one collection."""
    store = await open_store(settings)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await store.close()


async def test_a_new_store_says_that_it_was_created(settings: TrustStoreSettings, path: Path) -> None:
    """The first start creates the file and says so, because from now on rollback can be seen."""
    store = await open_store(settings)
    await store.close()
    assert store.created
    assert path.exists()


async def test_an_existing_store_satisfies_must_exist(settings: TrustStoreSettings) -> None:
    """`must_exist` only asks that the store was there before."""
    await filled(settings)
    store = await open_store(replace(settings, must_exist=True))
    await store.close()
    assert not store.created


async def test_must_exist_forbids_creation(settings: TrustStoreSettings, path: Path) -> None:
    """A file that is gone is not replaced by an empty one."""
    with pytest.raises(UserError, match=r"does not exist: restore it, or run `tagwarden trust init`"):
        await open_store(replace(settings, must_exist=True))
    assert not path.exists()


@pytest.mark.parametrize("must_exist", [True, False])
async def test_an_empty_file_is_refused(*, settings: TrustStoreSettings, path: Path, must_exist: bool) -> None:
    """A new store is never empty, so a file that is lost its content, and with it the memory."""
    path.touch()
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"its file is empty: restore it, or delete it to start without memory"):
            await opening(replace(settings, must_exist=must_exist))


async def test_creation_leaves_nothing_beside_the_store(settings: TrustStoreSettings, path: Path) -> None:
    """The draft of a new store is gone once the store is there."""
    await (await open_store(settings)).close()
    assert [each.name for each in path.parent.iterdir()] == ["trust.db"]


async def test_a_missing_directory_is_not_created(tmp_path: Path) -> None:
    """A wrong path shows at once, instead of becoming a store that nobody looks for."""
    with pytest.raises(UserError, match=r"its directory does not exist: create it"):
        await open_store(TrustStoreSettings(url=f"sqlite:///{tmp_path}/none/trust.db", must_exist=False))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"version: 1\n" * 1000, "it is no trust store", id="a text file"),
        pytest.param(b"SQLite format 3\0" + b"\xff" * 9000, "it is no trust store", id="a header alone"),
    ],
)
async def test_a_file_of_something_else_is_refused(
    settings: TrustStoreSettings, path: Path, content: bytes, sentence: str
) -> None:
    """A file that is no SQLite database is left alone."""
    path.write_bytes(content)
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=sentence):
            await opening(settings)
    assert path.read_bytes() == content


async def test_the_database_of_something_else_is_refused(settings: TrustStoreSettings, path: Path) -> None:
    """A healthy database of another program is not taken over."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE alembic_version (version_num TEXT)")
    other.commit()
    other.close()
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"it is no trust store: give the path of"):
            await opening(settings)


async def test_a_store_of_a_newer_version_is_refused(settings: TrustStoreSettings, path: Path) -> None:
    """What an older program does not understand, it does not touch."""
    await filled(settings)
    database = sqlite3.connect(path)
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.execute("UPDATE compatibility SET oldest = '9999'")
    database.commit()
    database.close()
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"a newer version of this program wrote it: install that version"):
            await opening(settings)


async def test_a_damaged_page_shows_at_the_start(settings: TrustStoreSettings, path: Path) -> None:
    """A database with a page full of rubbish is not opened."""
    await filled(settings)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096))
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"its file is damaged: restore it from a backup"):
            await opening(settings)


async def test_a_truncated_file_shows_at_the_start(settings: TrustStoreSettings, path: Path) -> None:
    """A database that lost its end is not opened."""
    await filled(settings)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4096)
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"its file is damaged"):
            await opening(settings)


async def test_a_directory_is_no_store(tmp_path: Path) -> None:
    """A path that leads to a directory is a sentence, not a traceback."""
    for opening in (open_store, open_reader):
        with pytest.raises(UserError, match=r"it is no trust store"):
            await opening(TrustStoreSettings(url=f"sqlite:///{tmp_path}", must_exist=False))


async def test_a_locked_store_is_a_sentence(
    settings: TrustStoreSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program that holds the lock for long is named as the reason."""
    monkeypatch.setattr("proxy.store.sqlite.STORE_BUSY_SECONDS", 0.05)
    await filled(settings)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match=r"another process keeps it locked: stop that process"):
        await open_store(settings)
    other.close()


async def test_a_path_with_odd_characters_works(tmp_path: Path) -> None:
    """Blanks, percent signs, hashes and umlauts in a path are characters like others."""
    settings = TrustStoreSettings(url=f"sqlite:///{tmp_path}/odd %41 #1 Fässer.db", must_exist=False)
    await filled(settings)
    assert (tmp_path / "odd %41 #1 Fässer.db").exists()
    reader = await open_reader(settings)
    assert reader is not None
    assert await reader.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await reader.close()


async def test_reading_where_nothing_is_remembered(settings: TrustStoreSettings, path: Path) -> None:
    """A command that reads neither minds that there is no store yet, nor makes one."""
    assert await open_reader(settings) is None
    assert not path.exists()


async def test_reading_leaves_no_trace(settings: TrustStoreSettings, path: Path) -> None:
    """A command that reads changes not a byte of the file."""
    await filled(settings)
    before = path.read_bytes()
    reader = await open_reader(settings)
    assert reader is not None
    await reader.load(NOTARY, GUN)
    await reader.close()
    assert path.read_bytes() == before


async def test_two_starts_at_once_make_one_store(settings: TrustStoreSettings) -> None:
    """Two starts on a new file get the same store, and only one of them created it."""
    stores = await asyncio.gather(*(open_store(settings) for _ in range(4)))
    await stores[0].commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    seen = [await store.load(NOTARY, GUN) for store in stores]
    for store in stores:
        await store.close()
    assert [store.created for store in stores].count(True) == 1
    assert seen == [Remembered(files_of(1), 1, NOON)] * 4


@pytest.fixture
def public() -> Iterator[Path]:
    """Where a store is, in a directory that others can enter, unlike pytest's."""
    with TemporaryDirectory() as directory:
        yield Path(directory, "trust.db")


Work = Callable[[TrustStoreSettings], Coroutine[None, None, str]]


def as_somebody_else(settings: TrustStoreSettings, work: Work) -> str:
    """Run `work` in a child that may write nothing where the store is, not even as root; return what it says."""
    directory = Path(settings.url.removeprefix("sqlite:///")).parent
    for each in directory.iterdir():
        each.chmod(each.stat().st_mode & 0o444)
    directory.chmod(0o555)
    with child(without_rights, settings, work) as somebody:
        told = somebody.words.read()
    directory.chmod(0o755)
    return told.rstrip("\n")


async def without_rights(_: TextIO, words: TextIO, settings: TrustStoreSettings, work: Work) -> None:
    """Say what `work` says, or why it failed."""
    with TemporaryDirectory() as elsewhere:
        await filled(TrustStoreSettings(f"sqlite:///{elsewhere}/trust.db", must_exist=False))  # imports what it needs
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        words.write(await work(settings))
    except UserError as refusal:
        words.write(str(refusal))


async def opening(settings: TrustStoreSettings) -> str:
    """Open the store for writing."""
    await open_store(settings)
    return "opened"


async def reading(settings: TrustStoreSettings) -> str:
    """Open the store for reading, and look whether all that it was filled with is there."""
    reader = await open_reader(settings)
    assert reader is not None
    remembered = await reader.load(NOTARY, GUN)
    await reader.close()
    return "right" if remembered == Remembered(files_of(1), 1, NOON) else "wrong"


def test_a_file_that_may_not_be_written_is_refused_at_the_start(public: Path) -> None:
    """The proxy does not start on a store that it could only read."""
    settings = TrustStoreSettings(url=f"sqlite:///{public}", must_exist=False)
    asyncio.run(filled(settings))
    told = as_somebody_else(settings, opening)
    assert told.endswith(
        "its file cannot be written: give this user the right to read and write the file and its directory"
    )


def test_a_directory_that_may_not_be_written_is_refused_at_the_start(public: Path) -> None:
    """The proxy says so where it may not create its store."""
    settings = TrustStoreSettings(url=f"sqlite:///{public}", must_exist=False)
    assert "permission denied: give this user the right" in as_somebody_else(settings, opening)


def test_reading_needs_no_right_to_write(public: Path) -> None:
    """Somebody who may only read the file can verify with it, although SQLite's own lock files cannot be made."""
    settings = TrustStoreSettings(url=f"sqlite:///{public}", must_exist=False)
    asyncio.run(filled(settings))
    assert as_somebody_else(settings, reading) == "right"


def test_a_file_that_may_not_be_read_is_refused(public: Path) -> None:
    """A store that exists but may not be read is an error, never nothing."""
    settings = TrustStoreSettings(url=f"sqlite:///{public}", must_exist=False)
    asyncio.run(filled(settings))
    public.chmod(0o000)
    assert "its file cannot be opened: give this user the right" in as_somebody_else(settings, reading)
