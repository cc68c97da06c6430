"""Processes that die or collide: no version falls, no collection is ever half written."""

import asyncio
import contextlib
import random
import time
from pathlib import Path
from typing import TextIO

import pytest

from deploy.stack.children import child
from proxy.config.settings import TrustStoreSettings
from proxy.names import Tag
from proxy.store.opening import open_store
from proxy.store.protocol import Conflict, Remembered
from tests.unit.store.material import GUN, NOON, NOTARY, digest, files_of, index

KILLS = 10
ROUNDS = 20


async def remembered(settings: TrustStoreSettings) -> Remembered | None:
    """What the store holds after all that."""
    store = await open_store(settings)
    try:
        return await store.load(NOTARY, GUN)
    finally:
        await store.close()


async def commit_on_and_on(_: TextIO, words: TextIO, settings: TrustStoreSettings) -> None:
    """Commit one generation after the other, and say which is safe."""
    store = await open_store(settings)
    found = await store.load(NOTARY, GUN)
    generation = found.generation if found else None
    while True:
        files = files_of((generation or 0) + 1)
        generation = await store.commit(NOTARY, GUN, files, expected=generation, checked_at=NOON)
        words.write(f"{generation}\n")


def test_a_killed_writer_leaves_a_whole_collection(settings: TrustStoreSettings) -> None:
    """However often a process is killed amid its commits, what it said to be safe is there, and whole."""
    dice = random.Random(20260601)  # noqa: S311 (not for secrets)
    for _ in range(KILLS):
        with child(commit_on_and_on, settings) as writer:
            safe = int(writer.words.readline())
            time.sleep(dice.uniform(0, 0.03))
            writer.kill()
            safe = max([safe, *(int(line) for line in writer.words)])
        found = asyncio.run(remembered(settings))
        assert found is not None
        assert found.generation in (safe, safe + 1)  # it may have died between the commit and saying so
        assert found == Remembered(files_of(found.generation), found.generation, NOON)


async def commit_when_told(orders: TextIO, words: TextIO, settings: TrustStoreSettings) -> None:
    """Commit against each generation that is ordered, and say how that went."""
    store = await open_store(settings)
    words.write("ready\n")
    for line in orders:
        generation = int(line)
        try:
            await store.commit(NOTARY, GUN, files_of(generation + 1), expected=generation or None, checked_at=NOON)
            words.write("won\n")
        except Conflict:
            words.write("lost\n")


def test_of_two_processes_one_wins_each_round(settings: TrustStoreSettings) -> None:
    """Two processes that commit against the same generation at the same time: one wins, the other is told."""
    with child(commit_when_told, settings) as one, child(commit_when_told, settings) as two:
        assert [each.words.readline() for each in (one, two)] == ["ready\n", "ready\n"]
        for generation in range(ROUNDS):
            one.order(generation)
            two.order(generation)
            assert sorted(each.words.readline() for each in (one, two)) == ["lost\n", "won\n"]
    assert asyncio.run(remembered(settings)) == Remembered(files_of(ROUNDS), ROUNDS, NOON)


async def note_when_told(orders: TextIO, words: TextIO, settings: TrustStoreSettings) -> None:
    """Note as many tags and indexes as there are rounds, from the number that is ordered."""
    store = await open_store(settings)
    words.write("ready\n")
    start = int(orders.readline())
    for number in range(start, start + ROUNDS):
        data = index([b"shared", b"%d" % number])
        await store.keep_index(digest(data), data)
        while True:
            found = await store.load(NOTARY, GUN)
            generation = found.generation if found else None
            with contextlib.suppress(Conflict):
                await store.commit(
                    NOTARY,
                    GUN,
                    files_of((generation or 0) + 1),
                    expected=generation,
                    checked_at=NOON,
                    past=b"of generation %d" % ((generation or 0) + 1),
                    new_tags=[Tag(f"v{number}")],
                )
                break
    words.write("done\n")


def test_two_processes_note_tags_and_indexes_at_the_same_time(settings: TrustStoreSettings) -> None:
    """Whoever loses a turn starts again from what the other left, so no tag and no index of either is lost."""

    async def look() -> None:
        store = await open_store(settings)
        last = 2 * ROUNDS
        assert await store.load(NOTARY, GUN) == Remembered(files_of(last), last, NOON, b"of generation %d" % last)
        assert all([await store.ever_had(NOTARY, GUN, Tag(f"v{number}")) for number in range(last)])
        named = await store.indexes_naming(digest(b"shared"))
        assert set(named) == {digest(index([b"shared", b"%d" % number])) for number in range(last)}
        await store.close()

    with child(note_when_told, settings) as one, child(note_when_told, settings) as two:
        assert [each.words.readline() for each in (one, two)] == ["ready\n", "ready\n"]
        one.order(0)
        two.order(ROUNDS)
        assert [each.words.readline() for each in (one, two)] == ["done\n", "done\n"]
    asyncio.run(look())


async def open_when_told(orders: TextIO, words: TextIO, settings: TrustStoreSettings) -> None:
    """Open the store once that is ordered, and say whether it was new."""
    orders.readline()
    store = await open_store(settings)
    words.write(f"{store.created}\n")


@pytest.mark.parametrize("starts", [pytest.param(2, id="two"), pytest.param(5, id="five")])
def test_processes_that_start_together_share_one_store(settings: TrustStoreSettings, path: Path, starts: int) -> None:
    """Several processes find no file at the same time: one creates the store, all use it."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child(open_when_told, settings)) for _ in range(starts)]
        for each in children:
            each.order(0)
        created = [each.words.readline() for each in children]
    assert sorted(created) == ["False\n"] * (starts - 1) + ["True\n"]
    assert path.is_file()


async def open_it(_: TextIO, words: TextIO, settings: TrustStoreSettings) -> None:
    """Open the store and commit to it at once."""
    words.write("opening\n")
    store = await open_store(settings)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)


def test_a_killed_start_leaves_a_whole_store_or_none(settings: TrustStoreSettings, path: Path) -> None:
    """A first start that is killed half way leaves nothing under the store's name, or all of it."""
    dice = random.Random(20260601)  # noqa: S311 (not for secrets)
    for _ in range(KILLS):
        with child(open_it, settings) as starting:
            starting.words.readline()
            time.sleep(dice.uniform(0, 0.06))
        assert not path.exists() or asyncio.run(remembered(settings)) in (None, Remembered(files_of(1), 1, NOON))
        for each in path.parent.glob("trust.db*"):
            each.unlink()
