"""One look-up under way: the manifests of a repository that nobody remembers are read, for everybody who waits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.errors import (
    Blocked,
    ManifestAmbiguous,
    ManifestMissing,
    Refusal,
    RegistryUnreachable,
    SignedLengthWrong,
    TrustStoreUnavailable,
)
from proxy.limits import INDEX_DEPTH, MISSING_SECONDS, WALK_DIGESTS, WALK_MANIFESTS, WALK_PARALLEL
from proxy.manifests import INDEX_TYPES
from proxy.names import Descriptor, Digest, Reference, Repository
from proxy.policy.decisions import Allowed, admit_child
from proxy.registry.closure.knowledge import Knowledge
from proxy.registry.closure.memory import Content
from proxy.registry.closure.roots import Roots
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import VerifiedManifest

Fetch: TypeAlias = Callable[[Reference, Allowed, ClientCredentials], Awaitable[VerifiedManifest]]

_STEPS_AT_ONCE: Final = 1000  # before others get their turn


@dataclass(frozen=True, slots=True)
class Scope:
    """What has to be known: of every index, and with `images` of every image too, because of their blobs."""

    repository: Repository
    roots: Roots
    images: bool


@dataclass(frozen=True, slots=True)
class _Node:
    """A manifest to look at, `depth` levels below a root; `source` is where its permission comes from."""

    digest: Digest
    length: int | None
    depth: int
    source: "Allowed | tuple[_Node, Descriptor]"

    @classmethod
    def root(cls, allowed: Allowed) -> "_Node":
        return cls(allowed.digest, allowed.length, 0, allowed)

    def child(self, descriptor: Descriptor) -> "_Node":
        return _Node(descriptor.digest, descriptor.length, self.depth + 1, (self, descriptor))

    def permission(self) -> Allowed:
        """The permission to read it. Raises `Blocked`."""
        if isinstance(self.source, Allowed):
            return self.source
        parent, descriptor = self.source
        return admit_child(parent.permission(), descriptor)


class Walk:
    """Reads until everything in its scope is known, or somebody's answer is, or a bound is reached.

    It goes on when those who wait for it leave, so that the next one finds more; it ends when all have their answer.

    Attributes:
        complete: whether all in its scope is known: what was not found is not there.
        gaps: whether some of it is known only as not being there now.
        personal: whether another credential might see more.
        trouble: why it is not complete, in a few words.
    """

    def __init__(self, scope: Scope, credentials: ClientCredentials, fetch: Fetch, knowledge: Knowledge) -> None:
        """Read with `credentials`, by `fetch`, what `knowledge` lacks."""
        self.scope = scope
        self.credentials = credentials
        self.complete = False
        self.gaps = False
        self.personal = False
        self.trouble = ""
        self._fetch = fetch
        self._knowledge = knowledge
        self._waiting: list[tuple[Callable[[], Allowed | None], asyncio.Future[Allowed | None]]] = []
        self._ahead = deque(_Node.root(allowed) for allowed in scope.roots.allowed)
        self._unread: deque[_Node] = deque()
        self._stale: deque[_Node] = deque()  # seen to be missing a while ago
        self._depths: dict[Digest, int] = {}
        self._asked = 0
        self._hidden = 0
        self._hopeless = False

    async def run(self) -> None:
        """Walk.

        1. What is remembered is gone through without asking anybody.
        2. What is not is read, so many at once: from the trust store, else from the registry.
        3. Missing manifests are looked for again after a while, as far as the bound of the walk allows.
        """
        try:
            while True:
                await self._look()  # (1)
                if self._hopeless or not self._waiting:
                    break
                batch = self._next(self._unread) or self._next(self._stale)  # (2), (3)
                if not batch:
                    self._conclude()
                    break
                async with asyncio.TaskGroup() as readers:
                    for node in batch:
                        readers.create_task(self._read(node))
        finally:
            for _, answer in self._waiting:
                if not answer.done():
                    answer.set_result(None)

    async def until(self, look: Callable[[], Allowed | None]) -> Allowed | None:
        """Wait until `look` finds something, or until the walk is over. To be asked before that alone."""
        answer: asyncio.Future[Allowed | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((look, answer))  # and there it stays if this is cancelled, so that the walk goes on
        return await answer

    def _tell(self) -> None:
        """Let everybody who waits look, before anything that was just learned can be forgotten again."""
        still_waiting = []
        for look, answer in self._waiting:
            found = None if answer.done() else look()
            if found is None:
                still_waiting.append((look, answer))
            else:
                answer.set_result(found)
        self._waiting = still_waiting

    def _conclude(self) -> None:
        if self._unread:
            self.trouble = self.trouble or f"more than {WALK_MANIFESTS} manifests would have to be read"
        self.gaps = self.gaps or bool(self._stale)
        self.complete = not self.trouble

    async def _look(self) -> None:
        """Go through everything that is remembered; what is not becomes `unread`."""
        steps = 0
        while self._ahead:
            node = self._ahead.popleft()
            steps += 1
            if steps % _STEPS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not self._matters(node) or not self._is_new(node):
                continue
            if len(self._depths) > WALK_DIGESTS:
                self._give_up(f"they name more than {WALK_DIGESTS} manifests")
                break
            content = self._known(node.digest)
            if content is None:
                self._note_unknown(node)
            else:
                self._expand(node, content)

    def _matters(self, node: _Node) -> bool:
        """Whether what it names could admit anything; the children of the lowest level do not count."""
        return node.depth < INDEX_DEPTH or self.scope.images

    def _is_new(self, node: _Node) -> bool:
        """Whether a manifest was not met before, or only further down."""
        if self._depths.get(node.digest, INDEX_DEPTH + 1) <= node.depth:
            return False
        self._depths[node.digest] = node.depth
        return True

    def _known(self, digest: Digest) -> Content | None:
        content = self._knowledge.children.get(digest)
        if content is None or content.is_index or not self.scope.images:
            return content
        return self._knowledge.blobs.get(digest)

    def _note_unknown(self, node: _Node) -> None:
        age = self._knowledge.missing.age(self.scope.repository, node.digest)
        if age is None:
            self._unread.append(node)
        elif age < MISSING_SECONDS:
            self.gaps = True
        else:
            self._stale.append(node)

    def _expand(self, node: _Node, content: Content) -> None:
        """Look at its children next, as far as they are indexes or images matter; what is never served has none."""
        if node.length not in (None, content.length) or node.depth >= INDEX_DEPTH:
            return
        for child in content.children:
            if self.scope.images or child.media_type in INDEX_TYPES:
                self._ahead.append(node.child(child))

    def _next(self, waiting: deque[_Node]) -> list[_Node]:
        """As many as may be read at once, within the bound of the walk."""
        number = min(WALK_PARALLEL, WALK_MANIFESTS - self._asked, len(waiting))
        return [waiting.popleft() for _ in range(number)]

    async def _read(self, node: _Node) -> None:
        """Learn what one manifest says, or note why not."""
        with suppress(TrustStoreUnavailable):  # the registry knows as well
            await self._knowledge.recall(node.digest)
        content = self._known(node.digest)
        if content is None:
            content = await self._ask(node)
        if content is not None:
            self._tell()
            self._expand(node, content)

    async def _ask(self, node: _Node) -> Content | None:
        """Read one manifest from the registry; None, with a gap or trouble noted, where that cannot be."""
        repository, digest = self.scope.repository, node.digest
        self._asked += 1
        try:
            verified = await self._fetch(Reference(repository, digest), node.permission(), self.credentials)
        except Blocked:
            pass  # nothing is admitted through it
        except (ManifestMissing, ManifestAmbiguous, SignedLengthWrong):
            self._knowledge.missing.note(repository, digest)
            self.gaps = True
        except Relayed as answer:
            self.personal = True
            self._hidden += answer.status == 404  # perhaps from this credential alone, so it is not remembered
            if answer.status != 404 or self._hidden == self._asked >= WALK_PARALLEL:
                self._give_up(f"the registry answered {answer.status}")
            self.gaps = True
        except RegistryUnreachable as failure:
            self._give_up(failure.why)
        except Refusal as refusal:
            self.trouble = type(refusal).__name__
        else:
            with suppress(TrustStoreUnavailable):  # nobody is answered with it here
                await self._knowledge.keep(verified)
            manifest = verified.manifest
            self._knowledge.learn(manifest)
            return Content(manifest.length, manifest.is_index, manifest.children)
        return None

    def _give_up(self, why: str) -> None:
        self.trouble = why
        self._hopeless = True
