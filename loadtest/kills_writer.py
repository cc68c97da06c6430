"""A process that commits to a trust store until it is killed, and what has to be there then."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO

from deploy.stack.children import Child, child
from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Gun, RoleName, Tag
from proxy.store.opening import open_store
from proxy.store.protocol import Conflict, Remembered
from proxy.tuf.collection import Stored

NOTARY: Final = "corp"
GUN: Final = Gun("registry.example.com/shop/api")

_NOON: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
_BEGUN, _DONE = "begun", "done"


@dataclass
class Writer:
    """The process: which generation it last said it would commit, and which it said it had."""

    child: Child
    begun: int = 0
    done: int = 0
    failure: str = ""

    def wait(self) -> None:
        """Return when it has committed once."""
        while not self.done and not self.failure and (line := self.child.words.readline()):
            self._hear(line)

    def kill(self) -> None:
        """End it wherever it is, and hear what it said until then."""
        self.child.kill()
        for line in self.child.words:
            self._hear(line)

    def _hear(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        match word:
            case "begun":
                self.begun = int(rest)
            case "done":
                self.done = int(rest)
            case _:
                self.failure = line


@contextmanager
def writer(settings: TrustStoreSettings) -> Iterator[Writer]:
    """A process that commits one generation after the other, gone with the block."""
    with child(_write, settings) as made:
        yield Writer(made)


async def _write(_: TextIO, words: TextIO, settings: TrustStoreSettings) -> None:
    store = await open_store(settings)
    generation = await store.generation(NOTARY, GUN) or 0
    while True:
        following = generation + 1
        words.write(f"{_BEGUN} {following}\n")
        try:
            await store.commit(
                NOTARY,
                GUN,
                files(following),
                expected=generation or None,
                checked_at=_NOON,
                past=_past(following),
                new_tags=[_tag(following)],
            )
        except Conflict:  # what the one before began was completed after its end
            generation = await store.generation(NOTARY, GUN) or 0
            continue
        words.write(f"{_DONE} {following}\n")
        generation = following
        if generation % 5 == 0:
            await store.touch_all({(NOTARY, GUN): (generation, _NOON)})


def look(settings: TrustStoreSettings) -> int:
    """The generation that is there, seen to be whole; 0 where nothing is.

    Raises:
        AssertionError: It is not whole.
    """
    return asyncio.run(_look(settings))


async def _look(settings: TrustStoreSettings) -> int:
    store = await open_store(settings, create=True)
    try:
        found = await store.load(NOTARY, GUN)
        generation = found.generation if found else 0
        if found != (Remembered(files(generation), generation, _NOON, _past(generation)) if generation else None):
            raise AssertionError(f"generation {generation} is not whole: {found}")
        # Every tag at hand costs a question; the last, the first and a few between tell of all notes.
        for number in {1, generation // 3, generation // 2, generation - 1, generation} & set(range(1, generation + 1)):
            if not await store.ever_had(NOTARY, GUN, _tag(number)):
                raise AssertionError(f"the tag of generation {number} is lost at generation {generation}")
        if await store.ever_had(NOTARY, GUN, _tag(generation + 1)):
            raise AssertionError(f"a tag is noted whose generation is not there: {generation + 1}")
    except TrustStoreUnavailable as refusal:
        raise AssertionError(f"the store is not usable any more: {refusal.why}") from refusal
    else:
        return generation
    finally:
        await store.close()


def files(generation: int) -> Stored:
    """The files of a generation: each says which, the root changes now and then, delegations come and go."""
    changing = [TIMESTAMP, SNAPSHOT, TARGETS, *(RoleName(f"targets/{number}") for number in range(generation % 4))]
    named = {role: f"{role} {generation} ".encode() * 200 for role in changing}
    return Stored({ROOT: b"root %d " % (generation // 5) * 100} | named)


def _past(generation: int) -> bytes:
    return b"before %d " % generation * 50


def _tag(generation: int) -> Tag:
    return Tag(f"v{generation}")
