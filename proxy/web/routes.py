"""The routes of the registry's API, each with its methods and with a path that is rebuilt from checked names."""

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from proxy.names import Digest, Reference, Repository

Methods: TypeAlias = frozenset[str]

_GET: Final[Methods] = frozenset({"GET"})
_READ: Final[Methods] = frozenset({"GET", "HEAD"})


class _Rebuilt:
    """A route: the methods that it has, and its path, rebuilt from checked names by its `form`."""

    __slots__ = ()
    methods: ClassVar[Methods]
    form: ClassVar[str]

    @property
    def path(self) -> str:
        """The path to send to the registry."""
        return self.form.format(self)


class _WithoutQuery(_Rebuilt):
    """A route whose query means nothing to the registry, so none is sent."""

    __slots__ = ()
    query: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class ApiRoot(_WithoutQuery):
    """`/v2/`: clients ask it for the version and for their first challenge."""

    methods = _READ
    form = "/v2/"


@dataclass(frozen=True, slots=True)
class ApiRootWithoutSlash(_WithoutQuery):
    """`/v2`: answered with a redirect by the proxy itself."""

    methods = _READ
    form = "/v2"


@dataclass(frozen=True, slots=True)
class Catalog(_Rebuilt):
    """`/v2/_catalog`: the list of repositories."""

    query: str
    methods = _GET
    form = "/v2/_catalog"


@dataclass(frozen=True, slots=True)
class ManifestRoute(_WithoutQuery):
    """`/v2/<name>/manifests/<tag or digest>`."""

    reference: Reference
    methods = frozenset({"GET", "HEAD", "PUT", "DELETE"})
    form = "/v2/{0.reference.repository}/manifests/{0.reference.target}"


@dataclass(frozen=True, slots=True)
class BlobRoute(_WithoutQuery):
    """`/v2/<name>/blobs/<digest>`."""

    repository: Repository
    digest: Digest
    methods = frozenset({"GET", "HEAD", "DELETE"})
    form = "/v2/{0.repository}/blobs/{0.digest}"


@dataclass(frozen=True, slots=True)
class UploadStart(_Rebuilt):
    """`/v2/<name>/blobs/uploads/`: starts an upload, or mounts a blob of another repository."""

    repository: Repository
    query: str
    methods = frozenset({"POST"})
    form = "/v2/{0.repository}/blobs/uploads/"


@dataclass(frozen=True, slots=True)
class Upload(_Rebuilt):
    """`/v2/<name>/blobs/uploads/<uuid>`: an upload under way; its state is in the query, byte for byte."""

    repository: Repository
    uuid: str
    query: str
    methods = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
    form = "/v2/{0.repository}/blobs/uploads/{0.uuid}"


@dataclass(frozen=True, slots=True)
class TagsList(_Rebuilt):
    """`/v2/<name>/tags/list`."""

    repository: Repository
    query: str
    methods = _GET
    form = "/v2/{0.repository}/tags/list"


@dataclass(frozen=True, slots=True)
class Referrers(_Rebuilt):
    """`/v2/<name>/referrers/<digest>`: registry 3 and others have it; its query pages and filters."""

    repository: Repository
    digest: Digest
    query: str
    methods = _GET
    form = "/v2/{0.repository}/referrers/{0.digest}"


Route: TypeAlias = (
    ApiRoot | ApiRootWithoutSlash | Catalog | ManifestRoute | BlobRoute | UploadStart | Upload | TagsList | Referrers
)
