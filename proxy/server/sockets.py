"""The addresses that are listened on, had before anybody is served there.

Several processes may serve one of these sockets: it has one queue of connections, and whoever is free takes the next.
"""

import asyncio
import errno
import os
import socket
from dataclasses import dataclass
from typing import Final, Self

import structlog

from proxy.config.settings import Address, Settings, TlsSettings
from proxy.errors import UserError

_BACKLOG: Final = 128
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104  (recognised here, not listened on)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is served; `key` is its section of the configuration."""

    key: str
    address: Address
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A place with the sockets that listen there, one for each address of its host."""

    place: Place
    sockets: tuple[socket.socket, ...]

    @classmethod
    async def at(cls, place: Place) -> Self:
        """Listen; whoever connects waits until somebody accepts. Raises `UserError` where the address cannot be had."""
        address = place.address
        try:
            bound = cls(place, await _listen(address))
        except OSError as error:
            problem = f"{place.key}.address: cannot listen on {address} ({_why(error)})"
            raise UserError(f"{problem}: choose another one") from None
        wants_certificates = place.tls is not None and place.tls.client_ca_file is not None
        facts = {"tls": place.tls is not None, "client_certificates": wants_certificates}
        _log.info("listening", what=place.key, address=str(address), **facts)
        return bound

    def close(self) -> None:
        """Listen no more, in this process."""
        for each in self.sockets:
            each.close()

    def reached_at(self, name: str) -> str:
        """The URL to try it by, from this machine or by the registry's `name`.

        A certificate is made out to the name, so with TLS it is the name's host. Who listens on every address is
        called by the name if it leads to this port.
        """
        host, port = self.place.address.host, int(self.sockets[0].getsockname()[1])
        called, _, named = name.partition(":")
        scheme, usual = ("http", 80) if self.place.tls is None else ("https", 443)
        if self.place.tls is not None or (host in _EVERY_ADDRESS and int(named or usual) == port):
            host = called
        elif host in _EVERY_ADDRESS:
            host = "127.0.0.1"
        return f"{scheme}://{Address(host, port)}"

    def asked_by(self, name: str) -> str:
        """The command that asks this very proxy; with TLS it has a place for the authority, which few systems know."""
        believing = "" if self.place.tls is None else " --ca-file CA-FILE"
        return f"tagwarden verify --via {self.reached_at(name)}{believing} REPOSITORY:TAG"


def places(settings: Settings) -> tuple[Place, ...]:
    """Where clients are served: the usual listener first, then that of candidates if there is one."""
    listen, candidates = settings.listen, settings.candidates
    usual = Place("listen", listen.address, listen.tls)
    return (usual,) if candidates is None else (usual, Place("candidates", candidates.address, candidates.tls))


async def _listen(address: Address) -> tuple[socket.socket, ...]:
    """Raises `OSError` where one of the host's addresses cannot be had."""
    found = await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, place in dict.fromkeys((family, place) for family, *_, place in found):
            sockets.append(socket.create_server(place[:2], family=family, backlog=_BACKLOG))
            sockets[-1].settimeout(0)
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return tuple(sockets)


def _why(error: OSError) -> str:
    """The system's own words, in lower case, without what libraries put around them."""
    number = error.errno
    return os.strerror(number).lower() if number and number in errno.errorcode else "not a usable address"
