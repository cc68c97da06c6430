"""What a face of the program needs to decide and to serve."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from proxy.admissions import Admissions
from proxy.notary.breaker import Breaker
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Closure
from proxy.resolver import Resolver
from proxy.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one configuration. `upkeep` is for whoever serves for long, and lasts longer than the rest.

    `breakers` are those of the Notaries, by name. `lease` is to be entered by whoever uses the registry for longer than
    these parts may be the newest. `admissions` is to be told by whoever serves what becomes of tags.
    """

    resolver: Resolver
    registry: RegistryClient
    closure: Closure
    upkeep: Upkeep
    breakers: Mapping[str, Breaker] = field(default_factory=dict)
    lease: AbstractContextManager[None] = field(default_factory=nullcontext)
    admissions: Admissions | None = None
