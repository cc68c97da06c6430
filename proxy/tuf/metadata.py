"""The five kinds of metadata files: from strict JSON to typed values, with the structure checked (dialect 2).

Functions raise `MetadataCorrupt` and nothing else. Field names match exactly; a field that differs from
a known one only in case is refused, because Notary's own reader would take it (S13). `null` stands for
absent, as it does for Notary. Unknown fields are allowed: signatures cover them.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeVar

from proxy.errors import DigestInvalid, MetadataCorrupt, NameInvalid, TagInvalid
from proxy.limits import KEY_BYTES, KEYS, QUOTED_LENGTH, SIGNATURES
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Digest, RoleName, Tag
from proxy.tuf import canonical
from proxy.tuf.collection import Target
from proxy.tuf.keys import PublicKey, decode_base64, make_key

_TOP_ROLES: Final = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_HASHES: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_HASH_SIZES: Final = {"sha256": 32, "sha512": 64}
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)  # what an absent `expires` means: long past

_Value = TypeVar("_Value", bool, int, str, dict[str, Any], list[Any])


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of an envelope, its method in lower case."""

    key_id: str
    method: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A file taken apart: what was signed, the bytes that the signatures cover, and the signatures."""

    signed: Mapping[str, Any]
    payload: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """Which keys may sign for a role, by key id, and how many must. Unknown ids are absent from `keys`."""

    keys: Mapping[str, PublicKey]
    threshold: int


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a parent says of a file: length in bytes and hashes by algorithm."""

    length: int
    hashes: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """The hex digest that addresses the file."""
        return self.hashes["sha256"].hex()

    def mismatch(self, data: bytes) -> str | None:
        """Why these bytes are not the file, or None: every known hash must fit, and the length (S12)."""
        for name, expected in self.hashes.items():
            if name in _HASHES and _HASHES[name](data).digest() != expected:
                return f"its {name} is not the listed one"
        if len(data) != self.length:
            return f"it has {len(data)} bytes, {self.length} are listed"
        return None

    def check(self, role: RoleName, data: bytes) -> None:
        """Hold a file against what is said of it. Raises `MetadataCorrupt`."""
        why = self.mismatch(data)
        if why:
            raise MetadataCorrupt(role, why)


@dataclass(frozen=True, slots=True)
class Root:
    """Keys and thresholds of the four top roles."""

    version: int
    expires: datetime
    roles: Mapping[RoleName, RoleKeys]


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Names the current snapshot."""

    version: int
    expires: datetime
    snapshot: FileMeta


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Names root, targets and every published delegation; entries that cannot be used are in `damaged`."""

    version: int
    expires: datetime
    files: Mapping[RoleName, FileMeta]
    damaged: Mapping[RoleName, str]


@dataclass(frozen=True, slots=True)
class Delegation:
    """A role that a targets file declares. `repeated` where the file declares it more than once."""

    name: RoleName
    role: RoleKeys
    paths: tuple[str, ...]
    repeated: bool


@dataclass(frozen=True, slots=True)
class Targets:
    """Tags and delegations; `skipped` are targets that count for nothing, and why (S10)."""

    version: int
    expires: datetime
    targets: Mapping[Tag, Target]
    delegations: tuple[Delegation, ...]
    skipped: tuple[str, ...]


def open_envelope(role: RoleName, data: bytes) -> Envelope:
    """Take a file apart. Raises `MetadataCorrupt`."""
    try:
        envelope = canonical.read(data)
        reader = _Reader(role, envelope, ("signed", "signatures"))
        signed = reader.required("signed", dict)
        payload = canonical.encode(signed)
        listed = reader.get("signatures", list, [])
        if len(listed) > SIGNATURES:
            raise ValueError("has too many signatures")
        return Envelope(signed, payload, tuple(_signature(role, item) for item in listed))
    except ValueError as error:
        raise MetadataCorrupt(role, str(error)) from None


def version_in(role: RoleName, data: bytes) -> int:
    """The version that a file states, trusted or not. Raises `MetadataCorrupt`."""
    return _Reader(role, open_envelope(role, data).signed, ("version",)).version()


def read_root(signed: Mapping[str, Any]) -> Root:
    """Structure of a root: all four roles, each with a threshold of at least 1 and known keys (dialect 2.2)."""
    reader = _Reader(ROOT, signed, ("_type", "version", "expires", "keys", "roles", "consistent_snapshot"))
    version, expires = reader.header("Root")
    keys = _keys(ROOT, reader.get("keys", dict, {}))
    reader.get("consistent_snapshot", bool, False)  # ignored, but of the right type
    roles = reader.get("roles", dict, {})
    for name, value in roles.items():
        if name not in _TOP_ROLES and value is not None:
            _key_ids_and_threshold(ROOT, _dict(ROOT, f"the role {_quoted(name)}", value))  # the same
    read: dict[RoleName, RoleKeys] = {}
    for top in _TOP_ROLES:
        if not isinstance(roles.get(top), dict):
            raise MetadataCorrupt(ROOT, f"the role {top} is missing")
        read[top] = _role_keys(ROOT, top, roles[top], keys)
    return Root(version, expires, read)


