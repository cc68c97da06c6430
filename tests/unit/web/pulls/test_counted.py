"""What is counted of a pull, and what of it belongs to the audit stream."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from proxy.errors import NotaryUnreachable, TagNotSigned
from proxy.policy.decisions import RoleEvidence, pass_unprotected
from proxy.policy.entries import Mode
from proxy.telemetry import Audit, meters
from proxy.telemetry.metrics import METERS
from tests.unit.registry.material import NOW, answering, eventually
from tests.unit.web.material import ALICE, Proxy
from tests.unit.web.pulls.material import TAG

EXPIRED = {"timestamp": RoleEvidence(7, NOW - timedelta(seconds=1))}


@pytest.fixture
def registry_of_numbers() -> Iterator[CollectorRegistry]:
    """Where everything is counted."""
    made = CollectorRegistry()
    meters.begin(made)
    yield made
    meters.end()


def counted(numbers: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """All series of a counter that have counted, by the values of their labels in the order of its declaration."""
    [meter] = [each for each in METERS if each.name == name]
    return {
        tuple(sample.labels[label] for label in meter.labels): sample.value
        for family in numbers.collect()
        for sample in family.samples
        if sample.name == name and sample.value
    }


async def pulled(proxy: Proxy, events: list[Any], path: str = TAG, method: str = "GET") -> dict[str, Any]:
    """The one line of a pull."""
    events.clear()
    await proxy.ask(method, path, headers=ALICE)
    await eventually(lambda: events)
    (event,) = events
    assert isinstance(event, dict)
    return event


@pytest.mark.parametrize(
    ("mode", "changes", "labels", "kind"),
    [
        pytest.param(Mode.ENFORCE, {}, ("enforce", "allowed", "none"), None, id="allowed"),
        pytest.param(Mode.DISABLED, {}, ("disabled", "not-enforced", "none"), None, id="disabled"),
        pytest.param(
            *(Mode.ENFORCE, {"refusal": TagNotSigned("v1", unreleased=False)}),
            *(("enforce", "refused", "tag_not_signed"), Audit.REFUSAL),
            id="refused",
        ),
        pytest.param(
            *(Mode.AUDIT, {"refusal": TagNotSigned("v1", unreleased=False), "permission": None}),
            *(("audit", "would-refuse", "tag_not_signed"), Audit.REFUSAL),
            id="would be refused",
        ),
        pytest.param(
            Mode.PROTECT,
            {
                "refusal": TagNotSigned("v1", unreleased=False),
                "permission": pass_unprotected(TagNotSigned("v1", unreleased=False)),
            },
            *(("protect", "would-refuse", "tag_not_signed"), Audit.REFUSAL),
            id="passes under protect",
        ),
        pytest.param(
            *(Mode.ENFORCE, {"refusal": NotaryUnreachable("away")}),
            *(("enforce", "refused", "notary_unreachable"), Audit.REFUSAL),
            id="undecided",
        ),
    ],
)
async def test_each_decision_is_counted_and_what_is_refused_is_audited(
    signed: Proxy,
    events: list[Any],
    registry_of_numbers: CollectorRegistry,
    mode: Mode,
    changes: dict[str, Any],
    labels: tuple[str, ...],
    kind: Audit | None,
) -> None:
    """By rule, mode, decision and refusal: those of its line."""
    signed.resolver.mode, signed.resolver.changes = mode, {"mode": mode} | changes
    event = await pulled(signed, events)
    assert event.get("audit") == kind
    rule = "none" if mode is Mode.DISABLED else "shop/**"
    assert counted(registry_of_numbers, "tagwarden_decisions_total") == {(rule, *labels): 1}
    refused = {(labels[2],): 1} if labels[1] == "refused" else {}
    assert counted(registry_of_numbers, "tagwarden_refusals_total") == refused


async def test_what_was_never_decided_is_counted_too(
    proxy: Proxy, events: list[Any], registry_of_numbers: CollectorRegistry
) -> None:
    """Every refusal has a metric; a request that needs no decision is none."""
    event = await pulled(proxy, events, "/v2/shop/app/manifests/v1%2F")
    assert (event["event"], event["audit"]) == ("request", Audit.REFUSAL)
    assert "audit" not in await pulled(proxy, events, "/v2/")
    assert counted(registry_of_numbers, "tagwarden_decisions_total") == {
        ("none", "none", "refused", "reference_invalid"): 1
    }


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        pytest.param({}, "fresh", id="fresh"),
        pytest.param({"waited": True}, "checked", id="checked"),
        pytest.param({"stale": 90}, "stale", id="stale"),
        pytest.param({"stale": 90, "waited": True}, "stale", id="stale-after-a-check"),
        pytest.param({"checked_at": None}, "none", id="none"),
        pytest.param({"checked_at": None, "waited": True}, "checked", id="refused-by-a-check"),
    ],
)
async def test_where_evidence_came_from_is_told(
    signed: Proxy, events: list[Any], registry_of_numbers: CollectorRegistry, changes: dict[str, Any], source: str
) -> None:
    """In the line and in how long it took."""
    signed.resolver.changes = changes
    assert (await pulled(signed, events))["cache"] == source
    name, labels = "tagwarden_decision_seconds_count", {"cache": source}
    assert registry_of_numbers.get_sample_value(name, labels) == 1


@pytest.mark.parametrize(
    ("changes", "kind", "name"),
    [
        pytest.param({"stale": 90}, Audit.STALE_SERVED, "tagwarden_stale_served_total", id="in an outage"),
        pytest.param({"roles": EXPIRED}, Audit.GRACE_SERVED, "tagwarden_grace_served_total", id="by grace"),
    ],
)
async def test_what_is_served_all_the_same_is_counted_and_audited(
    signed: Proxy,
    events: list[Any],
    registry_of_numbers: CollectorRegistry,
    changes: dict[str, Any],
    kind: Audit,
    name: str,
) -> None:
    """Only if it is served: a registry that says no has the last word."""
    signed.resolver.changes = changes
    assert (await pulled(signed, events))["audit"] is kind
    assert counted(registry_of_numbers, name) == {(): 1}
    signed.resolver.mode = Mode.AUDIT
    signed.registry.scripted[f"GET {TAG}"] = answering(status=401)
    assert "audit" not in await pulled(signed, events)
    assert counted(registry_of_numbers, name) == {(): 1}


async def test_drift_is_audited(signed: Proxy, events: list[Any]) -> None:
    """Under `audit` a client got what nobody signed in the place of what somebody did."""
    signed.resolver.mode = Mode.AUDIT
    assert (await pulled(signed, events))["audit"] is Audit.DRIFT


async def test_the_registry_is_counted(
    signed: Proxy, events: list[Any], registry_of_numbers: CollectorRegistry
) -> None:
    """Each question to it, by what came of it."""
    await pulled(signed, events)
    before = counted(registry_of_numbers, "tagwarden_upstream_requests_total")
    assert before[("registry", "ok")] >= 1
    signed.resolver.mode = Mode.DISABLED
    for status in (401, 404, 500):
        signed.registry.scripted[f"GET {TAG}"] = answering(status=status)
        await pulled(signed, events)
    after = counted(registry_of_numbers, "tagwarden_upstream_requests_total")
    assert after == before | {("registry", word): 1 for word in ("unauthorised", "missing", "error")}
    name, labels = "tagwarden_upstream_seconds_count", {"upstream": "registry"}
    assert registry_of_numbers.get_sample_value(name, labels) == sum(after.values())


SECRETS = ("geheim", "dG9rZW46Z2VoZWlt", "hunter2")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(TAG, id="a pull"),
        pytest.param("/v2/shop/app/manifests/v1?token=hunter2&x=geheim", id="a query"),
        pytest.param("/v2/sh op/?token=hunter2", id="a query of what is no path"),
        pytest.param("http://ci:geheim@registry.example.com/v2/", id="a password in a target"),
        pytest.param("/nowhere//ci:geheim@host/?hunter2", id="a password in a path"),
        pytest.param("/v2/shop/app/blobs/uploads/?_state=hunter2", id="the state of an upload"),
    ],
)
async def test_no_secret_is_in_any_line(proxy: Proxy, events: list[Any], path: str) -> None:
    """Whatever clients show, and wherever they put it by mistake."""
    headers = {
        "Authorization": "Basic dG9rZW46Z2VoZWlt",
        "Proxy-Authorization": "Bearer hunter2hunter2",
        "Cookie": "session=hunter2",
        "User-Agent": "docker (https://ci:geheim@registry) Bearer hunter2hunter2",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    await proxy.say(f"GET {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n{lines}\r\n".encode())
    await eventually(lambda: events)
    said = repr(events)
    assert [secret for secret in SECRETS if secret in said] == []
