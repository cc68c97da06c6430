"""Where a running proxy is, and which repository of it an image name means."""

from typing import Final

from yarl import URL

from proxy.config.values import is_loopback, registry_url
from proxy.errors import ReferenceInvalid, UserError
from proxy.names import Reference
from proxy.refusals import present

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def proxy_url(text: str, *, plain_http: bool) -> URL:
    """Read `[scheme://]host[:port]`; without a scheme it is https, or http if `plain_http` is wanted.

    Raises:
        UserError: it is no such address, or plain HTTP to another machine, which nobody wanted.
    """
    scheme = "http" if plain_http else "https"
    try:
        url = registry_url(text if "://" in text else f"{scheme}://{text}")
    except ValueError as error:
        raise UserError(f"--via: {error}") from None
    if url.scheme == "http" and not plain_http and not is_loopback(url):
        why = "over plain http, everybody on the way sees your credential and can answer in the proxy's place"
        raise UserError(f"--via: {why}; write https, or add --plain-http if you mean it")
    return url


def names_of(server: URL) -> tuple[str, ...]:
    """How a server is called in image names and in credential stores: `host:port`, and without a default port."""
    full = f"{server.host_subcomponent}:{server.port}"
    bare = server.host_subcomponent or ""
    return (bare, full) if server.port == _DEFAULT_PORTS.get(server.scheme) else (full,)


def leading_host(text: str) -> str | None:
    """The registry's host that leads an image name, as docker reads it.

    That is a first segment with a dot or a colon in it, or `localhost`, if another segment follows; the transport
    before a `://` is none.
    """
    first, slash, _ = text.partition("/")
    return first if slash and not first.endswith(":") and ({".", ":"} & set(first) or first == "localhost") else None


def registry_of(text: str, server: URL) -> str | None:
    """The registry that an image name says it is of; None where it names none, or the very server that is asked.

    A client that pulls by the server's own address asks it for whatever it answers for; any other host means the
    images of that registry, and no other's.
    """
    host = leading_host(text)
    return None if host in names_of(server) else host


def reference_at(text: str, server: URL) -> Reference:
    """Read an image name; whatever host leads it, the repository is what follows.

    Raises:
        UserError: it is no image name.
    """
    try:
        return Reference.parse(text, leading_host(text) or names_of(server)[0])
    except ReferenceInvalid as invalid:
        raise UserError(present(invalid).message) from None
