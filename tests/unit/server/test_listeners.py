"""What is served where, and how all of it ends at the same time."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, cast

import pytest
from aiohttp import web

from deploy.stack.ports import free_port
from proxy.config.settings import Address, CandidatesSettings, ListenSettings, Settings, TlsSettings
from proxy.errors import UserError
from proxy.server.listeners import Listener, applications, bind, health, serving
from proxy.server.sockets import Place, places
from proxy.tasks import spawn
from proxy.web import app
from proxy.web.forwarded import TRUSTED_PROXIES
from proxy.web.listener import Runner
from tests.unit.registry.material import eventually
from tests.unit.web.listening import Line
from tests.unit.web.test_draining import Slow

HERE = Address("127.0.0.1", 0)


async def listener(key: str, tls: TlsSettings | None = None, answer: Any = None) -> Listener:
    """A listener with an application of its own."""
    application = web.Application()
    if answer is not None:
        application.router.add_get("/", answer)
    [at] = await bind(Place(key, HERE, tls))
    return Listener(Runner(application), at)


async def test_a_certificate_that_cannot_be_shown_is_a_sentence(tls: TlsSettings) -> None:
    """The listener is named, and nothing listens any more."""
    usual = await listener("candidates", tls)
    lost = replace(usual.bound.place, tls=replace(tls, certificate_file=tls.key_file))
    broken = replace(usual, bound=replace(usual.bound, place=lost))
    with pytest.raises(UserError, match=r"^candidates\.tls: "):
        async with serving(broken):
            raise AssertionError("it listens")
    assert broken.runner.server is None
    assert broken.bound.sockets[0].fileno() == -1


async def release_when(slow: Slow, condition: Callable[[], bool]) -> None:
    """Let a request finish after something else has happened."""
    await eventually(condition)
    slow.released.set()


async def test_listeners_drain_at_the_same_time() -> None:
    """The time for the drain is one for all of them, so none waits for another."""
    first, second = Slow(), Slow()
    one, other = await listener("listen", answer=first.answer), await listener("candidates", answer=second.answer)
    calls: list[Line] = []
    async with serving(one, other):
        for each in (one, other):
            calls.append(await asyncio.open_connection(*each.runner.addresses[0]))
            calls[-1][1].write(b"GET / HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
        await eventually(lambda: all(each.runner.server and each.runner.server.requests_count for each in (one, other)))
        second.released.set()
        released = spawn(release_when(first, lambda: other.runner.server is None), name="release")
    await released
    assert [(await reader.read()).endswith(b"at last") for reader, _ in calls] == [True, True]
    for _, writer in calls:
        writer.close()
        await writer.wait_closed()


async def test_two_may_serve_one_socket() -> None:
    """Whoever is free takes the next connection, and one that stops takes nothing of the other's along."""
    one = await listener("listen", answer=Slow().answer)
    other = Listener(Runner(one.runner.app), type(one.bound)(one.bound.place, (one.bound.sockets[0].dup(),)))
    address = one.bound.sockets[0].getsockname()
    async with serving(other):
        async with serving(one):
            pass
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /nothing HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()
        await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_those_who_ask_how_it_is_have_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reaches their port takes no files that the proxy itself needs: the oldest idle one makes room."""
    monkeypatch.setattr("proxy.server.listeners.PROBE_CONNECTIONS", 2)
    here = Address("127.0.0.1", free_port())
    asked = cast("Any", None)  # only the rest of the probes asks these
    async with health(cast("Settings", type("Part", (), {"probes": here})), asked, asked):
        lines = [await asyncio.open_connection(here.host, here.port) for _ in range(3)]
        assert await lines[0][0].read() == b""
        reader, writer = lines[2]
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        for _, each in lines:
            each.close()
            await each.wait_closed()


def settings(tls: TlsSettings, *, candidates: bool) -> Settings:
    """What the listeners for clients are made from."""
    listen = ListenSettings(HERE, None, (ip_network("10.0.0.0/8"),), frozenset({"docker.io"}), splice=False)
    other = CandidatesSettings(Address("127.0.0.1", 1), tls) if candidates else None
    return cast("Settings", type("Part", (), {"name": "registry", "listen": listen, "candidates": other}))


def test_candidates_have_a_listener_of_their_own(tls: TlsSettings) -> None:
    """With the certificates that it is configured with, and without trust in anybody's word."""
    both, services = settings(tls, candidates=True), cast("app.Services", object())
    listen, candidates = applications(both, lambda: nullcontext(services))
    assert places(both) == (Place("listen", HERE), Place("candidates", Address("127.0.0.1", 1), tls))
    assert listen[TRUSTED_PROXIES] == (ip_network("10.0.0.0/8"),)
    assert candidates[TRUSTED_PROXIES] == ()
    assert {each[app._NAME] for each in (listen, candidates)} == {"registry"}
    assert [each[app._SPLICE] for each in (listen, candidates)] == [False, False]


def test_without_candidates_there_is_none(tls: TlsSettings) -> None:
    """The listener on which everything is answered exists only where it is configured."""
    usual, services = settings(tls, candidates=False), cast("app.Services", object())
    assert len(applications(usual, lambda: nullcontext(services))) == 1
    assert [each.key for each in places(usual)] == ["listen"]
