"""The seal of a collection: one hash over every fact that is remembered of it.

A file's own hash would show changed bytes. The seal also shows a row that vanished, came from another
collection or from another time, so that damage cannot pass for «nothing known yet».
"""

import hashlib
import json
from collections.abc import Mapping


def seal(
    notary: str,
    gun: str,
    generation: int,
    checked_at: int,
    files: Mapping[str, bytes],
    notes: Mapping[str, bytes],
) -> bytes:
    """SHA-256 over the facts: `checked_at` in microseconds, `files` and `notes` the SHA-256 of each by name.

    A collection without notes has the seal that it had before there were any.
    """
    facts = [notary, gun, generation, checked_at, _sorted(files)]
    if notes:
        facts.append(_sorted(notes))
    return hashlib.sha256(json.dumps(facts).encode()).digest()


def _sorted(hashes: Mapping[str, bytes]) -> list[tuple[str, str]]:
    return sorted((name, sha256.hex()) for name, sha256 in hashes.items())
