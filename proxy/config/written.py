"""What a configuration is written in, by part: sections, each key of those that others rest on, and files beside it.

By these somebody is told what has another text, also where all values that follow from it are the same.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.config.document import show
from proxy.config.include import Part

_KEY_BY_KEY: Final = frozenset({"defaults", "notaries", "owners", "roots", "signers"})
"""Sections whose keys are parts of their own: what rests on them says itself only in part which of them it is."""


def written(parts: Sequence[Part]) -> Mapping[str, str]:
    """A hash of each part, by its name for people; comments and formatting do not count, and secrets are in none."""
    return dict(_written(parts))


def _written(parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    main, *others = parts
    for section, value in main.document.remaining().items():
        if section in _KEY_BY_KEY and isinstance(value, dict):
            yield from ((show((section, key)), _hash(part)) for key, part in value.items())
        else:
            yield section, _hash(value)
    for each in others:
        yield each.document.file, _hash(each.document.remaining())
    for each in parts:
        yield from each.files.hashes.items()


def _hash(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
