"""Several processes serve as one: under load, when one dies, when all stop, and when somebody signs or revokes."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack import keys, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.notary import notary as run_notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration, wait_for

WORKERS = {1, 2}


@dataclass(frozen=True)
class Place:
    """A registry, a Notary of its own, who owns its collections, and a repository that is signed."""

    registry: Registry
    notary: Notary
    owner: Person
    anchor: str
    repository: str

    def gun(self) -> str:
        """The collection."""
        return f"{self.registry.host}/{self.repository}"

    def sign(self, content: str) -> str:
        """Push and sign other content under the same tag; its digest."""
        pushed = push(self.registry, self.repository, image(content), "1.0")
        notary_client.add_target(self.owner, self.gun(), "1.0", pushed.digest, pushed.length)
        return pushed.digest

    def asked(self) -> int:
        """How often Notary was asked for the timestamp by a proxy."""
        lines = [json.loads(line) for line in self.notary.daemon.log.read_text().splitlines() if line.startswith("{")]
        path = f"/v2/{self.gun()}/_trust/tuf/timestamp.json"
        agent = "http.request.useragent"
        ours = [each for each in lines if each.get("http.request.uri") == path and "tagwarden" in each.get(agent, "")]
        return len([each for each in ours if each["msg"] == "response completed"])


@dataclass(frozen=True)
class Crew:
    """A proxy of two workers."""

    proxy: Proxy

    def ask(self, repository: str) -> tuple[int | None, str | None]:
        """Ask for a tag on a connection of its own: which worker answered, and the digest if it was served."""
        answer = self.proxy.request("GET", f"/v2/{repository}/manifests/1.0", {"Connection": "close"})
        digest = answer.headers["Docker-Content-Digest"] if answer.status == 200 else None
        return self.worker_of(answer.headers["X-Request-Id"]), digest

    def worker_of(self, request_id: str) -> int | None:
        """Which worker answered a request."""
        return next((each["worker"] for each in self.proxy.events() if each["request_id"] == request_id), None)

    def answers(self, repository: str, times: int = 100) -> set[tuple[int | None, str | None]]:
        """All that is answered, by so many connections or until both workers have."""
        seen: set[tuple[int | None, str | None]] = set()
        while times and {worker for worker, _ in seen} < WORKERS:
            seen.add(self.ask(repository))
            times -= 1
        return seen

    def serves(self, repository: str, digest: str | None) -> bool:
        """Wait until both workers answer with this and nothing else."""
        wanted = {(worker, digest) for worker in WORKERS}
        return wait_for(lambda: self.answers(repository), lambda seen: seen == wanted) == wanted

    def pid_of(self, worker: int) -> int:
        """The process that serves as this worker now."""
        return [int(each["pid"]) for each in self.proxy.events("worker serving") if each["worker"] == worker][-1]


@contextmanager
def crew(
    directory: Path, place: Place, fresh_for: str, changefeed: str = "off", *, fast_path: bool = True
) -> Iterator[Crew]:
    """Run two workers; without `fast_path` each line of their log is written before its answer."""
    settings = configuration(place.registry, place.notary, [place.anchor], {})
    settings["listen"] = {"fast_path": fast_path}
    settings["workers"] = 2
    settings["notaries"]["corp"]["changefeed"] = changefeed
    settings["repositories"] = {"shop/**": {"signed_by": "released", "fresh_for": fresh_for}}
    with run_proxy(directory, settings) as running:
        yield Crew(running)


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, registry: Registry
) -> Iterator[tuple[Notary, Person]]:
    """A Notary that nobody else asks, and the owner of its collections."""
    directory = tmp_path_factory.mktemp("workers")
    with run_notary(directory / "notary", authority) as notary:
        owner = Person.settle("owner", directory / "owner", notary)
        notary_client.initialise(owner, f"{registry.host}/anchor")
        yield notary, owner


@pytest.fixture
def place(stage: tuple[Notary, Person], registry: Registry, repository: str) -> Place:
    """A repository that is signed."""
    notary, owner = stage
    [anchor] = keys.root_key_ids(notary, f"{registry.host}/anchor")
    place = Place(registry, notary, owner, anchor, repository)
    notary_client.initialise(owner, place.gun())
    place.sign("first")
    return place


@dataclass
class Customer:
    """Pulls again and again over one connection, and notes what became of each request."""

    host: str
    path: str
    stopping: threading.Event
    answered: int = 0
    refused: bool = False
    lost: list[str | None] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def pull(self) -> None:
        """Go on until told to stop, or nobody listens any more."""
        while not self.stopping.is_set() and not self.refused:
            connection = HTTPConnection(self.host, timeout=30)
            last = None
            try:
                connection.connect()
            except OSError:
                self.refused = True
                return
            try:
                while not self.stopping.is_set():
                    last = self._one(connection) or last
            except (OSError, HTTPException):
                self.lost.append(last)
            finally:
                connection.close()

    def _one(self, connection: HTTPConnection) -> str | None:
        """One request; its id. Raises where the connection ends before the answer does."""
        connection.request("GET", self.path)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200 or not body:
            self.wrong.append(f"{response.status} {body[:200]!r}")
        self.answered += 1
        return response.headers["X-Request-Id"]


@contextmanager
def customers(crew: Crew, repository: str, count: int = 8) -> Iterator[list[Customer]]:
    """So many of them at the same time; all have been served when the block begins."""
    stopping = threading.Event()
    path = f"/v2/{repository}/manifests/1.0"
    everybody = [Customer(crew.proxy.host, path, stopping) for _ in range(count)]
    threads = [threading.Thread(target=each.pull) for each in everybody]
    for thread in threads:
        thread.start()
    try:
        assert wait_for(lambda: all(each.answered > 3 for each in everybody), bool)
        yield everybody
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def test_both_serve(place: Place, tmp_path: Path) -> None:
    """One port, one configuration, two processes, and each of them answers."""
    with crew(tmp_path, place, "30s") as running:
        assert {worker for worker, _ in running.answers(place.repository)} == WORKERS
        assert len({running.pid_of(worker) for worker in WORKERS} | {running.proxy.daemon.pid}) == 3
        [serving] = running.proxy.events("serving")
        assert serving["workers"] == 2


def test_one_that_is_killed_takes_only_its_own_connections_along(place: Place, tmp_path: Path) -> None:
    """Others go on, nobody who comes is turned away, and another process takes its place."""
    with crew(tmp_path, place, "30s", fast_path=False) as running:
        killed = running.pid_of(1)
        with customers(running, place.repository) as everybody:
            os.kill(killed, signal.SIGKILL)
            assert wait_for(lambda: running.pid_of(1), lambda pid: pid != killed) != killed
            before = [each.answered for each in everybody]
            wait_for(lambda: all(each.answered > was for each, was in zip(everybody, before, strict=True)), bool)
        assert [each.wrong for each in everybody] == [[]] * len(everybody)
        assert not any(each.refused for each in everybody)
        lost = [request for each in everybody for request in each.lost]
        assert {running.worker_of(request) for request in lost if request} <= {1}
        assert len(lost) <= len(everybody)
        [ended] = running.proxy.events("a worker ended: another one takes its place")
        assert (ended["worker"], ended["how"]) == (1, "signal 9")
        assert {worker for worker, _ in running.answers(place.repository)} == WORKERS


def test_a_drain_loses_no_answer(place: Place, tmp_path: Path) -> None:
    """Whatever was being answered when all stop is answered whole; then nobody listens any more."""
    with crew(tmp_path, place, "30s") as running, customers(running, place.repository) as everybody:
        os.kill(running.proxy.daemon.pid, signal.SIGTERM)
        assert wait_for(lambda: all(each.refused for each in everybody), bool)
        assert wait_for(lambda: running.proxy.events("stopped"), bool)
        assert [each.wrong for each in everybody] == [[]] * len(everybody)
    assert len(running.proxy.events("draining")) == 3
    assert running.proxy.events("a worker ended: another one takes its place") == []


def test_notary_is_asked_once_for_both(place: Place, tmp_path: Path) -> None:
    """While both serve, the supervisor alone renews, early; each worker by itself would ask as often once more."""
    fresh_for, earliest = 4, 0.6 * 4
    with crew(tmp_path, place, f"{fresh_for}s") as running:

        def asked() -> int:
            running.answers(place.repository)
            return place.asked()

        begun = wait_for(asked, lambda seen: seen >= 4)
        before, since = len(running.proxy.events()), time.monotonic()
        seen = wait_for(asked, lambda seen: seen >= begun + 4)
        told, seconds = running.proxy.events()[before:], time.monotonic() - since
        assert {each["worker"] for each in told} == WORKERS
        assert max(each["evidence_age"] for each in told) <= fresh_for
        assert 4 <= seen - begun <= seconds / earliest + 1


def test_what_people_do_counts_in_both(place: Place, tmp_path: Path) -> None:
    """A new signature and a revocation take effect in every worker by the one changefeed; `fresh_for` is an hour."""
    with crew(tmp_path, place, "1h", "200ms") as running:
        assert running.serves(place.repository, place.sign("second"))
        assert running.serves(place.repository, place.sign("third"))
        notary_client.remove_target(place.owner, place.gun(), "1.0")
        assert running.serves(place.repository, None)
        assert running.serves(place.repository, place.sign("fourth"))


def test_workers_end_with_their_supervisor(place: Place, tmp_path: Path) -> None:
    """Nobody goes on serving a configuration that nobody answers for."""
    with crew(tmp_path, place, "30s") as running:
        running.answers(place.repository)
        pids = [running.pid_of(worker) for worker in WORKERS]
        os.kill(running.proxy.daemon.pid, signal.SIGKILL)
        assert wait_for(lambda: [Path(f"/proc/{pid}").exists() for pid in pids], lambda alive: not any(alive))
        with pytest.raises(ConnectionRefusedError):
            running.proxy.request("GET", "/v2/")
