"""Following changes of the configuration goes on, whatever becomes of one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.config import Seen, Settings
from proxy.server.reloading import Configuration, Reloading
from proxy.tasks import spawn
from tests.unit.config.site import Site, compose
from tests.unit.registry.material import eventually

FILE = "rules.yaml"


class Place:
    """A configuration that is followed, and what came of each change; threads begin where `has_threads`."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site, self.noted, self.has_threads = Site(directory), list[bool](), True
        self._name = "registry.example.com"
        self._file = directory / FILE
        self._begin = asyncio.to_thread
        self.write(self._name)
        self.following = Reloading(Configuration.first(self._read), self._take, self._note)
        monkeypatch.setattr("proxy.server.watching.WATCHED_SECONDS", 0.001)
        monkeypatch.setattr("proxy.server.reloading.WATCHED_SECONDS", 0.001)
        monkeypatch.setattr(asyncio, "to_thread", self._to_thread)

    def write(self, name: str) -> None:
        """Have the registry named otherwise."""
        self._name = name
        self._file.write_text(name)

    @property
    def name(self) -> str:
        """That of the configuration in effect."""
        return self.following.configuration.settings.name

    def _read(self, seen: Seen) -> Settings:
        seen.note(self._file)
        return self.site.load(compose(name=self._name))

    async def _take(self, _: Settings) -> None:
        pass

    def _note(self, settings: Settings | None) -> None:
        self.noted.append(settings is not None)

    async def _to_thread(self, work: Any, *arguments: Any) -> Any:
        if not self.has_threads:
            raise RuntimeError("can't start new thread")
        return await self._begin(work, *arguments)


@asynccontextmanager
async def followed(place: Place) -> AsyncIterator[None]:
    """Follow it."""
    task = spawn(place.following.run(), name="reloading")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("is_asked", [pytest.param(False, id="looking"), pytest.param(True, id="reading")])
async def test_where_no_thread_begins_it_is_followed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[Any], *, is_asked: bool
) -> None:
    """A machine may be short of them for a moment: that is told, and what changed meanwhile is taken afterwards."""
    place = Place(tmp_path, monkeypatch)
    async with followed(place):
        place.has_threads = False
        if is_asked:
            place.following.watch.ask()
        await eventually(lambda: "unexpected error" in [each["event"] for each in events])
        place.write("other.example.com")
        place.has_threads = True
        await eventually(lambda: place.name == "other.example.com")
    assert place.noted[-1]
