"""Collections packed into bytes: as they are kept in memory, and as they come from another process of ours.

Files are left out, the root's keys, and of every other key all but its two ids: what remains is what policy asks
for. The bytes never leave this program and its own processes, so what reads them need not doubt them.
"""

import hashlib
import pickle
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from proxy.limits import PACKED_PLAIN_BYTES, SKIPPED_TOLD
from proxy.names import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Digest, Gun, RoleName, Tag
from proxy.tuf.collection import Collection, Role, TopRole, Unpublished, Unusable
from proxy.tuf.keys import PublicKey
from proxy.tuf.metadata import open_envelope, read_root
from proxy.tuf.targets import PackedTargets, Target

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_PICKLE: Final = pickle.dumps((), pickle.HIGHEST_PROTOCOL)[:1]  # no stream of the compressor begins so
_RAW: Final = -zlib.MAX_WBITS
_NO_HASH: Final = bytes(32)
_HEX: Final = frozenset("0123456789abcdef")

_Keys: TypeAlias = tuple[tuple[str | bytes, ...], ...]


def pack(collection: Collection) -> bytes:
    """Everything that policy asks of a collection; a large one is not compressed, which would only take its time."""
    timestamp, data = collection.hashes.get(TIMESTAMP, _NO_HASH), _written(collection)
    if len(data) > PACKED_PLAIN_BYTES:
        return timestamp + data
    squeeze = zlib.compressobj(wbits=_RAW, zdict=_TYPICAL)
    return b"".join((timestamp, squeeze.compress(data), squeeze.flush()))


def timestamp_of(packed: bytes) -> bytes:
    """The SHA-256 of the timestamp's file, without unpacking the rest: it is asked for all the time."""
    return packed[: len(_NO_HASH)]


def unpack(packed: bytes) -> Collection:
    """The compact collection that `pack` wrote."""
    data = packed[len(_NO_HASH) :]
    plain = data if data.startswith(_PICKLE) else zlib.decompressobj(_RAW, _TYPICAL).decompress(data)
    return _read(plain, timestamp_of(packed))


def compact(collection: Collection) -> Collection:
    """The same collection as it is kept: without files, its targets packed."""
    return _read(_written(collection), collection.hashes.get(TIMESTAMP, _NO_HASH))


def unfold(collection: Collection, files: Mapping[RoleName, bytes]) -> Collection:
    """The collection with what packing leaves out and people ask for: its files, and the root's keys.

    Raises `ValueError` for files that it was not made from.
    """
    root = read_root(open_envelope(ROOT, collection.with_files(files).files[ROOT]).signed)
    return replace(collection, files=files, root_keys=root.roles[ROOT].keys)


def _read(written: bytes, timestamp_hash: bytes) -> Collection:
    """What `_written` wrote."""
    gun, tops, roles, hashes, skipped, counts_timestamp = pickle.loads(written)  # noqa: S301  (written by ourselves)
    known = {RoleName(role): digest or timestamp_hash for role, digest in hashes}
    root, timestamp, snapshot = (
        TopRole(name, version, _instant(expires))
        for name, (version, expires) in zip((ROOT, TIMESTAMP, SNAPSHOT), tops, strict=True)
    )
    return Collection(
        gun=Gun(gun),
        root=root,
        root_keys={},
        timestamp=timestamp,
        snapshot=snapshot,
        roles={role.name: role for role in map(_unpacked, roles)},
        files={},
        skipped=skipped,
        hashes=known,
        counts_timestamp=counts_timestamp,
    )


def _written(collection: Collection) -> bytes:
    facts = (
        str(collection.gun),
        tuple(
            (top.version, _ticks(top.expires)) for top in (collection.root, collection.timestamp, collection.snapshot)
        ),
        tuple(_role(role) for role in collection.roles.values()),
        tuple((str(role), _but_timestamp(role, digest)) for role, digest in collection.hashes.items()),
        _told(collection.skipped),
        collection.counts_timestamp,
    )
    return pickle.dumps(facts, pickle.HIGHEST_PROTOCOL)


