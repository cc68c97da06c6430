"""Reads files of collections from a directory in the place of a Notary server (design: Configuration, `notaries.dir`).

It lies there as behind `/v2/` of a server: `GUN/_trust/tuf/NAME.json` (dialect 1.1), so that any web server could serve
it too. As from a server nothing is believed: whoever asks verifies.
"""

import asyncio
import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from proxy.config.settings import BundleSettings
from proxy.errors import NameInvalid
from proxy.limits import BUNDLE_COLLECTIONS, DIRECTORY_SECONDS, DIRECTORY_THREADS
from proxy.names import TIMESTAMP, Gun
from proxy.regular import open_regular
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable

_TRUST: Final = "_trust"
_PLACE: Final = (_TRUST, "tuf")


def file_of(gun: Gun, name: str) -> Path:
    """Where a file of a collection is within a directory; `name` as in `Fetch`. Raises `ValueError` for none."""
    parts = (*gun.split("/"), *_PLACE, *f"{name}.json".split("/"))
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"no file: {name!r}")
    return Path(*parts)


def collections(directory: Path) -> Iterator[Gun]:
    """The collections that a directory holds, `BUNDLE_COLLECTIONS` at most. Raises `OSError`."""
    return islice(_collections(directory), BUNDLE_COLLECTIONS)


def _collections(directory: Path) -> Iterator[Gun]:
    for path, folders, _ in os.walk(directory, onerror=_raise):
        here = Path(path)
        if _TRUST in folders:
            folders.remove(_TRUST)
            try:
                gun = Gun(here.relative_to(directory).as_posix())
            except NameInvalid:
                continue
            if (directory / file_of(gun, TIMESTAMP)).is_file():
                yield gun
        folders.sort()


def _raise(error: OSError) -> None:
    raise error


class DirectorySource:
    """One directory, `name` in the configuration; asked like `NotarySource`, an async context manager like it."""

    def __init__(self, settings: BundleSettings) -> None:
        self.name = settings.name
        self._directory = settings.directory
        # its own: a disk that hangs keeps its threads, and everybody else needs the loop's
        self._threads = ThreadPoolExecutor(DIRECTORY_THREADS, f"directory of {settings.name}")

    async def __aenter__(self) -> Self:
        """Nothing is held open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for nobody: a thread that hangs may never end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Read one file of a collection, within the wish's size and `DIRECTORY_SECONDS`, in a thread.

        A file that is not there is `Missing`, and so is one whose name no disk can hold; one that cannot be read, or
        not in time, is `Unavailable`, and so is everything where the directory is not there or empty, as it is when
        nothing is mounted. Never raises for anything that a disk does.
        """
        try:
            async with asyncio.timeout(DIRECTORY_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self.read, gun, wish)
        except TimeoutError:
            return Unavailable(f"its disk did not answer within {DIRECTORY_SECONDS:g} s")

    def read(self, gun: Gun, wish: Fetch) -> Reply:
        """The same, at once."""
        try:
            with self._open(file_of(gun, wish.name)) as file:
                data = file.read(wish.limit + 1)
        except ValueError:
            return Missing()
        except (FileNotFoundError, NotADirectoryError):
            return self._nothing()
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return self._nothing()
            return Unavailable((error.strerror or "it cannot be read").lower())
        return TooLarge() if len(data) > wish.limit else Fetched(data)

    def _open(self, file: Path) -> BinaryIO:
        """Open a regular file below the directory. Raises `OSError`.

        A link may lead to another place in the directory, and the directory may be a link itself: so they are
        exchanged as a whole. No link leads out of it.
        """
        base = Path(os.path.realpath(self._directory, strict=True))
        path = Path(os.path.realpath(base / file, strict=True))
        if not path.is_relative_to(base):
            raise PermissionError(None, "a link leads out of the directory")
        return open_regular(path, follow=False)

    def _nothing(self) -> Reply:
        """A file is not there, or nothing is."""
        try:
            with os.scandir(self._directory) as there:
                return Missing() if any(there) else Unavailable("its directory is empty")
        except OSError as error:
            return Unavailable(f"its directory: {(error.strerror or 'it cannot be read').lower()}")
