"""Health for orchestrators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proxy.web.probes import Ready, build


@asynccontextmanager
async def probed(ready: Ready) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the probes of a proxy whose store answers like this."""
    async with TestClient(TestServer(build(ready))) as client:
        yield client


async def well() -> None:
    """A store that answers."""


async def broken() -> None:
    """A store that does not."""
    raise OSError("disk full: /var/lib/secret")


@pytest.mark.parametrize("ready", [pytest.param(well, id="ready"), pytest.param(broken, id="not ready")])
async def test_a_living_loop_is_healthy(ready: Ready) -> None:
    """Liveness does not depend on anything else, or an outage would restart every replica."""
    async with probed(ready) as client, client.get("/healthz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok\n")
        assert reply.headers["Server"] == "tagwarden"


async def test_a_proxy_with_its_store_is_ready() -> None:
    """Requests can be decided."""
    async with probed(well) as client, client.get("/readyz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok\n")


async def test_a_proxy_without_its_store_is_not_ready(events: list[Any]) -> None:
    """The probe says so, the log says why."""
    async with probed(broken) as client, client.get("/readyz") as reply:
        assert reply.status == 503
        assert "secret" not in await reply.text()
    assert [(event["event"], event["why"]) for event in events] == [("not ready", "disk full: /var/lib/secret")]


async def test_there_is_nothing_else() -> None:
    """The probes' port serves no images."""
    async with probed(well) as client, client.get("/v2/") as reply:
        assert reply.status == 404
