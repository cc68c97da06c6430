"""A crowd that asks for one image at the same moment: one is answered in full, and the others wait for that."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final

import pytest

from proxy.limits import FAST_ANSWER_BYTES, FOLLOWERS_AT_ONCE, FOLLOWERS_SECONDS
from proxy.registry.headers import ClientCredentials
from proxy.resolver import Resolver
from proxy.tasks import spawn
from proxy.web import connection
from proxy.web.connection import Connection
from proxy.web.followers import Followers
from tests.support.resolving import REPOSITORY
from tests.unit.registry.material import eventually, image, pass_by
from tests.unit.web.warm import TARGET, Line, Said, Warm, request, warm_proxy

CROWD: Final = 20
PATIENCE: Final = 60.0
UNSIGNED: Final = TARGET.replace("1.0", "2.0")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a crowd takes to come together here, whoever follows waits."""
    assert PATIENCE > FOLLOWERS_SECONDS
    monkeypatch.setattr(connection, "FOLLOWERS_SECONDS", PATIENCE)


class Gate:
    """Lets nobody's question be answered until it is opened; counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self._open = asyncio.Event()

    def open(self) -> None:
        """Let everybody pass from now on."""
        self._open.set()

    def close(self) -> None:
        """Hold everybody up again."""
        self._open.clear()

    async def __call__(self) -> None:
        """Wait for it to open."""
        self.asked += 1
        await self._open.wait()


@pytest.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Stands before the resolver: whoever takes everybody's path comes by."""
    gate, resolve = Gate(), Resolver.resolve

    async def gated(self: Resolver, *what: Any, **named: Any) -> Any:
        await gate()
        return await resolve(self, *what, **named)

    monkeypatch.setattr(Resolver, "resolve", gated)
    return gate


@asynccontextmanager
async def crowd(proxy: Warm, count: int = CROWD) -> AsyncIterator[list[Line]]:
    """So many connections."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(proxy.call()) for _ in range(count)]


def connections(proxy: Warm) -> list[Connection]:
    """The proxy's ends of all connections."""
    assert proxy.runner.server is not None
    return [each for each in proxy.runner.server.connections if isinstance(each, Connection)]


def is_end_of(connection: Connection, line: Line) -> bool:
    """Whether this is the proxy's end of a client's connection."""
    name = line.writer.get_extra_info("sockname")
    return connection.transport is not None and connection.transport.get_extra_info("peername") == name


async def held(proxy: Warm, count: int) -> None:
    """Wait until so many requests wait for another's answer."""
    await eventually(lambda: sum(each._held is not None for each in connections(proxy)) == count)


async def all_ask(gate: Gate, proxy: Warm, lines: list[Line], data: bytes) -> list["asyncio.Task[Said]"]:
    """Have all of them ask the same, the first one first, and the others while it waits."""
    before = gate.asked
    lines[0].writer.write(data)
    await eventually(lambda: gate.asked == before + 1)
    assert data in proxy.fast_path.followers._waiting
    for line in lines[1:]:
        line.writer.write(data)
    await held(proxy, len(lines) - 1)
    return [spawn(line.answer(), name="answer") for line in lines]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(), id="nobody in particular"),
        pytest.param(request("GET", TARGET, ("Authorization", "Basic YWxpY2U6c2VjcmV0")), id="one credential"),
    ],
)
async def test_one_asks_for_all(gate: Gate, data: bytes) -> None:
    """They all get the same, each has a line of its own, and only one question was decided."""
    async with warm_proxy() as proxy, crowd(proxy) as lines:
        answers = await all_ask(gate, proxy, lines, data)
        gate.open()
        said = await asyncio.gather(*answers)
        told = proxy.decided()
    assert gate.asked == 1
    assert len(set(said)) == 1
    assert said[0].status.split()[1] == b"200"
    assert len(told) == CROWD
    assert len({each["request_id"] for each in told}) == CROWD


