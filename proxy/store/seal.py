"""The seal of a collection: one hash over every fact that is remembered of it.

A file's own hash would show changed bytes. The seal also shows a row that vanished, came from another
collection or from another time, so that damage cannot pass for «nothing known yet».
"""

import hashlib
import json
from collections.abc import Mapping


def seal(notary: str, gun: str, generation: int, checked_at: int, hashes: Mapping[str, bytes]) -> bytes:
    """SHA-256 over the facts: `checked_at` in microseconds, `hashes` the SHA-256 of each file by role name."""
    files = sorted((role, sha256.hex()) for role, sha256 in hashes.items())
    return hashlib.sha256(json.dumps([notary, gun, generation, checked_at, files]).encode()).digest()
