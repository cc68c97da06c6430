"""Collections to remember: each generation has files that name it, so that a mixture would show; and indexes."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Digest, Gun, RoleName
from proxy.tuf.collection import Stored

NOTARY: Final = "corp"
GUN: Final = Gun("registry.example.com/shop/api")
NOON: Final = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


def files_of(generation: int) -> Stored:
    """The files of one generation; how many delegations there are changes from one to the next."""
    delegations = [RoleName(f"targets/signer{number}") for number in range(generation % 4)]
    changing = {role: f"{role} of generation {generation}".encode() for role in (TIMESTAMP, SNAPSHOT, *delegations)}
    return Stored({ROOT: b"root" * 500, TARGETS: b"%d " % (generation // 2) * 3000} | changing)


def digest(data: bytes) -> Digest:
    """The digest of bytes, computed apart from the code under test."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def index(children: Iterable[bytes], name: str = "") -> bytes:
    """An index of manifests with these bytes; another name gives other bytes."""
    media_type = "application/vnd.oci.image.manifest.v1+json"
    listed = [{"mediaType": media_type, "digest": digest(child), "size": len(child)} for child in children]
    return json.dumps({"schemaVersion": 2, "manifests": listed, "annotations": {"name": name}}).encode()
