"""The strict grammar of the raw request target; whatever is not in it never reaches the registry.

The registry decodes, cleans and redirects paths in ways of its own, so nothing of the client's path is sent on:
a target is parsed, undecoded, into a route of checked names, and the route rebuilds its path. Names are parsed
from the right, because a repository may be called `app/manifests` (clients 4.3).
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from proxy.errors import MethodNotAllowed, NameInvalid, PathUnknown, Refusal
from proxy.names import Digest, Reference, Repository, Tag
from proxy.telemetry.text import without_secrets
from proxy.web.routes import (
    ApiRoot,
    ApiRootWithoutSlash,
    BlobRoute,
    Catalog,
    ManifestRoute,
    Referrers,
    Route,
    TagsList,
    Upload,
    UploadStart,
)

# Path and query characters of RFC 3986; no fragment, no backslash, nothing outside ASCII.
_TARGET: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_UPLOAD: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_=.-]+")
_ENCODED_DIGEST: Final = re.compile(r"sha256%3[Aa][0-9a-f]{64}")
_REGISTRY_NAME: Final = re.compile(r"(?=.{1,255}$)[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*(?::[0-9]{1,5})?")


def parse(method: str, raw_target: str) -> Route:
    """Read a request line's method and undecoded target.

    Raises:
        NameInvalid, TagInvalid, DigestInvalid: outside the grammar: absolute form, `%`, dot segments and the like.
        PathUnknown: well-formed, but no route.
        MethodNotAllowed: a route that does not have this method.
    """
    route = find(raw_target)
    if method not in route.methods:
        raise MethodNotAllowed(method)
    return route


def find(raw_target: str) -> Route:
    """Read an undecoded request target. Raises as `parse`, but for the method."""
    if not _TARGET.fullmatch(raw_target):
        raise NameInvalid(without_secrets(raw_target.partition("?")[0]))  # a query may hold a token
    path, _, query = raw_target.partition("?")
    if path == ApiRoot.form:
        return ApiRoot()
    if path == ApiRootWithoutSlash.form:
        return ApiRootWithoutSlash()
    if path == Catalog.form:
        return Catalog(_without_namespace(query))
    if not path.startswith(ApiRoot.form):
        raise _unknown(path)
    return _in_repository(path, query)


def namespace(raw_target: str) -> str | None:
    """The registry that a containerd mirror is asked for by `?ns=`, such as `registry.example.com:5000`.

    Clients encode the colon of a port; that and nothing else is decoded. None where there is no `ns`, more than one,
    or one that is no registry name: what cannot be read in one way only is not read at all (clients 1.1).
    """
    named = [pair for pair in raw_target.partition("?")[2].split("&") if _is_namespace(pair)]
    if len(named) != 1 or not named[0].startswith("ns="):
        return None
    name = named[0][3:].replace("%3A", ":").replace("%3a", ":")
    return name if _REGISTRY_NAME.fullmatch(name) else None


def _in_repository(path: str, query: str) -> Route:
    match path.removeprefix(ApiRoot.form).split("/"):
        case [*name, "blobs", "uploads", ""] if name:
            return UploadStart(_repository(name), query)
        case [*name, "blobs", "uploads", uuid] if name and _UPLOAD.fullmatch(uuid):
            return Upload(_repository(name), uuid, query)
        case [*name, "manifests", reference] if name and reference:
            repository = _repository(name)
            return ManifestRoute(Reference(repository, _target(reference)))
        case [*name, "blobs", digest] if name and digest:
            return BlobRoute(_repository(name), _digest(digest))
        case [*name, "tags", "list"] if name:
            return TagsList(_repository(name), _without_namespace(query))
        case [*name, "referrers", digest] if name and digest:
            return Referrers(_repository(name), _digest(digest), _without_namespace(query))
        case _:
            raise _unknown(path)


def _unknown(path: str) -> Refusal:
    """An encoded path might be meant as a known one: it is malformed, not unknown."""
    said = without_secrets(path)
    return NameInvalid(said) if "%" in path else PathUnknown(said)


def _repository(segments: Sequence[str]) -> Repository:
    return Repository("/".join(segments))


def _target(text: str) -> Tag | Digest:
    return _digest(text) if ":" in text or "%3a" in text.lower() else Tag(text)


def _digest(text: str) -> Digest:
    """Some clients encode the colon; that and nothing else is decoded, once."""
    return Digest(text.replace("%3A", ":").replace("%3a", ":") if _ENCODED_DIGEST.fullmatch(text) else text)


def _without_namespace(query: str) -> str:
    """The query of a list without `ns`, which is between the client and this proxy; the rest byte for byte."""
    return "&".join(pair for pair in query.split("&") if not _is_namespace(pair))


def _is_namespace(pair: str) -> bool:
    return unquote(pair.partition("=")[0]) == "ns"
