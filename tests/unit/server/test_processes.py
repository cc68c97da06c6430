"""One process alone, a supervisor, and a worker: each from its start to its end."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from deploy.stack.ports import free_port
from proxy import server, telemetry
from proxy.config.settings import Settings
from proxy.errors import UserError
from proxy.server import alone, supervisor, worker
from proxy.server.channel import Channel
from proxy.server.handing import Handed
from proxy.server.listeners import bind
from proxy.server.reloading import Configuration
from proxy.server.sockets import places
from proxy.server.words import FROM_WORKER, Asked, Greeted, Serving
from proxy.store.opening import open_store
from proxy.tasks import spawn
from proxy.telemetry import shared
from tests.unit.config.site import Site, compose
from tests.unit.registry.material import FakeRegistry, eventually, served
from tests.unit.server import actors


def composed(registry: str = "http://127.0.0.1:5001") -> str:
    """A configuration with addresses of its own."""
    return compose(
        trust_store="{url: 'sqlite:///trust.db'}",
        registry=f"{{url: '{registry}'}}",
        listen=f"{{address: '127.0.0.1:{free_port()}'}}",
        probes=f"{{address: '127.0.0.1:{free_port()}'}}",
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A configuration whose registry is away."""
    return Site(tmp_path).load(composed())


@pytest.fixture
async def answered(tmp_path: Path) -> AsyncIterator[Settings]:
    """A configuration whose registry answers."""
    async with served(FakeRegistry()) as registry:
        yield Site(tmp_path).load(composed(str(registry.url)))


def written(settings: Settings) -> Configuration:
    """A configuration that is read once, and never changes."""
    return Configuration.first(lambda _: settings)


async def status(settings: Settings, path: str) -> int:
    """What a probe is answered."""
    address = settings.probes
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


async def stopped(running: "asyncio.Task[None]") -> None:
    """Tell this process to stop, and wait until what runs in it has."""
    os.kill(os.getpid(), signal.SIGTERM)
    try:
        await running
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


def said(events: list[Any], name: str) -> list[Any]:
    """The events of one name."""
    return [each for each in events if each["event"] == name]


async def test_alone(answered: Settings, events: list[Any]) -> None:
    """It is ready, is told to stop, and ends."""
    running = spawn(alone.serve(written(answered)), name="alone")
    await eventually(lambda: said(events, "serving"))
    assert (await status(answered, "/healthz"), await status(answered, "/readyz")) == (200, 200)
    await stopped(running)
    names = ["trust store created: nothing is remembered yet", "listening", "listening", "serving", "draining"]
    assert [each["event"] for each in events if each["event"] != "configuration"] == [*names, "stopped"]


async def test_supervised(answered: Settings, events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor answers for all: well as soon as it lives, ready once all of them serve."""
    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(actors.POLITE))
    running = spawn(supervisor.supervise(written(answered), 3), name="supervisor")
    await eventually(lambda: len(said(events, "listening")) == 2)
    assert await status(answered, "/healthz") == 200
    await eventually(lambda: said(events, "serving"))
    assert await status(answered, "/readyz") == 200
    assert said(events, "serving")[0]["workers"] == len(said(events, "worker serving")) == 3
    await stopped(running)
    assert events[-1]["event"] == "stopped"


async def test_not_ready_without_a_trust_store(
    answered: Settings, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that serve are no use where nothing can be remembered."""
    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(actors.POLITE))
    running = spawn(supervisor.supervise(written(answered), 2), name="supervisor")
    await eventually(lambda: said(events, "serving"))
    Path(answered.trust_store.url.removeprefix("sqlite:///")).unlink()
    assert await status(answered, "/readyz") == 503
    await stopped(running)


