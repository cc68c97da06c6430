"""Health for orchestrators, and numbers for whoever watches."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proxy.flights import Flights
from proxy.web.probes import Metrics, Ready, build
from tests.unit.registry.material import eventually

FULL = "the disk is full"


async def well() -> Mapping[str, str | None]:
    """Everything is as it should be."""
    return {"serving": None, "trust store": None, "registry": None}


async def ill() -> Mapping[str, str | None]:
    """Two parts are not."""
    return {"serving": None, "trust store": FULL, "registry": "connection refused"}


async def broken() -> Mapping[str, str | None]:
    """A defect of ours."""
    raise OSError("disk full: /var/lib/secret")


async def numbers(accept: str) -> tuple[bytes, str]:
    """Metrics in the format that was asked for."""
    return b"tagwarden_workers 1\n", f"{accept}; charset=utf-8"


@asynccontextmanager
async def probed(ready: Ready, metrics: Metrics = numbers) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the probes of a proxy that is so."""
    async with TestClient(TestServer(build(ready, metrics))) as client:
        yield client


@pytest.mark.parametrize("ready", [well, ill, broken])
async def test_a_living_loop_is_healthy(ready: Ready) -> None:
    """Liveness does not depend on anything else, or an outage would restart every replica."""
    async with probed(ready) as client, client.get("/healthz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok\n")
        assert reply.headers["Server"] == "tagwarden"


async def test_a_proxy_that_is_well_is_ready() -> None:
    """Requests can be decided."""
    async with probed(well) as client, client.get("/readyz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok\n")


async def test_every_part_that_is_not_well_is_named(events: list[Any]) -> None:
    """Whoever is woken sees at once which of them it is."""
    async with probed(ill) as client, client.get("/readyz") as reply:
        assert reply.status == 503
        assert await reply.text() == "trust store: the disk is full\nregistry: connection refused\n"
    [event] = events
    assert (event["event"], event["why"]) == (
        "not ready",
        "trust store: the disk is full; registry: connection refused",
    )


async def test_a_change_is_logged_and_nothing_else(events: list[Any]) -> None:
    """An orchestrator asks every few seconds, for hours."""
    answers = [ill, ill, ill, well, well, ill]

    async def ready() -> Mapping[str, str | None]:
        return await answers.pop(0)()

    async with probed(ready) as client:
        while answers:
            await client.get("/readyz")
    assert [event["event"] for event in events] == ["not ready", "ready", "not ready"]


async def test_a_defect_is_not_ready(events: list[Any]) -> None:
    """The probe says so, the log says why, and nothing of it is for everybody."""
    async with probed(broken) as client, client.get("/readyz") as reply:
        assert reply.status == 503
        assert "secret" not in await reply.text()
    assert [event["event"] for event in events] == ["unexpected error"]


async def test_who_asks_at_the_same_time_gets_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask, the trust store is asked once."""
    asked, come, go, join = [], 0, asyncio.Event(), Flights.join

    async def ready() -> Mapping[str, str | None]:
        asked.append(1)
        await go.wait()
        return await well()

    async def joins(*what: Any, **named: Any) -> Any:
        nonlocal come
        come += 1
        return await join(*what, **named)

    monkeypatch.setattr(Flights, "join", joins)
    async with probed(ready) as client:
        waiting = [asyncio.ensure_future(client.get("/readyz")) for _ in range(5)]  # noqa: TID251  (awaited below)
        await eventually(lambda: come == len(waiting))
        go.set()
        assert [reply.status for reply in await asyncio.gather(*waiting)] == [200] * 5
    assert asked == [1]


async def test_metrics_are_in_the_format_that_is_asked_for() -> None:
    """Prometheus says which it reads."""
    async with probed(well) as client, client.get("/metrics", headers={"Accept": "text/plain"}) as reply:
        assert (reply.status, await reply.text()) == (200, "tagwarden_workers 1\n")
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/v2/", "/", "/metrics/"])
async def test_there_is_nothing_else(path: str) -> None:
    """The probes' port serves no images."""
    async with probed(well) as client, client.get(path) as reply:
        assert reply.status == 404
