"""Manifests, permissions and a registry to play with."""

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from proxy.config.settings import Credentials, RegistrySettings
from proxy.manifests import MediaType
from proxy.names import Digest, Gun, Repository
from proxy.policy.decisions import Allowed, allow
from proxy.policy.entries import Entry
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import Released
from proxy.tuf.pins import Pins
from tests.support.pem import pem_file

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
APP: Final = Repository("shop/app")
GUN: Final = Gun("registry.example.com/shop/app")

ENTRY: Final = Entry(
    pattern=RepositoryPattern("shop/**"),
    signed_by=Released(),
    tags=(),
    notary="corp",
    gun_template="{name}/{repository}",
    pins=Pins.tofu(),
    any_digest=None,
    fresh_for=timedelta(seconds=30),
    released_required=True,
    fallback_to_targets=False,
)


def digest(body: bytes) -> Digest:
    """The digest of bytes, computed apart from the code under test."""
    return Digest(f"sha256:{hashlib.sha256(body).hexdigest()}")


def image(name: str = "app", media_type: str = MediaType.DOCKER_MANIFEST) -> bytes:
    """An image manifest; another name gives other bytes."""
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": digest(name.encode())}
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []}).encode()


def index(children: Iterable[bytes], media_type: str = MediaType.OCI_INDEX, *, of_type: str | None = None) -> bytes:
    """An index of manifests, each described by its own media type unless `of_type` says otherwise."""
    listed = [
        {
            "mediaType": of_type or json.loads(child)["mediaType"],
            "digest": digest(child),
            "size": len(child),
        }
        for child in children
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": listed}).encode()


def allowed(body: bytes, *, length: int | None = None, signers: tuple[str, ...] = ("alice", "ci")) -> Allowed:
    """The permission that signatures over these bytes give; `length` replaces the true one."""
    signed = len(body) if length is None else length
    return allow(digest(body), signed, signers, ENTRY, "shop/**", NOW + timedelta(hours=1))


def of_unknown_length(body: bytes) -> Allowed:
    """The permission where nothing states a length."""
    return allow(digest(body), None, ("alice",), ENTRY, "shop/**", NOW + timedelta(hours=1))


@dataclass(frozen=True)
class Asked:
    """One request as the registry saw it."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes

    def __str__(self) -> str:
        """Method and target, as they stand in a request line."""
        return f"{self.method} {self.target}"


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeRegistry:
    """A registry like 2.8.2, which records what it is asked.

    `scripted` answers replace its own, by `GET /v2/...` (without the query). With `asks_for` set, only that
    Authorization is let in. `knows_conditions` is the quirk of 2.8.2: 304 before any look for the manifest.
    """

    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    scripted: dict[str, Answer] = field(default_factory=dict)
    asks_for: str | None = None
    knows_conditions: bool = True
    asked: list[Asked] = field(default_factory=list)
    url: URL = field(default_factory=URL)

    def holds(self, *bodies: bytes, tag: str | None = None) -> None:
        """Store manifests; `tag` names the last one."""
        for body in bodies:
            self.manifests[digest(body)] = body
        if tag is not None:
            self.tags[tag] = digest(bodies[-1])

    @property
    def requests(self) -> list[str]:
        """What was asked, in order, as request lines."""
        return [str(asked) for asked in self.asked]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Record, then answer."""
        self.asked.append(await self.record(request))
        if self.asks_for is not None and request.headers.get("Authorization") != self.asks_for:
            return error(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Bearer realm="https://auth.example.com/token"'})
        scripted = self.scripted.get(f"{request.method} {request.path}")
        if scripted is not None:
            return await scripted(request)
        _, _, reference = request.path.rpartition("/manifests/")
        return self._manifest(request, reference)

    async def record(self, request: web.Request) -> Asked:
        """What is remembered of a request; a scripted answer reads the body itself."""
        body = b"" if f"{request.method} {request.path}" in self.scripted else await request.read()
        return Asked(request.method, request.raw_path, request.headers, body)

    def _manifest(self, request: web.Request, reference: str) -> web.Response:
        name = self.tags.get(reference, reference)
        if self.knows_conditions and request.headers.get("If-None-Match", "").strip('"') == name:
            return web.Response(status=304)
        body = self.manifests.get(name)
        if body is None:
            return error(404, "MANIFEST_UNKNOWN")
        media_type = json.loads(body).get("mediaType", MediaType.OCI_MANIFEST)
        return web.Response(body=body, headers={"Content-Type": media_type, "Docker-Content-Digest": name})


def error(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error as registries give them."""
    body = json.dumps({"errors": [{"code": code, "message": code.lower(), "detail": None}]})
    return web.Response(
        status=status, text=body, headers={"Content-Type": "application/json; charset=utf-8"} | (headers or {})
    )


def answering(*, status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """A scripted answer; underscores in header names stand for hyphens."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


@asynccontextmanager
async def served(registry: FakeRegistry, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeRegistry]:
    """Let the fake registry listen on a free port."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{anything:.*}", registry.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, max_field_size=1 << 20)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        registry.url = URL(f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}")
        yield registry
    finally:
        await runner.cleanup()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def speaking(talk: Talk) -> AsyncIterator[URL]:
    """A peer that says whatever bytes it likes, on a free port; its connections end with it."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass  # the other side left, as some tests want it
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        server.close()
        await server.wait_closed()


def settings(url: URL, credentials: Credentials | None = None, ca_file: Path | None = None) -> RegistrySettings:
    """The settings for a registry under this address."""
    return RegistrySettings(url=url, ca_file=pem_file(ca_file), credentials=credentials)


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until something that happens on the other side has happened."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (what is waited for knows nothing of this test)
            await asyncio.sleep(0.005)


def pass_by(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let so much time pass for the running loop, which has to be asyncio's own: what was to last less runs out."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + seconds)
