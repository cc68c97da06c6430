"""What is remembered of manifests stays within its bound, and the way back from what they name stays true."""

import random

import pytest

from proxy.errors import Undecided
from proxy.names import Descriptor, Digest
from proxy.registry.closure import Absent, Found, knowledge
from proxy.registry.closure.memory import Content, Memory, raw
from tests.unit.registry.closure.material import (
    ALICE,
    Shelf,
    blob,
    closure,
    find,
    layered,
    roots,
    verified,
)
from tests.unit.registry.material import APP, digest, image, index


def content(children: list[Digest], blobs: list[Digest]) -> Content:
    """A content that names these."""
    listed = tuple(Descriptor(child, 7, "application/json") for child in children)
    return Content(100, bool(children), listed, b"".join(map(raw, blobs)))


def test_the_way_back_leads_to_those_that_are_remembered() -> None:
    """Whatever was learned and forgotten in whatever order, a digest's namers are those that name it now."""
    dice = random.Random(1)  # noqa: S311  (not for secrets)
    named = [blob(f"named {number}") for number in range(12)]
    memory = Memory(8 * content(named[:2], named[:2]).weight)
    for number in range(2000):
        picked = [dice.choice(named) for _ in range(4)]
        memory.learn(blob(f"manifest {dice.randrange(40)}"), content(picked[:2], picked[2:]))
        assert memory.currsize <= memory.maxsize
        wanted = named[number % len(named)]
        assert set(memory.namers(wanted)) == {each for each, known in memory.items() if raw(wanted) in known.names()}
    assert memory.forgotten > 100
    while memory:
        memory.popitem()
    assert memory._namers == {}


def test_what_was_used_last_is_forgotten_last() -> None:
    """Learning again is using."""
    one = content([], [blob("layer")])
    memory = Memory(2 * one.weight)
    for name in ("a", "b", "a", "c"):
        memory.learn(blob(name), one)
    assert set(memory) == {blob("a"), blob("c")}
    assert memory.forgotten == 1


async def test_what_is_forgotten_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a few manifests only the answers stay the same."""
    monkeypatch.setattr(knowledge, "CLOSURE_CHILDREN_BYTES", 2 * content([blob("a"), blob("b")], []).weight)
    bodies = [index([image(f"{number}a"), image(f"{number}b")]) for number in range(5)]
    shelf = Shelf(*bodies)
    asked = closure(shelf)
    for _ in range(2):
        for number, root in enumerate(bodies):
            assert isinstance(await find(asked, image(f"{number}b"), root), Found)
            assert asked._knowledge.children.currsize <= asked._knowledge.children.maxsize


async def test_a_no_that_rests_on_what_was_forgotten_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for all that would have to be known, a yes is found and a no stays open."""
    monkeypatch.setattr(knowledge, "CLOSURE_CHILDREN_BYTES", 2 * content([blob("a")], []).weight)
    bodies = [index([image(f"{number}")]) for number in range(4)]
    asked, there = closure(Shelf(*bodies)), roots(*bodies)
    for number in range(4):
        with pytest.raises(Undecided) as refusal:
            await asked.find(APP, digest(image("stranger")), there, ALICE)
        assert refusal.value.why == "not all signed indexes could be remembered at once"
        assert isinstance(await asked.find(APP, digest(image(f"{number}")), there, ALICE), Found)


async def test_a_proof_ends_when_something_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is forgotten later is read again before anything is said to be absent."""
    monkeypatch.setattr(knowledge, "CLOSURE_CHILDREN_BYTES", 2 * content([blob("a")], []).weight)
    here, other = index([child := image("here")]), index([image("other")])
    shelf = Shelf(here)
    asked, there = closure(shelf), roots(here)
    assert await asked.find(APP, digest(image("stranger")), there, ALICE) == Absent()
    await asked.remember(verified(other))
    await asked.remember(verified(index([image("third")])))
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)
    assert await asked.find(APP, digest(image("stranger")), there, ALICE) == Absent()


async def test_forgetting_images_does_not_touch_what_is_known_of_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs have a bound of their own, and a proof about manifests does not rest on them."""
    monkeypatch.setattr(knowledge, "CLOSURE_BLOBS_BYTES", content([], [blob("a")]).weight)
    bodies = [layered(f"app {number}") for number in range(4)]
    shelf = Shelf(*bodies)
    asked, there = closure(shelf), roots(*bodies)
    for _ in range(3):
        assert await asked.find(APP, blob("stranger"), there, ALICE) == Absent()
    assert len(shelf.read) == 4
    for number in range(4):
        assert isinstance(await asked.find_blob(APP, blob(f"config of app {number}"), there, ALICE), Found)
    shelf.read.clear()
    assert isinstance(await asked.find_blob(APP, blob("config of app 0"), there, ALICE), Found)
    assert shelf.read != []  # it had been forgotten
    shelf.read.clear()
    await asked.remember(verified(bodies[0]))
    assert isinstance(await asked.find_blob(APP, blob("config of app 0"), there, ALICE), Found)
    assert shelf.read == []
