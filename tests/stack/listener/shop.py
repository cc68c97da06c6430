"""What there is to pull, and how it is asked for."""

from dataclasses import dataclass
from typing import Final

from deploy.stack.images import Image

# This machine too, and to dockerd no loopback name, whose certificates it does not check.
CHECKED: Final = "0.0.0.0"  # noqa: S104  (a name for clients; nothing listens on it)
ROOT: Final = b"GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n"


@dataclass(frozen=True)
class Shop:
    """A repository with an image that alice signed as `signed`, and one that nobody did, `unsigned`."""

    repository: str
    signed: Image
    unsigned: Image

    def path(self, target: str) -> str:
        """Where a manifest is."""
        return f"/v2/{self.repository}/manifests/{target}"
