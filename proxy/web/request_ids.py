"""Names of single requests: 32 random hexadecimal digits, which tell nothing and cannot be guessed."""

import os
from typing import Final

_BYTES: Final = 16
_AT_ONCE: Final = 128  # the system is asked for so many together: one call costs as much as the rest of a warm answer

_ready: Final[list[str]] = []


def request_id() -> str:
    """One that nobody had before."""
    if not _ready:
        digits = os.urandom(_BYTES * _AT_ONCE).hex()
        _ready.extend(digits[at : at + 2 * _BYTES] for at in range(0, len(digits), 2 * _BYTES))
    return _ready.pop()
