"""Reading what nobody remembers: once for everybody who waits, within bounds, and to an end."""

import asyncio
import gc
from weakref import ref

import pytest
from multidict import CIMultiDict

from proxy.errors import ManifestMissing, RegistryUnreachable, Undecided
from proxy.limits import MISSING_SECONDS, WALK_MANIFESTS, WALK_PARALLEL
from proxy.manifests import MediaType
from proxy.names import Digest
from proxy.registry.closure import Absent, Found, walk
from proxy.registry.failures import Relayed
from proxy.tasks import spawn
from tests.unit.registry.closure.material import (
    ALICE,
    BOB,
    Clock,
    Shelf,
    closure,
    digests,
    find,
    layered,
    many,
    roots,
    verified,
)
from tests.unit.registry.material import APP, digest, eventually, image, index

INDEX = MediaType.OCI_INDEX
STRANGER = digest(image("stranger"))


async def test_a_walk_is_bounded_and_goes_on_with_the_next_question() -> None:
    """More manifests than one question may read: undecided; the next question reads on from there."""
    images = many(WALK_MANIFESTS + 1)
    shelf = Shelf(*images)
    asked = closure(shelf)
    with pytest.raises(Undecided) as refusal:
        await find(asked, image("stranger"), *images)
    assert str(WALK_MANIFESTS) in refusal.value.why
    assert len(shelf.read) == WALK_MANIFESTS
    assert await find(asked, image("stranger"), *images) == Absent()
    assert len(shelf.read) == WALK_MANIFESTS + 1


