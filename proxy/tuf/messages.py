"""What the update workflow asks for and what it is told.

Replies are plain values, so that "404" and "unreachable" cannot be confused.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Fetch:
    """A wish for one file of the collection.

    `name` is the last part of its address without `.json`: `timestamp`, `3.root`, `targets/alice.<sha256 hex>`.
    `limit` is the most bytes that may be read.
    """

    name: str
    limit: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """The file's raw bytes, at most `limit` of them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """Notary answered 404."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The file is larger than `limit`."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No answer that says anything about the file: connect, TLS, time-out, any status but 200 and 404.

    `status` is the HTTP status, where there was one.
    """

    why: str
    status: int | None = None


Reply: TypeAlias = Fetched | Missing | TooLarge | Unavailable