def _role(role: Role | Unusable | Unpublished) -> tuple[Any, ...]:
    declared = (str(role.name), _keys(role.keys), role.threshold, role.paths)
    match role:
        case Role():
            said = PackedTargets.pack(role.targets).as_bytes()
            return (*declared, role.version, _ticks(role.expires), _short(sorted(role.signed_by)), said)
        case Unusable():
            return (*declared, role.error, PackedTargets.pack(role.claims).as_bytes())
        case _:
            return declared


def _unpacked(facts: tuple[Any, ...]) -> Role | Unusable | Unpublished:
    name, keys, threshold, paths, *rest = facts
    declared = {"name": RoleName(name), "keys": _named(keys), "threshold": threshold, "paths": paths}
    match rest:
        case [version, expires, signed_by, said]:
            return Role(
                version=version,
                expires=_instant(expires),
                signed_by=frozenset(_long(signed_by)),
                targets=PackedTargets(said),
                **declared,
            )
        case [error, claims]:
            return Unusable(error=error, claims=PackedTargets(claims), **declared)
        case _:
            return Unpublished(**declared)


def _keys(keys: Mapping[str, PublicKey]) -> _Keys:
    """Each by its ids; by one where all are the same, as they are but for odd keys."""
    named = ((listed, key.key_id, key.public_key_id) for listed, key in keys.items())
    return tuple(_short(ids if len(set(ids)) > 1 else ids[:1]) for ids in named)


def _named(keys: _Keys) -> dict[str, PublicKey]:
    """Keys by their ids alone: they verify nothing any more."""
    ids = (_long(each if len(each) > 1 else each * 3) for each in keys)
    return {listed: PublicKey("", b"", key_id, public_key_id, None) for listed, key_id, public_key_id in ids}


def _short(ids: Iterable[str]) -> tuple[str | bytes, ...]:
    """Ids in half their length, as far as they are the hex digits that they should be; any other as it is."""
    return tuple(bytes.fromhex(each) if _is_hash(each) else each for each in ids)


def _long(ids: Iterable[str | bytes]) -> tuple[str, ...]:
    return tuple(each.hex() if isinstance(each, bytes) else each for each in ids)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and set(text) <= _HEX


def _but_timestamp(role: RoleName, digest: bytes) -> bytes:
    """A hash, unless it stands in front already."""
    return b"" if role == TIMESTAMP else digest


def _told(skipped: tuple[str, ...]) -> tuple[str, ...]:
    """As many as are worth telling: a hostile file may have a million."""
    more = len(skipped) - SKIPPED_TOLD
    return (*skipped[:SKIPPED_TOLD], f"{more} more") if more > 0 else skipped


def _ticks(instant: datetime) -> int:
    return (instant - _EPOCH) // _TICK


def _instant(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK


def _typical() -> bytes:
    """What most small collections have in common, for the compressor: names of roles, tags, how it is all laid out."""
    never = datetime(2030, 1, 1, tzinfo=UTC)
    tags = [Tag(tag) for tag in (*(f"v1.{number}.0" for number in range(6)), *(f"1.0.{number}" for number in range(6)))]
    said = {tag: Target(Digest.from_hash(_hash(tag)), 1500 + len(tag)) for tag in (*tags, Tag("latest"), Tag("main"))}
    ids = {name: _hash(name).hex() for name in (TARGETS, RoleName("targets/ci"), RELEASES)}
    roles = {
        name: Role(name, 1, never, 1, {key: PublicKey("", b"", key, key, None)}, frozenset({key}), ("",), targets)
        for (name, key), targets in zip(ids.items(), ({}, said, said), strict=True)
    }
    root, timestamp, snapshot = (TopRole(name, 1, never) for name in (ROOT, TIMESTAMP, SNAPSHOT))
    hashes = {name: _hash(f"file of {name}") for name in (*roles, TIMESTAMP, SNAPSHOT, ROOT)}
    return _written(
        Collection(Gun("registry.example.com/library/image"), root, {}, timestamp, snapshot, roles, {}, (), hashes)
    )


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


_TYPICAL: Final = _typical()
