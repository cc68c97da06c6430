"""The tables of the trust store. Instants are whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, LargeBinary, MetaData, Table, Text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

METADATA: Final = MetaData()

# Microseconds are more than an INTEGER of PostgreSQL holds; SQLite's strict tables know no other name.
_WHOLE: Final = BigInteger().with_variant(Integer, "sqlite")

COLLECTIONS: Final = Table(
    "collections",
    METADATA,
    Column("notary", Text, primary_key=True),
    Column("gun", Text, primary_key=True),
    Column("generation", _WHOLE, nullable=False),
    Column("checked_at", _WHOLE, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Column("asked_at", _WHOLE),  # a hint, under no seal
    Index("collections_by_check", "checked_at"),
    Index("collections_by_asking", "asked_at"),
    sqlite_strict=True,
)

FILES: Final = Table(
    "files",
    METADATA,
    Column("notary", Text, primary_key=True),
    Column("gun", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["notary", "gun"], ["collections.notary", "collections.gun"]),
    sqlite_strict=True,
)

# What this program noted of a collection itself, by name; under the same seal as the files.
NOTES: Final = Table(
    "notes",
    METADATA,
    Column("notary", Text, primary_key=True),
    Column("gun", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["notary", "gun"], ["collections.notary", "collections.gun"]),
    sqlite_strict=True,
)

FORGETTINGS: Final = Table(
    "forgettings",
    METADATA,
    Column("number", _WHOLE, primary_key=True),
    Column("notary", Text, nullable=False),
    Column("gun", Text, nullable=False),
    Column("at", _WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_strict=True,
)

# One row, of this application: the oldest revision whose programs may go on using the store as it is now.
COMPATIBILITY: Final = Table(
    "compatibility",
    METADATA,
    Column("application", Text, primary_key=True),
    Column("oldest", Text, nullable=False),
    sqlite_strict=True,
)

# Their own digests seal them. `used` counts upwards over all of them; `size` is in bytes, with all that belongs to it.
INDEXES: Final = Table(
    "indexes",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("used", _WHOLE, nullable=False),
    Column("size", _WHOLE, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("indexes_by_use", "used", "size"),
    sqlite_strict=True,
)

# Only says where to look: what an index names stands in its bytes.
CHILDREN: Final = Table(
    "children",
    METADATA,
    Column("child", LargeBinary, primary_key=True),
    Column("parent", LargeBinary, primary_key=True),
    Index("children_by_parent", "parent"),
    sqlite_strict=True,
)

# What was admitted last under each tag, and since when it is refused: for people, and no evidence of anything.
ADMISSIONS: Final = Table(
    "admissions",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("at", _WHOLE, nullable=False),
    Column("refused_at", _WHOLE),
    Index("admissions_by_time", "at"),
    sqlite_strict=True,
)


def microseconds(instant: datetime) -> int:
    """An aware datetime as the tables keep it. Raises `TypeError` for a naive one."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    """The aware UTC datetime that the tables keep so."""
    return _EPOCH + microseconds * _MICROSECOND
