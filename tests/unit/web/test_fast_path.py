"""What was answered lately is answered as it arrives, and only as long as nothing has changed."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any, Final
from weakref import ref

import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from proxy.limits import FAST_REQUEST_BYTES
from proxy.names import Digest
from proxy.policy.entries import Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.registry.headers import ClientCredentials
from proxy.resolver import Resolver
from proxy.tasks import spawn
from proxy.telemetry import Audit, meters
from proxy.web.duty import Duty
from tests.support.resolving import REPOSITORY, entry
from tests.unit.registry.material import digest, image
from tests.unit.web.warm import MANIFEST, OTHER, TARGET, Line, Said, Warm, request, warm_proxy

LARGE: Final = image()[:-1] + b', "annotations": {"a": "' + b"a" * 60_000 + b'"}}'
ALICE: Final = ("Authorization", "Basic YWxpY2U6c2VjcmV0")


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every question that took everybody's path as far as the resolver."""
    asked: list[object] = []
    resolve = Resolver.resolve

    async def counted(self: Resolver, reference: Any, *others: Any, **named: Any) -> Any:
        asked.append(reference)
        return await resolve(self, reference, *others, **named)

    monkeypatch.setattr(Resolver, "resolve", counted)
    return asked


async def is_fast(line: Line, data: bytes, resolved: list[object]) -> tuple[bool, Said]:
    """Whether a request is answered as it arrives, and its answer."""
    count = len(resolved)
    said = await line.ask(data)
    return len(resolved) == count, said


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(), id="GET of a tag"),
        pytest.param(request("HEAD"), id="HEAD of a tag"),
        pytest.param(request("GET", TARGET.replace("1.0", digest(MANIFEST))), id="GET of a digest"),
        pytest.param(request("GET", TARGET, ALICE), id="with a credential"),
        pytest.param(request("GET", TARGET, ("If-None-Match", f'"{digest(MANIFEST)}"')), id="304"),
    ],
)
async def test_the_third_of_the_same_is_answered_as_it_arrives(data: bytes, resolved: list[object]) -> None:
    """The first shows what it is, the second that it comes again; all get the same, byte for byte."""
    async with warm_proxy() as proxy, proxy.call() as line:
        answers = [await is_fast(line, data, resolved) for _ in range(5)]
        async with proxy.call() as another:
            answers.append(await is_fast(another, data, resolved))
    assert [fast for fast, _ in answers] == [False, False, True, True, True, True]
    assert len({said for _, said in answers}) == 1


async def test_its_line_says_what_every_line_says(resolved: list[object]) -> None:
    """Who reads the log cannot tell which way a request took, but by how long."""
    async with warm_proxy() as proxy, proxy.call() as line:
        for _ in range(4):
            await line.ask(request("GET", TARGET, ALICE))
        lines = proxy.decided()
    assert len(resolved) == 2
    told = [{key: each[key] for key in each if key not in ("request_id", "duration", "timestamp")} for each in lines]
    assert told == [told[1]] * 4 or told[1:] == [told[1]] * 3  # the first one waited for Notary
    assert [set(each) for each in lines] == [set(lines[0])] * 4
    assert len({each["request_id"] for each in lines}) == 4
    assert lines[3]["timestamp"] >= lines[2]["timestamp"]


async def test_it_is_counted_like_any_other() -> None:
    """By the same labels, and none is left out when the proxy stops."""
    registry = CollectorRegistry()
    meters.begin(registry)
    try:
        async with warm_proxy() as proxy, proxy.call() as line:
            for _ in range(6):
                await line.ask(request())
        labels = {"rule": "**", "mode": "enforce", "decision": "allowed", "refusal": "none"}
        assert registry.get_sample_value("tagwarden_decisions_total", labels) == 6
        counts = [
            registry.get_sample_value("tagwarden_decision_seconds_count", {"cache": cache})
            for cache in ("checked", "fresh")
        ]
        assert counts == [1, 5]
    finally:
        meters.end()


