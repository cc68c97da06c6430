"""The metrics that are found out when somebody asks: of evidence, Notaries, and the configuration in effect.

They are those of the process that keeps evidence renewed, which is the one that answers: it knows what all others do.
What could take long is done in a thread, on what was noted before.
"""

import asyncio
import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import structlog
from cryptography import x509
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.assembly import Parts
from proxy.config.settings import Settings
from proxy.decision_cache import EvidenceKey, Standing
from proxy.errors import Refusal
from proxy.limits import METRIC_COLLECTIONS, READY_SECONDS, RENEWED_WHILE_SECONDS
from proxy.names import TIMESTAMP
from proxy.policy.entries import Policy
from proxy.refusals import TABLE
from proxy.server.readiness import check_store
from proxy.telemetry import Audit, metrics
from proxy.telemetry.meters import Computed

_Expiries: TypeAlias = Mapping[str, float]
_Series: TypeAlias = tuple[tuple[str, ...], float]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Noted:
    """What was so when somebody asked; `seconds` are those of the clock that nobody sets back."""

    standings: tuple[tuple[EvidenceKey, Standing], ...]
    answers: Mapping[str, bool | None]
    workers: int
    seconds: float
    store_answers: bool


@dataclass(eq=False, slots=True)
class Gauges(Collector):
    """What is in effect, for `/metrics`; `settings` and `parts` are replaced when a configuration is.

    `serving` tells how many processes serve clients. `note` is awaited in the event loop, then `collect` called
    anywhere.
    """

    settings: Settings
    parts: Parts
    reloaded_at: float
    serving: Callable[[], int] = lambda: 1
    is_taken: bool = True
    _noted: _Noted | None = None
    _begun: Policy | None = None
    _expiries: dict[EvidenceKey, tuple[bytes, _Expiries]] = field(default_factory=dict)

    async def note(self) -> None:
        """Note how it stands now, and let what has not happened yet begin at nothing, so that alerts see its first."""
        if self._begun is not self.settings.policy:
            self._begun = self.settings.policy
            for kind in Audit:
                metrics.AUDIT_EVENTS.inc(kind, amount=0)
            for row in TABLE.values():
                metrics.REFUSALS.inc(row.code, amount=0)
            for rule in (metrics.NO_RULE, *_rules(self._begun)):
                metrics.REGRESSIONS.inc(rule, amount=0)
        store_answers = await self._store_answers()
        renewal = self.parts.upkeep.renewal
        answers = {name: breaker.answers for name, breaker in self.parts.breakers.items()}
        self._noted = _Noted(renewal.cache.standings(), answers, self.serving(), renewal.clock.seconds(), store_answers)

    async def _store_answers(self) -> bool:
        """Whether it can be read and written."""
        store = self.parts.upkeep.store
        try:
            async with asyncio.timeout(READY_SECONDS):
                await check_store(store, self.parts.upkeep.renewal.clock)
        except (TimeoutError, Refusal):
            return False
        except Exception:  # noqa: BLE001  (a defect of ours must not take all other numbers along)
            _log.exception("unexpected error", path="/metrics")
            return False
        return True

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: the library would collect everything once to find out."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of it, as of the last `note`."""
        noted, policy = self._noted, self.settings.policy
        if noted is None:
            return
        yield _family(metrics.CONFIG_INFO, [((self.settings.generation, __version__), 1.0)])
        yield _family(metrics.RELOAD_SUCCESSFUL, [((), float(self.is_taken))])
        yield _family(metrics.RELOAD_TIME, [((), self.reloaded_at)])
        yield _family(metrics.WORKERS, [((), float(noted.workers))])
        yield _family(metrics.RELAXATION_END, _relaxations(policy))
        yield _family(metrics.CERTIFICATE_EXPIRY, _certificates(self.settings))
        up = [((name,), float(answers)) for name, answers in noted.answers.items() if answers is not None]
        yield _family(metrics.NOTARY_UP, up)
        yield _family(metrics.OUTAGE_FOR, _outages(policy))
        yield _family(metrics.STORE_UP, [((), float(noted.store_answers))])
        yield _family(metrics.EVIDENCE_AGE, _ages(noted))
        yield _family(metrics.METADATA_EXPIRY, self._first_expiries(noted))

    def _first_expiries(self, noted: _Noted) -> Iterator[_Series]:
        """The roles of those collections of which something expires first."""
        first = heapq.nsmallest(METRIC_COLLECTIONS, noted.standings, key=lambda each: each[1].expires)
        known, self._expiries = self._expiries, {}
        found: dict[tuple[str, str], float] = {}
        for key, standing in first:
            before = known.get(key)
            if before is None or before[0] != standing.timestamp:
                before = standing.timestamp, _expiries_of(standing)
            self._expiries[key] = before
            for role, expires in before[1].items():
                if role != TIMESTAMP or noted.answers.get(key[0]) is False:
                    at = str(key[1]), role
                    found[at] = min(expires, found.get(at, math.inf))
        yield from found.items()


def _expiries_of(standing: Standing) -> _Expiries:
    collection = standing.unpack().collection
    tops = (collection.root, collection.timestamp, collection.snapshot)
    ends = {str(top.name): top.expires.timestamp() for top in tops}
    return ends | {str(role.name): role.expires.timestamp() for role in collection.usable()}


def _ages(noted: _Noted) -> Iterator[_Series]:
    oldest: dict[str, float] = {}
    for (notary, *_), standing in noted.standings:
        if noted.seconds - standing.asked < RENEWED_WHILE_SECONDS:
            oldest[notary] = max(noted.seconds - standing.checked, oldest.get(notary, 0.0))
    return (((notary,), age) for notary, age in oldest.items())


def _certificates(settings: Settings) -> Iterator[_Series]:
    for listener, place in (("listen", settings.listen), ("candidates", settings.candidates)):
        if place and place.tls:
            shown = x509.load_pem_x509_certificates(place.tls.certificate_file.data)[0]
            yield (listener,), shown.not_valid_after_utc.timestamp()


def _outages(policy: Policy) -> Iterator[_Series]:
    shortest: dict[str, float] = {}
    for entry in policy.entries:
        seconds = entry.outage_for.total_seconds()
        shortest[entry.notary] = min(seconds, shortest.get(entry.notary, seconds))
    return (((notary,), seconds) for notary, seconds in shortest.items())


def _rules(policy: Policy) -> Iterator[str]:
    """The names of all rules, as `Entry.rule_for` gives them."""
    for entry in policy.entries:
        yield str(entry.pattern)
        yield from (f"{entry.pattern}:{pattern}" for pattern, _ in entry.tags)


def _relaxations(policy: Policy) -> Iterator[_Series]:
    """All that asks for less than `enforce`; where the same thing stands twice, the later end counts."""
    ends: dict[tuple[str, str, str], float] = {}
    for each in policy.rollout:
        ends["rollout", str(each.pattern), each.mode] = _timestamp(each.until)
    for entry in policy.entries:
        if entry.any_digest:
            ends["digest_pull", str(entry.pattern), "none"] = _timestamp(entry.any_digest.until)
    for item in policy.exemptions:
        at = "exception", f"{item.repository}@{item.digest}", "none"
        ends[at] = max(_timestamp(item.until), ends.get(at, 0.0))
    yield from ends.items()


def _timestamp(instant: datetime | None) -> float:
    return math.inf if instant is None else instant.timestamp()


def _family(meter: Computed, series: Iterable[_Series]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(meter.name, meter.meaning, labels=tuple(meter.labels))
    for values, amount in series:
        family.add_metric(values, amount)
    return family