async def test_what_a_walk_has_to_keep_in_mind_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes that name an endless number of indexes leave a question open rather than fill the memory."""
    monkeypatch.setattr(walk, "WALK_DIGESTS", 20)
    root = index([index([], name) for name in (f"application/x-{number}" for number in range(21))], of_type=INDEX)
    shelf = Shelf(root)
    with pytest.raises(Undecided) as refusal:
        await find(closure(shelf), image("stranger"), root)
    assert refusal.value.why == "not all signed indexes could be read: they name more than 20 manifests"
    assert shelf.read == [digest(root)]


async def test_many_who_ask_share_one_walk() -> None:
    """However many wait, every manifest is read once, and each gets its own answer."""
    children = many(20)
    bodies = [index([child]) for child in children]
    shelf = Shelf(*bodies)
    asked, there = closure(shelf), roots(*bodies)
    wanted = [*(digest(child) for child in children), STRANGER]
    answers = await asyncio.gather(*(asked.find(APP, each, there, ALICE) for each in wanted))
    assert [type(answer) for answer in answers] == [Found] * 20 + [Absent]
    assert sorted(shelf.read) == digests(bodies)


async def test_a_walk_ends_when_everybody_has_an_answer() -> None:
    """A child that is found at once does not cost the whole repository."""
    bodies = [index([child := image("amd64")]), *many(10 * WALK_PARALLEL)]
    shelf = Shelf(*bodies)
    asked, there = closure(shelf), roots(*bodies)
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)
    await eventually(lambda: not asked._walks)
    assert len(shelf.read) == WALK_PARALLEL


async def test_a_walk_goes_on_when_one_leaves() -> None:
    """Who runs out of patience leaves the work done to the next one."""
    bodies = many(3 * WALK_PARALLEL)
    shelf = Shelf(*bodies)
    shelf.gate.clear()
    asked, there = closure(shelf), roots(*bodies)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asked.find(APP, STRANGER, there, ALICE), 0.01)
    shelf.gate.set()
    await eventually(lambda: not asked._walks)
    assert sorted(shelf.read) == digests(bodies)
    assert await asked.find(APP, STRANGER, there, ALICE) == Absent()
    assert len(shelf.read) == 3 * WALK_PARALLEL


async def test_who_comes_later_waits_with_the_others() -> None:
    """One who asks in the middle of a walk learns what was read before and what is read after."""
    bodies = [index([first := image("first")]), *many(WALK_PARALLEL - 1), index([last := image("last")])]
    shelf = Shelf(*bodies)
    asked, there = closure(shelf), roots(*bodies)
    early = asyncio.gather(*(asked.find(APP, each, there, ALICE) for each in (STRANGER, digest(last))))
    await eventually(lambda: len(shelf.read) > WALK_PARALLEL)
    late = await asyncio.gather(*(asked.find(APP, each, there, ALICE) for each in (STRANGER, digest(first))))
    assert [type(answer) for answer in [*await early, *late]] == [Absent, Found, Absent, Found]
    assert sorted(shelf.read) == digests(bodies)


async def test_random_digests_cost_nothing() -> None:
    """Once all is known, a digest that nothing names is answered without reading and without asking the store."""
    shelf = Shelf(root := index([image("amd64")]), plain := image("plain"))
    asked, there = closure(shelf), roots(root, plain)
    assert await asked.find(APP, STRANGER, there, ALICE) == Absent()
    del shelf.read[:]
    for number in range(50):
        random = Digest.from_hash(bytes([number]) * 32)
        assert await asked.find(APP, random, there, BOB) == Absent()
    assert shelf.read == []


async def test_an_answer_goes_with_its_roots() -> None:
    """What is proved of one piece of evidence is forgotten with it, and says nothing of the next one."""
    shelf = Shelf(old := index([image("amd64")]), new := index([child := image("arm64")]))
    asked, there = closure(shelf), roots(old)
    assert await asked.find(APP, digest(child), there, ALICE) == Absent()
    assert isinstance(await find(asked, child, old, new), Found)
    gone = ref(there)
    del there
    gc.collect()
    assert gone() is None
    assert len(asked._proofs) == 0


async def test_more_missing_images_than_a_walk_may_read_do_not_keep_it_open() -> None:
    """Hundreds of signed tags whose images are gone: a few questions later the answer is no, and it stays no."""
    clock = Clock()
    missing = many(2 * WALK_MANIFESTS + 100)
    shelf = Shelf(root := index([child := image("amd64")]))
    asked, there = closure(shelf, clock=clock), roots(*missing, root)
    undecided = 0
    for _ in range(5):
        try:
            assert await asked.find(APP, STRANGER, there, ALICE) == Absent()
        except Undecided:
            undecided += 1
        clock.seconds += 40  # a person tries again
    assert undecided == 2
    assert set(shelf.read) == {digest(body) for body in (*missing, root)}
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)


async def test_missing_images_are_looked_for_again_within_the_bound() -> None:
    """After a while a missing image may be there; looking for all of them again never leaves a question open."""
    clock = Clock()
    missing = many(WALK_MANIFESTS + 100)
    shelf = Shelf()
    asked, there = closure(shelf, clock=clock), roots(*missing)
    with pytest.raises(Undecided):
        await asked.find(APP, STRANGER, there, ALICE)
    assert await asked.find(APP, STRANGER, there, ALICE) == Absent()
    clock.seconds += MISSING_SECONDS
    del shelf.read[:]
    assert await asked.find(APP, STRANGER, there, ALICE) == Absent()
    assert len(shelf.read) == WALK_MANIFESTS
    assert await asked.find(APP, STRANGER, there, ALICE) == Absent()
    assert len(shelf.read) == WALK_MANIFESTS


async def test_an_index_that_was_missing_is_found_when_it_is_back() -> None:
    """A manifest that is pushed again admits its children after a while, or at once where it is served."""
    clock = Clock()
    root, other = index([child := image("amd64")]), index([second := image("arm64")])
    shelf = Shelf()
    asked, there = closure(shelf, clock=clock), roots(root, other)
    assert await asked.find(APP, digest(child), there, ALICE) == Absent()
    shelf.bodies = {digest(body): body for body in (root, other)}
    assert await asked.find(APP, digest(child), there, ALICE) == Absent()
    await asked.remember(verified(other))
    assert isinstance(await asked.find(APP, digest(second), there, ALICE), Found)
    clock.seconds += MISSING_SECONDS
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_nobody_suffers_for_the_credential_of_another(status: int) -> None:
    """Who waits for a walk that the registry does not let in walks with a credential of its own."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures_for[ALICE] = Relayed(status, CIMultiDict(), b"")
    asked, there = closure(shelf), roots(root)
    answers = await asyncio.gather(
        asked.find(APP, digest(child), there, ALICE),
        asked.find(APP, digest(child), there, BOB),
        asked.find(APP, STRANGER, there, BOB),
        return_exceptions=True,
    )
    assert isinstance(answers[0], Absent if status == 404 else Undecided)
    assert [type(answer) for answer in answers[1:]] == [Found, Absent]