async def test_told_to_stop_while_workers_start(
    settings: Settings, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to wait until all serve before they may stop."""
    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(actors.NEVER_BEGINS))
    running = spawn(supervisor.supervise(written(settings), 2), name="supervisor")
    await eventually(lambda: len(said(events, "listening")) == 2)
    await stopped(running)
    assert said(events, "workers took too long to stop: they are ended") == []
    assert said(events, "serving") == []
    assert [each["event"] for each in events][-2:] == ["draining", "stopped"]


async def test_supervisor_without_workers_gives_up(
    settings: Settings, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens any more, and the address is free."""
    monkeypatch.setattr("proxy.server.child._spawn", actors.playing(actors.CANNOT))
    with pytest.raises(UserError, match="cannot serve"):
        await supervisor.supervise(written(settings), 2)
    for each in await bind(*places(settings)):
        each.close()
    assert said(events, "serving") == []


async def test_worker(settings: Settings, events: list[Any]) -> None:
    """Once greeted it says that it serves, gives signs of life, and ends when its supervisor hangs up."""
    await (await open_store(settings.trust_store)).close()
    bound = await bind(*places(settings))
    address = bound[0].sockets[0].getsockname()
    handed = Handed.of(settings, bound)
    copied = replace(handed, places=((bound[0].place, tuple(map(os.dup, handed.descriptors))),))
    ours, theirs = socket.socketpair()
    channel = await Channel.open(ours, FROM_WORKER)
    running = spawn(worker.serve(copied, theirs), name="worker")
    channel.say(Greeted())
    while (word := await channel.hear()) != Serving():
        assert word == Asked(of=[])  # on a slow machine
    bound[0].close()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 404")
    writer.close()
    assert await channel.hear() == Asked(of=[])
    channel.hang_up()
    await running
    channel.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)
    assert len(said(events, "draining")) == 1
    assert said(events, "serving") == []
    assert len(said(events, "listening")) == 1  # by whoever bound it, which was this test


async def test_worker_does_not_serve_before_it_is_greeted(settings: Settings) -> None:
    """What it does not know yet could be a revocation; where its supervisor is gone, nobody will tell it."""
    await (await open_store(settings.trust_store)).close()
    [bound] = await bind(*places(settings))
    handed = Handed.of(settings, (bound,))
    copied = replace(handed, places=((bound.place, tuple(map(os.dup, handed.descriptors))),))
    bound.close()
    ours, theirs = socket.socketpair()
    channel = await Channel.open(ours, FROM_WORKER)
    running = spawn(worker.serve(copied, theirs), name="worker")
    for _ in range(2):
        assert await channel.hear() == Asked(of=[])
    channel.hang_up()
    await running
    while (word := await channel.hear()) is not None:
        assert word == Asked(of=[])
    channel.close()


def test_worker_that_cannot_serve_says_why(
    settings: Settings, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the log, where its supervisor's readers look; a trust store that is lost is not begun anew."""
    monkeypatch.setattr(telemetry, "configure", lambda *_, **__: None)
    monkeypatch.setattr(shared, "begin", lambda _: None)
    monkeypatch.setattr("uvloop.run", asyncio.run)
    ours, theirs = socket.socketpair()
    try:
        with ours, Handed.of(settings, ()).file() as file:
            monkeypatch.setattr(worker, "_SETTINGS", file.fileno())
            with pytest.raises(SystemExit) as ended:
                worker.main(theirs.detach(), 3)
    finally:
        structlog.contextvars.unbind_contextvars("worker")
    assert ended.value.code == 2
    [told] = said(events, "this worker cannot serve")
    assert "its file does not exist" in told["why"]


@pytest.mark.parametrize(
    ("workers", "runs"),
    [pytest.param(1, "alone", id="one"), pytest.param(3, "3", id="three"), pytest.param(None, "5", id="one-a-core")],
)
def test_how_many(settings: Settings, monkeypatch: pytest.MonkeyPatch, workers: int | None, runs: str) -> None:
    """One process needs nobody to supervise it."""
    began: list[str] = []

    async def begin(what: str) -> None:
        began.append(what)

    monkeypatch.setattr(telemetry, "configure", lambda *_, **__: None)
    monkeypatch.setattr("uvloop.run", asyncio.run)
    monkeypatch.setattr(server, "serve", lambda _: begin("alone"))
    monkeypatch.setattr(server, "supervise", lambda _, count: begin(str(count)))
    monkeypatch.setattr(server, "one_a_core", lambda: 5)
    object.__setattr__(settings, "workers", workers)
    server.run(lambda _: settings)
    assert began == [runs]