async def test_the_time_that_somebody_waited_is_told(gate: Gate) -> None:
    """A line says how long its client waited, not how quick the end of it was."""
    async with warm_proxy() as proxy, crowd(proxy, 3) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        await asyncio.sleep(0.05)
        gate.open()
        await asyncio.gather(*answers)
        assert min(each["duration"] for each in proxy.decided()) >= 0.05


async def test_what_is_refused_is_refused_to_each(gate: Gate) -> None:
    """Nothing was learnt from the first, so each asks; and nobody waits for these bytes again."""
    data = request("GET", UNSIGNED)
    async with warm_proxy() as proxy, crowd(proxy) as lines:
        answers = await all_ask(gate, proxy, lines, data)
        gate.open()
        assert {(await each).status.split()[1] for each in answers} == {b"403"}
        assert gate.asked == CROWD
        assert not proxy.fast_path.followers.lead(data)


async def test_nobody_waits_for_what_is_no_manifest() -> None:
    """Layers and lists are the registry's, and go to each as it has them."""
    followers = Followers()
    assert not followers.lead(request("GET", TARGET.replace("manifests", "blobs")))
    assert not followers.follow(request(), lambda: None)


async def test_a_defect_costs_nobody_an_answer(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be learnt, and where the fast path itself fails, everybody's path answers everybody."""
    async with warm_proxy() as proxy, crowd(proxy) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        monkeypatch.setattr(proxy.fast_path, "learn", _fails)
        monkeypatch.setattr(proxy.fast_path, "answer", _fails)
        gate.open()
        assert {(await each).status.split()[1] for each in answers} == {b"200"}
        assert proxy.log.getvalue().count("the fast path failed") == CROWD - 1


async def test_one_that_cannot_be_read_is_hung_up_on_alone(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trouble of one connection is nobody else's."""
    async with warm_proxy() as proxy, crowd(proxy, 4) as lines:
        answers = await all_ask(gate, proxy, lines, request("GET", UNSIGNED))
        [broken] = [each for each in connections(proxy) if is_end_of(each, lines[2])]
        monkeypatch.setattr(broken, "_parser", None)
        gate.open()
        said = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(each) for each in said] == [Said, Said, asyncio.IncompleteReadError, Said]


async def test_bytes_that_were_led_in_vain_are_led_again_once_they_are_learnt(gate: Gate) -> None:
    """A client that hangs up does not spoil an image for good."""
    gate.open()
    async with warm_proxy() as proxy, proxy.call() as line:
        proxy.fast_path.followers.end(request(), in_vain=True)
        assert not proxy.fast_path.followers.lead(request())
        await proxy.warm_up(line, request())
        assert proxy.fast_path.followers.lead(request())


async def test_a_large_crowd_leaves_room_for_others() -> None:
    """Those who waited are answered some at a time, in the order in which they came."""
    followers, woken = Followers(), list[int]()
    assert followers.lead(request())
    for number in range(2 * FOLLOWERS_AT_ONCE + 1):
        assert followers.follow(request(), partial(woken.append, number))
    followers.end(request(), in_vain=False)
    seen = [len(woken)]
    for _ in range(2):
        await asyncio.sleep(0)
        seen.append(len(woken))
    assert seen == [FOLLOWERS_AT_ONCE, 2 * FOLLOWERS_AT_ONCE, 2 * FOLLOWERS_AT_ONCE + 1]
    assert woken == sorted(woken)


def _fails(*_: object) -> Any:
    raise RuntimeError("a defect")


async def test_a_leader_that_leaves_leaves_nobody_behind(gate: Gate) -> None:
    """Its question dies with it; whoever waited asks."""
    async with warm_proxy() as proxy, crowd(proxy) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        answers[0].cancel()
        lines[0].writer.close()
        await eventually(lambda: gate.asked == CROWD)
        gate.open()
        assert {(await each).status.split()[1] for each in answers[1:]} == {b"200"}


async def test_nobody_waits_long(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first takes its time, everybody asks, and nobody waits for these bytes again."""
    async with warm_proxy() as proxy, crowd(proxy) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        assert gate.asked == 1
        pass_by(monkeypatch, PATIENCE)
        await eventually(lambda: gate.asked == CROWD)
        assert not proxy.fast_path.followers.lead(request())
        gate.open()
        assert len(set(await asyncio.gather(*answers))) == 1


async def test_who_does_not_read_keeps_nobody_waiting(gate: Gate) -> None:
    """An answer is learnt from before it is sent: the others have it however slowly the first one takes it."""
    large = image("large")[:-1] + b', "annotations": {"a": "' + b"a" * (FAST_ANSWER_BYTES - 5000) + b'"}}'
    async with warm_proxy(manifest=large) as proxy, crowd(proxy, 3) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        answers[0].cancel()
        with stuffed(proxy, lines[0]):
            gate.open()
            assert {(await each).status.split()[1] for each in answers[1:]} == {b"200"}
    assert gate.asked == 1


@contextmanager
def stuffed(proxy: Warm, line: Line) -> Iterator[None]:
    """Have the proxy find no room in what it sends to this client."""
    [connection] = [each for each in connections(proxy) if is_end_of(each, line)]
    connection.pause_writing()
    yield
    connection.resume_writing()


async def test_one_who_goes_on_asking_has_all_answers_in_order(gate: Gate) -> None:
    """Who waits and sends another request waits no longer: both are read, one after the other."""
    async with warm_proxy() as proxy, crowd(proxy, 2) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        lines[1].writer.write(request("GET", UNSIGNED))
        await eventually(lambda: gate.asked == 2)
        gate.open()
        said = [await each for each in answers]
        assert [each.status.split()[1] for each in said] == [b"200", b"200"]
        assert (await lines[1].answer()).status.split()[1] == b"403"


async def test_who_leaves_while_it_waits_is_not_answered(gate: Gate) -> None:
    """Nobody is there to be told anything, and nothing is said of it."""
    async with warm_proxy() as proxy, crowd(proxy, 3) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        answers[1].cancel()
        lines[1].writer.close()
        await held(proxy, 1)
        gate.open()
        assert await answers[0] == await answers[2]
        assert len(proxy.decided()) == 2


async def test_who_waits_when_it_stops_is_answered(gate: Gate) -> None:
    """A stop loses nobody's request."""
    async with warm_proxy() as proxy, crowd(proxy, 5) as lines:
        answers = await all_ask(gate, proxy, lines, request())
        stopping = spawn(proxy.runner.cleanup(), name="stop")
        await eventually(lambda: gate.asked == len(lines))
        gate.open()
        assert {(await each).status.split()[1] for each in answers} == {b"200"}
        await stopping


async def test_who_waits_during_a_reload_is_decided_under_the_new_rules(gate: Gate) -> None:
    """What the first one's answer teaches belongs to the rules under which it asked."""
    async with warm_proxy() as proxy, crowd(proxy, 3) as lines, warm_proxy(is_fast=False) as other:
        answers = await all_ask(gate, proxy, lines, request())
        proxy.runner.turn_to(other.runner._duties[-1])
        del other.bench.sim.targets.tags["1.0"]
        other.bench.sim.bump()
        other.bench.sim.publish()
        gate.open()
        assert [(await each).status.split()[1] for each in answers] == [b"200", b"403", b"403"]
        assert gate.asked == 3


async def test_a_permission_that_ran_out_is_asked_for_once(gate: Gate) -> None:
    """Every half minute somebody takes everybody's path; who comes after has the permission that was asked for."""
    async with warm_proxy() as proxy, crowd(proxy) as lines:
        gate.open()
        said = await proxy.warm_up(lines[0], request())
        gate.close()
        proxy.client.permissions.forget(REPOSITORY, ClientCredentials(None))
        lines[0].writer.write(request())
        await eventually(lambda: gate.asked == 3)
        assert [await line.ask(request()) for line in lines[1:]] == [said] * (CROWD - 1)
        gate.open()
        assert await lines[0].answer() == said
    assert gate.asked == 3
