"""How the program listens and stops: what is logged, what keeps it from starting, and the two signals."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from yarl import URL

from certs.authority import Authority
from proxy import server
from proxy.config.settings import Address, CandidatesSettings, ListenSettings, Settings, TlsSettings
from proxy.errors import UserError
from proxy.limits import DRAIN_SECONDS
from proxy.tasks import spawn
from proxy.web import app
from proxy.web.forwarded import TRUSTED_PROXIES
from proxy.web.listener import Runner
from tests.unit.registry.material import eventually
from tests.unit.web.listening import Line
from tests.unit.web.test_listener import Slow

HERE = Address("127.0.0.1", 0)
EVERYWHERE = "0.0.0.0"  # noqa: S104  (nothing listens there)


@pytest.fixture
def tls(tmp_path: Path) -> TlsSettings:
    """Files of a listener that wants certificates."""
    authority = Authority.open(tmp_path)
    pair = authority.issue("proxy")
    return TlsSettings(pair.certificate_file, pair.key_file, authority.certificate_file)


def serving(key: str, tls: TlsSettings | None = None, address: Address = HERE, answer: Any = None) -> server._Listener:
    """A listener with an application of its own."""
    application = web.Application()
    if answer is not None:
        application.router.add_get("/", answer)
    return server._Listener(key, Runner(application), address, tls)


async def test_each_listener_is_one_line(tls: TlsSettings, events: list[Any]) -> None:
    """Where, with TLS or without, and whether certificates of clients are wanted."""
    async with server._listening(serving("listen"), serving("candidates", tls)):
        pass
    told = [(each["event"], each["what"], each["tls"], each["client_certificates"]) for each in events]
    assert told == [("listening", "listen", False, False), ("listening", "candidates", True, True)]


@pytest.mark.parametrize("with_tls", [pytest.param(False, id="plain"), pytest.param(True, id="TLS")])
async def test_an_address_in_use_is_a_sentence(tls: TlsSettings, *, with_tls: bool) -> None:
    """The listener is named, and those that are open already close again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        first, second = serving("listen"), serving("candidates", tls if with_tls else None, address)
        with pytest.raises(UserError) as raised:
            async with server._listening(first, second):
                raise AssertionError("it listens")
    assert str(raised.value) == (
        f"candidates.address: cannot listen on {address} (address already in use): choose another one"
    )
    assert first.runner.server is None


async def test_an_unusable_certificate_is_a_sentence(tls: TlsSettings) -> None:
    """The listener is named, and nothing listens."""
    tls.certificate_file.write_text("no certificate")
    listener = serving("listen", tls)
    with pytest.raises(UserError, match=r"^listen\.tls: "):
        async with server._listening(listener):
            raise AssertionError("it listens")
    assert listener.runner.server is None


async def release_when(slow: Slow, condition: Callable[[], bool]) -> None:
    """Let a request finish after something else has happened."""
    await eventually(condition)
    slow.released.set()


async def test_listeners_drain_at_the_same_time() -> None:
    """The time for the drain is one for all of them, so none waits for another."""
    first, second = Slow(), Slow()
    one, other = serving("listen", answer=first.answer), serving("candidates", answer=second.answer)
    calls: list[Line] = []
    async with server._listening(one, other):
        for listener in (one, other):
            calls.append(await asyncio.open_connection(*listener.runner.addresses[0]))
            calls[-1][1].write(b"GET / HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
        await eventually(lambda: all(each.runner.server and each.runner.server.requests_count for each in (one, other)))
        second.released.set()
        released = spawn(release_when(first, lambda: other.runner.server is None), name="release")
    await released
    assert [(await reader.read()).endswith(b"at last") for reader, _ in calls] == [True, True]
    for _, writer in calls:
        writer.close()
        await writer.wait_closed()


def settings(tls: TlsSettings, *, candidates: bool) -> Settings:
    """What the listeners for clients are made from."""
    listen = ListenSettings(HERE, None, (ip_network("10.0.0.0/8"),), frozenset({"docker.io"}))
    other = CandidatesSettings(Address("127.0.0.1", 1), tls) if candidates else None
    return cast("Settings", type("Part", (), {"name": "registry", "listen": listen, "candidates": other}))


def test_candidates_have_a_listener_of_their_own(tls: TlsSettings) -> None:
    """With the certificates that it is configured with, and without trust in anybody's word."""
    services = cast("app.Services", object())
    listen, candidates = server._doors(settings(tls, candidates=True), services)
    assert (listen.key, listen.tls) == ("listen", None)
    assert (candidates.key, candidates.tls, candidates.address.port) == ("candidates", tls, 1)
    assert listen.runner.app[TRUSTED_PROXIES] == (ip_network("10.0.0.0/8"),)
    assert candidates.runner.app[TRUSTED_PROXIES] == ()
    assert {each.runner.app[app._NAME] for each in (listen, candidates)} == {"registry"}
    assert listen.runner._crowd is candidates.runner._crowd
    assert {each.runner._shutdown_timeout for each in (listen, candidates)} == {DRAIN_SECONDS}


def test_without_candidates_there_is_none(tls: TlsSettings) -> None:
    """The listener on which everything is answered exists only where it is configured."""
    services = cast("app.Services", object())
    assert [each.key for each in server._doors(settings(tls, candidates=False), services)] == ["listen"]


@pytest.mark.parametrize(
    ("address", "name", "url"),
    [
        pytest.param(Address("10.0.0.5", 5000), "registry.example.com", "http://10.0.0.5:5000", id="one-address"),
        pytest.param(Address("::1", 5000), "registry.example.com", "http://[::1]:5000", id="ipv6"),
        pytest.param(Address(EVERYWHERE, 5000), "registry:5000", "http://registry:5000", id="every-address-named"),
        pytest.param(Address("::", 80), "registry", "http://registry:80", id="every-ipv6-address-named"),
        pytest.param(Address(EVERYWHERE, 5000), "registry", "http://127.0.0.1:5000", id="name-of-another-port"),
        pytest.param(Address("::", 5000), "registry:443", "http://127.0.0.1:5000", id="name-of-a-balancer"),
    ],
)
def test_it_says_where_it_can_be_asked(address: Address, name: str, url: str) -> None:
    """A URL that works from here, by the registry's name where that leads to this port."""
    assert server._reached_at(serving("listen", address=address), name) == url


def test_with_tls_it_is_asked_by_the_name_in_its_certificate(tls: TlsSettings) -> None:
    """Under its address nobody would trust it."""
    listener = serving("listen", tls, Address("10.0.0.5", 5443))
    assert server._reached_at(listener, "registry.example.com") == "https://registry.example.com:5443"


@pytest.mark.parametrize("with_tls", [pytest.param(False, id="plain"), pytest.param(True, id="TLS")])
async def test_a_port_that_the_system_chose_is_the_one_that_is_told(tls: TlsSettings, *, with_tls: bool) -> None:
    """Port 0 leads nowhere."""
    listener = serving("listen", tls if with_tls else None)
    async with server._listening(listener):
        url = URL(server._reached_at(listener, "127.0.0.1"))
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.close()
        await writer.wait_closed()
        assert await reader.read() == b""
    assert url.scheme == ("https" if with_tls else "http")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_signal_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], second: signal.Signals
) -> None:
    """The first one asks to stop; whoever asks again does not want to wait."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    stopping = server._told_to_stop()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping.wait()
        assert ended == []
        os.kill(os.getpid(), second)
        await eventually(lambda: ended)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert ended == [128 + second]
    assert [(event["event"], event["signal"]) for event in events] == [
        ("ended at once: told to stop a second time", second.name)
    ]