async def test_its_line_names_the_worker(resolved: list[object]) -> None:
    """What every line of a process says is said by these as well."""
    with structlog.contextvars.bound_contextvars(worker=3):
        async with warm_proxy() as proxy, proxy.call() as line:
            for _ in range(4):
                await line.ask(request())
            assert [each.get("worker") for each in proxy.decided()] == [3] * 4
    assert len(resolved) == 2


async def test_its_line_stands_before_a_new_configuration(resolved: list[object]) -> None:
    """What is told after `reloaded` was decided after it."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        assert (await is_fast(line, request(), resolved))[0]
        duty = await Duty.begin(web.Application())
        proxy.runner.turn_to(duty)
        assert proxy.log.getvalue().count('"decision"') == 3 * 2  # the event, and a field of it


async def test_who_has_a_name_is_named(monkeypatch: pytest.MonkeyPatch, resolved: list[object]) -> None:
    """What somebody without a certificate was answered gives nobody with one an anonymous line."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        for place in ("connection", "middleware"):
            monkeypatch.setattr(f"proxy.web.{place}.subject_shown_on", lambda _: "CN=bob")
        async with proxy.call() as bob:
            assert not (await is_fast(bob, request(), resolved))[0]
        assert proxy.decided()[-1]["client_certificate"] == "CN=bob"


async def test_what_counts_by_grace_is_told_each_time(resolved: list[object]) -> None:
    """Such an answer belongs to the audit stream, and nothing of it is remembered."""
    async with warm_proxy(entry(expiry_grace=timedelta(days=1))) as proxy, proxy.call() as line:
        proxy.bench.sim.timestamp.expires = (proxy.bench.clock.wall - timedelta(hours=1)).isoformat()
        proxy.bench.sim.bump()
        proxy.bench.sim.publish()
        for _ in range(4):
            assert not (await is_fast(line, request(), resolved))[0]
        assert [each.get("audit") for each in proxy.decided()] == [Audit.GRACE_SERVED] * 4
        assert len(proxy.fast_path._warm) == 0


async def test_evidence_that_was_replaced_is_let_go() -> None:
    """Its memory has a bound of its own, which nobody's remembered requests extend."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        [key] = proxy.bench.resolver.renewal.keys("corp")
        before = ref(proxy.bench.resolver.renewal.cache.standing(key))
        await sign_anew(proxy)
        await line.ask(request("HEAD"))
        gc.collect()
        assert len(proxy.fast_path._warm) == 1
        assert before() is None


async def sign_anew(proxy: Warm) -> None:
    """The tag gets another digest, and Notary is asked again."""
    proxy.bench.sim.sign("1.0", OTHER)
    proxy.bench.sim.bump()
    proxy.bench.sim.publish()
    proxy.bench.clock.pass_by(30)


async def revoke(proxy: Warm) -> None:
    """The tag loses its signature, and a check sees it."""
    del proxy.bench.sim.targets.tags["1.0"]
    proxy.bench.sim.bump()
    proxy.bench.sim.publish()
    await proxy.bench.resolver.renewal.renew(*proxy.bench.resolver.renewal.keys("corp"))


async def fall_into_doubt(proxy: Warm) -> None:
    """Another process saw Notary contradict what is known."""
    [key] = proxy.bench.resolver.renewal.keys("corp")
    proxy.bench.resolver.renewal.doubt(key)


async def lose_permission(proxy: Warm) -> None:
    """The registry lets nobody in any more, and 30 seconds pass."""
    proxy.registry.asks_for = "nobody"
    proxy.client.permissions.forget(REPOSITORY, ClientCredentials(None))


async def let_expire(proxy: Warm) -> None:
    """A role of the evidence runs out."""
    [warm] = proxy.fast_path._warm.values()
    proxy.bench.clock.wall = datetime.fromtimestamp(warm.pledge.ends, UTC) + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("happen", "status", "body"),
    [
        pytest.param(sign_anew, b"200", digest(OTHER), id="signed anew"),
        pytest.param(revoke, b"403", None, id="revoked"),
        pytest.param(fall_into_doubt, b"200", digest(MANIFEST), id="in doubt, and verified again"),
        pytest.param(lose_permission, b"401", None, id="no permission"),
        pytest.param(let_expire, b"403", None, id="expired"),
    ],
)
async def test_what_changes_counts_for_the_next_request(
    happen: Callable[[Warm], Awaitable[None]], status: bytes, body: Digest | None, resolved: list[object]
) -> None:
    """It takes everybody's path, and gets what that gives."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        assert (await is_fast(line, request(), resolved))[0]
        await happen(proxy)
        fast, said = await is_fast(line, request(), resolved)
    assert said.status.split()[1] == status
    assert not fast or status == b"401"  # who may not read is asked about before anything is decided
    if body is not None:
        assert digest(said.body) == body


