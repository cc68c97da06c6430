"""`python -m loadtest.stampede`: a thousand clients ask for one cold tag at the same moment.

Notary is asked once for all of them, which is counted at a relay in front of it; how long the slowest of them waits is
set beside how long a lone client waits for a cold tag.
"""

import argparse
import asyncio
import secrets
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from certs.authority import Authority
from deploy.stack import keys, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import notary
from deploy.stack.notary_relay import NotaryRelay, notary_relay
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy, proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry, registry

_CONNECTING: Final = 100  # at once; all of them are connected before the first one asks


@dataclass(frozen=True)
class Answered:
    """What one client got, and after how many seconds."""

    status: int
    digest: str | None
    seconds: float


class Client:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def pull(self, repository: str, tag: str) -> Answered:
        """Ask for a manifest, and read it to its end."""
        began = time.perf_counter()
        self.ask(repository, tag)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        await self._reader.readexactly(int(headers["content-length"]))
        seconds = time.perf_counter() - began
        return Answered(int(head[0].split()[1]), headers.get("docker-content-digest"), seconds)

    def ask(self, repository: str, tag: str) -> None:
        """Ask for a manifest without waiting for it."""
        accept = ", ".join(MANIFEST_TYPES)
        asked = f"GET /v2/{repository}/manifests/{tag} HTTP/1.1\r\nHost: proxy\r\nAccept: {accept}\r\n\r\n"
        self._writer.write(asked.encode())

    async def leave(self) -> None:
        """Hang up."""
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


async def crowd(running: Proxy, count: int) -> list[Client]:
    """Connect so many clients."""
    host, _, port = running.host.partition(":")
    room = asyncio.Semaphore(_CONNECTING)

    async def connect() -> Client:
        async with room:
            return Client(*await asyncio.open_connection(host, int(port)))

    return await asyncio.gather(*(connect() for _ in range(count)))


async def stampede(running: Proxy, repository: str, tag: str, count: int) -> list[Answered]:
    """Let so many clients, all connected before, ask for a tag at once."""
    clients = await crowd(running, count)
    try:
        return await asyncio.gather(*(each.pull(repository, tag) for each in clients))
    finally:
        await asyncio.gather(*(each.leave() for each in clients))


@dataclass(frozen=True)
class _Stage:
    """A proxy behind whose Notary somebody counts, and who signs there."""

    registry: Registry
    relay: NotaryRelay
    owner: Person
    proxy: Proxy

    def cold(self) -> str:
        """A repository that nobody has asked for."""
        repository = f"shop/{secrets.token_hex(6)}"
        content = push(self.registry, repository, image("stampede"), "1.0")
        gun = f"{self.registry.host}/{repository}"
        notary_client.initialise(self.owner, gun)
        notary_client.add_target(self.owner, gun, "1.0", content.digest, content.length)
        return repository

    def measure(self, clients: int) -> float:
        """Seconds of the slowest of so many clients on a cold tag.

        Raises:
            SystemExit: One of them got no image, or Notary was asked for a file more than once.
        """
        repository = self.cold()
        self.relay.asked.clear()
        answers = asyncio.run(stampede(self.proxy, repository, "1.0", clients))
        asked = Counter(self.relay.files())
        if {each.status for each in answers} != {200} or set(asked.values()) != {1}:
            raise SystemExit(f"answers {Counter(each.status for each in answers)}, asked of Notary: {asked}")
        return max(each.seconds for each in answers)


def main() -> None:
    """Measure, and print the medians of all runs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    wanted = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagwarden-stampede-")))
        there = stack.enter_context(registry(directory / "registry"))
        server = stack.enter_context(notary(directory / "notary", Authority.open(directory / "certs")))
        relay = stack.enter_context(notary_relay(server))
        owner = Person.settle("owner", directory / "owner", server)
        notary_client.initialise(owner, f"{there.host}/anchor")
        settings = {
            "name": there.host,
            "registry": {"url": there.url},
            "notaries": {"corp": {"url": relay.url, "roots": ["owner"]}},
            "roots": {"owner": {"public_key_ids": keys.root_key_ids(server, f"{there.host}/anchor")}},
            "repositories": {"**": {"signed_by": "released"}},
        }
        running = stack.enter_context(proxy(directory / "proxy", settings))
        stage = _Stage(there, relay, owner, running)
        stage.measure(1)  # whatever is only needed once
        lone, slowest = [], []
        for _ in range(wanted.runs):
            lone.append(stage.measure(1))
            slowest.append(stage.measure(wanted.clients))
    print(f"each file was fetched once in each of {wanted.runs} runs")
    print(f"a lone client on a cold tag: {1000 * median(lone):.0f} ms")
    print(f"the slowest of {wanted.clients}: {1000 * median(slowest):.0f} ms", end=", ")
    print(f"{median(slowest) / median(lone):.1f} times as long")


if __name__ == "__main__":
    main()
