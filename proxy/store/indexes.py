"""Transactions on the indexes that are kept: their bytes, and the way from a child to them.

An index that is missing here costs a look into the registry, no more; so their number is bounded, and the one not
used for longest goes first.
"""

from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from proxy.limits import STORE_INDEXES_BYTES, STORE_NAMERS
from proxy.manifests import digest_of, parse
from proxy.names import Digest
from proxy.store.failures import damaged
from proxy.store.tables import CHILDREN, INDEXES

# What a row takes besides its bytes, its place in the indexes of the database included.
_ROW_BYTES: Final = 256


def load_index(connection: Connection, digest: Digest) -> bytes | None:
    """See `TrustReader.load_index`."""
    data = connection.scalar(select(INDEXES.c.data).where(INDEXES.c.sha256 == _raw(digest)))
    if data is None:
        return None
    if not isinstance(data, bytes) or digest_of(data) != digest:
        raise damaged(connection)
    return data


def indexes_naming(connection: Connection, digest: Digest) -> tuple[Digest, ...]:
    """See `TrustReader.indexes_naming`."""
    named = select(INDEXES.c.sha256).join(CHILDREN, CHILDREN.c.parent == INDEXES.c.sha256)
    recent = named.where(CHILDREN.c.child == _raw(digest)).order_by(INDEXES.c.used.desc()).limit(STORE_NAMERS)
    return tuple(Digest.from_hash(sha256) for sha256 in connection.scalars(recent))


def keep_index(connection: Connection, digest: Digest, data: bytes) -> None:
    """See `TrustStore.keep_index`."""
    parent = _raw(digest)
    _forget(connection, parent)
    children = {_raw(child.digest) for child in parse(data, None).children}
    used = connection.scalar(select(func.max(INDEXES.c.used))) or 0
    size = len(data) + (len(children) + 1) * _ROW_BYTES
    connection.execute(insert(INDEXES).values(sha256=parent, used=used + 1, size=size, data=data))
    if children:
        connection.execute(insert(CHILDREN), [{"child": child, "parent": parent} for child in children])
    _make_room(connection)


def _make_room(connection: Connection) -> None:
    """Let go of those not used for longest until the rest is within its bound."""
    surplus = (connection.scalar(select(func.sum(INDEXES.c.size))) or 0) - STORE_INDEXES_BYTES
    oldest = select(INDEXES.c.sha256, INDEXES.c.size).order_by(INDEXES.c.used).limit(1)
    while surplus > 0:
        row = connection.execute(oldest).one()
        _forget(connection, row.sha256)
        surplus -= row.size


def _forget(connection: Connection, sha256: bytes) -> None:
    connection.execute(delete(CHILDREN).where(CHILDREN.c.parent == sha256))
    connection.execute(delete(INDEXES).where(INDEXES.c.sha256 == sha256))


def _raw(digest: Digest) -> bytes:
    return bytes.fromhex(digest.hex)
