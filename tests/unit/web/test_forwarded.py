"""What proxies in front say about the client, and who is believed."""

import ssl
from ipaddress import ip_network
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from proxy.web.forwarded import TRUSTED_PROXIES, client, scheme

TRUSTED = ("10.0.0.0/8", "2001:db8:1::/48")
FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


def arrived(
    peer: str | None, *headers: tuple[str, str], trusted: tuple[str, ...] = TRUSTED, tls: bool = False
) -> web.Request:
    """A request as it arrives from a peer."""
    app = web.Application()
    app[TRUSTED_PROXIES] = tuple(map(ip_network, trusted))
    facts: dict[str, Any] = {"peername": None if peer is None else (peer, 1234)}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    transport = Mock(get_extra_info=lambda name, default=None: facts.get(name, default))
    return make_mocked_request("GET", "/v2/", CIMultiDict(headers), app=app, transport=transport, sslcontext=context)


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        pytest.param("192.0.2.1", [], "192.0.2.1", id="nobody in front"),
        pytest.param("192.0.2.1", [(FOR, "198.51.100.7")], "192.0.2.1", id="a stranger's claim"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7")], "198.51.100.7", id="one proxy"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7, 10.0.0.2")], "198.51.100.7", id="two proxies"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7,10.0.0.3 ,\t10.0.0.2")], "198.51.100.7", id="blanks"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7"), (FOR, "10.0.0.2")], "198.51.100.7", id="two lines"),
        pytest.param("10.0.0.1", [(FOR, "203.0.113.9, 198.51.100.7")], "198.51.100.7", id="the client made one up"),
        pytest.param("10.0.0.1", [(FOR, "203.0.113.9"), (FOR, "198.51.100.7")], "198.51.100.7", id="in its own line"),
        pytest.param("10.0.0.1", [(FOR, "10.9.9.9, 198.51.100.7")], "198.51.100.7", id="a proxy made up"),
        pytest.param("10.0.0.1", [(FOR, "10.0.0.3, 10.0.0.2")], "10.0.0.3", id="a client among the proxies"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7:4711")], "198.51.100.7", id="with its port"),
        pytest.param("10.0.0.1", [(FOR, "[2001:db8:2::7]:4711")], "2001:db8:2::7", id="IPv6 with its port"),
        pytest.param("10.0.0.1", [(FOR, "[2001:db8:2::7]")], "2001:db8:2::7", id="IPv6 in brackets"),
        pytest.param("10.0.0.1", [(FOR, "2001:DB8:2:0::7, 2001:db8:1::1")], "2001:db8:2::7", id="IPv6"),
        pytest.param("2001:db8:1::1", [(FOR, "198.51.100.7")], "198.51.100.7", id="an IPv6 proxy"),
        pytest.param("2001:db8:2::1", [(FOR, "198.51.100.7")], "2001:db8:2::1", id="an IPv6 stranger"),
        pytest.param("::ffff:10.0.0.1", [(FOR, "198.51.100.7")], "198.51.100.7", id="a proxy in IPv6 clothes"),
        pytest.param("::ffff:192.0.2.1", [(FOR, "198.51.100.7")], "192.0.2.1", id="a stranger in IPv6 clothes"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7, ::ffff:10.0.0.2")], "198.51.100.7", id="a hop in IPv6 clothes"),
        pytest.param("10.0.0.1", [(FOR, "::ffff:198.51.100.7")], "198.51.100.7", id="a client in IPv6 clothes"),
        pytest.param("fe80::1%eth0", [(FOR, "198.51.100.7")], "fe80::1", id="a neighbour"),
        pytest.param("10.0.0.1", [(FOR, "")], "10.0.0.1", id="empty"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7, ,10.0.0.2")], "10.0.0.2", id="a hole"),
        pytest.param("10.0.0.1", [(FOR, "unknown")], "10.0.0.1", id="unknown"),
        pytest.param("10.0.0.1", [(FOR, "_hidden, 10.0.0.2")], "10.0.0.2", id="hidden"),
        pytest.param("10.0.0.1", [(FOR, "010.0.0.2")], "10.0.0.1", id="leading zero"),
        pytest.param("10.0.0.1", [(FOR, "fe80::7%x")], "10.0.0.1", id="somebody else's interface"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7:port")], "10.0.0.1", id="a port that is none"),
        pytest.param("10.0.0.1", [("Forwarded", "for=198.51.100.7;proto=https")], "10.0.0.1", id="Forwarded"),
        pytest.param("10.0.0.1", [("X-Real-IP", "198.51.100.7")], "10.0.0.1", id="another header"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7," + "10.0.0.2," * 40 + "10.0.0.3")], "10.0.0.2", id="endless"),
    ],
)
def test_the_client_is_found(peer: str, headers: list[tuple[str, str]], expected: str) -> None:
    """The way is walked from this end, as far as trusted proxies vouch for it."""
    assert client(arrived(peer, *headers)) == expected


@pytest.mark.parametrize("peer", [pytest.param(None, id="no peer"), pytest.param("10.0.0.1", id="a peer")])
def test_without_trusted_proxies_the_peer_is_the_client(peer: str | None) -> None:
    """By default nobody is believed."""
    request = arrived(peer, (FOR, "198.51.100.7"), (PROTO, "https"), trusted=())
    assert (client(request), scheme(request)) == (peer, "http")


def test_a_connection_without_an_address_is_nobodys() -> None:
    """What cannot be named cannot be trusted."""
    request = arrived(None, (FOR, "198.51.100.7"), (PROTO, "https"))
    assert (client(request), scheme(request)) == (None, "http")


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        pytest.param("10.0.0.1", [(PROTO, "https")], "https", id="one proxy"),
        pytest.param("10.0.0.1", [(PROTO, "http")], "http", id="one proxy without TLS"),
        pytest.param("10.0.0.1", [(PROTO, " HTTPS ")], "https", id="upper case and blanks"),
        pytest.param("::ffff:10.0.0.1", [(PROTO, "https")], "https", id="a proxy in IPv6 clothes"),
        pytest.param("192.0.2.1", [(PROTO, "https")], "http", id="a stranger"),
        pytest.param("10.0.0.1", [], "http", id="nothing said"),
        pytest.param("10.0.0.1", [(PROTO, "")], "http", id="empty"),
        pytest.param("10.0.0.1", [(PROTO, "wss")], "http", id="another scheme"),
        pytest.param("10.0.0.1", [(PROTO, "https://evil")], "http", id="an address"),
        pytest.param("10.0.0.1", [("Forwarded", "proto=https")], "http", id="Forwarded"),
        pytest.param("10.0.0.1", [("X-Forwarded-Scheme", "https")], "http", id="another header"),
        pytest.param("10.0.0.1", [(PROTO, "https, http")], "http", id="the client made one up"),
        pytest.param("10.0.0.1", [(PROTO, "https"), (PROTO, "http")], "http", id="in its own line"),
        pytest.param(
            "10.0.0.1",
            [(FOR, "198.51.100.7, 10.0.0.2"), (PROTO, "https, http")],
            "https",
            id="the farther proxy",
        ),
        pytest.param(
            "10.0.0.1", [(FOR, "198.51.100.7, 10.0.0.2"), (PROTO, "http, https")], "http", id="TLS between proxies only"
        ),
        pytest.param(
            "10.0.0.1",
            [(FOR, "203.0.113.9, 198.51.100.7, 10.0.0.2"), (PROTO, "https, http, http")],
            "http",
            id="made up before two proxies",
        ),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7, 10.0.0.2"), (PROTO, "https")], "https", id="handed through"),
        pytest.param("10.0.0.1", [(FOR, "198.51.100.7"), (PROTO, "wss, https")], "https", id="garbage made up"),
    ],
)
def test_the_scheme_is_found(peer: str, headers: list[tuple[str, str]], expected: str) -> None:
    """What the farthest trusted proxy says of its own side counts; anything unclear is plain HTTP."""
    assert scheme(arrived(peer, *headers)) == expected


@pytest.mark.parametrize("peer", [pytest.param("10.0.0.1", id="trusted"), pytest.param("192.0.2.1", id="stranger")])
def test_our_own_tls_is_https_whatever_anybody_says(peer: str) -> None:
    """The connection is here to be seen."""
    assert scheme(arrived(peer, (PROTO, "http"), tls=True)) == "https"


def test_an_application_that_was_never_told_trusts_nobody() -> None:
    """The key is optional."""
    request = make_mocked_request("GET", "/v2/", headers={FOR: "198.51.100.7", PROTO: "https"})
    assert scheme(request) == "http"
    assert client(request) == request.remote
