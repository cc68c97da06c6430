"""The order of one update, as a generator that asks for files and is sent replies (dialect 3; S6, S8, S14).

    workflow = update(gun, pins, stored, now, blocked, grace)
    wishes = next(workflow)                      # a tuple of Fetch
    wishes = workflow.send(replies)              # as many replies, in the same order
    ...                                          # until StopIteration brings the Collection

Nothing here decides trust: that is `TrustedSet`. Here it says which file comes next, when another
attempt is worth it, and what an absent file means.
"""

import hashlib
from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from proxy.errors import (
    Blocked,
    MetadataCorrupt,
    NotaryUnreachable,
    NoTrustData,
    Rollback,
    RootRotationBroken,
    ThresholdNotMet,
    TrustError,
)
from proxy.limits import ROOT_BYTES, ROOT_ROTATIONS, SNAPSHOT_BYTES, TARGETS_BYTES, TIMESTAMP_BYTES
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Gun, RoleName
from proxy.tuf.collection import Collection, Stored
from proxy.tuf.delegations import Wanted
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable
from proxy.tuf.metadata import FileMeta, version_in
from proxy.tuf.pins import Pins
from proxy.tuf.roots import TrustedRoot
from proxy.tuf.trusted import TrustedSet

Wishes: TypeAlias = tuple[Fetch, ...]
Replies: TypeAlias = tuple[Reply, ...]
Workflow: TypeAlias = Generator[Wishes, Replies, Collection]

NONE_BLOCKED: Final[Mapping[str, str]] = MappingProxyType({})

_LARGEST: Final = {ROOT: ROOT_BYTES, SNAPSHOT: SNAPSHOT_BYTES, TIMESTAMP: TIMESTAMP_BYTES}


class _ListedFileWrong(Exception):
    """A file that a parent lists is missing or other than listed: Notary may have changed meanwhile."""

    def __init__(self, error: TrustError) -> None:
        super().__init__(error)
        self.error = error


def update(
    gun: Gun,
    pins: Pins,
    stored: Stored | None,
    now: datetime,
    blocked: Mapping[str, str] = NONE_BLOCKED,
    grace: timedelta = timedelta(),
) -> Workflow:
    """Verify everything Notary has for a GUN, from what was remembered to a new collection.

    `now` is an aware UTC datetime, read once. `blocked` says of public key ids (dialect 2.5, canonical) why
    their signatures count for nothing, in any role. `grace` is how long timestamp and snapshot count after they
    expired (design: Configuration, `expiry_grace`; L3). Raises a `TrustError` or `NotaryUnreachable` into the caller.
    A hash mismatch or a missing listed file starts the whole over, once.
    """
    trusted = partial(TrustedSet, gun, pins, stored, now, blocked, grace)
    try:
        return (yield from _attempt(trusted(), stored, is_last=False))
    except _ListedFileWrong:
        pass
    try:
        return (yield from _attempt(trusted(), stored, is_last=True))
    except _ListedFileWrong as wrong:
        raise wrong.error from None


def _attempt(trusted: TrustedSet, stored: Stored | None, *, is_last: bool) -> Workflow:
    known = _by_hash(stored)
    if stored:
        trusted.remember_root()
    else:
        trusted.first_root((yield from _fetch_plain(ROOT)))
    listed = yield from _timestamp_and_snapshot(trusted, known)
    if listed.mismatch(trusted.root.data):
        newest = yield from _fetch_listed(ROOT, listed, known)
        try:
            yield from _rotate(trusted, newest)
        except Rollback as error:
            raise _ListedFileWrong(error) from None
        # what was verified under the old root is verified under the new one; the root it names is this one
        yield from _timestamp_and_snapshot(trusted, known)
    try:
        listed = trusted.begin_targets()
    except MetadataCorrupt as error:
        raise _ListedFileWrong(error) from None
    targets = yield from _fetch_listed(TARGETS, listed, known)
    level = trusted.update_targets(targets)
    while level:
        level = yield from _load_level(trusted, level, known, is_last=is_last)
    return trusted.collection()


def _timestamp_and_snapshot(trusted: TrustedSet, known: dict[str, bytes]) -> Generator[Wishes, Replies, FileMeta]:
    """Bring timestamp and snapshot up to date; answers what the snapshot says of the root.

    Where they fail under the root at hand, the newest root may be the one that explains them (S8).
    """
    try:
        return (yield from _under_one_root(trusted, known))
    except (ThresholdNotMet, Blocked):
        newest = yield from _fetch_plain(ROOT)
        if newest == trusted.root.data:
            raise
        yield from _rotate(trusted, newest)
    return (yield from _under_one_root(trusted, known))


def _under_one_root(trusted: TrustedSet, known: dict[str, bytes]) -> Generator[Wishes, Replies, FileMeta]:
    data = yield from _fetch_plain(TIMESTAMP)
    try:
        listed = trusted.update_timestamp(data)
    except Rollback:
        # a replica of Notary may lag behind or have signed at the same moment: it is asked once more (S6)
        data = yield from _fetch_plain(TIMESTAMP)
        listed = trusted.update_timestamp(data)
    return trusted.update_snapshot((yield from _fetch_listed(SNAPSHOT, listed, known)))


