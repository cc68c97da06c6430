"""Which blobs admitted images name."""

import pytest

from proxy.errors import RegistryUnreachable, Undecided
from proxy.limits import INDEX_DEPTH, WALK_MANIFESTS
from proxy.names import Digest
from proxy.registry.closure import Absent, Found, Roots
from tests.unit.registry.closure.material import (
    ALICE,
    Shelf,
    Store,
    blob,
    closure,
    config,
    layered,
    many,
    roots,
    tower,
    verified,
)
from tests.unit.registry.material import APP, allowed, digest, index


@pytest.mark.parametrize(
    "wanted", [pytest.param(config("app"), id="config"), pytest.param(blob("layer 2"), id="layer")]
)
async def test_config_and_layers_of_an_admitted_image_are_found(wanted: Digest) -> None:
    """A blob is admitted by the image that names it, and the answer carries that image's permission."""
    image = layered("app", "layer 1", "layer 2")
    found = await closure(Shelf(image)).find_blob(APP, wanted, roots(image), ALICE)
    assert found == Found(allowed(image))


async def test_blobs_of_the_images_of_an_index_are_found() -> None:
    """An index admits images, and these their blobs, as deep as indexes count."""
    levels, _ = tower(INDEX_DEPTH)
    found = await closure(Shelf(*levels)).find_blob(APP, config("bottom"), roots(levels[-1]), ALICE)
    assert isinstance(found, Found)
    assert found.allowed.digest == digest(levels[0])
    levels, _ = tower(INDEX_DEPTH + 1)
    assert await closure(Shelf(*levels)).find_blob(APP, config("bottom"), roots(levels[-1]), ALICE) == Absent()


async def test_what_no_admitted_image_names_is_absent() -> None:
    """Neither a manifest nor a blob of an image that nothing admits is a blob here; and asking again costs nothing."""
    image, other = layered("app", "layer"), layered("other", "secret")
    root = index([image])
    shelf = Shelf(root, image)
    asked, there = closure(shelf), roots(root)
    await asked.remember(verified(other))
    for wanted in (blob("secret"), config("other"), digest(image), digest(root), blob("stranger")):
        assert await asked.find_blob(APP, wanted, there, ALICE) == Absent()
    assert sorted(shelf.read) == sorted([digest(root), digest(image)])


async def test_a_blob_is_no_manifest() -> None:
    """A layer's digest is not admitted as a manifest by the image that names it."""
    image = layered("app", "layer")
    asked, there = closure(Shelf(image)), roots(image)
    assert isinstance(await asked.find_blob(APP, blob("layer"), there, ALICE), Found)
    assert await asked.find(APP, blob("layer"), there, ALICE) == Absent()


async def test_blobs_of_what_was_served_need_no_walk() -> None:
    """A client that was just given a manifest finds its blobs at once."""
    image = layered("app", "layer")
    shelf = Shelf()
    asked, there = closure(shelf), roots(*many(100), index([image]))
    await asked.remember(verified(index([image])))
    await asked.remember(verified(image))
    assert isinstance(await asked.find_blob(APP, blob("layer"), there, ALICE), Found)
    assert shelf.read == []


async def test_a_layer_that_many_images_share_is_found_by_each() -> None:
    """A base layer is named by images of many repositories; one that is admitted here is enough."""
    images = [layered(f"app {number}", "base") for number in range(20)]
    asked = closure(Shelf())
    for image in images:
        await asked.remember(verified(image))
    for image in images:
        assert isinstance(await asked.find_blob(APP, blob("base"), roots(image), ALICE), Found)


async def test_right_after_a_restart_images_are_read() -> None:
    """Indexes come from the store, images from the registry, and the answer is the same as before."""
    store, image = Store(), layered("app", "layer")
    root = index([image])
    await closure(Shelf(), store).remember(verified(root))
    shelf = Shelf(image)
    asked, there = closure(shelf, store), roots(root)
    assert isinstance(await asked.find_blob(APP, blob("layer"), there, ALICE), Found)
    assert await asked.find_blob(APP, blob("stranger"), there, ALICE) == Absent()
    assert shelf.read == [digest(image)]


async def test_an_image_of_another_length_than_signed_names_nothing() -> None:
    """Such an image is never served, so its blobs are not admitted by it."""
    image = layered("app", "layer")
    wrong = Roots((allowed(image, length=len(image) + 1),))
    asked = closure(Shelf(image))
    await asked.remember(verified(image))
    assert await asked.find_blob(APP, blob("layer"), wrong, ALICE) == Absent()


async def test_an_incomplete_look_up_is_never_a_no() -> None:
    """While an image cannot be read, or too many would have to be, a blob that is not found is undecided."""
    shelf = Shelf(image := layered("app", "layer"))
    shelf.failures[digest(layered("odd"))] = RegistryUnreachable("away")
    with pytest.raises(Undecided):
        await closure(shelf).find_blob(APP, blob("stranger"), roots(image, layered("odd")), ALICE)
    images = many(WALK_MANIFESTS + 1)
    with pytest.raises(Undecided):
        await closure(Shelf(*images)).find_blob(APP, blob("stranger"), roots(*images), ALICE)


async def test_manifests_that_were_read_for_digests_are_read_once_more_for_blobs_only_if_forgotten() -> None:
    """What a walk for a digest read serves the walk for blobs too."""
    images = many(10)
    shelf = Shelf(*images)
    asked, there = closure(shelf), roots(*images)
    assert await asked.find(APP, blob("stranger"), there, ALICE) == Absent()
    assert await asked.find_blob(APP, blob("stranger"), there, ALICE) == Absent()
    assert len(shelf.read) == 10


async def test_an_image_without_blobs_that_could_be_asked_for_is_known_too() -> None:
    """An image whose blobs are named by other digests than sha256 is read once, like any other."""
    odd = layered("odd").replace(b"sha256:" + config("odd").hex.encode(), b"sha512:" + b"a" * 128)
    shelf = Shelf(odd)
    asked, there = closure(shelf), roots(odd)
    for _ in range(2):
        assert await asked.find_blob(APP, config("odd"), there, ALICE) == Absent()
    assert shelf.read == [digest(odd)]
