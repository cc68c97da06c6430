"""What `verify` found out, whoever decided it: the sentence, the shape, and how the command ends."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from proxy.cli.exits import FINDINGS, UNDECIDED
from proxy.errors import CannotDecide, Internal, RegistryUnreachable
from proxy.names import Digest
from proxy.refusals import TABLE

_NO_VERDICT: Final = frozenset(
    row.code for kind, row in TABLE.items() if issubclass(kind, CannotDecide | RegistryUnreachable | Internal)
)
_BY_POLICY: Final = frozenset(row.code for row in TABLE.values() if row.status == 403)
_SHORTENED: Final = re.compile(r"([^\s(]+?)\.\.([^\s,;:)]+)")


class Finding(StrEnum):
    """What became of an image, in the words that people read."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    WOULD_REFUSE = "would be refused"
    MOVED = "moved"
    NOT_ENFORCED = "not enforced"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer. `told` is the shape of design: Answers; `code` that of a refusal."""

    finding: Finding
    sentence: str
    code: str
    told: Mapping[str, Any]

    @property
    def status(self) -> int:
        """The exit code; only an image that the right people signed, and nothing else, is 0."""
        match self.finding:
            case Finding.ALLOWED:
                return 0
            case Finding.REFUSED | Finding.WOULD_REFUSE | Finding.MOVED:
                return FINDINGS
            case Finding.NOT_ENFORCED | Finding.UNDECIDED:
                return UNDECIDED

    @property
    def digest(self) -> Digest | None:
        """What is served, where it is allowed."""
        return Digest(self.told["digest"]) if self.finding is Finding.ALLOWED else None

    @property
    def is_refused_by_policy(self) -> bool:
        """Whether it is not served, and signatures or policy are why.

        A signed image that the registry lost is not refused by them, and what would be refused is served now.
        """
        return self.finding is Finding.REFUSED and self.code in _BY_POLICY

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.finding}: {self.sentence}"

    def as_json(self) -> dict[str, Any]:
        """The shape, and the sentence as `message`, as the log has them."""
        return {**self.told, "message": self.sentence}


def finding_of(code: str, *, served: bool = False) -> Finding:
    """The finding for the code of a refusal; `served` says that the image is served all the same."""
    if code in _NO_VERDICT:
        return Finding.UNDECIDED
    return Finding.WOULD_REFUSE if served else Finding.REFUSED


def caveat(stale: int | None, by_grace: Sequence[str] = ()) -> str:
    """What belongs behind a sentence: the evidence is `stale` seconds old in an outage, roles had expired."""
    notes = [] if stale is None else [f"it could not be confirmed, the evidence is {stale} s old"]
    if by_grace:
        notes.append(f"expired, and counted by expiry_grace: {', '.join(by_grace)}")
    return f" ({'; '.join(notes)})" if notes else ""


def spelled_out(sentence: str, *names: str) -> str:
    """Write names in full that the table of refusals shortened in the middle: a digest is there to be copied."""

    def whole(found: re.Match[str]) -> str:
        head, tail = found.groups()
        fitting = (name for name in names if name.startswith(head) and name.endswith(tail))
        return next(fitting, found[0])

    return _SHORTENED.sub(whole, sentence)
