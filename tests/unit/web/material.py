"""The proxy as clients meet it: its real listener in front of a fake registry, with a scripted resolver."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from proxy.admissions import Admissions
from proxy.config.settings import Doors
from proxy.errors import BlobNotAdmitted, Blocked, TagNotSigned
from proxy.names import Digest, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Decision, Unenforced, relax
from proxy.policy.entries import Mode, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.store.overlay import Overlay
from proxy.web.app import Services, build
from proxy.web.listener import Runner
from tests.unit.registry.material import APP, ENTRY, GUN, NOW, FakeRegistry, allowed, settings

ALICE: Final = {"Authorization": "Bearer alice"}


def relaxed_to(mode: Mode) -> Unenforced | None:
    """The permission that `rollout` gives in a mode, made by policy; None under `enforce`."""
    rollout = [Relaxation(RepositoryPattern("**"), mode, None, None)]
    return relax(Policy("registry.example.com", [ENTRY], rollout), APP, NOW)


def refusing(reference: Reference, **changes: Any) -> Decision:
    """A refusal as not signed, with evidence behind it, unless changed."""
    decision = Decision(
        reference=reference,
        mode=Mode.ENFORCE,
        rule="shop/**",
        gun=GUN,
        notary="corp",
        refusal=TagNotSigned(str(reference.target), unreleased=False),
        checked_at=NOW,
    )
    return replace(decision, **changes)


@dataclass
class ScriptedResolver:
    """Decides what the test says, and remembers what it was asked.

    `permissions` are by tag or digest, `permissions_by_name` those of one name alone; `changes` are made to every
    decision; what has no permission is refused as not signed. `blobs` are digests that admitted manifests name.
    `named` are the names that came with questions. `signed` are the tags of a list, None for a list that shows all.
    `gate` holds every decision back until it is set.
    """

    mode: Mode = Mode.ENFORCE
    permissions: dict[str, Allowed | Unenforced] = field(default_factory=dict)
    permissions_by_name: dict[str | None, dict[str, Allowed | Unenforced]] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    signed: frozenset[Tag] | None = None
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    asked: list[tuple[Reference, ClientCredentials]] = field(default_factory=list)
    asked_blobs: list[Digest] = field(default_factory=list)
    named: list[str | None] = field(default_factory=list)

    def relaxed(self, _repository: Repository) -> Unenforced | None:
        """The same for every repository."""
        return relaxed_to(self.mode)

    def check_blocked(self, _repository: Repository, digest: Digest) -> None:
        """The same for every repository, where the mode is binding."""
        if digest in self.blocked and self.mode in (Mode.ENFORCE, Mode.PROTECT):
            raise Blocked(digest, "CVE-2026-1")

    def lists_signed_tags(self, _repository: Repository) -> bool:
        """The same for every repository."""
        return self.signed is not None

    def whereabouts(self, _repository: Repository, *, name: str | None = None) -> Mapping[str, str]:
        """The same for every repository, under the name that came with the question."""
        return {"gun": f"{name or 'registry.example.com'}/shop/app", "notary": "corp"}

    async def resolve(
        self, reference: Reference, credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Decide as scripted."""
        self.asked.append((reference, credentials))
        self.named.append(name)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        permission = (self.permissions | self.permissions_by_name.get(name, {})).get(reference.target)
        changes = {"mode": self.mode} if permission is None else {"permission": permission, "refusal": None}
        return refusing(reference, **({"mode": self.mode} | changes | self.changes))

    async def resolve_blob(
        self, repository: Repository, digest: Digest, _credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Decide as scripted."""
        self.asked_blobs.append(digest)
        self.named.append(name)
        if self.failure is not None:
            raise self.failure
        reference = Reference(repository, digest)
        if digest in self.blobs:
            return refusing(reference, permission=allowed(b"an admitted manifest"), refusal=None)
        return refusing(reference, **({"refusal": BlobNotAdmitted(digest)} | self.changes))

    async def signed_tags(self, _repository: Repository, *, name: str | None = None) -> frozenset[Tag]:
        """As scripted."""
        self.named.append(name)
        if self.failure is not None:
            raise self.failure
        return self.signed or frozenset()


@dataclass(frozen=True)
class Reply:
    """A whole answer as a client sees it."""

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The one error of the body."""
        (error,) = json.loads(self.body)["errors"]
        assert isinstance(error, dict)
        return error


@dataclass
class Proxy:
    """A running proxy, and what stands behind it."""

    url: URL
    registry: FakeRegistry
    resolver: ScriptedResolver
    closure: Closure
    client: aiohttp.ClientSession

    async def ask(self, method: str, target: str, **arguments: Any) -> Reply:
        """Send a request with exactly this target and read the whole answer."""
        arguments.setdefault("headers", ALICE)
        url = URL(f"{self.url}{target}", encoded=True)
        async with self.client.request(method, url, allow_redirects=False, **arguments) as response:
            return Reply(response.status, response.reason or "", response.headers, await response.read())

    @asynccontextmanager
    async def call(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a raw connection, and close it at the end at the latest."""
        assert self.url.host is not None
        reader, writer = await asyncio.open_connection(self.url.host, self.url.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def say(self, data: bytes) -> bytes:
        """Send raw bytes and read until the proxy hangs up."""
        async with self.call() as (reader, writer):
            writer.write(data)
            return await reader.read()


@asynccontextmanager
async def running(
    registry: FakeRegistry,
    url: URL | None = None,
    doors: Doors | None = None,
    admissions: Admissions | None = None,
    **built: Any,
) -> AsyncIterator[Proxy]:
    """Run the proxy in front of a registry.

    `url` is where that listens if it is not the fake one's own; `admissions` hears what became of tags; `built` goes to
    `proxy.web.app.build`.
    """
    resolver = ScriptedResolver()
    closures: list[Closure] = []

    @asynccontextmanager
    async def open_services() -> AsyncIterator[Services]:
        async with connect(settings(url or registry.url)) as client:
            closures.append(Closure(client.get_manifest, Overlay(None)))
            doors_open = doors or Doors()
            yield Services(client, resolver, closures[0], doors_open, lambda: NOW, admissions=admissions)

    runner = Runner(build(open_services, name="registry.example.com", **built))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Proxy(address, registry, resolver, closures[0], session)
    finally:
        await runner.cleanup()
