"""What became of each collection that was brought into a store."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.names import Gun


class Became(StrEnum):
    """What a collection came to."""

    NEW = "new"
    RAISED = "raised"
    SAME = "the same"
    OLDER = "older than here"
    FORGOTTEN = "forgotten"
    REFUSED = "refused"
    UNDECIDED = "undecided"


_IN_ORDER: Final = tuple(Became)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One collection; `why` is a sentence where it is not what was wished for, `code` that of a refusal.

    `is_stale` where it was refused for nothing but being older than what is remembered.
    """

    notary: str
    gun: Gun
    became: Became
    why: str = ""
    code: str = ""
    is_stale: bool = False

    @property
    def is_left_out(self) -> bool:
        """Whether its files were brought, and left out because somebody forgot it here."""
        return self.became is Became.FORGOTTEN and bool(self.why)

    def as_json(self) -> dict[str, object]:
        """What JSON can hold."""
        told = {"notary": self.notary, "gun": self.gun, "outcome": self.became.value}
        return {**told, "refusal": self.code or None, "why": self.why or None}


def summary(outcomes: Sequence[Outcome]) -> str:
    """All of it in one line."""
    count = Counter(each.became for each in outcomes)
    parts = ", ".join(f"{count[each]} {each}" for each in _IN_ORDER if count[each])
    what = f"{len(outcomes)} collection{'' if len(outcomes) == 1 else 's'}"
    return f"{what}: {parts}" if parts else what
