"""A registry that is away: clients are told so, whatever they asked for."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from deploy.stack.ports import free_port
from tests.unit.registry.material import FakeRegistry
from tests.unit.web.material import Proxy, running

BLOB: Final = f"/v2/shop/app/blobs/sha256:{'9' * 64}"
UPLOAD: Final = "/v2/shop/app/blobs/uploads/b9e5bd5e-4ee1"
TAG: Final = "/v2/shop/app/manifests/v1"


@pytest.fixture
async def orphan(events: list[Any]) -> AsyncIterator[Proxy]:  # noqa: ARG001  (logs are captured)
    """A proxy whose registry does not run."""
    nowhere = FakeRegistry()
    async with running(nowhere, nowhere.url.build(scheme="http", host="127.0.0.1", port=free_port())) as started:
        yield started


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/v2/"), ("GET", BLOB), ("PATCH", UPLOAD), ("GET", TAG), ("HEAD", TAG)]
)
async def test_a_registry_that_is_away_is_named(orphan: Proxy, method: str, target: str) -> None:
    """502, in the words of the table, for every kind of request."""
    reply = await orphan.ask(method, target, data=b"x" if method == "PATCH" else None)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (502, "registry_unreachable")
    assert reply.reason == (
        "Bad Gateway: the registry cannot be reached (connection refused): "
        "try again or ask its operator [registry_unreachable]"
    )
