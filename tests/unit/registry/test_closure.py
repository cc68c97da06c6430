"""Which digests an admitted index admits, and what it costs to find out."""

from collections.abc import Sequence
from typing import Final

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
from proxy.limits import INDEX_DEPTH, WALK_MANIFESTS, WALK_PARALLEL
from proxy.manifests import MediaType, parse
from proxy.names import Digest, Reference
from proxy.policy.decisions import Allowed
from proxy.registry import closure as closure_module
from proxy.registry.client import VerifiedManifest
from proxy.registry.closure import Absent, Closure, Found
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import APP, allowed, digest, image, index

ALICE: Final = ClientCredentials("Bearer alice")


class Shelf:
    """Where a closure fetches from: bodies by digest, failures in place of some, and a list of what was read."""

    def __init__(self, *bodies: bytes) -> None:
        """Hold these bodies."""
        self.bodies = {digest(body): body for body in bodies}
        self.failures: dict[Digest, Exception] = {}
        self.read: list[Digest] = []

    async def fetch(
        self, reference: Reference, permission: Allowed, credentials: ClientCredentials
    ) -> VerifiedManifest:
        """Hand out a body as the registry client would."""
        assert reference == Reference(APP, permission.digest)
        assert credentials is ALICE
        self.read.append(permission.digest)
        if permission.digest in self.failures:
            raise self.failures[permission.digest]
        if permission.digest not in self.bodies:
            raise ManifestMissing(permission.digest)
        body = self.bodies[permission.digest]
        return VerifiedManifest(body, parse(body, None))


async def find(closure: Closure, wanted: bytes, *roots: bytes) -> Found | Absent:
    """Ask whether the roots admit a body."""
    return await closure.find(APP, digest(wanted), [allowed(root) for root in roots], ALICE)


async def test_a_child_of_an_admitted_index_is_found() -> None:
    """A child is admitted with its own digest and length, and with the signers of its index."""
    child, other = image("arm64"), image("other")
    root = index([image("amd64"), child])
    found = await find(Closure(Shelf(other, root).fetch), child, other, root)
    assert isinstance(found, Found)
    assert (found.allowed.digest, found.allowed.length) == (digest(child), len(child))
    assert (found.allowed.signers, found.allowed.rule) == (("alice", "ci"), "shop/**")
    assert found.allowed.valid_until == allowed(root).valid_until


async def test_a_root_is_found_without_asking() -> None:
    """A digest that a tag has is admitted by itself."""
    shelf = Shelf()
    root = image()
    assert isinstance(await find(Closure(shelf.fetch), root, root), Found)
    assert shelf.read == []


async def test_a_digest_that_nothing_names_is_absent() -> None:
    """When everything was read and nothing names it, the answer is no."""
    shelf = Shelf(root := index([image("amd64")]), plain := image("plain"))
    assert await find(Closure(shelf.fetch), image("stranger"), root, plain) == Absent()
    assert set(shelf.read) == {digest(root), digest(plain)}


async def test_the_second_question_costs_nothing() -> None:
    """What was read stays known, for other digests and other roots too."""
    child, sibling = image("amd64"), image("arm64")
    shelf = Shelf(root := index([child, sibling]))
    closure = Closure(shelf.fetch)
    await find(closure, child, root)
    assert isinstance(await find(closure, sibling, root), Found)
    assert await find(closure, image("stranger"), root) == Absent()
    assert shelf.read == [digest(root)]


async def test_what_was_served_is_known() -> None:
    """An index that was just served needs no walk for its children."""
    shelf = Shelf()
    closure = Closure(shelf.fetch)
    root = index([child := image("amd64")])
    closure.remember(VerifiedManifest(root, parse(root, None)))
    assert isinstance(await find(closure, child, root), Found)
    assert shelf.read == []


def tower(height: int) -> tuple[list[bytes], bytes]:
    """Indexes inside indexes, the outermost last, and the image at the bottom, `height` levels below it."""
    bottom = image("bottom")
    levels = [bottom]
    for _ in range(height):
        levels.append(index([levels[-1]]))
    return levels, bottom