def _rotate(trusted: TrustedSet, newest: bytes) -> Generator[Wishes, Replies, None]:
    """Go to the newest root, at once or over the versions between (dialect 3.7)."""
    reached = trusted.root
    try:
        root = trusted.successor(reached, newest)
    except (RootRotationBroken, Blocked):
        wanted = version_in(ROOT, newest)
        if not 0 < wanted - reached.root.version - 1 <= ROOT_ROTATIONS:
            raise
        for version in range(reached.root.version + 1, wanted):
            reached = yield from _step(trusted, reached, version)
        root = trusted.successor(reached, newest)
    trusted.rotate_root(root)


def _step(trusted: TrustedSet, reached: TrustedRoot, version: int) -> Generator[Wishes, Replies, TrustedRoot]:
    """Take one version between; it may have expired, it may not be missing."""
    (reply,) = yield (Fetch(f"{version}.root", ROOT_BYTES),)
    match reply:
        case Fetched(data):
            if version_in(ROOT, data) < version:
                raise RootRotationBroken(f"{version}.root holds an older version")
            return trusted.successor(reached, data)
        case Missing():
            raise RootRotationBroken(f"version {version} is missing")
        case TooLarge():
            raise _too_large(ROOT)
    raise NotaryUnreachable(reply.why)


def _fetch_plain(role: RoleName) -> Generator[Wishes, Replies, bytes]:
    """Fetch by plain name; 404 is an answer (S14), and one failure of the timestamp is forgiven (S6)."""
    wish = Fetch(role, _LARGEST[role])
    (reply,) = yield (wish,)
    if role == TIMESTAMP and isinstance(reply, Unavailable) and (reply.status or 0) >= 500:
        (reply,) = yield (wish,)
    match reply:
        case Fetched(data):
            return data
        case Missing():
            raise NoTrustData(role)
        case TooLarge():
            raise _too_large(role)
    raise NotaryUnreachable(reply.why)


def _fetch_listed(role: RoleName, meta: FileMeta, known: dict[str, bytes]) -> Generator[Wishes, Replies, bytes]:
    """Fetch by hash, unless the very file is remembered."""
    if meta.sha256 in known:
        return known[meta.sha256]
    wish = _listed(role, meta)
    (reply,) = yield (wish,)
    data = _check_listed(role, meta, reply)
    if isinstance(data, MetadataCorrupt):
        raise _ListedFileWrong(data)
    return data


def _load_level(
    trusted: TrustedSet, level: list[Wanted], known: dict[str, bytes], *, is_last: bool
) -> Generator[Wishes, Replies, list[Wanted]]:
    """Load all delegations of one level together; answers the next level."""
    files: dict[RoleName, bytes | MetadataCorrupt] = {}
    missing: list[tuple[Wanted, Fetch]] = []
    for wanted in level:
        if wanted.meta.sha256 in known:
            files[wanted.name] = known[wanted.meta.sha256]
            continue
        try:
            missing.append((wanted, _listed(wanted.name, wanted.meta)))
        except MetadataCorrupt as error:
            files[wanted.name] = error
    replies = (yield tuple(wish for _, wish in missing)) if missing else ()
    for (wanted, _), reply in zip(missing, replies, strict=True):
        files[wanted.name] = _check_listed(wanted.name, wanted.meta, reply)
    below: list[Wanted] = []
    for wanted in level:
        found = files[wanted.name]
        if isinstance(found, bytes):
            below.extend(trusted.update_delegation(wanted, found))
        elif is_last:
            trusted.spoil_delegation(wanted, found)
        else:
            raise _ListedFileWrong(found)
    return below


def _listed(role: RoleName, meta: FileMeta) -> Fetch:
    if meta.length > _LARGEST.get(role, TARGETS_BYTES):
        raise _too_large(role)
    return Fetch(f"{role}.{meta.sha256}", meta.length)


def _check_listed(role: RoleName, meta: FileMeta, reply: Reply) -> bytes | MetadataCorrupt:
    """The file, or why it is not the one that is listed. Raises `NotaryUnreachable`."""
    match reply:
        case Fetched(data):
            why = meta.mismatch(data)
            return MetadataCorrupt(role, why) if why else data
        case Missing():
            return MetadataCorrupt(role, "it is listed, but Notary does not have it")
        case TooLarge():
            return MetadataCorrupt(role, "it is longer than listed")
    raise NotaryUnreachable(reply.why)


def _too_large(role: RoleName) -> MetadataCorrupt:
    return MetadataCorrupt(role, "it is over the size limit")


def _by_hash(stored: Stored | None) -> dict[str, bytes]:
    """Remembered files by the hash that addresses them, so that unchanged ones are not fetched again."""
    return {hashlib.sha256(data).hexdigest(): data for data in stored.files.values()} if stored else {}
