"""How a scenario is measured: its sides in turns, a round that does not count first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

_Sample = TypeVar("_Sample")

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds, seconds of each, MiB of a blob, cold repositories, clients at once.

    `loads` are percent of what a server can do; `tags` are sizes of collections, in tags.
    """

    rounds: int
    seconds: int
    mebibytes: int
    repositories: int
    clients: int
    loads: tuple[int, ...]
    tags: tuple[int, ...]
    say: Say


def in_turns(effort: Effort, name: str, sides: Mapping[str, Callable[[], _Sample]]) -> dict[str, list[_Sample]]:
    """Measure each side once in every round.

    One round before them warms up and does not count; where there is but one round, nothing is to be believed anyway.
    """
    samples: dict[str, list[_Sample]] = {each: [] for each in sides}
    for number in range(0 if effort.rounds > 1 else 1, effort.rounds + 1):
        effort.say(f"{name}: round {number} of {effort.rounds}" if number else f"{name}: warming up")
        for each, measure in sides.items():
            sample = measure()
            if number:
                samples[each].append(sample)
    return samples
