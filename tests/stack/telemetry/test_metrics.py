"""The numbers of the real program: each means what it says, and several processes are one."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.notary_relay import Trouble, notary_relay
from deploy.stack.proxy import Proxy
from deploy.stack.registry import Registry
from proxy.telemetry.metrics import METERS
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.simulated import simulated_notary
from tests.stack.telemetry.seen import Watched, watched
from tests.support.notary_simulator import NotarySimulator

SHORT = {"signed_by": "released", "fresh_for": "500ms"}
WORKERS = {1, 2}
RELAXATIONS = "tagwarden_relaxation_end_timestamp_seconds"


@pytest.mark.usefixtures("signed")
def test_a_proxy_in_use_has_every_number(
    registry: Registry, notary: Notary, anchor: str, repository: str, tmp_path: Path
) -> None:
    """What was decided and how fast, by what evidence, over which upstreams, and what the memory holds."""
    settings = configuration(registry, notary, [anchor], {}) | {
        "repositories": {"shop/**": {"signed_by": "released"}, "tools/**": {"signed_by": "released"}},
        "rollout": {"tools/**": {"mode": "audit", "until": "2099-01-31T00:00:00Z", "reason": "OPS-1"}},
    }
    with watched(tmp_path, settings) as seen:
        assert [seen.pull(f"{repository}:1.0") for _ in range(3)] == [200] * 3
        assert seen.pull(f"{repository}:2.0") == 403
        assert seen.pull("vendor/x:1.0") == 403
        labels = {"rule": "shop/**", "mode": "enforce"}
        allowed = labels | {"decision": "allowed", "refusal": "none"}
        assert wait_for(lambda: seen.number("decisions_total", **allowed), lambda count: count == 3) == 3
        assert seen.number("decisions_total", **labels, decision="refused", refusal="tag_not_signed") == 1
        labels = {"rule": "none", "mode": "enforce", "decision": "refused", "refusal": "no_rule"}
        assert seen.number("decisions_total", **labels) == 1
        refused = {code: count for code, count in seen.series("refusals_total", "refusal").items() if count}
        assert refused == {"tag_not_signed": 1, "no_rule": 1}
        counted = {kind: count for kind, count in seen.series("audit_events_total", "audit").items() if count}
        assert counted == {"trust store created": 1, "first trusted": 1, "refusal": 2}
        assert seen.series("regressions_total", "rule") == {"none": 0, "shop/**": 0, "tools/**": 0}
        assert seen.series("decision_seconds_count", "cache") == {"checked": 1, "fresh": 3, "none": 1}

        outcomes = {
            (dict(labels)["upstream"], dict(labels)["outcome"])
            for name, labels in seen.numbers()
            if name == "tagwarden_upstream_requests_total"
        }
        assert {("registry", "ok"), ("notary:corp", "ok")} <= outcomes
        assert seen.series("upstream_seconds_count", "upstream").keys() == {"registry", "notary:corp"}
        assert seen.number("notary_up", notary="corp") == 1
        assert seen.number("outage_for_seconds", notary="corp") == 86_400
        assert seen.number("trust_store_up") == 1
        age = seen.number("evidence_age_seconds", notary="corp")
        assert age is not None
        assert 0 <= age <= 30
        expiries = {
            dict(labels)["role"]: value
            for (name, labels), value in seen.numbers().items()
            if name == "tagwarden_metadata_expiry_timestamp_seconds"
        }
        assert expiries.keys() == {"root", "snapshot", "targets"}
        assert all(value > datetime.now(UTC).timestamp() for value in expiries.values())
        caches = seen.series("cache_entries", "cache")
        assert caches.keys() == {"evidence", "unpacked", "manifests", "permissions", "indexes", "blobs", "requests"}
        assert (caches["evidence"], caches["manifests"]) == (1, 1)
        assert seen.series("cache_bytes", "cache")["evidence"] > 500
        until = datetime(2099, 1, 31, tzinfo=UTC).timestamp()
        ends = {tuple(sorted(dict(labels).items())) for name, labels in seen.numbers() if name == RELAXATIONS}
        assert ends == {(("kind", "rollout"), ("mode", "audit"), ("name", "tools/**"))}
        assert seen.series("relaxation_end_timestamp_seconds", "name") == {"tools/**": until}
        [serving] = seen.proxy.events("serving")
        assert seen.series("config_info", "hash") == {serving["generation"]: 1}
        assert seen.number("config_last_reload_successful") == 1
        loaded = seen.number("config_last_reload_success_timestamp_seconds")
        assert loaded is not None
        assert -60 < loaded - datetime.fromisoformat(serving["timestamp"]).timestamp() <= 0
        assert seen.number("workers") == 1
        for name in ("requests_in_flight", "flight_waiters", "stale_served_total", "grace_served_total"):
            assert seen.number(name) == 0, name


def test_what_never_happened_is_nothing(
    registry: Registry, notary: Notary, authority: Authority, anchor: str, tmp_path: Path
) -> None:
    """Every metric without labels is there from the first second, so that an alert sees its first step.

    So is when the certificate that clients are shown runs out.
    """
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}}
    with watched(tmp_path, settings, authority.pair("proxy.example.com")) as seen:
        [until] = seen.series("certificate_expiry_timestamp_seconds", "listener").items()
        assert until[0] == "listen"
        assert until[1] > datetime.now(UTC).timestamp()
        names = [each.name for each in METERS if not each.labels]
        assert [name for name in names if seen.number(name.removeprefix("tagwarden_")) is None] == []


@pytest.mark.usefixtures("signed")
def test_who_waits_is_counted(registry: Registry, notary: Notary, anchor: str, repository: str, tmp_path: Path) -> None:
    """A Notary that hangs has requests in flight, all of one collection waiting for one check."""
    with notary_relay(notary) as relay:
        settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}}
        settings["notaries"]["corp"] = {"url": relay.url, "roots": ["owner"]}
        with watched(tmp_path, settings) as seen:
            relay.trouble = Trouble.HANGS
            with waiting(seen.proxy, f"{repository}:1.0", 4):
                assert seen.reaches(4, "flight_waiters")
                assert seen.number("requests_in_flight") == 4
            assert seen.reaches(0, "flight_waiters")
            assert seen.reaches(0, "requests_in_flight")
            outcomes = {"upstream": "notary:corp", "outcome": "timeout"}
            assert wait_for(lambda: seen.number("upstream_requests_total", **outcomes) or 0, bool) >= 1


def test_what_counts_by_grace_is_counted(registry: Registry, repository: str, tmp_path: Path) -> None:
    """Each use of `expiry_grace` is logged and counted."""
    content = push(registry, repository, image("grace"), "1.0")
    sim = NotarySimulator(f"{registry.host}/{repository}")
    sim.sign("1.0", content.manifest.content)
    sim.timestamp.expires = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sim.publish()
    with simulated_notary() as notary:
        notary.sims[sim.gun] = sim
        settings = {
            "name": registry.host,
            "registry": {"url": registry.url},
            "notaries": {"corp": {"url": notary.url, "roots": "tofu"}},
            "repositories": {"**": {**SHORT, "expiry_grace": "1h"}},
        }
        with watched(tmp_path, settings) as seen:
            assert [seen.pull(f"{repository}:1.0") for _ in range(2)] == [200, 200]
            assert seen.number("grace_served_total") == 2
            assert [line["expiry_grace"] for line in seen.audited("grace served")] == [["timestamp"]] * 2


@pytest.mark.usefixtures("signed")
def test_two_workers_count_as_one_and_go_on_counting(
    registry: Registry, notary: Notary, anchor: str, repository: str, tmp_path: Path
) -> None:
    """Their sums are right, whoever answered, and one that is killed takes none of its counts along."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}, "workers": 2}
    allowed = {"rule": "shop/**", "mode": "enforce", "decision": "allowed", "refusal": "none"}
    with watched(tmp_path, settings) as seen:
        count = served_by_all(seen, f"{repository}:1.0", 0)
        assert seen.number("decisions_total", **allowed) == count
        assert seen.number("workers") == 2
        assert seen.reaches(3, "cache_entries", cache="evidence")  # one in each worker, and the supervisor's
        pid = [each["pid"] for each in seen.proxy.events("worker serving") if each["worker"] == 1][-1]
        os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda: len(seen.proxy.events("worker serving")), lambda begun: begun == 3) == 3
        assert seen.reaches(2, "workers")
        assert seen.number("decisions_total", **allowed) == count
        assert seen.reaches(2, "cache_entries", cache="evidence")
        more = served_by_all(seen, f"{repository}:1.0", len(seen.proxy.events()))
        assert seen.number("decisions_total", **allowed) == count + more
        assert sum(seen.series("decision_seconds_count", "cache").values()) == count + more


