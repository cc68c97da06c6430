"""The addresses of this machine, as the kernel lists them under /proc."""

import re
import socket
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final

_NET: Final = Path("/proc", "thread-self", "net")
_LOCAL: Final = re.compile(r"\|-- (\S+)\n(?:\s+/\d+ \S+ \S+\n)*?\s+/32 host LOCAL")


def own_addresses() -> tuple[str, ...]:
    """Every address of this machine that is not on loopback; empty where the kernel does not say."""
    found = [*ipv4_in(_read(_NET / "fib_trie")), *ipv6_in(_read(_NET / "if_inet6"))]
    kept = [each for each in dict.fromkeys(found) if not ip_address(each).is_loopback]
    return tuple(each for each in kept if not ip_address(each).is_link_local)


def is_ours(address: str) -> bool:
    """Whether an address belongs to this machine: only then can something be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


def ipv4_in(fib_trie: str) -> list[str]:
    """The local addresses in a table of routes."""
    return _LOCAL.findall(fib_trie)


def ipv6_in(if_inet6: str) -> list[str]:
    """The addresses in a list of interfaces: 32 hex digits begin each line."""
    words = (line.split() for line in if_inet6.splitlines())
    return [str(IPv6Address(int(each[0], 16))) for each in words if each and len(each[0]) == 32]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
