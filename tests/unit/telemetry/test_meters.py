"""Metrics: nothing before somebody begins, then numbers, and none that a client can make more of."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from docs.generate import metrics as page_of_metrics
from proxy.telemetry import meters, metrics
from proxy.telemetry.caches import watch
from proxy.telemetry.metrics import outcome

ROOT = Path(__file__).parents[3]


@pytest.fixture
def registry() -> Iterator[CollectorRegistry]:
    """Where everything is counted."""
    made = CollectorRegistry()
    meters.begin(made)
    yield made
    meters.end()


def test_nothing_is_counted_before_somebody_begins() -> None:
    """A command pays nothing, and cannot fail by it."""
    metrics.DECISIONS.inc("shop/**", "enforce", "allowed", "none")
    metrics.DECISION_SECONDS.observe(0.1, "fresh")
    meters.publish()


def test_no_command_imports_the_library() -> None:
    """It would cost each of them a tenth of a second."""
    code = "import sys, proxy.telemetry, proxy.renewal, proxy.web.app; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_is_counted_is_seen(registry: CollectorRegistry) -> None:
    """By the values of its labels."""
    for _ in range(3):
        metrics.DECISIONS.inc("shop/**", "enforce", "allowed", "none")
    metrics.DECISIONS.inc("none", "none", "refused", "path_unknown")
    labels = {"rule": "shop/**", "mode": "enforce", "decision": "allowed", "refusal": "none"}
    assert registry.get_sample_value("tagwarden_decisions_total", labels) == 3
    labels = {"rule": "none", "mode": "none", "decision": "refused", "refusal": "path_unknown"}
    assert registry.get_sample_value("tagwarden_decisions_total", labels) == 1


def test_how_long_is_seen(registry: CollectorRegistry) -> None:
    """In buckets, with sum and count."""
    metrics.DECISION_SECONDS.observe(0.0002, "fresh")
    metrics.DECISION_SECONDS.observe(4.0, "fresh")
    name = "tagwarden_decision_seconds"
    assert registry.get_sample_value(f"{name}_bucket", {"cache": "fresh", "le": "0.0001"}) == 0
    assert registry.get_sample_value(f"{name}_bucket", {"cache": "fresh", "le": "0.00025"}) == 1
    assert registry.get_sample_value(f"{name}_bucket", {"cache": "fresh", "le": "5.0"}) == 2
    assert registry.get_sample_value(f"{name}_sum", {"cache": "fresh"}) == pytest.approx(4.0002)


@pytest.mark.parametrize("amount", [0.0, 0.0001, 0.3, 1e9], ids=str)
def test_several_at_once_are_as_many(registry: CollectorRegistry, amount: float) -> None:
    """What is told together is counted as if it had been told one by one."""
    metrics.DECISION_SECONDS.observe(amount, "fresh", times=3)
    for _ in range(3):
        metrics.DECISION_SECONDS.observe(amount, "stale")
    told = [sample for family in registry.collect() for sample in family.samples if "cache" in sample.labels]
    seen = {
        which: {(each.name, each.labels.get("le")): each.value for each in told if each.labels["cache"] == which}
        for which in ("fresh", "stale")
    }
    name = "tagwarden_decision_seconds"
    assert seen["fresh"].pop((f"{name}_sum", None)) == pytest.approx(seen["stale"].pop((f"{name}_sum", None)))
    seen = {which: {key: seen[which][key] for key in seen[which] if "created" not in key[0]} for which in seen}
    assert seen["fresh"] == seen["stale"]
    assert seen["fresh"][f"{name}_count", None] == 3


def test_a_series_may_begin_at_nothing(registry: CollectorRegistry) -> None:
    """So that its first event is a step which an alert can see."""
    metrics.UPSTREAM_REQUESTS.inc("registry", "timeout", amount=0)
    labels = {"upstream": "registry", "outcome": "timeout"}
    assert registry.get_sample_value("tagwarden_upstream_requests_total", labels) == 0


def test_levels_are_as_they_are_when_somebody_looks(registry: CollectorRegistry) -> None:
    """Counting them costs an addition; they are written down when they are published."""
    with metrics.REQUESTS_IN_FLIGHT, metrics.REQUESTS_IN_FLIGHT:
        meters.publish()
        assert registry.get_sample_value("tagwarden_requests_in_flight") == 2
    with pytest.raises(RuntimeError), metrics.REQUESTS_IN_FLIGHT:
        raise RuntimeError
    meters.publish()
    assert registry.get_sample_value("tagwarden_requests_in_flight") == 0


class Shelf(dict[str, str]):
    """A cache."""

    currsize = 4096.0


def test_caches_are_told_while_they_last(registry: CollectorRegistry) -> None:
    """Those of one name are added up; one that is gone is empty."""
    one, other = Shelf(a=""), Shelf(b="", c="")
    watch("shelf", one, is_sized=True)
    watch("shelf", other, is_sized=True)
    meters.publish()
    assert registry.get_sample_value("tagwarden_cache_entries", {"cache": "shelf"}) == 3
    assert registry.get_sample_value("tagwarden_cache_bytes", {"cache": "shelf"}) == 8192
    del one, other
    meters.publish()
    assert registry.get_sample_value("tagwarden_cache_entries", {"cache": "shelf"}) == 0


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "ok"), (307, "ok"), (401, "unauthorised"), (403, "unauthorised"), (404, "missing"), (429, "error")],
)
def test_every_status_comes_to_a_word(status: int, word: str) -> None:
    """There are a few words, and any number of statuses."""
    assert outcome(status) == word
    assert f"`{word}`" in metrics.UPSTREAM_REQUESTS.labels["outcome"]


@pytest.mark.parametrize("meter", metrics.METERS, ids=lambda meter: meter.name)
def test_names_are_those_that_prometheus_wants(meter: meters.Meter) -> None:
    """One prefix, base units, and `_total` for what only grows; all of it is documented."""
    assert meter.name.startswith("tagwarden_")
    assert meter.name.endswith("_total") is (meter.kind == "counter")
    assert meter.meaning.endswith(".")
    assert f"`{meter.name}`" in page_of_metrics()


def test_the_page_has_every_label() -> None:
    """With what its values can be."""
    page = page_of_metrics()
    assert [meaning for meter in metrics.METERS for meaning in meter.labels.values() if meaning not in page] == []


SHARING = """
import json, sys
from pathlib import Path
from proxy.telemetry import meters, metrics, shared