@pytest.mark.parametrize(
    ("height", "kind"),
    [pytest.param(INDEX_DEPTH, Found, id="as deep as may be"), pytest.param(INDEX_DEPTH + 1, Absent, id="deeper")],
)
async def test_depth_is_bounded(height: int, kind: type[Found | Absent]) -> None:
    """Indexes inside indexes count, to a depth that has a name."""
    levels, bottom = tower(height)
    assert isinstance(await find(Closure(Shelf(*levels).fetch), bottom, levels[-1]), kind)


async def test_an_index_met_again_further_up_is_read_to_its_full_depth() -> None:
    """The same index may hang at two depths; the shallower one counts."""
    levels, bottom = tower(INDEX_DEPTH)
    deep = index([index([levels[-2]])])
    shelf = Shelf(*levels, deep, index([levels[-2]]))
    assert isinstance(await find(Closure(shelf.fetch), bottom, deep, levels[-1]), Found)


async def test_images_among_the_children_are_not_read() -> None:
    """Only what an index calls an index is looked into."""
    shelf = Shelf(root := index([image("a"), image("b"), index([], MediaType.DOCKER_LIST)]))
    assert await find(Closure(shelf.fetch), image("stranger"), root) == Absent()
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
    closure = Closure(shelf.fetch)
    for _ in range(2):
        assert await find(closure, image("stranger"), b"gone", root) == Absent()
    assert sorted(shelf.read) == sorted([digest(b"gone"), digest(root)])


async def test_a_404_to_one_credential_is_not_remembered() -> None:
    """A registry may hide a repository from one client; the next one must not suffer for it."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures[digest(root)] = Relayed(404, CIMultiDict(), b"")
    closure = Closure(shelf.fetch)
    assert await find(closure, child, root) == Absent()
    del shelf.failures[digest(root)]
    assert isinstance(await find(closure, child, root), Found)


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
        await find(Closure(shelf.fetch), image("stranger"), b"odd", root)
    assert refusal.value.why == f"not all signed indexes could be read: {why}"


async def test_a_yes_needs_no_complete_look_up() -> None:
    """One index that cannot be read does not hide what another one admits."""
    shelf = Shelf(root := index([child := image("amd64")]))
    shelf.failures[digest(b"odd")] = ContentMismatch("a", "b")
    assert isinstance(await find(Closure(shelf.fetch), child, b"odd", root), Found)


async def test_after_an_outage_is_seen_nothing_more_is_asked() -> None:
    """A registry that is away is not asked for hundreds of manifests."""
    roots = [b"%d" % number for number in range(3 * WALK_PARALLEL)]
    shelf = Shelf()
    shelf.failures = {digest(root): RegistryUnreachable("away") for root in roots}
    with pytest.raises(Undecided):
        await find(Closure(shelf.fetch), image("stranger"), *roots)
    assert len(shelf.read) == WALK_PARALLEL


def many(number: int) -> Sequence[bytes]:
    """So many signed images."""
    return [image(f"image {position}") for position in range(number)]


async def test_a_walk_is_bounded_and_goes_on_with_the_next_question() -> None:
    """More manifests than one question may read: undecided; the next question reads on from there."""
    images = many(WALK_MANIFESTS + 1)
    shelf = Shelf(*images)
    closure = Closure(shelf.fetch)
    with pytest.raises(Undecided) as refusal:
        await find(closure, image("stranger"), *images)
    assert str(WALK_MANIFESTS) in refusal.value.why
    assert len(shelf.read) == WALK_MANIFESTS
    assert await find(closure, image("stranger"), *images) == Absent()
    assert len(shelf.read) == WALK_MANIFESTS + 1


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten is read again, and the answer stays the same."""
    monkeypatch.setattr(closure_module, "INDEX_CHILDREN_CACHED", 4)
    roots = [index([image(f"{number}a"), image(f"{number}b")]) for number in range(5)]
    closure = Closure(Shelf(*roots).fetch)
    for _ in range(2):
        for number, root in enumerate(roots):
            assert isinstance(await find(closure, image(f"{number}b"), root), Found)
        assert closure._children.currsize <= 4
