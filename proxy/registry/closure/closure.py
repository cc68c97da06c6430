"""The question itself: climb from a digest to a root; where no way is known, learn more and climb again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

from proxy.errors import TrustStoreUnavailable, Undecided
from proxy.limits import MISSING_SECONDS, WALK_ATTEMPTS
from proxy.manifests import Manifest
from proxy.names import Digest, Repository
from proxy.policy.decisions import Allowed
from proxy.registry.closure.climb import Climb, admit, admit_blob
from proxy.registry.closure.knowledge import Indexes, Knowledge
from proxy.registry.closure.roots import Absent, Found, Roots
from proxy.registry.closure.walk import Fetch, Scope, Walk
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import VerifiedManifest
from proxy.tasks import spawn


@dataclass(frozen=True, slots=True)
class _Proof:
    """That all in a scope was known, but for what was not there: what is not found is not admitted.

    It holds while nothing was forgotten, and until an instant if something was not there.
    """

    forgotten: int
    gaps: bool
    until: float


class Closure:
    """What admitted indexes admit, and what admitted images name; one for each registry."""

    def __init__(self, fetch: Fetch, indexes: Indexes, seconds: Callable[[], float] = time.monotonic) -> None:
        """Read manifests with `fetch`, which verifies what it returns, and keep indexes in `indexes`.

        Args:
            fetch: see `RegistryClient.get_manifest`.
            indexes: see `TrustStore`.
            seconds: a clock that nobody can set back.
        """
        self._fetch = fetch
        self._seconds = seconds
        self._knowledge = Knowledge(indexes, seconds)
        self._walks: dict[Scope, tuple[Walk, asyncio.Task[bool]]] = {}
        self._proofs: WeakKeyDictionary[Roots, dict[tuple[Repository, bool], _Proof]] = WeakKeyDictionary()

    async def remember(self, verified: VerifiedManifest) -> None:
        """Learn what a manifest names before it is answered: whoever reads it asks for that next.

        When this returns, an index is kept beyond a restart, and for other replicas.

        Raises:
            TrustStoreUnavailable: it cannot be kept, so it must not be answered.
        """
        await self._knowledge.keep(verified)
        self._knowledge.learn(verified.manifest)

    def remembers(self, manifest: Manifest) -> bool:
        """Whether there is nothing left to `remember` of it; that is a use of it as well."""
        return self._knowledge.has(manifest)

    async def find(
        self, repository: Repository, wanted: Digest, roots: Roots, credentials: ClientCredentials
    ) -> Found | Absent:
        """Find out whether roots admit a manifest (design: Which digests are admitted).

        1. What is remembered is searched first, without asking anybody.
        2. If all that the roots admit is remembered, the answer is no.
        3. The trust store is asked for kept indexes that name the digest.
        4. What is unknown is read; one walk of a repository at a time serves everybody who waits.

        A manifest that the registry lacks, or that is never served, has no children.

        Args:
            repository: where the manifests are.
            wanted: the digest in question.
            roots: what is admitted by itself.
            credentials: with which to read (see `RegistryClient.walker`).

        Raises:
            Undecided: not found, and something could not be read: neither yes nor no is proved.
            TrustStoreUnavailable: not found, and the store may know more.
        """
        return await self._answer(Scope(repository, roots, images=False), wanted, admit, credentials)

    async def find_blob(
        self, repository: Repository, wanted: Digest, roots: Roots, credentials: ClientCredentials
    ) -> Found | Absent:
        """Find out whether an admitted image names a blob as its config or a layer; `Found` has the image's permission.

        As `find`, but images are read too, and what they name is not kept beyond a restart. Raises `Undecided`.
        """
        return await self._answer(Scope(repository, roots, images=True), wanted, admit_blob, credentials)

    async def _answer(
        self, scope: Scope, wanted: Digest, climb: Climb, credentials: ClientCredentials
    ) -> Found | Absent:
        look = partial(self._climb, scope, wanted, climb)
        found, proof, silence = look(), self._proof(scope), None
        gaps = proof is None or proof.gaps
        if found is None and not scope.images and gaps:
            silence = await self._recall(wanted)
            found = look()
        if found is None and proof is None:
            found, gaps = await self._read_on(scope, look, credentials)
        if found is not None:
            return Found(found)
        if silence is not None and gaps:
            raise silence
        return Absent()

    def _climb(self, scope: Scope, wanted: Digest, climb: Climb) -> Allowed | None:
        return climb(self._knowledge, wanted, scope.roots)

    async def _recall(self, wanted: Digest) -> TrustStoreUnavailable | None:
        """Learn what is kept about a digest; what keeps the store from answering matters only if nobody else can."""
        try:
            await self._knowledge.recall_namers(wanted)
        except TrustStoreUnavailable as refusal:
            return refusal
        return None

    async def _read_on(
        self, scope: Scope, look: Callable[[], Allowed | None], credentials: ClientCredentials
    ) -> tuple[Allowed | None, bool]:
        """Walk, or wait for the walk that is under way, until something is found or it is proved that nothing is there.

        With nothing found the other half says whether the proof has gaps: manifests that are not there now.

        Raises:
            Undecided: neither is to be had.
        """
        for _ in range(WALK_ATTEMPTS):
            walk, task = self._walks.get(scope) or self._start(scope, credentials)
            found = await walk.until(look)
            if found is not None:
                return found, False
            proved = await asyncio.shield(task)  # it is over; this raises what went wrong in it
            if walk.personal and walk.credentials != credentials:
                continue  # what one credential was not shown another may see
            if proved:
                return None, walk.gaps
            if walk.trouble:
                raise Undecided(f"not all signed indexes could be read: {walk.trouble}")
        raise Undecided("not all signed indexes could be remembered at once")

    def _start(self, scope: Scope, credentials: ClientCredentials) -> tuple[Walk, asyncio.Task[bool]]:
        walk = Walk(scope, credentials, self._fetch, self._knowledge)
        task = spawn(self._walk(walk), name=f"walk {scope.repository}")
        self._walks[scope] = walk, task
        return walk, task

    async def _walk(self, walk: Walk) -> bool:
        """Walk to the end; whether that proves that what was not found is not there."""
        scope, forgotten = walk.scope, self._forgotten(walk.scope)
        try:
            await walk.run()
        finally:
            del self._walks[scope]
        proved = walk.complete and self._forgotten(scope) == forgotten
        if proved and not walk.personal:
            proof = _Proof(forgotten, walk.gaps, self._seconds() + MISSING_SECONDS)
            self._proofs.setdefault(scope.roots, {})[scope.repository, scope.images] = proof
        return proved

    def _proof(self, scope: Scope) -> _Proof | None:
        """The proof that holds now, if there is one."""
        proof = self._proofs.get(scope.roots, {}).get((scope.repository, scope.images))
        if proof is None or proof.forgotten != self._forgotten(scope):
            return None
        return None if proof.gaps and proof.until <= self._seconds() else proof

    def _forgotten(self, scope: Scope) -> int:
        """How often something was forgotten that a proof in this scope may rest on."""
        children, blobs = self._knowledge.children.forgotten, self._knowledge.blobs.forgotten
        return children + blobs if scope.images else children
