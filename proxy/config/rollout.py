"""`rollout`: how far each repository is, and whether there is a rule for the day on which `enforce` begins."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from proxy.config.document import Document
from proxy.config.shape import RelaxationShape, RolloutChoice
from proxy.policy.entries import Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern

_NO_ENTRY: Final = "no entry of repositories matches any repository of this pattern"


def relaxations(
    document: Document,
    shapes: Mapping[str, RolloutChoice],
    patterns: Iterable[RepositoryPattern],
    entries: Sequence[RepositoryPattern] | None,
) -> tuple[Relaxation, ...]:
    """Read the entries of `rollout` with these patterns.

    `entries` are the patterns of `repositories`, or None where not all of them could be read.
    Where nothing is left of a relaxation when `until` has passed, everything would be refused on that day,
    so the entry that holds then must be there now (design: Configuration, Modes).
    """
    read = []
    for pattern in patterns:
        choice = shapes[pattern]
        is_covered = entries is None or any(pattern.overlaps(entry) for entry in entries)
        if isinstance(choice, RelaxationShape):
            read.append(Relaxation(pattern, Mode(choice.mode), choice.until, choice.reason))
            if not is_covered:
                document.problem(
                    ("rollout", pattern), f"{_NO_ENTRY}, so all are refused after until; add the entry that holds then"
                )
        else:
            read.append(Relaxation(pattern, Mode.ENFORCE, None, None))
            if not is_covered:
                document.warn(
                    ("rollout", pattern), f"{_NO_ENTRY}, so all are refused; add an entry or check the spelling"
                )
    return tuple(read)
