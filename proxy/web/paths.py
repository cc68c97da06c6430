"""The strict grammar of the raw request target; whatever is not in it never reaches the registry.

The registry decodes, cleans and redirects paths in ways of its own, so nothing of the client's path is sent on:
a target is parsed, undecoded, into a route of checked names, and the route rebuilds its path. Names are parsed
from the right, because a repository may be called `app/manifests` (clients 4.3).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from proxy.errors import MethodNotAllowed, NameInvalid, PathUnknown, Refusal
from proxy.names import Digest, Reference, Repository, Tag

Methods: TypeAlias = frozenset[str]

_READ: Final[Methods] = frozenset({"GET", "HEAD"})

# Path and query characters of RFC 3986; no fragment, no backslash, nothing outside ASCII.
_TARGET: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_UPLOAD: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_=.-]+")
_ENCODED_DIGEST: Final = re.compile(r"sha256%3[Aa][0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiRoot:
    """`/v2/`: clients ask it for the version and for their first challenge."""

    methods: ClassVar[Methods] = _READ
    path: ClassVar[str] = "/v2/"
    query: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class ApiRootWithoutSlash:
    """`/v2`: answered with a redirect by the proxy itself."""

    methods: ClassVar[Methods] = _READ
    path: ClassVar[str] = "/v2"
    query: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Catalog:
    """`/v2/_catalog`: the list of repositories."""

    query: str
    methods: ClassVar[Methods] = frozenset({"GET"})
    path: ClassVar[str] = "/v2/_catalog"


@dataclass(frozen=True, slots=True)
class ManifestRoute:
    """`/v2/<name>/manifests/<tag or digest>`."""

    reference: Reference
    methods: ClassVar[Methods] = frozenset({"GET", "HEAD", "PUT", "DELETE"})
    query: ClassVar[str] = ""

    @property
    def path(self) -> str:
        """The path, rebuilt from the checked names."""
        return f"/v2/{self.reference.repository}/manifests/{self.reference.target}"


@dataclass(frozen=True, slots=True)
class BlobRoute:
    """`/v2/<name>/blobs/<digest>`."""

    repository: Repository
    digest: Digest
    methods: ClassVar[Methods] = frozenset({"GET", "HEAD", "DELETE"})
    query: ClassVar[str] = ""

    @property
    def path(self) -> str:
        """The path, rebuilt from the checked names."""
        return f"/v2/{self.repository}/blobs/{self.digest}"


@dataclass(frozen=True, slots=True)
class UploadStart:
    """`/v2/<name>/blobs/uploads/`: starts an upload, or mounts a blob of another repository."""

    repository: Repository
    query: str
    methods: ClassVar[Methods] = frozenset({"POST"})

    @property
    def path(self) -> str:
        """The path, rebuilt from the checked names."""
        return f"/v2/{self.repository}/blobs/uploads/"


@dataclass(frozen=True, slots=True)
class Upload:
    """`/v2/<name>/blobs/uploads/<uuid>`: an upload under way; its state is in the query, byte for byte."""

    repository: Repository
    uuid: str
    query: str
    methods: ClassVar[Methods] = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})

    @property
    def path(self) -> str:
        """The path, rebuilt from the checked names."""
        return f"/v2/{self.repository}/blobs/uploads/{self.uuid}"


@dataclass(frozen=True, slots=True)
class TagsList:
    """`/v2/<name>/tags/list`."""

    repository: Repository
    query: str
    methods: ClassVar[Methods] = frozenset({"GET"})

    @property
    def path(self) -> str:
        """The path, rebuilt from the checked names."""
        return f"/v2/{self.repository}/tags/list"


@dataclass(frozen=True, slots=True)
class Referrers:
    """`/v2/<name>/referrers/<digest>`: registry 3 and others have it; its query pages and filters."""

    repository: Repository
    digest: Digest
    query: str
    methods: ClassVar[Methods] = frozenset({"GET"})

    @property
    def path(self) -> str:
        """The path, rebuilt from the checked names."""
        return f"/v2/{self.repository}/referrers/{self.digest}"


Route: TypeAlias = (
    ApiRoot | ApiRootWithoutSlash | Catalog | ManifestRoute | BlobRoute | UploadStart | Upload | TagsList | Referrers
)


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
        raise NameInvalid(raw_target)
    path, _, query = raw_target.partition("?")
    if path == ApiRoot.path:
        return ApiRoot()
    if path == ApiRootWithoutSlash.path:
        return ApiRootWithoutSlash()
    if path == Catalog.path:
        return Catalog(query)
    if not path.startswith(ApiRoot.path):
        raise _unknown(path)
    return _in_repository(path, query)


def _in_repository(path: str, query: str) -> Route:
    match path.removeprefix(ApiRoot.path).split("/"):
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
            return TagsList(_repository(name), query)
        case [*name, "referrers", digest] if name and digest:
            return Referrers(_repository(name), _digest(digest), query)
        case _:
            raise _unknown(path)


def _unknown(path: str) -> Refusal:
    """An encoded path might be meant as a known one: it is malformed, not unknown."""
    return NameInvalid(path) if "%" in path else PathUnknown(path)


def _repository(segments: Sequence[str]) -> Repository:
    return Repository("/".join(segments))


def _target(text: str) -> Tag | Digest:
    return _digest(text) if ":" in text or "%3a" in text.lower() else Tag(text)


def _digest(text: str) -> Digest:
    """Some clients encode the colon; that and nothing else is decoded, once."""
    return Digest(text.replace("%3A", ":").replace("%3a", ":") if _ENCODED_DIGEST.fullmatch(text) else text)
