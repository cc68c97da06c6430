"""Which digests an admitted index admits: its children, and theirs, to a bounded depth.

What a verified index names never changes, since its digest names its bytes; so children are remembered by
digest alone, for all repositories. Only what is not remembered is asked for (design: Which digests are admitted).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cachetools import LRUCache, TTLCache

from proxy.errors import ManifestAmbiguous, ManifestMissing, Refusal, RegistryUnreachable, SignedLengthWrong, Undecided
from proxy.limits import (
    CHILDLESS_CACHED,
    CHILDLESS_SECONDS,
    INDEX_CHILDREN_CACHED,
    INDEX_DEPTH,
    WALK_MANIFESTS,
    WALK_PARALLEL,
)
from proxy.manifests import INDEX_TYPES
from proxy.names import Descriptor, Digest, Reference, Repository
from proxy.policy.decisions import Allowed, admit_child
from proxy.registry.client import VerifiedManifest
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials

Fetch: TypeAlias = Callable[[Reference, Allowed, ClientCredentials], Awaitable[VerifiedManifest]]
_Children: TypeAlias = tuple[Descriptor, ...]

_NO_CHILDREN: Final[_Children] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The digest is admitted: it is a root or a descendant of one."""

    allowed: Allowed


@dataclass(frozen=True, slots=True)
class Absent:
    """No root admits the digest, and every index that could was read."""


@dataclass(frozen=True, slots=True)
class _Node:
    allowed: Allowed
    depth: int


@dataclass(slots=True)
class _Walk:
    """One question under way: what is still to be looked at, what is still to be read, and what went wrong."""

    repository: Repository
    wanted: Digest
    credentials: ClientCredentials
    ahead: deque[_Node]
    unread: deque[_Node] = field(default_factory=deque)
    depths: dict[Digest, int] = field(default_factory=dict)
    asked: int = 0
    trouble: str = ""
    hopeless: bool = False

    def is_new(self, node: _Node) -> bool:
        """Whether a manifest was not met before, or only further down."""
        digest = node.allowed.digest
        if self.depths.get(digest, INDEX_DEPTH + 1) <= node.depth:
            return False
        self.depths[digest] = node.depth
        return True


class Closure:
    """Children of admitted indexes, remembered by digest; one for the whole process."""

    def __init__(self, fetch: Fetch) -> None:
        """Read indexes with `fetch`, which verifies what it returns (see `RegistryClient.get_manifest`)."""
        self._fetch = fetch
        self._children: LRUCache[Digest, _Children] = LRUCache(INDEX_CHILDREN_CACHED, lambda known: 1 + len(known))
        self._childless: TTLCache[tuple[Repository, Digest], None] = TTLCache(CHILDLESS_CACHED, CHILDLESS_SECONDS)

    def remember(self, verified: VerifiedManifest) -> None:
        """Learn the children of a manifest before it is answered: whoever reads it asks for them next."""
        self._children[verified.manifest.digest] = verified.manifest.children

    async def find(
        self, repository: Repository, wanted: Digest, roots: Sequence[Allowed], credentials: ClientCredentials
    ) -> Found | Absent:
        """Find out whether `roots` admit a digest.

        1. What is remembered is searched first, without asking anybody.
        2. What is unknown is read, so many at once and at most so many a question; it stays known to the next one.
        3. A manifest that the registry lacks, or that is never served, has no children. Anything else that cannot
           be read leaves the question open, unless the digest turns up elsewhere.

        Args:
            repository: where the manifests are.
            wanted: the digest in question.
            roots: what the signed tags of the repository admit.
            credentials: with which to read (see `RegistryClient.walker`).

        Raises:
            Undecided: not found, and something could not be read: neither yes nor no is proved.
        """
        walk = _Walk(repository, wanted, credentials, deque(_Node(root, 0) for root in roots))
        while True:
            found = self._search(walk)  # (1)
            if found is not None:
                return Found(found)
            if not walk.unread or walk.hopeless:
                break
            if walk.asked >= WALK_MANIFESTS:
                walk.trouble = f"more than {WALK_MANIFESTS} manifests would have to be read"
                break
            await self._read_some(walk)  # (2)
        if walk.trouble:
            raise Undecided(f"not all signed indexes could be read: {walk.trouble}")  # (3)
        return Absent()

    def _search(self, walk: _Walk) -> Allowed | None:
        """Go through everything that is remembered; what is not becomes `unread`."""
        while walk.ahead:
            node = walk.ahead.popleft()
            if node.allowed.digest == walk.wanted:
                return node.allowed
            if node.depth >= INDEX_DEPTH or not walk.is_new(node):
                continue
            children = self._children.get(node.allowed.digest)
            if children is not None:
                self._expand(walk, node, children)
            elif (walk.repository, node.allowed.digest) not in self._childless:
                walk.unread.append(node)
        return None

    def _expand(self, walk: _Walk, parent: _Node, children: Iterable[Descriptor]) -> None:
        """Look at children next: the wanted one, and those that are indexes again."""
        for child in children:
            if child.digest == walk.wanted or child.media_type in INDEX_TYPES:
                walk.ahead.append(_Node(admit_child(parent.allowed, child), parent.depth + 1))

    async def _read_some(self, walk: _Walk) -> None:
        """Read as many unread manifests as may be read at once."""
        batch = [walk.unread.popleft() for _ in range(min(WALK_PARALLEL, len(walk.unread)))]
        walk.asked += len(batch)
        async with asyncio.TaskGroup() as readers:
            readings = [readers.create_task(self._read(walk, node)) for node in batch]
        for node, reading in zip(batch, readings, strict=True):
            self._expand(walk, node, reading.result())

    async def _read(self, walk: _Walk, node: _Node) -> _Children:
        """The children of one manifest; none, with `trouble` noted, where it could not be read."""
        digest = node.allowed.digest
        try:
            verified = await self._fetch(Reference(walk.repository, digest), node.allowed, walk.credentials)
        except (ManifestMissing, ManifestAmbiguous, SignedLengthWrong):
            self._childless[walk.repository, digest] = None
        except Relayed as answer:
            if answer.status != 404:  # a 404 may hide it from this credential alone, so it is not remembered
                walk.trouble, walk.hopeless = f"the registry answered {answer.status}", True
        except RegistryUnreachable as failure:
            walk.trouble, walk.hopeless = failure.why, True
        except Refusal as refusal:
            walk.trouble = type(refusal).__name__
        else:
            self.remember(verified)
            return verified.manifest.children
        return _NO_CHILDREN