async def test_a_hidden_repository_is_not_asked_for_all_of_it() -> None:
    """Where nothing but 404 comes back, a stranger's question ends after a few requests, and proves nothing."""
    bodies = many(5 * WALK_PARALLEL)
    shelf = Shelf(*bodies)
    shelf.failures_for[ALICE] = Relayed(404, CIMultiDict(), b"")
    asked, there = closure(shelf), roots(*bodies)
    with pytest.raises(Undecided) as refusal:
        await asked.find(APP, STRANGER, there, ALICE)
    assert refusal.value.why == "not all signed indexes could be read: the registry answered 404"
    assert len(shelf.read) == WALK_PARALLEL
    assert await asked.find(APP, STRANGER, there, BOB) == Absent()


async def test_a_single_hidden_manifest_does_not_end_a_walk() -> None:
    """Some registries answer 404 for a manifest that is gone, whoever asks; the others are read all the same."""
    bodies = [*many(WALK_PARALLEL), index([child := image("amd64")])]
    shelf = Shelf(*bodies)
    shelf.failures = {digest(body): Relayed(404, CIMultiDict(), b"") for body in bodies[1:WALK_PARALLEL]}
    assert isinstance(await find(closure(shelf), child, *bodies), Found)


async def test_what_nobody_expected_reaches_everybody_who_waits() -> None:
    """A defect is never taken for an answer, and the next question starts afresh."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures[digest(root)] = ZeroDivisionError()
    asked, there = closure(shelf), roots(root)
    answers = await asyncio.gather(
        *(asked.find(APP, digest(child), there, who) for who in (ALICE, BOB)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [ExceptionGroup] * 2
    del shelf.failures[digest(root)]
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)


async def test_after_an_outage_the_next_question_reads_again() -> None:
    """An outage is remembered by nobody."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures[digest(root)] = RegistryUnreachable("away")
    asked, there = closure(shelf), roots(root)
    with pytest.raises(Undecided):
        await asked.find(APP, digest(child), there, ALICE)
    del shelf.failures[digest(root)]
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)


async def test_others_get_their_turn_during_a_walk_of_what_is_known() -> None:
    """Going through very many remembered manifests does not hold up the loop."""
    bodies = many(2500)
    asked, there = closure(Shelf()), roots(*bodies)
    for body in bodies:
        await asked.remember(verified(body))
    turns = 0
    answer = spawn(asked.find(APP, STRANGER, there, ALICE), name="question")
    while not answer.done():
        turns += 1
        await asyncio.sleep(0)
    assert await answer == Absent()
    assert turns > 4


async def test_a_missing_manifest_of_one_repository_may_be_there_in_another() -> None:
    """What the registry lacks is remembered by repository."""
    shelf = Shelf()
    asked = closure(shelf)
    shelf.failures[digest(layered("app"))] = ManifestMissing("sha256:..")
    assert await find(asked, image("stranger"), layered("app")) == Absent()
    assert asked._knowledge.missing.age(APP, digest(layered("app"))) == 0
    assert asked._knowledge.missing.age(type(APP)("other/app"), digest(layered("app"))) is None
