"""What a store remembers, in facts that a person can read: nothing is verified here, it was when it was committed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from proxy.errors import MetadataCorrupt, TrustError, TrustStoreUnavailable
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Gun, RoleName
from proxy.policy.past import Past
from proxy.store.failures import is_damage
from proxy.store.protocol import Forgotten, Remembered
from proxy.store.sql import SqlTrustReader
from proxy.tuf.metadata import open_envelope, read_root, read_snapshot, read_targets, read_timestamp, version_in

_TOP: Final = (ROOT, TIMESTAMP, SNAPSHOT, TARGETS)
_FLOOR: Final = "floor only: Notary lists another file now, or none"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line: versions by role, the four top roles first; `trouble` is why there are none.

    It counts for nobody where the configuration does not know its Notary: `is_configured`.
    """

    notary: str
    gun: Gun
    generation: int | None
    checked_at: datetime | None
    versions: Mapping[str, int]
    trouble: str = ""
    is_configured: bool = True

    def as_json(self) -> dict[str, Any]:
        """What JSON can hold."""
        told = {"notary": self.notary, "gun": self.gun, "generation": self.generation}
        return {
            **told,
            "checked": at(self.checked_at),
            "versions": dict(self.versions),
            "trouble": self.trouble or None,
            "configured": self.is_configured,
        }


@dataclass(frozen=True, slots=True)
class ShownRole:
    """A remembered file: version and expiry; `note` where it is no more than a floor, or cannot be read."""

    name: str
    version: int | None
    expires: datetime | None
    size: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is remembered of one collection. `root_keys` are public key ids, as `roots` pins them.

    `is_doubted` where Notary said something else since the last check, which did not verify.
    """

    notary: str
    gun: Gun
    generation: int
    checked_at: datetime
    roles: tuple[ShownRole, ...]
    root_keys: tuple[str, ...]
    tags: int
    earlier: int
    forgettings: tuple[Forgotten, ...]
    is_doubted: bool = False

    def as_json(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {
            "notary": self.notary,
            "gun": self.gun,
            "generation": self.generation,
            "checked": at(self.checked_at),
            "doubted": self.is_doubted,
            "roles": [
                {"name": each.name, "version": each.version, "expires": at(each.expires), "size": each.size}
                | {"note": each.note or None}
                for each in self.roles
            ],
            "root_keys": list(self.root_keys),
            "tags_ever": self.tags,
            "earlier_statements": self.earlier,
            "forgettings": [{"at": at(each.at), "by": each.by, "reason": each.reason} for each in self.forgettings],
        }


async def listed(reader: SqlTrustReader, notary: str, gun: Gun, forgotten: Collection[tuple[str, Gun]] = ()) -> Listed:
    """One collection in a line; `forgotten` are those that somebody forgot.

    Raises `TrustStoreUnavailable` where not even the rest of the store can be read.
    """
    try:
        known = await reader.load(notary, gun)
    except TrustStoreUnavailable as unavailable:
        if not is_damage(unavailable):
            raise
        return Listed(notary, gun, None, None, {}, "damaged")
    if known is None:
        return Listed(notary, gun, None, None, {}, "damaged")
    if not known.stored.files:
        trouble = "forgotten" if (notary, gun) in forgotten else "tags alone"
        return Listed(notary, gun, known.generation, known.checked_at, {}, trouble)
    return Listed(notary, gun, known.generation, known.checked_at, versions(known.stored.files))


async def shown(reader: SqlTrustReader, notary: str, gun: Gun) -> Shown | None:
    """Everything of one collection; None where nothing was ever committed. Raises `TrustStoreUnavailable`."""
    known = await reader.load(notary, gun)
    if known is None:
        return None
    files = known.stored.files
    named = _named(files)
    forgettings = await reader.forgettings()
    return Shown(
        notary=notary,
        gun=gun,
        generation=known.generation,
        checked_at=known.checked_at,
        roles=tuple(_role(role, data, named) for role, data in _in_order(files)),
        root_keys=_root_keys(files),
        tags=len(await reader.tags(notary, gun)),
        earlier=_earlier(known),
        forgettings=tuple(each for each in forgettings if (each.notary, each.gun) == (notary, gun)),
        is_doubted=known.is_doubted,
    )


def versions(files: Mapping[RoleName, bytes]) -> Mapping[str, int]:
    """Versions by role, the four top roles first; 0 for what cannot be read."""
    return {each.name: each.version or 0 for each in (_role(role, data, {}) for role, data in _in_order(files))}


def at(instant: datetime | None) -> str | None:
    """An instant as JSON and tables have it."""
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _in_order(files: Mapping[RoleName, bytes]) -> Iterator[tuple[RoleName, bytes]]:
    yield from ((role, files[role]) for role in _TOP if role in files)
    yield from sorted((role, data) for role, data in files.items() if role not in _TOP)


def _role(role: RoleName, data: bytes, named: Mapping[RoleName, bytes]) -> ShownRole:
    try:
        signed = open_envelope(role, data).signed
        expires = _expires(role, signed)
    except MetadataCorrupt:
        return ShownRole(role, None, None, len(data), "cannot be read")
    is_floor = bool(named) and role not in (ROOT, TIMESTAMP, SNAPSHOT) and named.get(role) != data
    return ShownRole(role, version_in(role, data), expires, len(data), _FLOOR if is_floor else "")


def _expires(role: RoleName, signed: Mapping[str, Any]) -> datetime:
    match role:
        case "root":
            return read_root(signed).expires
        case "timestamp":
            return read_timestamp(signed).expires
        case "snapshot":
            return read_snapshot(signed).expires
        case _:
            return read_targets(role, signed).expires


def _named(files: Mapping[RoleName, bytes]) -> Mapping[RoleName, bytes]:
    """The files that the remembered snapshot names."""
    try:
        snapshot = read_snapshot(open_envelope(SNAPSHOT, files[SNAPSHOT]).signed)
    except (KeyError, TrustError):
        return {}
    return {
        role: data for role, data in files.items() if (meta := snapshot.files.get(role)) and not meta.mismatch(data)
    }


def _root_keys(files: Mapping[RoleName, bytes]) -> tuple[str, ...]:
    try:
        root = read_root(open_envelope(ROOT, files[ROOT]).signed)
    except (KeyError, TrustError):
        return ()
    return tuple(sorted({key.public_key_id for key in root.roles[ROOT].keys.values()}))


def _earlier(known: Remembered) -> int:
    try:
        return len(Past.decode(known.past).records)
    except ValueError:
        return 0
