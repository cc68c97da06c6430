"""How commands end (design: Command line)."""

from typing import Final

from proxy.errors import CannotDecide, Refusal, RegistryUnreachable

FINDINGS: Final = 1
"""Refused, or something was found that should be mended."""
USAGE: Final = 2
"""The person at the keyboard or the configuration is mistaken, or a part of this machine cannot be used."""
UNDECIDED: Final = 3
"""No verdict, or something that is needed is away: asked again, the answer may be another."""


def exit_code(refusal: Refusal | None) -> int:
    """0 for no refusal; what says nothing about the image is no verdict."""
    match refusal:
        case None:
            return 0
        case CannotDecide() | RegistryUnreachable():
            return UNDECIDED
        case _:
            return FINDINGS
