"""Addresses are had before anybody is served there, or it is said why not."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest
from yarl import URL

from proxy.config.settings import Address, TlsSettings
from proxy.errors import UserError
from proxy.server.listeners import bind
from proxy.server.sockets import Bound, Place

HERE = Address("127.0.0.1", 0)
EVERYWHERE = "0.0.0.0"  # noqa: S104  (nothing listens there)


class Port(socket.socket):
    """A socket that says it has a port."""

    number = 0

    def getsockname(self) -> tuple[str, int]:
        """Its address."""
        return "127.0.0.1", self.number


def bound(address: Address, tls: TlsSettings | None = None) -> Bound:
    """A place that nothing listens at."""
    with Port() as port:
        port.number = address.port
        return Bound(Place("listen", address, tls), (port,))


async def test_each_listener_is_one_line(tls: TlsSettings, events: list[Any]) -> None:
    """Where, with TLS or without, and whether certificates of clients are wanted."""
    for each in await bind(Place("listen", HERE), Place("candidates", HERE, tls)):
        each.close()
    told = [(each["event"], each["what"], each["tls"], each["client_certificates"]) for each in events]
    assert told == [("listening", "listen", False, False), ("listening", "candidates", True, True)]


async def test_an_address_in_use_is_a_sentence() -> None:
    """The listener is named, and those that are open already close again."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        first = Address("127.0.0.1", free.getsockname()[1])
        free.close()
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(UserError) as raised:
            await bind(Place("listen", first), Place("candidates", address))
    assert str(raised.value) == (
        f"candidates.address: cannot listen on {address} (address already in use): choose another one"
    )
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(first.host, first.port)


async def test_a_second_proxy_is_told_that_there_is_one() -> None:
    """Nobody can share an address by accident: two configurations would answer in turn."""
    [first] = await bind(Place("listen", HERE))
    address = Address("127.0.0.1", first.sockets[0].getsockname()[1])
    with pytest.raises(UserError, match="address already in use"):
        await bind(Place("listen", address))
    first.close()


async def test_a_host_that_nobody_knows_is_a_sentence() -> None:
    """What the resolver says of it is for nobody."""
    with pytest.raises(UserError, match=r"^listen\.address: cannot listen on no\.invalid:1 \(not a usable address\)"):
        await bind(Place("listen", Address("no.invalid", 1)))


async def test_every_address_of_a_host_is_listened_on() -> None:
    """A name can have several, and clients take any of them."""
    loop = asyncio.get_running_loop()
    found = {family for family, *_ in await loop.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    [at] = await bind(Place("listen", Address("localhost", 0)))
    assert {each.family for each in at.sockets} == found
    at.close()


async def test_an_unusable_certificate_is_a_sentence(tls: TlsSettings) -> None:
    """The listener is named, before anything listens there."""
    broken = replace(tls, certificate_file=tls.key_file)
    with pytest.raises(UserError, match=r"^listen\.tls: "):
        await bind(Place("listen", HERE, broken))


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
    assert bound(address).reached_at(name) == url
    assert bound(address).asked_by(name) == f"tagwarden verify --via {url} REPOSITORY:TAG"


def test_with_tls_it_is_asked_by_the_name_in_its_certificate(tls: TlsSettings) -> None:
    """Under its address nobody would trust it."""
    listener = bound(Address("10.0.0.5", 5443), tls)
    url = "https://registry.example.com:5443"
    assert listener.reached_at("registry.example.com") == url
    told = f"tagwarden verify --via {url} --ca-file CA-FILE REPOSITORY:TAG"  # whose authority hardly any system knows
    assert listener.asked_by("registry.example.com") == told


@pytest.mark.parametrize("with_tls", [pytest.param(False, id="plain"), pytest.param(True, id="TLS")])
async def test_a_port_that_the_system_chose_is_the_one_that_is_told(tls: TlsSettings, *, with_tls: bool) -> None:
    """Port 0 leads nowhere."""
    [at] = await bind(Place("listen", HERE, tls if with_tls else None))
    url = URL(at.reached_at("127.0.0.1"))
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.close()
    await writer.wait_closed()
    at.close()
    assert url.scheme == ("https" if with_tls else "http")
