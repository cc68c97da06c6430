"""The tables of the trust store. Instants are whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, MetaData, Table, Text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

METADATA: Final = MetaData()

COLLECTIONS: Final = Table(
    "collections",
    METADATA,
    Column("notary", Text, primary_key=True),
    Column("gun", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("checked_at", Integer, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Index("collections_by_check", "checked_at"),
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


def microseconds(instant: datetime) -> int:
    """An aware datetime as the tables keep it. Raises `TypeError` for a naive one."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    """The aware UTC datetime that the tables keep so."""
    return _EPOCH + microseconds * _MICROSECOND