async def test_a_relaxation_that_ends_counts_at_its_instant(resolved: list[object]) -> None:
    """What `audit` let through is decided from then on."""
    async with warm_proxy() as known:
        until = known.bench.clock.wall + timedelta(seconds=60)
    rollout = (Relaxation(RepositoryPattern("**"), Mode.AUDIT, until, None),)
    async with warm_proxy(rollout=rollout) as proxy, proxy.call() as line:
        for _ in range(4):
            await line.ask(request())
        assert len(proxy.fast_path._warm) == 0
        proxy.bench.clock.pass_by(61)
        fast, said = await is_fast(line, request(), resolved)
    assert (fast, said.status) == (False, b"HTTP/1.1 200 OK")
    assert b"X-Tagwarden-Decision: allowed" in said.headers


async def test_a_credential_stands_for_itself_alone(resolved: list[object]) -> None:
    """Who shows another one, or none, is another client."""
    async with warm_proxy() as proxy, proxy.call() as line:
        proxy.registry.asks_for = ALICE[1]
        await proxy.warm_up(line, request("GET", TARGET, ALICE))
        assert (await is_fast(line, request("GET", TARGET, ALICE), resolved))[0]
        for other in ((), (("Authorization", "Basic Ym9iOnNlY3JldA=="),)):
            assert (await line.ask(request("GET", TARGET, *other))).status.split()[1] == b"401"


async def test_memory_gives_no_credential_away() -> None:
    """A request with one is known by a keyed hash alone."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request("GET", TARGET, ALICE))
        kept = list(proxy.fast_path._warm.items())
    assert len(kept) == 1
    assert b"YWxpY2U6c2VjcmV0" not in repr(kept).encode()


async def test_an_index_that_was_forgotten_is_remembered_first(resolved: list[object]) -> None:
    """What it names has to be known before it is answered."""
    async with warm_proxy() as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        proxy.closure._knowledge.children.clear()
        assert not (await is_fast(line, request(), resolved))[0]
        assert (await is_fast(line, request(), resolved))[0]


async def test_a_trusted_proxy_speaks_for_its_own_clients(resolved: list[object]) -> None:
    """Behind one the address in the log is the one that it tells."""
    forwarded = request("GET", TARGET, ("X-Forwarded-For", "192.0.2.7"))
    async with warm_proxy(trusted_proxies=(ip_network("127.0.0.0/8"),)) as proxy, proxy.call() as line:
        for _ in range(4):
            await line.ask(forwarded)
        assert {each["client"] for each in proxy.decided()} == {"192.0.2.7"}
    assert len(resolved) == 2


async def test_people_at_a_terminal_see_each_line_at_once(resolved: list[object]) -> None:
    """Their log is not written in batches, so there is no fast path beside it."""
    async with warm_proxy(form="text") as proxy, proxy.call() as line:
        for _ in range(5):
            await line.ask(request())
    assert len(resolved) == 5


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request("GET", TARGET, ("Cookie", "a=b")), id="cookie"),
        pytest.param(request("GET", TARGET, ("Expect", "100-continue")), id="expectation"),
        pytest.param(request("GET", TARGET, ("Content-Length", "0")), id="length"),
        pytest.param(request("GET", TARGET, (ALICE[0].upper(), ALICE[1])), id="a credential that nobody writes so"),
        pytest.param(request("GET", TARGET, ("X-Long", "a" * FAST_REQUEST_BYTES)), id="long"),
        pytest.param(request("GET", TARGET.replace("1.0", "2.0")), id="refused"),
        pytest.param(request("GET", "/v2/"), id="no manifest"),
    ],
)
async def test_anything_odd_takes_everybodys_path(data: bytes) -> None:
    """However often it comes, nothing of it is remembered."""
    async with warm_proxy() as proxy, proxy.call() as line:
        for _ in range(4):
            await line.ask(data)
        assert len(proxy.fast_path._warm) == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request().replace(b"HTTP/1.1", b"HTTP/2.0"), id="HTTP/2.0"),
        pytest.param(request().replace(b"HTTP/1.1", b"HTTP/0.9"), id="HTTP/0.9"),
        pytest.param(request().replace(b"HTTP/1.1", b"HTTP"), id="no version"),
        pytest.param(request("G T"), id="no method"),
    ],
)
async def test_what_is_no_http_teaches_nothing(data: bytes) -> None:
    """It gets its 400, and whoever reads the log no traceback."""
    async with warm_proxy() as proxy, proxy.call() as line:
        assert (await line.ask(data)).status.split()[1] == b"400"
        assert len(proxy.fast_path._warm) == 0
        assert "no HTTP" in proxy.log.getvalue()
    assert "Traceback" not in proxy.log.getvalue()


async def test_requests_in_pieces_or_together_are_read_by_the_parser(resolved: list[object]) -> None:
    """Such a connection is nobody's to guess about any more, and each request gets its own answer."""
    async with warm_proxy() as proxy, proxy.call() as line:
        said = await proxy.warm_up(line, request())
        line.writer.write(request()[:20])
        await asyncio.sleep(0.01)
        line.writer.write(request()[20:] + request())
        assert [await line.answer(), await line.answer()] == [said, said]
        assert await is_fast(line, request(), resolved) == (False, said)
        async with proxy.call() as other:
            assert await is_fast(other, request(), resolved) == (True, said)


