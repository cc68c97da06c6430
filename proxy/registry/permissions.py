"""What the registry let in lately, so that it is not asked for every request (design: Who may read)."""

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from cachetools import TTLCache

from proxy.limits import PERMISSION_SECONDS, PERMISSIONS_CACHED
from proxy.names import Repository
from proxy.registry.headers import ClientCredentials
from proxy.telemetry.caches import watch

Permit: TypeAlias = tuple[Repository, bytes]
"""A repository, and an HMAC of a credential."""

_NOBODY: Final = b"0"
_SOMEBODY: Final = b"1"


class Permissions:
    """Repositories and who may read them, for 30 s from the registry's 200 or 304.

    A credential is kept as a hash under a key of this process alone, so that memory gives none away. Only a yes is
    kept, for one repository; looking at it makes it last no longer.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing yet; `seconds` is a clock that nobody can set back."""
        self._key = secrets.token_bytes(32)
        self._known: TTLCache[Permit, None] = TTLCache(PERMISSIONS_CACHED, PERMISSION_SECONDS, seconds)
        watch("permissions", self._known)

    def holds(self, repository: Repository, credentials: ClientCredentials) -> bool:
        """Whether the registry let this credential read this repository within the last 30 s."""
        return self.has(self.permit(repository, credentials))

    def has(self, permit: Permit) -> bool:
        """The same, for whoever keeps what `permit` made of them."""
        return permit in self._known

    def note(self, repository: Repository, credentials: ClientCredentials) -> None:
        """The registry just did."""
        self._known[self.permit(repository, credentials)] = None

    def forget(self, repository: Repository, credentials: ClientCredentials) -> None:
        """The registry just did not: whatever it said before is over."""
        self._known.pop(self.permit(repository, credentials), None)

    def permit(self, repository: Repository, credentials: ClientCredentials) -> Permit:
        """Under what a yes is kept."""
        shown = credentials.authorization
        said = _NOBODY if shown is None else _SOMEBODY + shown.encode("utf-8", "surrogateescape")
        return repository, hmac.digest(self._key, said, "sha256")
