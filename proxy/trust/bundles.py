"""Writes trust data into a directory, as Notary would serve it, where `notaries.NAME.dir` and `import` read it.

Files by hash come first and the timestamp last, each whole or not at all: so a proxy that reads the directory meanwhile
sees what was there before, or what is there now.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from proxy.errors import TrustError, UserError
from proxy.names import ROOT, SNAPSHOT, TIMESTAMP, Gun, RoleName
from proxy.notary.directory import file_of
from proxy.tuf.collection import Collection, Role, TopRole
from proxy.tuf.metadata import open_envelope, read_snapshot

_READABLE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Written:
    """A collection in a directory: how many files it has there, and when the first role runs out by itself."""

    notary: str
    gun: Gun
    files: int
    until: datetime
    role: str

    def as_json(self) -> dict[str, object]:
        """What JSON can hold."""
        told = {"notary": self.notary, "gun": self.gun, "outcome": "exported", "files": self.files}
        return {**told, "until": f"{self.until:%Y-%m-%dT%H:%M:%SZ}", "role": self.role}


def write(directory: Path, notary: str, collection: Collection, roots: Mapping[int, bytes] | None = None) -> Written:
    """Write a verified collection; `roots` are older versions of its root, for whoever remembers one of them.

    Raises `UserError` where the directory cannot be written.
    """
    files = dict(_named(collection, roots or {}))
    try:
        for name, data in files.items():
            _put(directory / file_of(collection.gun, name), data)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise UserError(f"{directory} cannot be written ({why}): check the directory and its space") from None
    ends = {str(role.name): role.expires for role in _roles(collection)}
    first = min(ends, key=ends.__getitem__)
    return Written(notary, collection.gun, len(files), ends[first], first)


def _named(collection: Collection, roots: Mapping[int, bytes]) -> Iterator[tuple[str, bytes]]:
    """Names as in requests, in the order in which files must appear."""
    files = {role: data for role, data in collection.files.items() if role in _listed(collection)}
    for role, data in files.items():
        yield f"{role}.{hashlib.sha256(data).hexdigest()}", data
    for version, data in {**roots, collection.root.version: collection.files[ROOT]}.items():
        yield f"{version}.{ROOT}", data
    yield from ((str(role), data) for role, data in files.items() if role not in (ROOT, TIMESTAMP))
    yield ROOT, collection.files[ROOT]
    yield TIMESTAMP, collection.files[TIMESTAMP]


def _listed(collection: Collection) -> frozenset[RoleName]:
    """The roles whose very file the snapshot names; others are floors, which Notary does not serve."""
    snapshot = read_snapshot(open_envelope(SNAPSHOT, collection.files[SNAPSHOT]).signed)
    listed = {SNAPSHOT}
    for role, meta in snapshot.files.items():
        with suppress(TrustError, KeyError):
            meta.check(role, collection.files[role])
            listed.add(role)
    return frozenset(listed)


def _roles(collection: Collection) -> Iterator[Role | TopRole]:
    yield from (collection.root, collection.timestamp, collection.snapshot)
    yield from collection.usable()


def _put(path: Path, data: bytes) -> None:
    """Write a file that appears when it is complete; one that is there already in the same words stays."""
    with suppress(OSError):
        if path.read_bytes() == data:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        draft = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            draft.chmod(_READABLE)
            draft.replace(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
