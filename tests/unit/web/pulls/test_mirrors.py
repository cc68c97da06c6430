"""Which registry a mirror stands in for, as its clients say with `ns`."""

import pytest

from tests.unit.registry.material import FakeRegistry
from tests.unit.web.material import running
from tests.unit.web.pulls.material import TAG


@pytest.mark.parametrize(
    ("query", "name"),
    [
        pytest.param("", None, id="none"),
        pytest.param("?ns=mirror.example.com%3A5000", "mirror.example.com:5000", id="allowed"),
        pytest.param("?x=1&ns=mirror.example.com:5000", "mirror.example.com:5000", id="allowed, among others"),
        pytest.param("?ns=docker.io", None, id="not allowed"),
        pytest.param("?ns=mirror.example.com:5000&ns=docker.io", None, id="twice"),
        pytest.param("?ns=Mirror.example.com:5000", None, id="another spelling"),
        pytest.param("?NS=mirror.example.com:5000", None, id="another word"),
        pytest.param("?n%73=mirror.example.com:5000", None, id="an encoded word"),
        pytest.param("?ns=mirror.example%2ecom:5000", None, id="an encoded dot"),
    ],
)
async def test_a_mirror_is_asked_for_by_an_allowed_name_only(
    registry: FakeRegistry, query: str, name: str | None
) -> None:
    """Any other `ns` is ignored, and none reaches the registry; the answer says whose image was decided about."""
    async with running(registry, ns_allowed=frozenset({"mirror.example.com:5000"})) as proxy:
        reply = await proxy.ask("GET", TAG + query)
        assert proxy.resolver.named == [name]
        assert reply.headers["X-Tagwarden-Name"] == (name or "registry.example.com")
    assert not [line for line in registry.requests if "?" in line]
