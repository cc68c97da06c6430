"""The proxy with its fast path and without: the real resolver over a simulated Notary, and a fake registry behind."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from aiohttp import web

from proxy import telemetry
from proxy.admissions import Admissions
from proxy.config.settings import Doors, Network
from proxy.policy.entries import Entry, Relaxation
from proxy.registry.client import RegistryClient, connect
from proxy.registry.closure import Closure
from proxy.store.overlay import Overlay
from proxy.web.app import Services, build
from proxy.web.fast_path import FAST_PATH, FastPath
from proxy.web.listener import Runner
from tests.support.resolving import NAME, REPOSITORY, Bench, bench
from tests.unit.registry.material import FakeRegistry, image, served, settings

MANIFEST: Final = image("warm")
OTHER: Final = image("other")
TARGET: Final = f"/v2/{REPOSITORY}/manifests/1.0"
HEADERS: Final = (
    ("Host", NAME),
    ("User-Agent", "docker/20.10.24"),
    ("Accept", "application/vnd.docker.distribution.manifest.v2+json"),
    ("Accept", "application/vnd.oci.image.index.v1+json"),
)
PER_ANSWER: Final = frozenset({b"date", b"x-request-id"})


def request(method: str = "GET", target: str = TARGET, *headers: tuple[str, str]) -> bytes:
    """A request as docker writes it, with more headers if wanted."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (*HEADERS, *headers))]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Said:
    """One answer, without what every answer has of its own."""

    status: bytes
    headers: frozenset[bytes]
    body: bytes


class Line:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> Said:
        """Send one request in one piece, and read its answer."""
        self.writer.write(data)
        return await self.answer(has_body=not data.startswith(b"HEAD"))

    async def answer(self, *, has_body: bool = True) -> Said:
        """Read one answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        status, *lines = head[:-4].split(b"\r\n")
        named = {line.partition(b": ")[0].lower(): line for line in lines}
        length = int(named.get(b"content-length", b": 0").partition(b": ")[2])
        body = await self.reader.readexactly(length) if has_body and b" 304 " not in status else b""
        return Said(status, frozenset(line for name, line in named.items() if name not in PER_ANSWER), body)


@dataclass
class Warm:
    """A running proxy, and all that stands behind it."""

    bench: Bench
    registry: FakeRegistry
    client: RegistryClient
    closure: Closure
    runner: Runner
    port: int
    log: io.StringIO

    @property
    def fast_path(self) -> FastPath:
        """What is remembered."""
        return self.runner.app[FAST_PATH]

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Line]:
        """Open a connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()

    async def warm_up(self, line: Line, data: bytes) -> Said:
        """Ask as often as it takes for the next such request to be answered as it arrives."""
        await line.ask(data)
        said = await line.ask(data)
        await asyncio.sleep(0)  # an answer is learnt from once it is sent
        return said

    def decided(self) -> list[dict[str, Any]]:
        """The lines of decisions so far."""
        self.fast_path.close()
        lines = [json.loads(each) for each in self.log.getvalue().splitlines()]
        return [each for each in lines if each["event"] == "decision"]


@asynccontextmanager
async def warm_proxy(
    *entries: Entry,
    rollout: tuple[Relaxation, ...] = (),
    is_fast: bool = True,
    trusted_proxies: tuple[Network, ...] = (),
    admissions: Admissions | None = None,
    form: Literal["json", "text"] = "json",
    manifest: bytes = MANIFEST,
) -> AsyncIterator[Warm]:
    """Serve `1.0`, which is signed; `form` is that of the log."""
    log, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    telemetry.configure(form, stream=log)
    try:
        async with (
            bench(*entries, rollout=rollout) as at,
            served(FakeRegistry()) as registry,
            connect(settings(registry.url)) as client,
        ):
            at.sim.sign("1.0", manifest)
            at.sim.bump()
            at.sim.publish()
            registry.holds(manifest, tag="1.0")
            registry.holds(OTHER)
            closure = Closure(client.get_manifest, Overlay(None))

            @asynccontextmanager
            async def open_services() -> AsyncIterator[Services]:
                pledging = at.resolver if is_fast else None
                yield Services(
                    client, at.resolver, closure, Doors(), at.clock.now, admissions=admissions, pledging=pledging
                )

            runner = Runner(build(open_services, name=NAME, trusted_proxies=trusted_proxies))
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                yield Warm(at, registry, client, closure, runner, runner.addresses[0][1], log)
            finally:
                await runner.cleanup()
    finally:
        telemetry.configure()
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
