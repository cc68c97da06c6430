"""Who the client is and how it came, where trusted proxies stand in front (design: Configuration, `trusted_proxies`).

A peer that is not trusted is itself the client, whatever it says. A trusted one is believed about the hop before it,
and so on: the way is walked from this end, because every proxy adds to the right of what its own client claimed.
The header `Forwarded` is never read.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Literal, TypeAlias

from aiohttp import web

from proxy.config.settings import Network
from proxy.limits import FORWARDED_HOPS

Scheme: TypeAlias = Literal["http", "https"]

TRUSTED_PROXIES: Final = web.AppKey[tuple[Network, ...]]("trusted_proxies")

_WITH_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


def scheme(request: web.Request) -> Scheme:
    """How the client spoke: `https` on a TLS connection of our own, else what a trusted proxy says of its own side.

    Whatever is neither `http` nor `https` is no answer: then what arrived here counts.
    """
    if request.secure:
        return "https"
    _, trusted = _walk(request)
    if not trusted:
        return "http"
    said = _nearest_first(request, "X-Forwarded-Proto")[:trusted]  # one value a hop, or fewer
    return "https" if said and said[-1].lower() == "https" else "http"


def client(request: web.Request) -> str | None:
    """The client's address: the first one on the way here that is no trusted proxy's, as far as the way is known."""
    address, _ = _walk(request)
    return address


def _walk(request: web.Request) -> tuple[str | None, int]:
    """The farthest address that can be believed, and how many trusted proxies lie on the way."""
    networks = request.app.get(TRUSTED_PROXIES, ())
    if not networks or not request.remote:
        return request.remote, 0
    farthest, trusted = request.remote, 0
    for hop in (request.remote.partition("%")[0], *_nearest_first(request, "X-Forwarded-For")):
        address = _address(hop)
        if address is None:
            break
        farthest = str(address)
        if not any(address in network for network in networks):
            break
        trusted += 1
    return farthest, trusted


def _nearest_first(request: web.Request, header: str) -> list[str]:
    """The values of a header that grows by one at each hop; more than anybody's real way has are left unread."""
    values = ",".join(request.headers.getall(header, [])).rsplit(",", FORWARDED_HOPS)
    return [value.strip() for value in reversed(values[-FORWARDED_HOPS:])]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, which some proxies write with its port; IPv4 in IPv6 clothes becomes IPv4. None for anything else."""
    with_port = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address
