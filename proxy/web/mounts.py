"""The query that starts an upload: whether it mounts a blob of another repository, in one reading only."""

from dataclasses import dataclass
from urllib.parse import unquote_plus

from proxy.errors import NameInvalid
from proxy.names import Digest, Repository


@dataclass(frozen=True, slots=True)
class Mount:
    """A blob of another repository that is to appear in this one."""

    digest: Digest
    source: Repository

    def __str__(self) -> str:
        """As it stands in a query, written anew from checked names."""
        return f"mount={self.digest}&from={self.source}"


def read(query: str) -> tuple[Mount | None, str]:
    """Read the mount out of a query; return it, and the rest byte for byte.

    A mount without `from` asks the registry to look for the blob anywhere, and a `from` without `mount` means
    nothing: neither is a mount here, and the upload begins plainly.

    Args:
        query: raw, without `?`.

    Raises:
        NameInvalid, DigestInvalid: a name or digest outside the grammar, or more than one of either, or a semicolon,
            which older registries read like `&`.
    """
    if ";" in query:
        raise NameInvalid(query)
    said: dict[str, str] = {}
    rest = []
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        key = unquote_plus(key).lower()
        if key not in ("mount", "from"):
            rest.append(pair)
        elif key in said:
            raise NameInvalid(query)
        else:
            said[key] = unquote_plus(value)
    mounted = Digest(said["mount"]) if said.get("mount") else None
    source = Repository(said["from"]) if said.get("from") else None
    return Mount(mounted, source) if mounted and source else None, "&".join(rest)
