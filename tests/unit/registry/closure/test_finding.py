"""Which digests an admitted index admits, and what it costs to find out."""

import pytest
from multidict import CIMultiDict

from proxy.errors import (
    ContentMismatch,
    ManifestAmbiguous,
    ManifestMissing,
    RegistryUnreachable,
    SignedLengthWrong,
    Undecided,
)
from proxy.limits import INDEX_DEPTH, WALK_PARALLEL
from proxy.manifests import MediaType
from proxy.policy.decisions import allow
from proxy.policy.entries import Blocklist
from proxy.registry.closure import Absent, Found, Roots
from proxy.registry.failures import Relayed
from tests.unit.registry.closure.material import ALICE, Shelf, closure, find, tower, verified
from tests.unit.registry.material import APP, ENTRY, NOW, allowed, digest, image, index


async def test_a_child_of_an_admitted_index_is_found() -> None:
    """A child is admitted with its own digest and length, and with the signers of its index."""
    child, other = image("arm64"), image("other")
    root = index([image("amd64"), child])
    found = await find(closure(Shelf(other, root)), child, other, root)
    assert isinstance(found, Found)
    assert (found.allowed.digest, found.allowed.length) == (digest(child), len(child))
    assert (found.allowed.signers, found.allowed.rule) == (("alice", "ci"), "shop/**")
    assert found.allowed.valid_until == allowed(root).valid_until


async def test_a_root_is_found_without_asking() -> None:
    """A digest that a tag has is admitted by itself."""
    shelf = Shelf()
    root = image()
    assert isinstance(await find(closure(shelf), root, root), Found)
    assert shelf.read == []


async def test_a_digest_that_nothing_names_is_absent() -> None:
    """When everything was read and nothing names it, the answer is no."""
    shelf = Shelf(root := index([image("amd64")]), plain := image("plain"))
    assert await find(closure(shelf), image("stranger"), root, plain) == Absent()
    assert set(shelf.read) == {digest(root), digest(plain)}


async def test_the_second_question_costs_nothing() -> None:
    """What was read stays known, for other digests and other roots too."""
    child, sibling = image("amd64"), image("arm64")
    shelf = Shelf(root := index([child, sibling]))
    asked = closure(shelf)
    await find(asked, child, root)
    assert isinstance(await find(asked, sibling, root), Found)
    assert await find(asked, image("stranger"), root) == Absent()
    assert shelf.read == [digest(root)]


async def test_what_was_served_is_known() -> None:
    """An index that was just served needs no walk for its children."""
    shelf = Shelf()
    asked = closure(shelf)
    root = index([child := image("amd64")])
    await asked.remember(verified(root))
    assert isinstance(await find(asked, child, root), Found)
    assert shelf.read == []


@pytest.mark.parametrize(
    ("height", "kind"),
    [pytest.param(INDEX_DEPTH, Found, id="as deep as may be"), pytest.param(INDEX_DEPTH + 1, Absent, id="deeper")],
)
async def test_depth_is_bounded(height: int, kind: type[Found | Absent]) -> None:
    """Indexes inside indexes count, to a depth that has a name."""
    levels, bottom = tower(height)
    assert isinstance(await find(closure(Shelf(*levels)), bottom, levels[-1]), kind)


async def test_an_index_met_again_further_up_is_read_to_its_full_depth() -> None:
    """The same index may hang at two depths; the shallower one counts."""
    levels, bottom = tower(INDEX_DEPTH)
    deep = index([index([levels[-2]])])
    shelf = Shelf(*levels, deep, index([levels[-2]]))
    assert isinstance(await find(closure(shelf), bottom, deep, levels[-1]), Found)


async def test_images_among_the_children_are_not_read() -> None:
    """Only what an index calls an index is looked into."""
    shelf = Shelf(root := index([image("a"), image("b"), index([], MediaType.DOCKER_LIST)]))
    assert await find(closure(shelf), image("stranger"), root) == Absent()
    assert shelf.read == [digest(root), digest(index([], MediaType.DOCKER_LIST))]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ManifestMissing("sha256:.."), id="missing"),
        pytest.param(ManifestAmbiguous("it is of schema 1"), id="ambiguous"),
        pytest.param(SignedLengthWrong((), 1, 2), id="signed length wrong"),
    ],
)
async def test_what_is_never_served_has_no_children(failure: Exception) -> None:
    """A signed tag whose manifest cannot be served leaves no question open, and is not asked for at once again."""
    shelf = Shelf(root := index([image("amd64")]))
    shelf.failures[digest(b"gone")] = failure
    asked = closure(shelf)
    for _ in range(2):
        assert await find(asked, image("stranger"), b"gone", root) == Absent()
    assert sorted(shelf.read) == sorted([digest(b"gone"), digest(root)])


