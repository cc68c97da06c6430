"""What `/metrics` answers: what was counted, in this process or by all together, and what is found out now."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import prometheus_client
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from proxy.assembly import Parts
from proxy.config.settings import Settings
from proxy.flights import Flights
from proxy.server.gauges import Gauges
from proxy.telemetry import Audit, meters, shared
from proxy.telemetry.metrics import AUDIT_EVENTS

_Encode: TypeAlias = Callable[[Collector], bytes]

_SUPERVISOR: Final = "0"  # workers are numbered from 1
_VERSION: Final = re.compile(r"version=(0\.0\.4|1\.0\.0);")


@dataclass(slots=True)
class Exposition:
    """Over a registry in which everything is counted.

    One answer is made at a time, to its end whoever leaves; all who ask for the same form meanwhile get the same one.
    """

    registry: prometheus_client.CollectorRegistry
    gauges: Gauges
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _flights: Flights[str, bytes] = field(default_factory=Flights)

    def __post_init__(self) -> None:
        self.registry.register(self.gauges)
        prometheus_client.ProcessCollector(registry=self.registry)

    async def answer(self, accept: str) -> tuple[bytes, str]:
        """All numbers and their type, for whoever accepts such types."""
        encode, content_type = _encoder(accept)
        body = await self._flights.join(content_type, partial(self._made, encode), name="metrics")
        return body, content_type

    async def _made(self, encode: _Encode) -> bytes:
        async with self._turn:
            await self.gauges.note()
            meters.publish()
            return await asyncio.to_thread(encode, self.registry)


def _encoder(accept: str) -> tuple[_Encode, str]:
    """What writes such a type, and that; what nobody knows is answered in the oldest, so there are but a few."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # the library cannot compare all that may stand there as a version
        return choose_encoder("")
    return (encode, content_type) if _VERSION.search(content_type) else choose_encoder("")


@contextmanager
def counting_alone(settings: Settings, parts: Parts) -> Iterator[Exposition]:
    """Count in this process, for as long as the context lasts."""
    registry = prometheus_client.CollectorRegistry()
    meters.begin(registry)
    with _counting(registry, settings, parts) as exposition:
        yield exposition


@contextmanager
def counting_together(settings: Settings, parts: Parts, place: Path) -> Iterator[Exposition]:
    """Count together with the workers, in a directory that `shared.directory` made."""
    shared.begin(_SUPERVISOR)
    with _counting(shared.registry_of(place), settings, parts) as exposition:
        yield exposition


@contextmanager
def _counting(registry: prometheus_client.CollectorRegistry, settings: Settings, parts: Parts) -> Iterator[Exposition]:
    clock = parts.upkeep.renewal.clock
    if getattr(parts.upkeep.store, "created", False):
        AUDIT_EVENTS.inc(Audit.STORE_CREATED)  # which was said before anything was counted
    try:
        yield Exposition(registry, Gauges(settings, parts, clock.now().timestamp()))
    finally:
        meters.end()
