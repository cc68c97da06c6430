"""When a configuration is read anew: what changed and stands still, and whoever asks."""

import asyncio
from pathlib import Path

import pytest

from proxy.config.seen import Looks, Seen
from proxy.server.watching import Cause, Watch
from proxy.tasks import spawn
from tests.unit.registry.material import eventually

NEVER = 60.0


class Played(Seen):
    """Files that look otherwise at each look, as a test has it; the last look goes on for good."""

    def __init__(self, first: str, *later: str) -> None:
        super().__init__()
        self._first, self._later = looks(first), [looks(each) for each in later]
        self.looked = 0

    @property
    def looks(self) -> Looks:
        """As they looked when they were read."""
        return self._first

    def look_again(self) -> Looks:
        """As they look by now."""
        self.looked += 1
        return self._later.pop(0) if len(self._later) > 1 else self._later[0]


def looks(how: str) -> Looks:
    """A file that looks like this."""
    return {(Path("config.yaml"), ""): (how,)}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr("proxy.server.watching.WATCHED_SECONDS", 0.001)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks of his own accord."""
    monkeypatch.setattr("proxy.server.watching.WATCHED_SECONDS", NEVER)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("later", "looked"),
    [
        pytest.param(("new",), 2, id="changed-and-stands-still"),
        pytest.param(("old", "old", "new"), 4, id="changed-later"),
        pytest.param(("half", "most", "whole"), 4, id="being-written"),
        pytest.param(("new", "old", "old", "new"), 5, id="changed-back-meanwhile"),
        pytest.param(("gone", "new"), 3, id="replaced"),
    ],
)
async def test_a_change_is_read_when_it_stands_still(later: tuple[str, ...], looked: int) -> None:
    """The same for two looks in a row, and other than it was read: half a file is hardly ever read."""
    seen = Played("old", *later)
    assert await Watch().wait(seen) is Cause.CHANGED
    assert seen.looked == looked


@pytest.mark.usefixtures("hurried")
async def test_what_looks_as_it_was_read_is_not_read_again() -> None:
    """However often somebody looks, also after it was another one for a look."""
    seen = Played("old", "new", "old")
    waiting = spawn(Watch().wait(seen), name="watch")
    await eventually(lambda: seen.looked > 20)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.usefixtures("patient")
async def test_whoever_asks_is_heard_at_once() -> None:
    """Nobody has to change anything, and nobody waits for a look."""
    watch, seen = Watch(), Played("old", "old")
    waiting = spawn(watch.wait(seen), name="watch")
    await asyncio.sleep(0)
    watch.ask()
    assert await waiting is Cause.ASKED
    assert seen.looked == 0


@pytest.mark.usefixtures("patient")
async def test_whoever_asks_in_between_is_heard_once() -> None:
    """While it is being read anybody may ask: it is read once more, and not a third time."""
    watch, seen = Watch(), Played("old", "old")
    for _ in range(100):
        watch.ask()
    assert await watch.wait(seen) is Cause.ASKED
    waiting = spawn(watch.wait(seen), name="watch")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.usefixtures("hurried")
async def test_files_on_a_disk_are_watched(tmp_path: Path) -> None:
    """What was missing when it was read is seen when it comes."""
    seen, file = Seen(), tmp_path / "config.yaml"
    seen.note(file)
    waiting = spawn(Watch().wait(seen), name="watch")
    await asyncio.sleep(0.02)
    assert not waiting.done()
    file.write_text("version: 1\n")
    assert await waiting is Cause.CHANGED
