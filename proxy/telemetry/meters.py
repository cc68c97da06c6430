"""Counters, levels and histograms that are declared where everybody can import them, and do nothing until `begin`.

Commands that end at once never pay for them: the library that keeps the numbers is imported by `begin`. What a meter
says of itself is on the reference page of the docs as well.

Several processes are counted together over files in memory that each of them writes alone (`proxy.telemetry.shared`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import prometheus_client

    Registry: TypeAlias = prometheus_client.CollectorRegistry

Values: TypeAlias = tuple[str, ...]
"""The values of the labels of one series, in the order of the labels."""

_ALL: Final[list["Meter"]] = []


class Meter:
    """A metric: `name` as it is exposed, `meaning` for people, `labels` with what their values can be."""

    kind: str

    def __init__(self, name: str, meaning: str, /, **labels: str) -> None:
        self.name, self.meaning, self.labels = name, meaning, labels
        _ALL.append(self)

    def begin(self, registry: "Registry | None") -> None:
        """Keep numbers from now on; without a registry they are for others to collect."""

    def end(self) -> None:
        """Keep no numbers any more."""


class Counter(Meter):
    """What only grows."""

    kind = "counter"
    _real: "prometheus_client.Counter | None" = None

    def begin(self, registry: "Registry | None") -> None:
        """See `Meter.begin`."""
        self._real = _library().Counter(self.name, self.meaning, tuple(self.labels), registry=registry)
        self._cells: dict[Values, prometheus_client.Counter] = {}

    def end(self) -> None:
        """See `Meter.end`."""
        self._real = None

    def inc(self, *values: str, amount: float = 1.0) -> None:
        """Count something under these values of the labels, in their order; `amount=0` only lets a series begin."""
        if self._real is None:
            return
        cell = self._cells.get(values)
        if cell is None:
            cell = self._cells[values] = self._real.labels(*values) if values else self._real
        cell.inc(amount)


class Histogram(Meter):
    """How often something was how large; `buckets` are upper bounds."""

    kind = "histogram"
    _real: "prometheus_client.Histogram | None" = None

    def __init__(self, name: str, meaning: str, buckets: tuple[float, ...], /, **labels: str) -> None:
        super().__init__(name, meaning, **labels)
        self.buckets = buckets

    def begin(self, registry: "Registry | None") -> None:
        """See `Meter.begin`."""
        labels = tuple(self.labels)
        self._real = _library().Histogram(self.name, self.meaning, labels, registry=registry, buckets=self.buckets)
        self._cells: dict[Values, prometheus_client.Histogram] = {}

    def end(self) -> None:
        """See `Meter.end`."""
        self._real = None

    def observe(self, amount: float, *values: str, times: int = 1) -> None:
        """Note an amount under these values of the labels, in their order; one that came several times at once."""
        if self._real is None:
            return
        cell = self._cells.get(values)
        if cell is None:
            cell = self._cells[values] = self._real.labels(*values) if values else self._real
        if times == 1:
            cell.observe(amount)
            return
        cell._sum.inc(amount * times)  # noqa: SLF001  (what `observe` does, that often: the library has no such call)
        cell._buckets[bisect_left(cell._upper_bounds, amount)].inc(times)  # noqa: SLF001  (likewise)


class Level(Meter):
    """How many there are at the moment: `now` in this process, or what `readers` find; looked at when somebody asks.

    Those of all processes that live are added up.
    """

    kind = "gauge"
    _real: "prometheus_client.Gauge | None" = None

    def __init__(self, name: str, meaning: str, /, **labels: str) -> None:
        super().__init__(name, meaning, **labels)
        self.now = 0
        self.readers: list[Callable[[], Iterator[tuple[Values, float]]]] = []

    def begin(self, registry: "Registry | None") -> None:
        """See `Meter.begin`."""
        how = {"registry": registry, "multiprocess_mode": "livesum"}
        self._real = _library().Gauge(self.name, self.meaning, tuple(self.labels), **how)

    def end(self) -> None:
        """See `Meter.end`."""
        self._real = None

    def __enter__(self) -> None:
        """There is one more for as long as the context lasts."""
        self.now += 1

    def __exit__(self, *_: object) -> None:
        self.now -= 1

    def publish(self) -> None:
        """Let it be seen as it is now."""
        if self._real is None:
            return
        if not self.labels:
            self._real.set(self.now)
        for read in self.readers:
            for values, amount in read():
                self._real.labels(*values).set(amount)


class Computed(Meter):
    """What is found out when somebody asks, by the process that answers (`proxy.server.gauges`)."""

    kind = "gauge"


def meters() -> tuple[Meter, ...]:
    """All that are declared, in that order."""
    return tuple(_ALL)


def begin(registry: "Registry | None", process: str | None = None) -> None:
    """Keep numbers from now on, all of them in one registry; or, for a `process` of several, in files of its own."""
    values = import_module("prometheus_client.values")
    made = values.MutexValue if process is None else values.MultiProcessValue(lambda: process)
    setattr(values, "ValueClass", made)  # noqa: B010  (the library's own way, which its types do not have)
    _library().disable_created_metrics()  # files that processes share have no place for it
    for meter in _ALL:
        meter.begin(registry)


def end() -> None:
    """Keep no numbers any more."""
    for meter in _ALL:
        meter.end()


def publish() -> None:
    """Let everybody see how many there are of everything in this process."""
    for meter in _ALL:
        if isinstance(meter, Level):
            meter.publish()


def _library() -> Any:  # noqa: ANN401  (a module, imported late, in parts without types)
    return import_module("prometheus_client")