if sys.argv[1] == "count":
    shared.begin(sys.argv[2])
    for _ in range(int(sys.argv[3])):
        metrics.DECISIONS.inc("shop/**", "enforce", "allowed", "none")
        metrics.DECISION_SECONDS.observe(0.001, "fresh")
    metrics.REQUESTS_IN_FLIGHT.now = 5
    meters.publish()
    if sys.argv[4:] == ["die"]:
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
"""


def count(*arguments: str) -> int:
    """Let a process count, and answer how it ended."""
    return subprocess.run([sys.executable, "-c", SHARING, "count", *arguments], cwd=ROOT, check=False).returncode


def test_processes_count_together_whatever_becomes_of_them() -> None:
    """One that is killed has counted what it counted, its successor goes on, and what it was at is over."""
    from proxy.telemetry import shared  # noqa: PLC0415  (the other tests begin without it)

    with shared.directory() as place:
        assert place.stat().st_mode & 0o077 == 0
        registry = shared.registry_of(place)
        assert count("1", "10") == 0
        assert count("2", "20", "die") == -9
        assert value(registry, "tagwarden_requests_in_flight") == 10
        shared.end_of("2")
        assert value(registry, "tagwarden_requests_in_flight") == 5
        assert count("2", "3") == 0
        labels = {"rule": "shop/**", "mode": "enforce", "decision": "allowed", "refusal": "none"}
        assert registry.get_sample_value("tagwarden_decisions_total", labels) == 33
        assert registry.get_sample_value("tagwarden_decision_seconds_count", {"cache": "fresh"}) == 33
        files = sorted(each.name for each in place.glob("*.db"))
        assert files == [f"{kind}_{number}.db" for kind in ("counter", "gauge_livesum", "histogram") for number in "12"]
    assert not place.exists()


def test_what_a_killed_supervisor_left_behind_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next one; what another one is using stays."""
    from proxy.telemetry import shared  # noqa: PLC0415  (see above)

    monkeypatch.setattr(shared, "_LEFT_SECONDS", -1.0)
    code = "import os; from proxy.telemetry import shared; c = shared.directory(); print(c.__enter__()); os._exit(9)"
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    with shared.directory() as first, shared.directory() as second:
        assert not left.exists()
        assert first.is_dir()
        assert second.is_dir()


def value(registry: CollectorRegistry, name: str) -> float | None:
    """The one sample of a metric without labels."""
    return registry.get_sample_value(name)
