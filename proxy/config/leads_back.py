"""A registry that is this proxy itself, as far as the file alone says so: each request would ask itself again.

No name is looked up: whatever a name service does, the proxy finds out by itself (`proxy.registry.loops`).
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from proxy.config.document import Document
from proxy.config.listeners import listened
from proxy.config.shape import FileShape

_Ip: TypeAlias = IPv4Address | IPv6Address

_LOCALHOST: Final = "localhost"
_LOOPBACK: Final[tuple[_Ip, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


def check_registry(document: Document, shape: FileShape) -> None:
    """Note where `registry.url` names one of our own listeners."""
    url = shape.registry.url
    for section, address, served in listened(shape):
        if url.port == address.port and not document.was_cut((section, "address")):
            if _is_taken(url.host or "", address.host.lower()):
                document.problem(
                    ("registry", "url"),
                    f"{served} are served on this address, so this proxy would ask itself; "
                    "write the address of the registry behind it",
                )
                return


def _is_taken(host: str, listener: str) -> bool:
    """Whether a connection to a host comes to a listener on the same port, whatever names are resolved to."""
    return host == listener or any(_listens(listener, each) for each in _meant(host))


def _meant(host: str) -> tuple[_Ip, ...]:
    """The addresses that a host means without a name service; the one that means all of them leads to this machine."""
    if host == _LOCALHOST:
        return _LOOPBACK
    address = _address(host)
    if address is None:
        return ()
    if address.is_unspecified:
        return tuple(each for each in _LOOPBACK if each.version == address.version)
    return (address,)


def _listens(listener: str, address: _Ip) -> bool:
    """Whether a listener takes connections to an address of which it is known that this machine has it, or to itself.

    Of other addresses that is not known: a listener on all of them says nothing of a registry on another machine. One
    on all of IPv6 takes none of IPv4.
    """
    if listener == _LOCALHOST:
        return address in _LOOPBACK
    own = _address(listener)
    if own is None:
        return False
    return own == address or (own.is_unspecified and address.is_loopback and own.version == address.version)


def _address(host: str) -> _Ip | None:
    """A host that is an address; IPv4 in IPv6 clothes becomes IPv4. None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
