"""What becomes of tags is told to whoever notices that one is refused which was admitted before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.admissions import Admissions, Refused
from proxy.clock import Clock
from proxy.errors import NotaryUnreachable, Rollback, TagNotSigned
from proxy.names import Digest, Repository, Tag
from proxy.policy.decisions import pass_unprotected
from proxy.policy.entries import Mode
from proxy.store.memory import Memory
from proxy.store.protocol import Tagged
from tests.unit.registry.material import GUN, FakeRegistry, allowed, eventually
from tests.unit.web.material import ALICE, Proxy, running
from tests.unit.web.pulls.material import BODY, BY_DIGEST, DIGEST, TAG, UNKNOWN

KEY = Tagged("registry.example.com", Repository("shop/app"), Tag("v1"))
UNSIGNED = TagNotSigned("v1", unreleased=False)


class Told(Admissions):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__(Memory(), Clock())
        self.admitted: list[tuple[Tagged, Digest]] = []
        self.refused: list[tuple[Tagged, Refused]] = []

    def admit(self, key: Tagged, digest: Digest) -> None:
        """Remember it."""
        self.admitted.append((key, digest))

    def refuse(self, key: Tagged, refused: Refused) -> None:
        """Remember it."""
        self.refused.append((key, refused))


@pytest.fixture
def told() -> Told:
    """Nothing yet."""
    return Told()


@pytest.fixture
async def proxy(registry: FakeRegistry, events: list[Any], told: Told) -> AsyncIterator[Proxy]:  # noqa: ARG001  (logs are captured)
    """A proxy that tells."""
    ns_allowed = frozenset({"mirror.example.com"})
    async with running(registry, admissions=told, ns_allowed=ns_allowed) as started:
        yield started


async def pulled(proxy: Proxy, events: list[Any], path: str = TAG, method: str = "GET") -> int:
    """The status of a pull, once its line is written."""
    events.clear()
    status = (await proxy.ask(method, path, headers=ALICE)).status
    await eventually(lambda: events)
    return status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_tag_that_is_served_is_told_with_its_digest(
    signed: Proxy, events: list[Any], told: Told, method: str
) -> None:
    """The signed one, whatever the registry has under that tag."""
    assert await pulled(signed, events, method=method) == 200
    assert (told.admitted, told.refused) == ([(KEY, DIGEST)], [])


async def test_a_tag_that_is_refused_is_told_with_its_reason(signed: Proxy, events: list[Any], told: Told) -> None:
    """In the words of its line."""
    signed.resolver.changes = {"refusal": Rollback("targets", "version 1")}
    assert await pulled(signed, events) == 403
    refused = Refused("shop/**", "enforce", "rollback", GUN, events[0]["request_id"])
    assert (told.admitted, told.refused) == ([], [(KEY, refused)])


async def test_a_mirror_is_another_name(signed: Proxy, events: list[Any], told: Told) -> None:
    """The same tag of another registry is another tag; a name that nobody allowed is ours."""
    signed.resolver.permissions_by_name["mirror.example.com"] = {"v1": allowed(BODY)}
    for asked, name in (("mirror.example.com", "mirror.example.com"), ("other.example.com", KEY.name)):
        told.admitted.clear()
        assert await pulled(signed, events, f"{TAG}?ns={asked}") == 200
        assert told.admitted == [(KEY._replace(name=name), DIGEST)]


@pytest.mark.parametrize(
    ("mode", "changes"),
    [
        pytest.param(Mode.DISABLED, {}, id="not decided"),
        pytest.param(Mode.AUDIT, {}, id="drift"),
        pytest.param(Mode.AUDIT, {"refusal": UNSIGNED, "permission": None}, id="would be refused"),
        pytest.param(
            *(Mode.PROTECT, {"refusal": UNSIGNED, "permission": pass_unprotected(UNSIGNED)}), id="passes under protect"
        ),
        pytest.param(Mode.ENFORCE, {"refusal": NotaryUnreachable("away")}, id="undecided"),
    ],
)
async def test_what_is_neither_is_not_told(
    signed: Proxy, events: list[Any], told: Told, mode: Mode, changes: dict[str, Any]
) -> None:
    """Nothing was admitted as signed, and nothing refused for good."""
    signed.resolver.mode, signed.resolver.changes = mode, {"mode": mode} | changes
    await pulled(signed, events)
    assert (told.admitted, told.refused) == ([], [])


async def test_digests_are_not_told(signed: Proxy, events: list[Any], told: Told) -> None:
    """Only a tag can go back to what it had."""
    assert await pulled(signed, events, BY_DIGEST) == 200
    assert await pulled(signed, events, UNKNOWN) == 403
    assert (told.admitted, told.refused) == ([], [])


async def test_strangers_are_not_told(signed: Proxy, events: list[Any], told: Told) -> None:
    """Who may not read was neither served nor refused, whatever was decided meanwhile."""
    signed.registry.asks_for = "Bearer bob"
    signed.registry.knows_conditions = False
    for path in (TAG, "/v2/shop/app/manifests/v2"):
        assert await pulled(signed, events, path) == 401
    assert (told.admitted, told.refused) == ([], [])