def read_timestamp(signed: Mapping[str, Any]) -> Timestamp:
    """Structure of a timestamp: it names a snapshot by SHA-256 (dialect 2.3)."""
    reader = _Reader(TIMESTAMP, signed, ("_type", "version", "expires", "meta"))
    version, expires = reader.header("Timestamp")
    entries = reader.get("meta", dict, {})
    return Timestamp(version, expires, _file_meta(TIMESTAMP, SNAPSHOT, entries.get(SNAPSHOT)))


def read_snapshot(signed: Mapping[str, Any]) -> Snapshot:
    """Structure of a snapshot: it names root and targets by SHA-256 (dialect 2.3).

    An entry of a delegation that cannot be used spoils that delegation alone (L2).
    """
    reader = _Reader(SNAPSHOT, signed, ("_type", "version", "expires", "meta"))
    version, expires = reader.header("Snapshot")
    entries = reader.get("meta", dict, {})
    files = {name: _file_meta(SNAPSHOT, name, entries.get(name)) for name in (ROOT, TARGETS)}
    damaged: dict[RoleName, str] = {}
    for text, entry in entries.items():
        if not text.startswith("targets/"):
            continue
        try:
            name = RoleName(text)
        except NameInvalid:
            continue  # no declared role can have this name
        try:
            files[name] = _file_meta(SNAPSHOT, name, entry)
        except MetadataCorrupt as error:
            damaged[name] = error.why
    return Snapshot(version, expires, files, damaged)


def read_targets(role: RoleName, signed: Mapping[str, Any]) -> Targets:
    """Structure of `targets` or of a delegation (dialect 2.4)."""
    reader = _Reader(role, signed, ("_type", "version", "expires", "targets", "delegations"))
    version, expires = reader.header("Targets")
    targets: dict[Tag, Target] = {}
    skipped: list[str] = []
    for name, value in reader.get("targets", dict, {}).items():
        length, hashes = _length_and_hashes(role, name, {} if value is None else value)
        try:
            targets[Tag(name)] = Target(Digest.from_hash(hashes.get("sha256", b"")), length)
        except (TagInvalid, DigestInvalid):
            skipped.append(f"{role}: {_quoted(name)} is no valid tag or has no SHA-256 of 32 bytes")
    return Targets(version, expires, targets, _delegations(role, reader.get("delegations", dict, {})), tuple(skipped))


class _Reader:
    """Typed look-ups in one JSON object."""

    def __init__(self, role: RoleName, value: Mapping[str, Any], known: tuple[str, ...]) -> None:
        self._role = role
        self._value = value
        for key in value:
            if key not in known and key.casefold() in _folded(known):
                raise MetadataCorrupt(role, f"the field {_quoted(key)} is written in another case")

    def get(self, name: str, kind: type[_Value], default: _Value) -> _Value:
        value = self._value.get(name)
        if value is None:
            return default
        if type(value) is not kind:  # not isinstance: True and 1.0 are no integers here
            raise MetadataCorrupt(self._role, f"the field {name} is of the wrong type")
        return value

    def required(self, name: str, kind: type[_Value]) -> _Value:
        if self._value.get(name) is None:
            raise MetadataCorrupt(self._role, f"the field {name} is missing")
        return self.get(name, kind, kind())

    def header(self, kind: str) -> tuple[int, datetime]:
        """Version and expiry, once the type is right."""
        if self.get("_type", str, "") != kind:
            raise MetadataCorrupt(self._role, f"its type is not {kind}")
        return self.version(), _instant(self._role, self.get("expires", str, ""))

    def version(self) -> int:
        version = self.get("version", int, 0)
        if version < 1:
            raise MetadataCorrupt(self._role, f"its version {version} is below 1")
        return version


@cache
def _folded(known: tuple[str, ...]) -> frozenset[str]:
    """The names that one place of this file knows, without their case."""
    return frozenset(name.casefold() for name in known)


