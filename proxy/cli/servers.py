"""Sees that two addresses of a command line are a registry and a Notary, before anything is drawn from what they say.

It asks what the doctor asks, and says what is wrong in the words of the options.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proxy.cli.exits import UNDECIDED, USAGE

if TYPE_CHECKING:
    from proxy.config.settings import Settings
    from proxy.doctor.findings import Finding
    from proxy.names import Repository

_OPTIONS: Final = {
    "notaries.notary.credentials_file": "--notary-credentials",
    "notaries.notary.ca_file": "--notary-ca",
    "notaries.notary.url": "--notary",
    "registry.credentials_file": "--registry-credentials",
    "registry.ca_file": "--registry-ca",
    "registry.url": "--registry",
}
_MAY_PASS: Final = ("-dns", "-connect", "-certificate-dates")
"""How findings end that somebody else has to mend: the command line may be right."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing can be drawn from a server, in one sentence, and the exit code that goes with it."""

    sentence: str
    status: int


async def find_trouble(settings: "Settings", wanted: Sequence["Repository"]) -> Trouble | None:
    """What keeps the registry or Notary from being read; None where nothing does that the doctor knows of."""
    from proxy.clock import Clock
    from proxy.config.settings import NotarySettings
    from proxy.doctor import notary, registry
    from proxy.doctor.findings import Hop

    [server], clock = (each for each in settings.notaries.values() if isinstance(each, NotarySettings)), Clock()
    hops = Hop(f"the registry at {settings.registry.url}"), Hop(f"the Notary at {server.url}")
    await asyncio.gather(
        registry.examine(hops[0], settings.registry, wanted, clock), notary.examine(hops[1], server, None, clock)
    )
    failed = (finding for hop in hops for finding in hop.findings if finding.level == "failed")
    first = next((finding for finding in failed if not finding.name.endswith("-clock")), None)
    return None if first is None else _trouble(first)


def _trouble(finding: "Finding") -> Trouble:
    words = f"{finding.hop}: {finding.sentence}: {finding.remedy}"
    for key, option in _OPTIONS.items():
        words = words.replace(key, option)
    return Trouble(words, UNDECIDED if finding.name.endswith(_MAY_PASS) else USAGE)
