"""A directory in the place of Notary: read as carefully as a server, because somebody carried it here."""

import asyncio
import os
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from proxy.config.settings import BundleSettings
from proxy.names import Gun
from proxy.notary import directory
from proxy.notary.client import NotarySource
from proxy.notary.directory import DirectorySource, collections, file_of
from proxy.notary.sources import open_source
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable
from tests.unit.notary.conftest import settings_for

GUN = Gun("registry.example.com/shop/api")
TIMESTAMP = Fetch("timestamp", 100)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A directory with one collection."""
    place = tmp_path / "bundle"
    put(place, "timestamp", b"the timestamp")
    put(place, "targets/alice.00ff", b"what alice says")
    return place


def put(bundle: Path, name: str, data: bytes) -> Path:
    """Write a file of the collection."""
    path = bundle / "registry.example.com/shop/api/_trust/tuf" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


async def fetch(bundle: Path, wish: Fetch = TIMESTAMP, gun: Gun = GUN) -> Reply:
    """Ask the directory."""
    async with open_source(BundleSettings("corp", bundle)) as source:
        assert source.name == "corp"
        return await source.fetch(gun, wish)


async def test_files_lie_as_behind_a_server(bundle: Path) -> None:
    """The path is that of Notary behind /v2/, so that a web server could serve the directory too."""
    assert await fetch(bundle) == Fetched(b"the timestamp")
    assert await fetch(bundle, Fetch("targets/alice.00ff", 100)) == Fetched(b"what alice says")


async def test_what_is_not_there_is_missing(bundle: Path) -> None:
    """As a 404: another role, another GUN, and a file where a directory would have to be."""
    assert await fetch(bundle, Fetch("snapshot", 100)) == Missing()
    assert await fetch(bundle, gun=Gun("registry.example.com/shop/web")) == Missing()
    assert await fetch(bundle, Fetch("timestamp.json/x", 100)) == Missing()


async def test_the_size_is_bounded(bundle: Path) -> None:
    """What is longer than wished for is not read."""
    assert await fetch(bundle, Fetch("timestamp", 13)) == Fetched(b"the timestamp")
    assert await fetch(bundle, Fetch("timestamp", 12)) == TooLarge()


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(Fetch(f"targets/{'a' * 200}.{'0' * 64}", 100), id="a part that is too long"),
        pytest.param(Fetch("/".join(["targets", *["a" * 200] * 30]), 100), id="a path that is too long"),
    ],
)
async def test_a_name_that_no_disk_can_hold_is_missing(bundle: Path, tmp_path: Path, wish: Fetch) -> None:
    """Notary's roles may have such names; that is no failure of the disk."""
    assert await fetch(bundle, wish) == Missing()
    (tmp_path / "empty").mkdir()
    assert await fetch(tmp_path / "empty", wish) == Unavailable("its directory is empty")


async def test_a_disk_that_hangs_takes_nobody_elses_threads(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files are wished for: each is unavailable in the end, and other work in threads goes on."""
    answers = threading.Event()
    read = DirectorySource.read

    def hanging(source: DirectorySource, gun: Gun, wish: Fetch) -> Reply:
        answers.wait()
        return read(source, gun, wish)

    try:
        async with open_source(BundleSettings("corp", bundle)) as source:
            with monkeypatch.context() as patch:
                patch.setattr(DirectorySource, "read", hanging)
                patch.setattr(directory, "DIRECTORY_SECONDS", 0.1)
                replies = await asyncio.gather(*(source.fetch(GUN, TIMESTAMP) for _ in range(100)))
            assert replies == [Unavailable("its disk did not answer within 0.1 s")] * 100
            assert await asyncio.to_thread(lambda: "free") == "free"
            answers.set()
            assert await source.fetch(GUN, TIMESTAMP) == Fetched(b"the timestamp")
    finally:
        answers.set()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../secret", id="up"),
        pytest.param("targets/../../secret", id="up-from-below"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("targets//alice", id="empty-part"),
        pytest.param("./timestamp", id="here"),
        pytest.param("time\0stamp", id="null"),
    ],
)
async def test_no_name_leads_out(bundle: Path, name: str) -> None:
    """Names come from files that others wrote."""
    put(bundle, "secret", b"a secret")
    assert await fetch(bundle, Fetch(name, 100)) == Missing()
    with pytest.raises(ValueError, match="no file"):
        file_of(GUN, name)


async def test_no_link_leads_out(bundle: Path, tmp_path: Path) -> None:
    """A link within the directory is followed, one that leaves it is not; the directory may be one itself."""
    (tmp_path / "secret").write_bytes(b"a secret")
    put(bundle, "root", b"").unlink()
    root = file_of(GUN, "root")
    (bundle / root).symlink_to(tmp_path / "secret")
    assert await fetch(bundle, Fetch("root", 100)) == Unavailable("a link leads out of the directory")
    (bundle / root).unlink()
    (bundle / root).symlink_to("timestamp.json")
    assert await fetch(bundle, Fetch("root", 100)) == Fetched(b"the timestamp")
    (tmp_path / "current").symlink_to(bundle)
    assert await fetch(tmp_path / "current") == Fetched(b"the timestamp")


async def test_links_in_a_ring_are_no_file(bundle: Path) -> None:
    """Nobody goes round for ever."""
    path = bundle / file_of(GUN, "root")
    path.symlink_to(path)
    assert await fetch(bundle, Fetch("root", 100)) == Unavailable("too many levels of symbolic links")


async def test_only_regular_files_are_read(bundle: Path) -> None:
    """A pipe would keep the reader waiting, a directory is none."""
    os.mkfifo(bundle / file_of(GUN, "root"))
    assert await fetch(bundle, Fetch("root", 100)) == Unavailable("it is no regular file")
    (bundle / file_of(GUN, "snapshot")).mkdir()
    assert await fetch(bundle, Fetch("snapshot", 100)) == Unavailable("is a directory")


async def test_what_is_not_mounted_is_no_answer(tmp_path: Path) -> None:
    """No directory, or an empty one, says nothing of what is signed: evidence serves on as in an outage."""
    assert await fetch(tmp_path / "nowhere") == Unavailable("its directory: no such file or directory")
    assert await fetch(tmp_path) == Unavailable("its directory is empty")


async def test_a_file_that_cannot_be_read_is_no_answer(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails; that is none of Notary's statements."""

    def failing(*_: object, **__: object) -> BinaryIO:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(directory, "open_regular", failing)
    assert await fetch(bundle) == Unavailable("permission denied")


def test_collections_are_found(bundle: Path, tmp_path: Path) -> None:
    """Those with a timestamp; what else lies there is passed over, and so are names that Notary cannot have."""
    (bundle / "notes/_trust/tuf").mkdir(parents=True)
    (bundle / "README").write_text("exported on Monday")
    (bundle / "a b/_trust/tuf").mkdir(parents=True)
    (bundle / "a b/_trust/tuf/timestamp.json").write_bytes(b"")
    assert list(collections(bundle)) == [GUN]
    with pytest.raises(FileNotFoundError):
        list(collections(tmp_path / "nowhere"))


async def test_a_server_is_a_server() -> None:
    """Whoever opens an entry of `notaries` gets what it names."""
    async with open_source(settings_for("http://127.0.0.1:9")) as source:
        assert isinstance(source, NotarySource)
    assert isinstance(open_source(BundleSettings("corp", Path())), DirectorySource)
