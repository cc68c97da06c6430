"""Every corruption there is, by theme."""

from typing import Final

from tests.support.swizzler import (
    delegations,
    fields,
    hashes,
    json_forms,
    key_kinds,
    keys,
    roots,
    rotations,
    server,
    shapes,
    signatures,
    tags,
)
from tests.support.swizzler.cases import Case, cases_of

THEMES: Final = {
    "json": json_forms.catalogue(),
    "fields": fields.catalogue(),
    "shapes": shapes.catalogue(),
    "signatures": signatures.catalogue(),
    "key kinds": key_kinds.catalogue(),
    "keys": keys.catalogue(),
    "hashes": hashes.catalogue(),
    "delegations": delegations.catalogue(),
    "tags": tags.catalogue(),
    "roots": roots.catalogue(),
    "rotations": rotations.catalogue(),
    "server": server.catalogue(),
}


def cases_by_theme() -> list[tuple[str, Case]]:
    """Every corruption of every role in every state it is made for, with its theme."""
    return [(theme, case) for theme, swizzles in THEMES.items() for case in cases_of(swizzles)]