async def test_a_404_to_one_credential_is_not_remembered() -> None:
    """A registry may hide a repository from one client; the next one must not suffer for it."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures[digest(root)] = Relayed(404, CIMultiDict(), b"")
    asked = closure(shelf)
    assert await find(asked, child, root) == Absent()
    del shelf.failures[digest(root)]
    assert isinstance(await find(asked, child, root), Found)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        pytest.param(RegistryUnreachable("connection refused"), "connection refused", id="unreachable"),
        pytest.param(Relayed(401, CIMultiDict(), b""), "the registry answered 401", id="not let in"),
        pytest.param(Relayed(503, CIMultiDict(), b""), "the registry answered 503", id="overloaded"),
        pytest.param(ContentMismatch("a", "b"), "ContentMismatch", id="other bytes"),
    ],
)
async def test_an_index_that_cannot_be_read_leaves_the_question_open(failure: Exception, why: str) -> None:
    """An incomplete look-up is never a no."""
    shelf = Shelf(root := index([image("amd64")]))
    shelf.failures[digest(b"odd")] = failure
    with pytest.raises(Undecided) as refusal:
        await find(closure(shelf), image("stranger"), b"odd", root)
    assert refusal.value.why == f"not all signed indexes could be read: {why}"


async def test_a_yes_needs_no_complete_look_up() -> None:
    """One index that cannot be read does not hide what another one admits."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures[digest(b"odd")] = ContentMismatch("a", "b")
    assert isinstance(await find(closure(shelf), child, b"odd", root), Found)


async def test_after_an_outage_is_seen_nothing_more_is_asked() -> None:
    """A registry that is away is not asked for hundreds of manifests."""
    bodies = [b"%d" % number for number in range(3 * WALK_PARALLEL)]
    shelf = Shelf()
    shelf.failures = {digest(body): RegistryUnreachable("away") for body in bodies}
    with pytest.raises(Undecided):
        await find(closure(shelf), image("stranger"), *bodies)
    assert len(shelf.read) == WALK_PARALLEL


async def test_an_index_of_another_length_than_signed_admits_nothing() -> None:
    """Such an index is never served, so its children are not either, however it came to be known."""
    root = index([child := image("amd64")])
    asked = closure(Shelf(root))
    await asked.remember(verified(root))
    wrong = Roots((allowed(root, length=len(root) + 1),))
    assert await asked.find(APP, digest(child), wrong, ALICE) == Absent()
    right = Roots((allowed(root, length=len(root) + 1), allowed(root)))
    assert isinstance(await asked.find(APP, digest(child), right, ALICE), Found)


async def test_an_index_that_is_listed_with_another_length_admits_nothing() -> None:
    """The same holds for an index inside an index."""
    inner = index([child := image("amd64")])
    outer = index([inner]).replace(b'"size": %d' % len(inner), b'"size": %d' % (len(inner) + 1))
    asked = closure(Shelf(outer, inner))
    await asked.remember(verified(inner))
    assert await find(asked, child, outer) == Absent()
    assert isinstance(await find(asked, child, outer, index([inner])), Absent)
    assert isinstance(await find(closure(Shelf(inner, index([inner]))), child, index([inner])), Found)


async def test_what_is_listed_as_an_image_is_no_index() -> None:
    """A child counts as what its index calls it; one that lies about it leads nowhere."""
    inner = index([child := image("amd64")])
    outer = index([inner], of_type=MediaType.OCI_MANIFEST)
    asked = closure(Shelf(outer, inner))
    await asked.remember(verified(inner))
    assert isinstance(await find(asked, inner, outer), Found)
    assert await find(asked, child, outer) == Absent()


async def test_nothing_is_admitted_through_a_blocked_index() -> None:
    """A blocked index inside an admitted one is passed over, and so is all that only it names."""
    inner = index([child := image("amd64")])
    outer = index([inner, sibling := image("arm64")])
    blocked = Blocklist(digests={digest(inner): "CVE-2026-1"})
    permission = allow(digest(outer), len(outer), (), ENTRY, "shop/**", NOW, blocked)
    shelf = Shelf(outer, inner)
    asked = closure(shelf)
    there = Roots((permission,))
    for _ in range(2):
        assert await asked.find(APP, digest(child), there, ALICE) == Absent()
        assert await asked.find(APP, digest(inner), there, ALICE) == Absent()
        assert isinstance(await asked.find(APP, digest(sibling), there, ALICE), Found)
        await asked.remember(verified(inner))  # another repository may admit it
    assert shelf.read == [digest(outer)]


async def test_the_nearest_root_counts() -> None:
    """Where several ways lead up, the shortest one says who signed."""
    child = image("amd64")
    inner = index([child])
    outer = index([inner])
    asked = closure(Shelf(inner, outer))
    far = allowed(outer, signers=("far",))
    near = allowed(inner, signers=("near",))
    for order in ((far, near), (near, far)):
        found = await asked.find(APP, digest(child), Roots(order), ALICE)
        assert isinstance(found, Found)
        assert found.allowed.signers == ("near",)


async def test_what_another_repository_admits_counts_for_nothing_here() -> None:
    """Children are remembered for all repositories, but a way must lead up to a root of this one."""
    elsewhere = index([child := image("amd64")])
    here = index([image("arm64")])
    asked = closure(Shelf(here))
    await asked.remember(verified(elsewhere))
    assert await find(asked, child, here) == Absent()
