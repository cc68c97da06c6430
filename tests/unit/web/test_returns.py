"""A request that the proxy itself sent is refused at once, and a proxy that asks itself says so in a sentence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from proxy.errors import RegistryLoop
from proxy.limits import PROXIES_PASSED
from proxy.names import Digest
from proxy.policy.entries import Mode
from proxy.registry.client import connect
from tests.unit.registry.asking import BODY, DIGEST
from tests.unit.registry.material import FakeRegistry, allowed, served, settings, speaking
from tests.unit.web.material import ALICE, Proxy, relaxed_to, running
from tests.unit.web.warm import TARGET, request, warm_proxy

MANIFEST: Final = "/v2/shop/app/manifests/1.0"
BLOB: Final = f"/v2/shop/app/blobs/{DIGEST}"
SENTENCE: Final = (
    "the registry cannot be reached, registry.url leads back to the proxy itself: ask this proxy's operator to write "
    "the registry's own address there [registry_unreachable]"
)
SAID: Final = "registry.url leads back to this proxy: the registry is not asked"
DOORS: Final = [
    pytest.param("GET", "/v2/", id="root"),
    pytest.param("GET", MANIFEST, id="tag"),
    pytest.param("HEAD", MANIFEST, id="HEAD of a tag"),
    pytest.param("GET", f"/v2/shop/app/manifests/{DIGEST}", id="digest"),
    pytest.param("GET", BLOB, id="blob"),
    pytest.param("HEAD", BLOB, id="HEAD of a blob"),
    pytest.param("POST", "/v2/shop/app/blobs/uploads/", id="beginning of an upload"),
    pytest.param("PATCH", "/v2/shop/app/blobs/uploads/x", id="upload"),
    pytest.param("PUT", MANIFEST, id="push"),
    pytest.param("DELETE", f"/v2/shop/app/manifests/{DIGEST}", id="deletion"),
    pytest.param("GET", "/v2/shop/app/tags/list", id="tags"),
    pytest.param("GET", "/v2/_catalog", id="catalogue"),
]


def others(count: int) -> str:
    """So many marks of other proxies."""
    return ", ".join(f"1.1 tagwarden-{number:016x}" for number in range(count))


async def own_mark(proxy: Proxy) -> str:
    """The `Via` of a request of this process."""
    await proxy.ask("GET", "/v2/")
    return proxy.registry.asked.pop().headers["Via"]


def said(events: list[Any]) -> list[Any]:
    """The events about what came back."""
    return [each for each in events if each["event"] == SAID]


@pytest.mark.parametrize(("method", "target"), DOORS)
async def test_what_comes_back_is_refused_at_every_door(proxy: Proxy, method: str, target: str) -> None:
    """Nobody is asked, neither the registry nor Notary."""
    headers = {**ALICE, "Via": f"1.1 front.example.com, {await own_mark(proxy)}, 1.1 balancer"}
    reply = await proxy.ask(method, target, headers=headers)
    assert reply.status == 502
    assert reply.reason == f"Bad Gateway: {SENTENCE}"
    assert reply.headers["X-Tagwarden-Refusal"] == "registry_unreachable"
    if method != "HEAD":
        assert (reply.error["code"], reply.error["message"]) == ("UNAVAILABLE", SENTENCE)
    assert proxy.registry.requests == []
    assert proxy.resolver.asked == []


async def test_it_is_said_once(proxy: Proxy, events: list[Any]) -> None:
    """Whoever reads the log is told who sent it, and is not told again with every request."""
    headers = {"Via": await own_mark(proxy)}
    for _ in range(3):
        await proxy.ask("GET", "/v2/", headers=headers)
    assert said(events) == [{"event": SAID, "log_level": "warning", "client": "127.0.0.1"}]


@pytest.mark.parametrize(
    ("via", "goes_on"),
    [
        pytest.param("1.1 front.example.com", "", id="somebody else"),
        pytest.param(f"1.0 fred, {others(1)}", f"{others(1)}, ", id="another one of our kind"),
        pytest.param(others(PROXIES_PASSED), f"{others(PROXIES_PASSED)}, ", id="as many as there may be"),
    ],
)
async def test_proxies_may_stand_behind_each_other(proxy: Proxy, events: list[Any], via: str, goes_on: str) -> None:
    """What others sent is answered as ever, and the registry hears of those of our kind alone."""
    own = await own_mark(proxy)
    reply = await proxy.ask("GET", "/v2/", headers={"Via": via})
    (asked,) = proxy.registry.asked
    assert asked.headers["Via"] == f"{goes_on}{own}"
    assert "X-Tagwarden-Loop" not in reply.headers
    assert said(events) == []


async def test_a_connection_carries_no_mark_to_its_next_request(proxy: Proxy) -> None:
    """What one request had passed says nothing of the next one, which may be somebody else's."""
    own = await own_mark(proxy)
    async with proxy.call() as (reader, writer):
        for via in (f"Via: {others(1)}\r\n", ""):
            writer.write(f"GET /v2/ HTTP/1.1\r\nHost: r\r\n{via}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
            await reader.readexactly(int(length.partition(b": ")[2]))
    assert [each.headers["Via"] for each in proxy.registry.asked] == [f"{others(1)}, {own}", own]


async def test_a_request_that_goes_round_many_is_refused(proxy: Proxy, events: list[Any]) -> None:
    """Replicas behind one name may pass it on for long; whether it is ours is not known, so the log is not told."""
    await own_mark(proxy)
    reply = await proxy.ask("GET", "/v2/", headers={"Via": others(PROXIES_PASSED + 1)})
    assert (reply.status, reply.error["message"]) == (502, SENTENCE)
    assert proxy.registry.requests == []
    assert said(events) == []


async def test_the_quick_way_knows_them_too(registry: FakeRegistry) -> None:
    """However often it comes, and whatever was answered to the same request without a mark."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        mark = proxy.registry.asked[0].headers["Via"]
        before = len(proxy.registry.asked)
        answers = [await line.ask(request("GET", TARGET, ("Via", mark))) for _ in range(4)]
        assert {each.status for each in answers} == {f"HTTP/1.1 502 Bad Gateway: {SENTENCE}".encode()}
        assert len(proxy.registry.asked) == before
        assert b" 200 " in (await line.ask(request())).status
    assert registry.asked == []


@dataclass
class Circle:
    """A proxy whose registry is a name that leads back to it, and how often somebody connected by that name."""

    proxy: Proxy
    connected: list[str] = field(default_factory=list)


@asynccontextmanager
async def circle() -> AsyncIterator[Circle]:
    """Run a proxy behind an address of which it cannot know that it is its own."""
    circles: list[Circle] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        circles[0].connected.append("")
        port = circles[0].proxy.url.port
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))

    async with served(FakeRegistry()) as nobody, speaking(carry) as name, running(nobody, name) as proxy:
        circles.append(Circle(proxy))
        yield circles[0]


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    target.close()


@pytest.mark.parametrize(("method", "target"), DOORS)
@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.PROTECT, Mode.AUDIT, Mode.DISABLED])
async def test_a_proxy_that_asks_itself_says_so(events: list[Any], method: str, target: str, mode: Mode) -> None:
    """At once and in one sentence, over no more than a connection for what it asks."""
    async with circle() as running_round:
        proxy = running_round.proxy
        proxy.resolver.mode = mode
        if permission := relaxed_to(mode):
            proxy.resolver.permissions = {"1.0": permission, DIGEST: permission}
        body = {"data": b"x" * 100_000} if method in ("PUT", "PATCH") else {}
        reply = await proxy.ask(method, target, **body)
        assert reply.status == 502
        assert reply.reason == f"Bad Gateway: {SENTENCE}"
        if method != "HEAD":
            assert reply.error["message"] == SENTENCE
        assert len(running_round.connected) <= 2
    lines = [each for each in events if each["event"] in ("request", "decision")]
    assert len(lines) <= 3
    assert len(said(events)) == 1


async def test_what_is_signed_is_not_had_either() -> None:
    """A pull that is admitted ends in the same sentence, and many of them at once as well."""
    async with circle() as running_round:
        proxy = running_round.proxy
        proxy.resolver.permissions = {"1.0": allowed(BODY), Digest(DIGEST): allowed(BODY)}
        replies = await asyncio.gather(*(proxy.ask("GET", MANIFEST) for _ in range(20)))
        assert {(each.status, each.error["message"]) for each in replies} == {(502, SENTENCE)}
        assert len(running_round.connected) <= 20


async def test_readiness_hears_of_it() -> None:
    """Whoever greets the registry and meets the proxy knows why."""
    async with circle() as running_round, connect(settings(running_round.proxy.url)) as client:
        with pytest.raises(RegistryLoop) as caught:
            await client.greet()
        assert caught.value.why == "registry.url leads back to the proxy itself"
        assert not client.has_answered
