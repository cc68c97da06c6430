"""`rollout`: how far each repository is, and whether there is a rule for the day on which `enforce` begins."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.config.document import Document, quoted
from proxy.config.policy_shape import RelaxationShape, RolloutChoice
from proxy.policy.entries import Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern

_NO_ENTRY: Final = "no entry of repositories matches any repository of this pattern"
_SOME_WITHOUT: Final = (
    "some repositories of this pattern have no entry of repositories, so nothing of theirs is ever protected; "
    "add an entry for them, or make this pattern narrower"
)
_ANYTHING: Final = "\0"
_LAX: Final = (Mode.AUDIT, Mode.DISABLED)
_NAMED: Final = 3


def relaxations(
    document: Document,
    shapes: Mapping[str, RolloutChoice],
    patterns: Iterable[RepositoryPattern],
    entries: Sequence[RepositoryPattern] | None,
) -> tuple[Relaxation, ...]:
    """Read the entries of `rollout` with these patterns.

    `entries` are the patterns of `repositories`, or None where not all of them could be read.
    Where nothing is left of a relaxation when `until` has passed, everything would be refused on that day,
    so the entry that holds then must be there now. `protect` has no end, and without an entry there is no
    collection whose tags it could protect: everything would pass for good (design: Configuration, Modes).
    """
    read = []
    for pattern in patterns:
        choice, place = shapes[pattern], document.place(("rollout", pattern))
        is_covered = entries is None or any(pattern.overlaps(entry) for entry in entries)
        if isinstance(choice, RelaxationShape):
            read.append(Relaxation(pattern, Mode(choice.mode), choice.until, choice.reason, place))
            if not is_covered:
                document.problem(
                    ("rollout", pattern), f"{_NO_ENTRY}, so all are refused after until; add the entry that holds then"
                )
        else:
            mode = Mode(choice)
            read.append(Relaxation(pattern, mode, None, None, place))
            if mode is Mode.PROTECT:
                _check_protected(document, pattern, entries)
            elif not is_covered:
                document.warn(
                    ("rollout", pattern), f"{_NO_ENTRY}, so all are refused; add an entry or check the spelling"
                )
    return tuple(read)


def warn_unenforced(document: Document, rollout: Iterable[Relaxation], now: datetime) -> None:
    """Warn, in one line, of all that is in `audit` or `disabled` at an instant: nothing of it is refused."""
    held = [each for each in rollout if each.mode in _LAX and (each.until is None or now < each.until)]
    if not held:
        return
    ends = [f" until {each.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if each.until else "" for each in held[:_NAMED]]
    shown = [f"{quoted(each.pattern)} ({each.mode}{end})" for each, end in zip(held, ends, strict=False)]
    more = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
    sentence = f"unsigned images are served under {', '.join(shown)}{more}"
    document.warn(("rollout",), f"{sentence}; remove what would be served just the same when it is enforced")


def _check_protected(
    document: Document, pattern: RepositoryPattern, entries: Sequence[RepositoryPattern] | None
) -> None:
    if entries is None:
        return
    if not any(pattern.overlaps(entry) for entry in entries):
        document.problem(
            ("rollout", pattern), f"{_NO_ENTRY}, so nothing is protected and everything passes; add the entry"
        )
    elif not all(any(entry.matches(name) for entry in entries) for name in _instances(pattern, entries)):
        document.warn(("rollout", pattern), _SOME_WITHOUT)


def _instances(pattern: RepositoryPattern, entries: Sequence[RepositoryPattern]) -> Iterator[str]:
    """Names that a pattern matches, with a character for each `*` that only a `*` of another pattern can match.

    Where `**` stands for several segments, once for each number of them up to more than any entry has.
    """
    deepest = max(len(entry.split("/")) for entry in entries) + 1
    for depth in range(1, deepest + 1 if pattern.is_open else 2):
        rest = "/".join([_ANYTHING] * depth)
        yield (pattern.removesuffix("**") + rest if pattern.is_open else pattern).replace("*", _ANYTHING)