def _instant(role: RoleName, text: str) -> datetime:
    """RFC 3339 with zone; more than six digits of a second are cut off (dialect 2.1)."""
    if not text:
        return _NEVER
    match = _INSTANT.fullmatch(text)
    try:
        if not match:
            raise ValueError
        seconds, fraction, zone = match.groups()
        return datetime.fromisoformat(f"{seconds}{(fraction or '.0')[:7]:0<7}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise MetadataCorrupt(role, "its expiry is no RFC 3339 instant") from None


def _signature(role: RoleName, value: object) -> Signature:
    reader = _Reader(role, _dict(role, "a signature", value), ("keyid", "method", "sig"))
    return Signature(
        reader.get("keyid", str, ""),
        reader.get("method", str, "").lower(),
        decode_base64(reader.get("sig", str, "")),
    )


def _keys(role: RoleName, values: Mapping[str, Any]) -> dict[str, PublicKey]:
    if len(values) > KEYS:
        raise MetadataCorrupt(role, f"it lists more than {KEYS} keys")
    return {key_id: _key(role, value) for key_id, value in values.items()}


def _key(role: RoleName, value: object) -> PublicKey:
    """A KEY object: `{"keytype", "keyval": {"private", "public"}}`, where `private` counts for nothing."""
    reader = _Reader(role, _dict(role, "a key", value), ("keytype", "keyval"))
    halves = _Reader(role, reader.required("keyval", dict), ("private", "public"))
    try:
        public = decode_base64(halves.required("public", str))
    except ValueError as error:
        raise MetadataCorrupt(role, f"a key {error}") from None
    if len(public) > KEY_BYTES:
        raise MetadataCorrupt(role, "a key is over the size limit")
    return make_key(reader.required("keytype", str), public)


def _role_keys(role: RoleName, name: str, value: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> RoleKeys:
    key_ids, threshold = _key_ids_and_threshold(role, value)
    if threshold < 1:
        raise MetadataCorrupt(role, f"the threshold of {name} is below 1")
    listed: dict[str, PublicKey] = {}
    for key_id in key_ids:
        if key_id not in keys:
            raise MetadataCorrupt(role, f"a key of {name} is not listed")
        listed[key_id] = keys[key_id]
    return RoleKeys(listed, threshold)


def _key_ids_and_threshold(role: RoleName, value: Mapping[str, Any]) -> tuple[list[str], int]:
    reader = _Reader(role, value, ("keyids", "threshold", "name", "paths"))
    return _texts(role, reader.get("keyids", list, [])), reader.get("threshold", int, 0)


def _delegations(role: RoleName, value: Mapping[str, Any]) -> tuple[Delegation, ...]:
    """Each is a direct child of the containing role; the first of several with one name gives the keys."""
    reader = _Reader(role, value, ("keys", "roles"))
    keys = _keys(role, reader.get("keys", dict, {}))
    declared: dict[RoleName, Delegation] = {}
    for item in reader.get("roles", list, []):
        entry = _Reader(role, _dict(role, "a delegation", item), ("name", "keyids", "threshold", "paths"))
        text = entry.get("name", str, "")
        if text.rpartition("/")[0] != role:
            raise MetadataCorrupt(role, f"the delegation {_quoted(text)} is no child of it")
        try:
            name = RoleName(text)
        except NameInvalid:
            raise MetadataCorrupt(role, f"the delegation {_quoted(text)} has an invalid name") from None
        paths = tuple(_texts(role, entry.get("paths", list, [])))
        found = Delegation(name, _role_keys(role, name, item, keys), paths, repeated=False)
        known = declared.get(name)
        declared[name] = Delegation(name, known.role, known.paths, repeated=True) if known else found
    return tuple(declared.values())


def _file_meta(role: RoleName, name: str, value: object) -> FileMeta:
    """Length and hashes of a listed file; SHA-256 must be there, both sizes right."""
    length, hashes = _length_and_hashes(role, name, value)
    if "sha256" not in hashes:
        raise MetadataCorrupt(role, f"the sha256 of {name} is missing")
    for algorithm, size in _HASH_SIZES.items():
        if algorithm in hashes and len(hashes[algorithm]) != size:
            raise MetadataCorrupt(role, f"the {algorithm} of {name} has not {size} bytes")
    if length < 0:
        raise MetadataCorrupt(role, f"the length of {name} is negative")
    return FileMeta(length, hashes)


def _length_and_hashes(role: RoleName, name: str, value: object) -> tuple[int, dict[str, bytes]]:
    reader = _Reader(role, _dict(role, f"the entry of {name[:QUOTED_LENGTH]}", value), ("length", "hashes", "custom"))
    hashes: dict[str, bytes] = {}
    for algorithm, text in reader.get("hashes", dict, {}).items():
        if not isinstance(text, str | None):
            raise MetadataCorrupt(role, f"a hash of {name[:QUOTED_LENGTH]} is no text")
        try:
            hashes[algorithm] = decode_base64(text or "")
        except ValueError as error:
            raise MetadataCorrupt(role, f"a hash of {name[:QUOTED_LENGTH]} {error}") from None
    return reader.get("length", int, 0), hashes


def _dict(role: RoleName, what: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MetadataCorrupt(role, f"{what} is missing or no JSON object")
    return value


def _quoted(text: str) -> str:
    """A text of a file in a reason to refuse: whoever wrote the file may have written megabytes."""
    return repr(text[:QUOTED_LENGTH])


def _texts(role: RoleName, values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise MetadataCorrupt(role, "a list of names holds something else")
    return values
