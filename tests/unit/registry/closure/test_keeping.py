"""What outlives a restart: indexes are in the trust store before they are answered, and found there again."""

import asyncio

import pytest

from proxy.errors import TrustStoreUnavailable
from proxy.limits import INDEX_DEPTH, INDEX_KEPT_SECONDS
from proxy.registry.closure import Absent, Found
from proxy.tasks import spawn
from tests.unit.registry.closure.material import (
    ALICE,
    Clock,
    Shelf,
    Store,
    closure,
    find,
    layered,
    many,
    roots,
    tower,
    verified,
)
from tests.unit.registry.material import APP, digest, image, index


async def test_an_index_is_kept_before_it_is_answered() -> None:
    """When `remember` returns, a restart no longer forgets the children."""
    store, root = Store(), index([image("amd64")])
    await closure(Shelf(), store).remember(verified(root))
    assert await store.load_index(digest(root)) == root


async def test_an_index_that_cannot_be_kept_is_not_answered() -> None:
    """Without the store an index would be answered whose children nobody knows after a restart."""
    store, root = Store(away=True), index([image("amd64")])
    asked = closure(Shelf(), store)
    with pytest.raises(TrustStoreUnavailable):
        await asked.remember(verified(root))
    store.away = False
    await asked.remember(verified(root))
    assert await store.load_index(digest(root)) == root


async def test_an_image_needs_no_store() -> None:
    """An image admits no manifests, so it is answered even while the store is away."""
    store = Store(away=True)
    await closure(Shelf(), store).remember(verified(layered("app")))
    assert store.asked == []


async def test_an_index_is_kept_once_however_many_ask() -> None:
    """A hundred clients that pull the same index at once cost one write, and those after them none."""
    store, root = Store(), index([image("amd64")])
    asked = closure(Shelf(), store)
    await asyncio.gather(*(asked.remember(verified(root)) for _ in range(100)))
    await asked.remember(verified(root))
    assert store.asked == ["keep_index"]


async def test_one_who_leaves_does_not_take_the_write_along() -> None:
    """The write is everybody's, and goes on when the first client hangs up."""
    store, root = Store(), index([image("amd64")])
    asked = closure(Shelf(), store)
    first, second = (spawn(asked.remember(verified(root)), name="client") for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()
    assert store.asked == ["keep_index"]
    assert await store.load_index(digest(root)) == root


async def test_an_index_in_use_is_kept_again_after_a_day() -> None:
    """The store forgets what is not used, so what is in use says so now and then."""
    clock, store, root = Clock(), Store(), index([image("amd64")])
    asked = closure(Shelf(), store, clock)
    await asked.remember(verified(root))
    clock.seconds += INDEX_KEPT_SECONDS + 1
    await asked.remember(verified(root))
    assert store.asked == ["keep_index", "keep_index"]


async def test_children_are_known_after_a_restart() -> None:
    """A new process, or another replica, finds a child without the registry."""
    store, root = Store(), index([child := image("amd64")])
    await closure(Shelf(), store).remember(verified(root))
    shelf = Shelf()
    assert isinstance(await find(closure(shelf, store), child, *many(50), root), Found)
    assert shelf.read == []


async def test_a_way_over_several_kept_indexes_is_found() -> None:
    """Indexes inside indexes are followed upwards through the store, as deep as they count."""
    store = Store()
    levels, bottom = tower(INDEX_DEPTH)
    before = closure(Shelf(), store)
    for level in levels[1:]:
        await before.remember(verified(level))
    shelf = Shelf()
    assert isinstance(await find(closure(shelf, store), bottom, levels[-1]), Found)
    assert shelf.read == []


async def test_a_kept_index_admits_nothing_by_itself() -> None:
    """What is kept says where to look; without a root above it nothing is admitted."""
    store, old = Store(), index([child := image("amd64")])
    await closure(Shelf(), store).remember(verified(old))
    assert await find(closure(Shelf(new := index([])), store), child, new) == Absent()


async def test_what_a_walk_reads_is_kept_too() -> None:
    """The registry is walked once, not once after each restart."""
    store, root = Store(), index([child := image("amd64")])
    assert isinstance(await find(closure(Shelf(root), store), child, root), Found)
    shelf = Shelf()
    assert isinstance(await find(closure(shelf, store), child, root), Found)
    assert shelf.read == []


async def test_kept_indexes_are_not_read_from_the_registry() -> None:
    """Where an index is needed to prove a no, the kept copy is as good."""
    store, root = Store(), index([image("amd64")])
    await closure(Shelf(), store).remember(verified(root))
    shelf = Shelf(plain := layered("plain"))
    assert await find(closure(shelf, store), image("stranger"), root, plain) == Absent()
    assert shelf.read == [digest(plain)]


async def test_another_replica_knows_an_index_that_this_one_thinks_missing() -> None:
    """An index that was pushed since, and served by another replica, admits its children here at once."""
    store, root = Store(), index([child := image("amd64")])
    asked, there = closure(Shelf(), store), roots(root)
    assert await asked.find(APP, digest(child), there, ALICE) == Absent()
    await closure(Shelf(), store).remember(verified(root))
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)


async def test_while_the_store_is_away_the_registry_tells() -> None:
    """A walk needs no store: a yes is as good, and so is a no that rests on every manifest."""
    shelf = Shelf(root := index([child := image("amd64")]))
    asked, there = closure(shelf, Store(away=True)), roots(root)
    assert isinstance(await asked.find(APP, digest(child), there, ALICE), Found)
    assert await asked.find(APP, digest(image("stranger")), there, ALICE) == Absent()


async def test_while_the_store_is_away_a_missing_index_leaves_the_question_open() -> None:
    """The store may know an index that the registry lacks, so its silence is no no."""
    store = Store(away=True)
    asked, there = closure(Shelf(), store), roots(index([image("amd64")]))
    for _ in range(2):
        with pytest.raises(TrustStoreUnavailable):
            await asked.find(APP, digest(image("amd64")), there, ALICE)
    store.away = False
    assert await asked.find(APP, digest(image("amd64")), there, ALICE) == Absent()


async def test_a_kept_index_that_would_not_be_served_now_is_passed_over() -> None:
    """A store may hold what an earlier version of the program found unambiguous."""
    store = Store()
    odd = index([image("amd64")]).replace(b'"manifests"', b'"Manifests": [], "manifests"')
    await store.keep_index(digest(odd), odd)
    assert await find(closure(Shelf(), store), image("amd64"), odd) == Absent()
