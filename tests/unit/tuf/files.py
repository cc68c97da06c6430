"""Files of each kind as they should be, for tests to change, and what is said of those that are not."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from proxy.errors import MetadataCorrupt
from proxy.names import RoleName
from tests.support.keys import ecdsa_key, ed25519_key
from tests.support.wire import base64_text, file_meta

Json = dict[str, Any]

ALICE: Final = RoleName("targets/alice")
KEY, OTHER = ecdsa_key("alice"), ed25519_key("other")
SHA256 = base64_text(bytes(32))


def common(kind: str) -> Json:
    """Fields that every kind of file has."""
    return {"_type": kind, "version": 7, "expires": "2030-01-02T03:04:05Z"}


def root(**fields: object) -> Json:
    """A root whose four roles have one key; `fields` replace or add."""
    role = {"keyids": [KEY.key_id], "threshold": 1}
    roles = dict.fromkeys(("root", "targets", "snapshot", "timestamp"), role)
    return common("Root") | {"keys": {KEY.key_id: KEY.as_json()}, "roles": roles} | fields


def timestamp(**fields: object) -> Json:
    """A timestamp that names a snapshot."""
    return common("Timestamp") | {"meta": {"snapshot": file_meta(b"snapshot")}} | fields


def snapshot(**more: object) -> Json:
    """A snapshot that names root and targets, and more."""
    return common("Snapshot") | {"meta": {"root": file_meta(b"root"), "targets": file_meta(b"targets")} | more}


def targets(*delegations: Json, **fields: object) -> Json:
    """A targets file with one tag and these delegations."""
    tags = {"1.4": {"hashes": {"sha256": SHA256}, "length": 527}}
    declared = {"keys": {KEY.key_id: KEY.as_json()}, "roles": list(delegations)}
    return common("Targets") | {"targets": tags, "delegations": declared} | fields


def complaint(read: Callable[[], object]) -> str:
    """Why a file is corrupt."""
    with pytest.raises(MetadataCorrupt) as caught:
        read()
    return caught.value.why
