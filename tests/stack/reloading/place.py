"""A proxy whose configuration changes while it runs, in front of a real registry and a Notary that counts."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from deploy.stack.images import Image, image, push
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry
from tests.stack.configuration import wait_for
from tests.stack.lasting.simulated import SimulatedNotary
from tests.support.notary_simulator import NotarySimulator

ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
STAYS = "not reloaded: the last good configuration stays"


@dataclass
class Place:
    """The proxy, what is signed as `1.0` in one repository, and the configuration as it was written last.

    `begun` is how much its log had when a test came here: what was said before is nothing to it.
    """

    proxy: Proxy
    sim: NotarySimulator
    repository: str
    content: Image
    settings: dict[str, Any]
    begun: int = 0

    @property
    def path(self) -> str:
        """Where the signed tag is."""
        return f"/v2/{self.repository}/manifests/1.0"

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of one name that were logged since the test began."""
        with self.proxy.daemon.log.open() as log:
            log.seek(self.begun)
            lines = [line for line in log if line.startswith("{") and line.endswith("\n")]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def pids(self) -> list[int]:
        """The processes: the one that keeps the others, and those that serve."""
        workers = {each["worker"]: int(each["pid"]) for each in self.proxy.events("worker serving")}
        return [self.proxy.daemon.pid, *workers.values()]

    def write(self, changes: Mapping[str, Any]) -> None:
        """Write the configuration with changes, by section; None is a section that is left out. Nobody is told."""
        whole = {**self.settings, **changes}
        kept = {key: value for key, value in whole.items() if value is not None}
        beside = self.proxy.configuration.with_suffix(".new")
        beside.write_text(json.dumps(kept))
        beside.rename(self.proxy.configuration)
        self.settings = kept

    def told(self) -> list[dict[str, Any]]:
        """What was said of all that was read anew so far, in order."""
        told = [*self.events("reloaded"), *self.events(STAYS)]
        return sorted(told, key=lambda each: str(each["timestamp"]))

    def reload(self, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write changes, ask for them by SIGHUP, and wait for what is said of them."""
        before = len(self.told())
        if changes is not None:
            self.write(changes)
        os.kill(self.proxy.daemon.pid, signal.SIGHUP)
        return self.next_told(before)

    def next_told(self, before: int) -> dict[str, Any]:
        """Wait until more was said than so much."""
        told = wait_for(self.told, lambda seen: len(seen) > before)
        assert len(told) > before, self.proxy.daemon.log.read_text()[-3000:]
        return told[before]

    def pull(self, connection: HTTPConnection | None = None) -> tuple[int, str | None]:
        """Ask for the signed tag, on a connection of its own or on this one: status, and the refusal."""
        if connection is None:
            answer = self.proxy.request("GET", self.path, ACCEPT)
            return answer.status, answer.headers["X-Tagwarden-Refusal"]
        connection.request("GET", self.path, headers=ACCEPT)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["X-Tagwarden-Refusal"]


@dataclass(frozen=True)
class Running:
    """A proxy that serves one test after the other, each under a configuration that begins as `settings`."""

    proxy: Proxy
    registry: Registry
    notary: SimulatedNotary
    settings: Mapping[str, Any]

    def sign(self, repository: str) -> Place:
        """Have something signed for a test."""
        content = push(self.registry, repository, image(repository), "1.0")
        sim = NotarySimulator(f"{self.registry.host}/{repository}")
        sim.sign("1.0", content.manifest.content)
        sim.publish()
        self.notary.sims[sim.gun] = sim
        begun = self.proxy.daemon.log.stat().st_size
        return Place(self.proxy, sim, repository, content, dict(self.settings), begun)

    @contextmanager
    def visited(self, repository: str) -> Iterator[Place]:
        """The same, and the configuration is left as it was found."""
        place = self.sign(repository)
        yield place
        if place.told():
            told = place.reload({**dict.fromkeys(place.settings), **self.settings})
            assert told["event"] == "reloaded", told


@contextmanager
def running(
    directory: Path, registry: Registry, notary: SimulatedNotary, workers: int = 1, **more: Any
) -> Iterator[Running]:
    """Run a proxy; `more` are sections of its configuration."""
    settings = {
        "name": registry.host,
        "workers": workers,
        "registry": {"url": registry.url},
        "notaries": {"corp": {"url": notary.url, "roots": "tofu"}},
        "repositories": {"**": {"signed_by": "released", "fresh_for": "1h"}},
        **more,
    }
    with run_proxy(directory, settings) as proxy:
        yield Running(proxy, registry, notary, json.loads(proxy.configuration.read_text()))


@contextmanager
def reloading(
    directory: Path, registry: Registry, notary: SimulatedNotary, repository: str, workers: int = 1, **more: Any
) -> Iterator[Place]:
    """Run a proxy for one test alone."""
    with running(directory, registry, notary, workers, **more) as started:
        yield started.sign(repository)