async def test_an_answer_is_learnt_for_its_own_request() -> None:
    """Bytes that arrive while another request is under way never get that one's answer."""
    other = request("GET", TARGET.replace("1.0", "2.0"))
    async with warm_proxy() as proxy, proxy.call() as line:
        for _ in range(5):
            line.writer.write(request())
            await asyncio.sleep(0)
            line.writer.write(other)
            assert [(await line.answer()).status.split()[1] for _ in range(2)] == [b"200", b"403"]
        async with proxy.call() as fresh:
            for _ in range(4):
                assert (await fresh.ask(other)).status.split()[1] == b"403"


async def test_answers_keep_the_order_of_requests() -> None:
    """A request that could be answered at once waits for those before it that cannot, however they came."""
    gates = [asyncio.Event(), asyncio.Event()]
    waiting = iter(gates)

    async def slow(_request: web.Request) -> web.StreamResponse:
        await next(waiting).wait()
        return web.Response(text="{}")

    async with warm_proxy() as proxy, proxy.call() as line:
        said = await proxy.warm_up(line, request())
        proxy.registry.scripted["GET /v2/"] = slow
        for _ in gates:
            line.writer.write(request("GET", "/v2/"))
            await asyncio.sleep(0.02)
        gates[0].set()
        first = await line.answer()
        line.writer.write(request())
        early = spawn(line.answer(), name="early")
        await asyncio.sleep(0.05)
        assert not early.done()
        gates[1].set()
        assert [first, await early, await line.answer()] == [first, first, said]
        assert first != said


async def test_who_does_not_read_is_not_written_to() -> None:
    """While an answer waits to be taken, the next request waits like any other."""
    async with warm_proxy(manifest=LARGE) as proxy, proxy.call() as line:
        await proxy.warm_up(line, request())
        assert proxy.runner.server is not None
        [connection] = proxy.runner.server.connections
        assert connection.transport is not None
        sizes = []
        for _ in range(600):
            line.writer.write(request())
            await asyncio.sleep(0)
            sizes.append(connection.transport.get_write_buffer_size())
    assert 0 < max(sizes) < 3 * len(LARGE)
