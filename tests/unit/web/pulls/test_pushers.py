"""Who is about to push hears that there is nothing, and gains nothing by it."""

from typing import Final

import pytest

from proxy.config.settings import Doors, Push
from proxy.errors import NotaryUnreachable
from proxy.manifests import MediaType
from proxy.policy.entries import Mode
from tests.unit.registry.material import FakeRegistry, digest
from tests.unit.web.material import ALICE, Proxy, running
from tests.unit.web.pulls.material import BODY, BY_DIGEST, DIGEST, MOVED, TAG
from tests.unit.web.test_pushers import grant, token

PUSHER: Final = {**ALICE, "Accept": f"{MediaType.OCI_MANIFEST}, */*"}


@pytest.mark.parametrize("path", [pytest.param(TAG, id="tag"), pytest.param(BY_DIGEST, id="digest")])
@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.PROTECT])
async def test_a_pusher_hears_that_there_is_nothing(signed: Proxy, mode: Mode, path: str) -> None:
    """Neither a refusal nor the digest, for both would end its push; nothing is even decided."""
    signed.resolver.mode = mode
    reply = await signed.ask("HEAD", path, headers=PUSHER)
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (404, "pusher_head")
    assert DIGEST not in str(reply.headers)
    assert signed.resolver.asked == []


async def test_a_pusher_that_may_not_read_logs_in_first(signed: Proxy) -> None:
    """The challenge comes before everything, or containerd would never log in."""
    signed.registry.asks_for = "Bearer bob"
    reply = await signed.ask("HEAD", TAG, headers=PUSHER)
    assert (reply.status, "X-Tagwarden-Refusal" in reply.headers) == (401, False)


async def test_who_only_looks_like_a_pusher_gains_nothing(signed: Proxy) -> None:
    """Every GET is decided, whatever it accepts."""
    assert (
        await signed.ask("GET", TAG, headers={**PUSHER, "Accept": f"{MediaType.DOCKER_MANIFEST}, */*"})
    ).body == BODY
    signed.resolver.permissions.clear()
    assert (await signed.ask("GET", TAG, headers=PUSHER)).status == 403


async def test_where_nobody_pushes_a_head_is_a_head(registry: FakeRegistry) -> None:
    """With `push: refuse` there are no pushers to spare."""
    async with running(registry, doors=Doors(push=Push.REFUSE)) as proxy:
        reply = await proxy.ask("HEAD", TAG, headers=PUSHER | {"Authorization": token({"access": [grant()]})})
    assert (reply.status, reply.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
async def test_an_unenforced_pusher_hears_what_there_is(signed: Proxy, mode: Mode) -> None:
    """There the registry answers as it is."""
    signed.resolver.mode = mode
    reply = await signed.ask("HEAD", TAG, headers=PUSHER)
    assert (reply.status, reply.headers["Docker-Content-Digest"]) == (200, digest(MOVED))


@pytest.mark.parametrize(
    ("method", "credential", "status"),
    [
        pytest.param("HEAD", token({"access": [grant()]}), 404, id="a pusher's head"),
        pytest.param("GET", token({"access": [grant()]}), 403, id="a pusher's get"),
        pytest.param("HEAD", token({"access": [grant(actions=["pull"])]}), 403, id="a reader's head"),
        pytest.param("HEAD", token({"access": [grant("shop/other")]}), 403, id="a pusher of another repository"),
    ],
)
async def test_a_refused_head_is_softened_for_who_may_push(
    proxy: Proxy, method: str, credential: str, status: int
) -> None:
    """A token for pushing makes a refused HEAD a 404; it opens nothing."""
    reply = await proxy.ask(method, TAG, headers={"Authorization": credential})
    assert reply.status == status
    assert reply.headers["X-Tagwarden-Refusal"] == ("pusher_head" if status == 404 else "tag_not_signed")


async def test_an_outage_is_an_outage_for_who_may_push(proxy: Proxy) -> None:
    """Only a refusal is softened; that nothing could be decided is said."""
    proxy.resolver.changes = {"refusal": NotaryUnreachable("away")}
    assert (await proxy.ask("HEAD", TAG, headers={"Authorization": token({"access": [grant()]})})).status == 503
