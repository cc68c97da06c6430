"""Which headers cross the proxy, in each direction; whatever is not listed here stays behind.

Hop-by-hop headers, cookies, conditions, `Expect`, `Forwarded` and its kin are absent on purpose
(clients 4.3 and 6): an allow-list cannot be surprised by a header nobody thought of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from multidict import CIMultiDict

from proxy.manifests import MediaType

FROM_CLIENT: Final = frozenset(
    {"accept", "authorization", "user-agent", "docker-distribution-api-version"}
    | {"content-type", "content-range", "content-encoding", "content-md5"}
)
FROM_CLIENT_FOR_BLOBS: Final = FROM_CLIENT | {"range", "if-range"}
FROM_REGISTRY: Final = frozenset(
    {"content-type", "content-length", "content-range", "content-encoding", "content-disposition", "accept-ranges"}
    | {"docker-content-digest", "docker-distribution-api-version", "docker-upload-uuid", "location", "link", "range"}
    | {"etag", "last-modified", "cache-control", "expires", "age", "vary", "x-content-type-options"}
    | {"www-authenticate", "retry-after", "allow", "warning", "ratelimit-limit", "ratelimit-remaining"}
    | {"oci-subject", "oci-filters-applied", "oci-chunk-min-length"}
)
FROM_REGISTRY_FOR_ERRORS: Final = frozenset({"content-type", "www-authenticate", "retry-after"})

ALL_MANIFEST_TYPES: Final = ", ".join(MediaType)

OCTET_STREAM: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a client showed to be let in: its Authorization header, or nothing."""

    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """Those of a request; one that no registry could be sent is none, as in `select`."""
        authorization = headers.get("Authorization")
        return cls(authorization if authorization is not None and authorization.isprintable() else None)

    def as_headers(self) -> dict[str, str]:
        """The header to send on, if there is one."""
        return {} if self.authorization is None else {"Authorization": self.authorization}


def select(headers: Mapping[str, str], allowed: frozenset[str]) -> CIMultiDict[str]:
    """Copy the listed headers, every line of each; lines with control characters or broken text are dropped."""
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() in allowed and value.isprintable()
    )


def error_content_type(content_type: str) -> str:
    """The Content-Type of a relayed error: an error never looks like a manifest, whatever the registry calls it."""
    bare = content_type.partition(";")[0].strip().lower()
    return OCTET_STREAM if bare in frozenset(MediaType) else content_type
