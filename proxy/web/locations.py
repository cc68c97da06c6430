"""Addresses in the registry's answers: its own become the proxy's, and none leads a writer elsewhere (clients 6)."""

import re
from typing import Final

from multidict import CIMultiDict

from proxy.errors import RegistryUnreachable

_ABSOLUTE: Final = re.compile(r"(https?://[^/?#\\]*)(.*)", re.IGNORECASE)
_LINKED: Final = re.compile(r"<([^>]*)>")
_DEFAULT_PORTS: Final = (("http://", ":80"), ("https://", ":443"))


def own_origins(registry: str, host: str | None) -> frozenset[str]:
    """The origins that are the registry's own: its address, and the client's Host, from which it builds addresses."""
    names = {registry} if host is None else {registry, f"http://{host}", f"https://{host}"}
    return frozenset(_origin(name) for name in names)


def localise(headers: CIMultiDict[str], own: frozenset[str], *, foreign: bool) -> None:
    """Make addresses in `Location` and `Link` path-absolute, so that the client stays with the proxy.

    What follows the origin is kept byte for byte: an upload's state is in there.

    Args:
        headers: of an answer; changed in place.
        own: see `own_origins`.
        foreign: whether a Location elsewhere may pass, as for blobs that a storage service serves.

    Raises:
        RegistryUnreachable: an address leads elsewhere that must not.
    """
    if "Location" in headers:
        headers["Location"] = _local(headers["Location"], own, foreign=foreign)
    links = [
        _LINKED.sub(lambda link: f"<{_local(link[1], own, foreign=False)}>", line)
        for line in headers.popall("Link", [])
    ]
    headers.extend(("Link", line) for line in links)


def _local(address: str, own: frozenset[str], *, foreign: bool) -> str:
    absolute = _ABSOLUTE.fullmatch(address)
    if absolute is not None and _origin(absolute[1]) not in own:
        if foreign:
            return address
        raise RegistryUnreachable("it sends the client to another address")
    path = address if absolute is None else absolute[2] or "/"
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        raise RegistryUnreachable("it sends the client to an address that is none of its own")
    return path


def _origin(text: str) -> str:
    origin = text.lower()
    for scheme, port in _DEFAULT_PORTS:
        if origin.startswith(scheme):
            origin = origin.removesuffix(port)
    return origin
