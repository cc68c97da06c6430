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

_Key: TypeAlias = tuple[Repository, bytes]

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
        self._known: TTLCache[_Key, None] = TTLCache(PERMISSIONS_CACHED, PERMISSION_SECONDS, seconds)

    def holds(self, repository: Repository, credentials: ClientCredentials) -> bool:
        """Whether the registry let this credential read this repository within the last 30 s."""
        return self._of(repository, credentials) in self._known

    def note(self, repository: Repository, credentials: ClientCredentials) -> None:
        """The registry just did."""
        self._known[self._of(repository, credentials)] = None

    def forget(self, repository: Repository, credentials: ClientCredentials) -> None:
        """The registry just did not: whatever it said before is over."""
        self._known.pop(self._of(repository, credentials), None)

    def _of(self, repository: Repository, credentials: ClientCredentials) -> _Key:
        shown = credentials.authorization
        said = _NOBODY if shown is None else _SOMEBODY + shown.encode("utf-8", "surrogateescape")
        return repository, hmac.digest(self._key, said, "sha256")
