"""How many things are named where there may be hundreds."""

from collections.abc import Sequence
from typing import Final

HANDFUL: Final = 5
"""So many are named one by one."""


def some(names: Sequence[str], most: int = HANDFUL) -> str:
    """The names or, if there are more than `most`, the first few and the number of the others."""
    if len(names) <= most:
        return ", ".join(names)
    few = names[: most - 2]
    return f"{', '.join(few)} and {len(names) - len(few)} more"
