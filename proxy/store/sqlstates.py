"""What PostgreSQL and its driver report, in words: why the store cannot be used, and what to do about it."""

from collections.abc import Mapping
from typing import Final, TypeAlias

Words: TypeAlias = tuple[str, str]

_AWAY: Final = ("its database server cannot be reached", "check host and port, and whether the server runs")
_STRANGER: Final = (
    "its database server does not let this user in",
    "check the user in trust_store.url, password_file, and pg_hba.conf of the server",
)
_NONE: Final = ("its server has no such database", "create it, or correct trust_store.url")
_STARTING: Final = ("its database server is starting or stopping", "try again")
_CROWDED: Final = ("its database server takes no more connections", "raise max_connections there")
_SLOW: Final = ("its database server takes too long", "look what keeps it busy")
_LOCKED: Final = ("another process keeps it locked", "try again, and look who holds locks in the database")
_NAMELESS: Final = (
    "the certificate of its database server does not hold",
    "check ca_file, and that the certificate has the host of trust_store.url",
)
_PLAIN: Final = ("its database server speaks no TLS", "switch ssl on there")

_FORBIDDEN: Final = (
    "this user may not do that in its database",
    "grant it, or run `tagwarden trust init` as the owner",
)

PASSING: Final = frozenset(why for why, _ in (_AWAY, _STARTING, _CROWDED, _SLOW, _LOCKED))
"""Why it cannot be used now, and may be used later without anybody changing anything here."""

# By SQLSTATE, or how it begins (PostgreSQL, appendix A); the longest that fits counts.
_BY_STATE: Final[Mapping[str, Words]] = {
    "08": _AWAY,
    "25006": ("its database can only be read", "give the address of the server that can be written"),
    "28": _STRANGER,
    "3D000": _NONE,
    "3F000": _FORBIDDEN,
    "42": ("its tables are not as this program made them", "restore it from a backup"),
    "42501": _FORBIDDEN,
    "53100": ("the disk of its database server is full", "make room on it"),
    "53300": _CROWDED,
    "55P03": _LOCKED,
    "57014": _SLOW,
    "57P": _STARTING,
    "XX": ("its database is damaged", "restore it from a backup"),
}
# Where no connection is made there is no SQLSTATE, only text.
_BY_TEXT: Final[Mapping[str, Words]] = {
    "not support SSL": _PLAIN,
    "certificate": _NAMELESS,
    "SSL error": _NAMELESS,
    "no password supplied": (
        "its database server wants a password",
        "write it into a file, and name that as password_file",
    ),
    "password authentication failed": _STRANGER,
    "authentication failed": _STRANGER,
    "pg_hba.conf": _STRANGER,
    'role "': _STRANGER,
    'database "': _NONE,
    "too many": _CROWDED,
    "connection slots": _CROWDED,
    "starting up": _STARTING,
    "shutting down": _STARTING,
    "recovery": _STARTING,
    "not yet accepting": _STARTING,
}
# Another transaction was first: it could not be serialised, waited in a circle, or found what it wanted to add.
_TURN_LOST: Final = ("40001", "40P01", "23505")


def words(sqlstate: str | None, text: str) -> Words:
    """The words for an error of the driver; nothing of its text is in them."""
    if sqlstate is None:
        return next((found for part, found in _BY_TEXT.items() if part in text), _AWAY)
    lengths = range(len(sqlstate), 0, -1)
    known = (_BY_STATE[sqlstate[:length]] for length in lengths if sqlstate[:length] in _BY_STATE)
    return next(known, (f"its database server reports {sqlstate}", "look that up in the manual of PostgreSQL"))


def is_turn_lost(error: BaseException | None) -> bool:
    """Whether an error of the driver means that another writer was first."""
    return getattr(error, "sqlstate", None) in _TURN_LOST
