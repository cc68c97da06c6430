"""What a corruption is: a named change to a simulated repository, and what the real client says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.support.notary_simulator import NotarySimulator

Apply: TypeAlias = Callable[[NotarySimulator, str], object]

# Verdicts of the real client. Any other text is a pattern that its refusal fits.
ACCEPTS: Final = "accepts it: every tag as if nothing had been changed"
SKIPS: Final = "skips the role and its descendants, and accepts the rest"
LISTS: Final = "accepts it, and lists other tags than before the change"

TOP: Final = ("timestamp", "snapshot", "targets")
FILES: Final = ("root", *TOP, "targets/alice")

# States of the reader.
FRESH: Final = "fresh"  # nothing is remembered
SAME: Final = "same"  # the honest files are remembered; one file is changed, what names it by hash is not
REWRITTEN: Final = "rewritten"  # remembered; the changed file keeps its version, what names it is one version on
NEWER: Final = "newer"  # remembered; all files are one version on
STATES: Final = (FRESH, SAME, REWRITTEN, NEWER)
FRESH_AND_NEWER: Final = (FRESH, NEWER)
FRESH_ONLY: Final = (FRESH,)
KINDS: Final = ("ecdsa", "rsa", "ed25519")


def family(role: str) -> str:
    """`root`, `top` or `delegation`: roles of one family fare alike more often than not."""
    if role == "root":
        return role
    return "top" if role in TOP else "delegation"


@dataclass(frozen=True)
class Swizzle:
    """A named corruption of one role, with its expected fate.

    `verdict` and `differs` are looked up by role, then by family, then under `every`. `verdict` is the real
    client's; `differs` names the difference (product: Verification) by which the proxy does not do the same.
    `kinds` are the kinds of keys with which the case is played.
    """

    name: str
    apply: Apply
    verdict: Mapping[str, str]
    differs: Mapping[str, str] = field(default_factory=dict)
    states: tuple[str, ...] = FRESH_AND_NEWER
    kinds: tuple[str, ...] = ("ecdsa",)
    roles: tuple[str, ...] = FILES
    in_declarer: bool = False  # the defect stands in the file that declares the role, not in its own
    undecided: bool = False  # what is not to be had stays open: the proxy decides nothing then

    def says(self, role: str) -> str:
        """The real client's verdict when the role is corrupted so."""
        return lookup(self.verdict, role) or ACCEPTS

    def refuses(self, role: str) -> bool:
        """Whether the real client accepts nothing then."""
        return self.says(role) not in (ACCEPTS, SKIPS, LISTS)

    def applicable(self) -> tuple[str, ...]:
        """The roles that the corruption is made for."""
        return tuple(role for role in self.roles if lookup(self.verdict, role))


def lookup(by_role: Mapping[str, str], role: str) -> str:
    """The entry for a role, else for its family, else for every role; empty if there is none."""
    return by_role.get(role) or by_role.get(family(role)) or by_role.get("every", "")


# Common fates.
FINE: Final = {"every": ACCEPTS}
UNSIGNED: Final = {
    "root": "failed to validate integrity of roots|could not rotate trust to a new trusted root",
    "top": "valid signatures did not meet threshold",
    "delegation": SKIPS,
}


def every(pattern: str) -> dict[str, str]:
    """The same refusal whichever role is corrupted."""
    return {"every": pattern}