def test_nothing_is_left_behind(registry: Registry, notary: Notary, anchor: str, tmp_path: Path) -> None:
    """What workers share in memory is gone with them."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": SHORT}, "workers": 2}
    with watched(tmp_path, settings) as seen:
        [shared] = [
            Path(part.decode().partition("=")[2])
            for part in Path(f"/proc/{seen.proxy.events('worker serving')[0]['pid']}/environ").read_bytes().split(b"\0")
            if part.startswith(b"PROMETHEUS_MULTIPROC_DIR=")
        ]
        assert shared.is_dir()
        assert shared.stat().st_mode & 0o077 == 0
    assert not shared.exists()


def served_by_all(seen: Watched, name: str, before: int) -> int:
    """Ask until both workers have answered; how often that was."""
    count = 0
    while {event["worker"] for event in seen.proxy.events()[before:]} != WORKERS:
        assert seen.pull(name, headers={"Connection": "close"}) == 200
        count += 1
        assert count < 200
    return count


@contextmanager
def waiting(proxy: Proxy, name: str, count: int) -> Iterator[None]:
    """So many clients who wait for an answer, and leave in the end."""
    repository, _, tag = name.rpartition(":")
    connections = [HTTPConnection(proxy.host, timeout=10) for _ in range(count)]
    for each in connections:
        each.request("GET", f"/v2/{repository}/manifests/{tag}")
    try:
        yield
    finally:
        for each in connections:
            each.close()
