"""A client's own request to the registry needs a permission of policy's."""

from typing import cast

import pytest

from proxy.config.settings import Credentials
from proxy.limits import MANIFEST_BYTES
from proxy.policy.decisions import Allowed, Unenforced, relax
from proxy.policy.entries import Mode, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.registry.client import RegistryClient, connect
from tests.unit.registry.asking import ALICE, BODY, DIGEST, PATH, TAG_PATH, TAGGED
from tests.unit.registry.material import APP, ENTRY, NOW, FakeRegistry, allowed, settings


def unenforced() -> Unenforced:
    """A permission to relay, made by policy."""
    rollout = [Relaxation(RepositoryPattern("**"), Mode.DISABLED, None, None)]
    permission = relax(Policy("registry.example.com", [ENTRY], rollout), APP, NOW)
    assert permission is not None
    return permission


async def test_a_clients_own_request_needs_a_permission(client: RegistryClient, registry: FakeRegistry) -> None:
    """What policy did not make opens nothing, even where no type checker looked."""
    registry.holds(BODY, tag="v1")
    with pytest.raises(TypeError):
        client.pass_manifest(cast("Unenforced", allowed(BODY)), "GET", TAGGED, {})
    with pytest.raises(TypeError):
        client.stream("GET", TAG_PATH, "", {})
    with pytest.raises(TypeError):
        client.stream("HEAD", PATH, "", {})
    assert registry.requests == []


def test_a_permission_cannot_be_made_up() -> None:
    """The capabilities come from policy or not at all."""
    with pytest.raises(TypeError):
        Allowed(DIGEST, None, (), ENTRY, "", NOW, object())


async def test_a_clients_own_request_is_relayed(client: RegistryClient, registry: FakeRegistry) -> None:
    """With the permission the tag goes out as it was asked for, with the given headers and no more but our mark."""
    registry.holds(BODY, tag="v1")
    async with client.pass_manifest(unenforced(), "GET", TAGGED, {"Accept": "x/y"}) as answer:
        assert answer.status == 200
        assert await answer.read_up_to(MANIFEST_BYTES) == BODY
    assert registry.requests == [f"GET {TAG_PATH}"]
    assert set(registry.asked[0].headers) == {"Host", "Accept", "Via"}


async def test_the_proxys_own_credential_walks(registry: FakeRegistry) -> None:
    """Where the proxy has a credential it reads indexes with it; else with the asking client's."""
    async with connect(settings(registry.url, Credentials("warden", "s3cret:x"))) as own:
        assert own.walker(ALICE).authorization == "Basic d2FyZGVuOnMzY3JldDp4"
        assert "s3cret" not in repr(own.walker(ALICE))
    async with connect(settings(registry.url)) as none:
        assert none.walker(ALICE) is ALICE
