"""Which redirects of a manifest are followed; a client would follow them past the proxy (clients 1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from yarl import URL

from proxy.errors import RegistryUnreachable

STATUSES: Final = frozenset({301, 302, 303, 307, 308})

_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Redirects:
    """Redirects lead to the registry's own `origin` or to one of `hosts` (`host` or `host:port`), else nowhere."""

    origin: URL
    hosts: frozenset[str]

    def follow(self, at: URL, locations: Sequence[str]) -> URL:
        """Where an answer's `Location` leads.

        1. There is one, in plain ASCII without spaces and backslashes, which others might read differently.
        2. It is HTTP, names a host, and carries no password.
        3. It does not give up TLS.
        4. Its host is the registry or listed.

        Args:
            at: what was asked for.
            locations: every line of the header.

        Raises:
            RegistryUnreachable: it is not followed.
        """
        if len(locations) != 1 or not _is_plain(locations[0]):  # (1)
            raise RegistryUnreachable("it redirects without a usable address")
        try:
            url = at.join(URL(locations[0], encoded=True)).with_fragment(None)
            listed = _names(url)
        except ValueError:
            raise RegistryUnreachable("it redirects without a usable address") from None
        if url.scheme not in _SCHEMES or not url.host or url.user is not None or url.password is not None:  # (2)
            raise RegistryUnreachable("it redirects without a usable address")
        if at.scheme == "https" and url.scheme != "https":  # (3)
            raise RegistryUnreachable("it redirects to an address without TLS")
        if url.origin() != self.origin and not listed & self.hosts:  # (4)
            raise RegistryUnreachable("it redirects to a host that registry.redirect_hosts does not list")
        return url


def _is_plain(address: str) -> bool:
    return bool(address) and address.isascii() and address.isprintable() and not set(address) & set(" \\")


def _names(url: URL) -> frozenset[str]:
    """What a list may call the host of an address: without a port only where that is the scheme's own."""
    host = (url.host_subcomponent or "").lower()
    named = frozenset({f"{host}:{url.port}"})
    return named | {host} if url.is_default_port() else named
