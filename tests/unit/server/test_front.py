"""One configuration after another behind the same listeners: nothing of those before stays."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from aiohttp import web

from proxy.assembly import Parts
from proxy.assembly.clients import Notary, Registry
from proxy.config.settings import Settings
from proxy.errors import UserError
from proxy.names import Digest, Repository
from proxy.notary.changefeed import Changefeed
from proxy.resolver import Resolver
from proxy.server.front import Front
from proxy.server.keeping import kept, opened
from proxy.server.listeners import bind
from proxy.server.sockets import places
from proxy.web.duty import Duty
from tests.unit.config.site import Site, compose, credentials
from tests.unit.registry.material import FakeRegistry, eventually, image, served
from tests.unit.web.listening import Line

TIMES: Final = 6
GENERATIONAL: Final = (Settings, Parts, Registry, Notary, Changefeed, Resolver, Duty, web.Application)
TRIAL: Final = "{'**': {mode: audit, until: '2100-01-01T00:00:00Z', reason: trial}}"


@dataclass
class Desk:
    """A front at work, and the configuration that it serves under."""

    front: Front
    site: Site
    registry: FakeRegistry
    line: Line

    def settings(self, number: int, more: str = "") -> Settings:
        """A configuration with other clients of registry and Notary than those of any other number."""
        self.site.write("notary.json", credentials("tagwarden", str(number)))
        url = self.registry.url
        return self.site.load(
            compose(
                trust_store="{url: 'sqlite:///trust.db'}",
                listen="{address: '127.0.0.1:0'}",
                registry=f"{{url: '{url}', redirect_hosts: [host{number}]{more}}}",
                notaries=f"{{corp: {{url: '{url}', roots: tofu, changefeed: 60s, credentials_file: notary.json}}}}",
                roots="{}",
                rollout=TRIAL,
            )
        )

    async def pull(self) -> int:
        """Pull something on the connection that stays; the status."""
        reader, writer = self.line
        writer.write(b"GET /v2/shop/api/manifests/1.0 HTTP/1.1\r\nHost: r\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length:")]
        await reader.readexactly(int(length))
        return int(head.split()[1])

    def asked(self, what: str) -> int:
        """How often Notary was asked for something."""
        return sum(what in each for each in self.registry.requests)


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pull asks Notary, however long ago the last one did, so that all use what they have alike."""
    monkeypatch.setattr("proxy.renewal.REFUSED_SECONDS", 0.0)


@asynccontextmanager
async def at_work(directory: Path) -> AsyncIterator[Desk]:
    """A front before a registry that is its own Notary, and has nothing signed."""
    registry = FakeRegistry()
    registry.holds(image(), tag="1.0")
    async with served(registry):
        desk = Desk(None, Site(directory), registry, None)  # type: ignore[arg-type]  # both follow at once
        settings = desk.settings(0)
        bound = await bind(*places(settings))
        async with opened(settings) as (_, assembly), kept(assembly.parts.upkeep):
            desk.front = Front(settings, assembly, bound)
            async with desk.front.serving():
                desk.line = await asyncio.open_connection(*bound[0].sockets[0].getsockname())
                yield desk
                desk.line[1].close()


Census: TypeAlias = tuple[Counter[str], int, int]


def census() -> Census:
    """How much of what belongs to one configuration is in memory, how many tasks, and how many open files."""
    gc.collect()
    found = Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, GENERATIONAL))
    return found, *at_hand()


def at_hand() -> tuple[int, int]:
    """How many tasks there are, and how many open files."""
    return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))


async def settled(desk: Desk, used: int) -> Census:
    """The census once so many have asked Notary for news and for trust data, and nothing came or went for a while."""
    await eventually(lambda: desk.asked("_trust/changefeed") >= used <= desk.asked("_trust/tuf"))
    seen, unchanged = at_hand(), 0
    async with asyncio.timeout(30):
        while unchanged < 20:
            await asyncio.sleep(0.01)
            now = at_hand()
            unchanged, seen = (unchanged + 1 if now == seen else 0), now
    return census()


async def goes_down_to(before: Census) -> None:
    """Wait until there is no more of anything than before."""
    # counters compare with counters, and numbers with numbers; in a zip mypy sees only objects
    await eventually(lambda: all(now <= then for now, then in zip(census(), before, strict=True)))  # type: ignore[operator]


@pytest.mark.usefixtures("events")
async def test_nothing_of_those_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither objects nor tasks nor sockets, though a connection was there all the time and used each of them."""
    monkeypatch.setattr("proxy.assembly.clients.REPLACED_SECONDS", 0.02)
    async with at_work(tmp_path) as desk:
        assert await desk.pull() == 200
        begun = before = await settled(desk, 1)
        for number in (1, 2):
            await desk.front.rebind(desk.settings(number))
            assert await desk.pull() == 200
            before = await settled(desk, number + 1)
        # that of now and the one before, not the first
        await eventually(lambda: census()[0]["Application"] == begun[0]["Application"] + 1)
        for number in range(3, 3 + TIMES):
            await desk.front.rebind(desk.settings(number))
            assert await desk.pull() == 200
        await goes_down_to(before)


@pytest.mark.usefixtures("events")
async def test_nothing_of_one_that_was_never_taken_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened for it is closed again, however far it came, and clients are served as before."""
    async with at_work(tmp_path) as desk:
        assert await desk.pull() == 200
        before = await settled(desk, 1)

        async def fails(_: web.Application) -> Duty:
            raise UserError("an application cannot begin")

        monkeypatch.setattr(Duty, "begin", fails)
        for number in range(1, TIMES):
            with pytest.raises(UserError):
                await desk.front.rebind(desk.settings(number))
        assert await desk.pull() == 200
        await goes_down_to(before)


@pytest.mark.usefixtures("events")
async def test_another_registry_is_asked_what_is_a_manifest(tmp_path: Path) -> None:
    """What the one before had as a layer may be a manifest there; what is closed stays so."""
    async with at_work(tmp_path) as desk:
        closed, asked = desk.front._closed, list[str]()
        repository, layer, manifest = Repository("shop/api"), *(Digest(f"sha256:{each * 64}") for each in "ab")

        async def is_manifest(digest: Digest) -> bool:
            asked.append(digest)
            return digest == manifest

        for digest in (layer, manifest):
            await closed.learn(repository, digest, is_manifest(digest))
        assert all(closed.knows(repository, digest) for digest in (layer, manifest))
        await desk.front.rebind(desk.settings(1))
        assert [closed.knows(repository, digest) for digest in (layer, manifest)] == [False, True]
