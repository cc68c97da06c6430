"""A shelf of manifests to walk over, a clock that stands still, and questions about them."""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from proxy.errors import ManifestMissing, TrustStoreUnavailable
from proxy.manifests import MediaType, parse
from proxy.names import Digest, Reference
from proxy.policy.decisions import Allowed
from proxy.registry.closure import Absent, Closure, Found, Indexes, Roots
from proxy.registry.headers import ClientCredentials
from proxy.registry.manifests import VerifiedManifest
from proxy.store.overlay import Overlay
from tests.unit.registry.material import APP, allowed, digest, index

ALICE: Final = ClientCredentials("Bearer alice")
BOB: Final = ClientCredentials("Bearer bob")


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        """The time now."""
        return self.seconds


class Shelf:
    """Where a closure fetches from: bodies by digest, failures in place of some, and a list of what was read.

    With `gate` closed every reader waits in front of it. `failures_for` are those of one credential.
    """

    def __init__(self, *bodies: bytes) -> None:
        """Hold these bodies."""
        self.bodies = {digest(body): body for body in bodies}
        self.failures: dict[Digest, Exception] = {}
        self.failures_for: dict[ClientCredentials, Exception] = {}
        self.read: list[Digest] = []
        self.readers: list[ClientCredentials] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(
        self, reference: Reference, permission: Allowed, credentials: ClientCredentials
    ) -> VerifiedManifest:
        """Hand out a body as the registry client would."""
        assert reference == Reference(APP, permission.digest)
        self.read.append(permission.digest)
        self.readers.append(credentials)
        await self.gate.wait()
        for failure in (self.failures.get(permission.digest), self.failures_for.get(credentials)):
            if failure is not None:
                raise failure
        if permission.digest not in self.bodies:
            raise ManifestMissing(permission.digest)
        return verified(self.bodies[permission.digest])


@dataclass
class Store(Overlay):
    """A trust store in memory that counts what it is asked, and can be away."""

    asked: list[str] = field(default_factory=list)
    away: bool = False

    def __post_init__(self) -> None:
        """Begin with nothing."""
        super().__init__(None)

    def _note(self, call: str) -> None:
        self.asked.append(call)
        if self.away:
            raise TrustStoreUnavailable("the disk is full")

    async def load_index(self, digest: Digest) -> bytes | None:
        """As below."""
        self._note("load_index")
        return await super().load_index(digest)

    async def indexes_naming(self, digest: Digest) -> tuple[Digest, ...]:
        """As below."""
        self._note("indexes_naming")
        return await super().indexes_naming(digest)

    async def keep_index(self, digest: Digest, data: bytes) -> None:
        """As below, but not at once, so that others come between."""
        self._note("keep_index")
        await asyncio.sleep(0)
        await super().keep_index(digest, data)


def closure(shelf: Shelf, indexes: Indexes | None = None, clock: Clock | None = None) -> Closure:
    """A closure that remembers nothing yet."""
    return Closure(shelf.fetch, indexes or Overlay(None), clock or Clock())


def roots(*bodies: bytes) -> Roots:
    """Roots that admit these bodies."""
    return Roots(tuple(allowed(body) for body in bodies))


async def find(asked: Closure, wanted: bytes, *bodies: bytes) -> Found | Absent:
    """Ask whether these bodies as roots admit another, with no answer left from before."""
    return await asked.find(APP, digest(wanted), roots(*bodies), ALICE)


def verified(body: bytes) -> VerifiedManifest:
    """What the registry client returns for these bytes."""
    return VerifiedManifest(body, parse(body, None))


def tower(height: int) -> tuple[list[bytes], bytes]:
    """Indexes inside indexes, the outermost last, and the image at the bottom, `height` levels below it."""
    bottom = layered("bottom")
    levels = [bottom]
    for _ in range(height):
        levels.append(index([levels[-1]]))
    return levels, bottom


def layered(name: str, *layers: str) -> bytes:
    """An image whose config is named after it, with these layers."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MediaType.OCI_MANIFEST,
            "config": _descriptor(f"config of {name}"),
            "layers": [_descriptor(layer) for layer in layers],
        }
    ).encode()


def blob(name: str) -> Digest:
    """The digest of a blob with these words in it."""
    return Digest(f"sha256:{hashlib.sha256(name.encode()).hexdigest()}")


def config(name: str) -> Digest:
    """The digest of an image's config."""
    return blob(f"config of {name}")


def many(number: int) -> list[bytes]:
    """So many signed images."""
    return [layered(f"image {position}") for position in range(number)]


def digests(bodies: Iterable[bytes]) -> list[Digest]:
    """The digests of bodies, sorted."""
    return sorted(digest(body) for body in bodies)


def _descriptor(name: str) -> dict[str, object]:
    return {"mediaType": "application/octet-stream", "size": len(name), "digest": blob(name)}
