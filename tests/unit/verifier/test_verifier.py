"""Small collections are verified at once, large ones in a process; nobody can tell from what comes of it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from types import MappingProxyType

import pytest

from proxy.errors import NoTrustData, Rollback, Undecided
from proxy.limits import VERIFIER_ATTEMPTS, VERIFIER_SECONDS
from proxy.names import Gun, Tag
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Reply
from proxy.verification import Verified
from proxy.verifier import Verifier
from proxy.verifier.owner import Process
from proxy.verifier.words import Answered, Asked
from tests.unit.verifier.material import Source, job, published, told

OTHER = Gun("registry.example.com/shop/web")


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    """A verifier that is closed in the end."""
    async with Verifier() as verifier:
        yield verifier


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on everything is large."""
    monkeypatch.setattr("proxy.verifier.verifier.INLINE_BYTES", -1)


async def pid_of(verifier: Verifier) -> int | None:
    """The process's id, if there is one."""
    return (await verifier._process).pid if verifier._process else None


async def begun(verifier: Verifier, source: Source) -> "asyncio.Task[Verified]":
    """A verification that waits for Notary, in a process that runs."""
    source.hold.clear()
    flight = spawn(verifier.verify(job(), source.fetch), name="verification")
    await source.reached.wait()
    return flight


async def stopped(verifier: Verifier) -> int:
    """The process, which from now on answers nothing; it may be killed all the same."""
    pid = await pid_of(verifier)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return pid


async def ended(verifier: Verifier, pid: int) -> None:
    """Kill the process, and wait until that is known."""
    assert verifier._process
    process = await verifier._process
    os.kill(pid, signal.SIGKILL)
    await asyncio.wait([process._listening])


async def at_a_step(
    verifier: Verifier,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[], Coroutine[object, object, Verified]],
    seconds: float = VERIFIER_SECONDS,
) -> "asyncio.Task[Verified]":
    """A verification whose step is with the process, which has so many seconds for it."""
    assert verifier._process
    process = await verifier._process
    with monkeypatch.context() as patch:
        patch.setattr("proxy.verifier.verifier.VERIFIER_SECONDS", seconds)
        flight = spawn(ask(), name="verification")
        while not process._waiting:  # noqa: ASYNC110  (nobody tells of it: it is nobody's concern)
            await asyncio.sleep(0)
    return flight


async def test_small_collection_needs_no_process(verifier: Verifier) -> None:
    """It takes a few milliseconds, less than the way to another process."""
    first = await verifier.verify(job(), Source(published()).fetch)
    assert (await verifier.recall(job(first))).files == first.files
    assert await pid_of(verifier) is None


async def test_both_ways_come_to_the_same(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """First contact, a renewal that brings news, one that brings none, and memory alone."""
    sim = published()
    newer = sim.clone()
    newer.sign("1.0", b"another image", role="targets/alice")
    newer.bump()
    newer.publish()
    found: list[list[object]] = []
    moved: list[bool] = []
    for limit in (1 << 20, -1):
        monkeypatch.setattr("proxy.verifier.verifier.INLINE_BYTES", limit)
        first = await verifier.verify(job(), Source(sim).fetch)
        second = await verifier.verify(job(first), Source(newer).fetch)
        third = await verifier.verify(job(second), Source(newer).fetch)
        recalled = await verifier.recall(job(second))
        found.append([told(each) for each in (first, second, third, recalled)])
        moved.append(bool(second.past.of(Tag("1.0"))))
    assert found[0] == found[1]
    assert moved == [True, True]
    assert await pid_of(verifier) is not None


async def test_what_turns_out_large_goes_on_apart(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched twice for it: what had come already is told once more."""
    sim = published()
    monkeypatch.setattr("proxy.verifier.verifier.INLINE_BYTES", len(sim.current["root"]) + 2000)
    found = await verifier.verify(job(), Source(sim).fetch)
    assert found.collection.tags() == {f"1.{number}" for number in range(40)}
    assert await pid_of(verifier) is not None
    assert len(sim.requests) == len(set(sim.requests))


async def test_plain_file_that_is_too_large_is_not_fetched_again(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long it is, is only known when it has come; so it is kept for the process."""
    sim = published()
    monkeypatch.setattr("proxy.verifier.verifier.INLINE_BYTES", 10)
    await verifier.verify(job(), Source(sim).fetch)
    assert sim.requests.count("root") == 1


@pytest.mark.usefixtures("apart")
async def test_refusals_come_through(verifier: Verifier) -> None:
    """With their facts, from a verification and from memory alike; the process goes on."""
    sim = published()
    old = dict(sim.current)
    sim.bump()
    sim.publish()
    newer = await verifier.verify(job(), Source(sim).fetch)
    sim.serve_again(old)
    with pytest.raises(Rollback) as caught:
        await verifier.verify(job(newer), Source(sim).fetch)
    assert (caught.value.role, caught.value.why) == ("timestamp", "from version 2 to 1")
    before = await pid_of(verifier)
    sim.withhold("timestamp")
    with pytest.raises(NoTrustData):
        await verifier.verify(job(newer), Source(sim).fetch)
    stolen = MappingProxyType(dict.fromkeys(newer.collection.targets.signed_by, "stolen"))
    with pytest.raises(Exception, match="stolen"):
        await verifier.recall(job(newer, blocked=stolen))
    assert await pid_of(verifier) == before


@pytest.mark.usefixtures("apart")
async def test_many_share_one_process(verifier: Verifier) -> None:
    """They take turns, step by step, and none is given another's answer."""
    sims = [published() for _ in range(5)]
    for number, sim in enumerate(sims):
        sim.sign(f"only-{number}")
        sim.bump()
        sim.publish()
    found = await asyncio.gather(*(verifier.verify(job(), Source(sim).fetch) for sim in sims))
    for number, each in enumerate(found):
        assert {tag for tag in each.collection.tags() if tag.startswith("only")} == {f"only-{number}"}


@pytest.mark.usefixtures("apart")
async def test_death_in_the_middle_of_a_step_is_undecided(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is believed of what was half done; the next starts anew."""
    first = await verifier.verify(job(), Source(published()).fetch)
    dead = await stopped(verifier)
    asked = await at_a_step(verifier, monkeypatch, lambda: verifier.recall(job(first)))
    os.kill(dead, signal.SIGKILL)
    with pytest.raises(Undecided, match="ended"):
        await asked
    assert (await verifier.recall(job(first))).files == first.files
    assert await pid_of(verifier) != dead


@pytest.mark.usefixtures("apart")
async def test_death_between_steps_is_nobodys_end(verifier: Verifier) -> None:
    """Who waited for Notary starts over elsewhere, and nothing is fetched twice for it."""
    source = Source(published())
    flight = await begun(verifier, source)
    dead = await pid_of(verifier)
    assert dead is not None
    await ended(verifier, dead)
    source.hold.set()
    assert (await flight).is_new
    assert await pid_of(verifier) != dead
    assert len(source.sim.requests) == len(set(source.sim.requests))


@pytest.mark.usefixtures("apart")
async def test_process_that_ends_again_and_again_is_given_up(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody starts over for ever."""
    starts, start = 0, Process.start

    async def stillborn() -> Process:
        nonlocal starts
        starts += 1
        process = await start()
        await process.close()
        return process

    with monkeypatch.context() as patch:
        patch.setattr(Process, "start", stillborn)
        with pytest.raises(Undecided, match="ended"):
            await verifier.verify(job(), Source(published()).fetch)
    assert starts == VERIFIER_ATTEMPTS


@pytest.mark.usefixtures("apart")
async def test_signals_to_all_leave_it_at_work(verifier: Verifier) -> None:
    """A service manager sends its farewell to every process: whoever drains still needs answers."""
    source = Source(published())
    flight = await begun(verifier, source)
    pid = await pid_of(verifier)
    assert pid is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    source.hold.set()
    assert (await flight).is_new


@pytest.mark.usefixtures("apart")
async def test_who_leaves_takes_nothing_along(verifier: Verifier) -> None:
    """A verification that is cancelled in the middle ends, and those beside it go on in the same process."""
    source, other = Source(published()), Source(published())
    flight = await begun(verifier, source)
    beside = await begun(verifier, other)
    before = await pid_of(verifier)
    flight.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flight
    other.hold.set()
    assert (await beside).is_new
    assert await pid_of(verifier) == before


@pytest.mark.usefixtures("apart")
async def test_source_that_breaks_is_heard(verifier: Verifier) -> None:
    """Whatever fetching raises is raised, here as at once."""

    async def broken(_wish: Fetch) -> Reply:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await verifier.verify(job(), broken)
    assert (await verifier.verify(job(), Source(published()).fetch)).is_new


@pytest.mark.usefixtures("apart")
async def test_step_that_takes_too_long_ends_the_process(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be interrupted in no other way, and others shall not wait behind it for ever."""
    first = await verifier.verify(job(), Source(published()).fetch)
    slow = await pid_of(verifier)
    assert slow is not None
    os.kill(slow, signal.SIGSTOP)
    monkeypatch.setattr("proxy.verifier.verifier.VERIFIER_SECONDS", 0.05)
    with pytest.raises(Undecided, match="too long"):
        await verifier.recall(job(first))
    monkeypatch.undo()
    monkeypatch.setattr("proxy.verifier.verifier.INLINE_BYTES", -1)
    assert (await verifier.recall(job(first))).files == first.files
    assert await pid_of(verifier) != slow


@pytest.mark.usefixtures("apart")
async def test_step_that_takes_too_long_ends_nobody_elses(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those behind it are not timed while they wait, and start over in another process."""
    first = await verifier.verify(job(), Source(published()).fetch)
    slow = await stopped(verifier)
    hostile = await at_a_step(verifier, monkeypatch, lambda: verifier.recall(job(first, gun=OTHER)), seconds=0.5)
    behind = [spawn(verifier.recall(job(first)), name=f"behind {number}") for number in range(5)]
    with pytest.raises(Undecided, match="too long"):
        await hostile
    assert [(await each).files for each in behind] == [first.files] * 5
    assert await pid_of(verifier) != slow


@pytest.mark.usefixtures("apart")
async def test_who_leaves_in_the_middle_of_a_step_is_still_timed(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is at it all the same: the next one is not timed before that ends."""
    first = await verifier.verify(job(), Source(published()).fetch)
    slow = await stopped(verifier)
    leaving = await at_a_step(verifier, monkeypatch, lambda: verifier.recall(job(first, gun=OTHER)), seconds=0.5)
    leaving.cancel()
    assert (await verifier.recall(job(first))).files == first.files
    assert await pid_of(verifier) != slow


@pytest.mark.usefixtures("apart")
async def test_one_step_at_a_time_is_in_the_process(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits, waits with us, where it can still be told in whose turn."""
    first = await verifier.verify(job(), Source(published()).fetch)
    pid = await stopped(verifier)
    ask = Process.ask
    inside: list[int] = []

    async def counted(process: Process, asked: Asked) -> Answered:
        inside.append(len(process._waiting))
        return await ask(process, asked)

    monkeypatch.setattr(Process, "ask", counted)
    waiting = [spawn(verifier.recall(job(first)), name=f"recall {number}") for number in range(6)]
    while not inside:  # noqa: ASYNC110  (the first is with the process, which stands still)
        await asyncio.sleep(0)
    os.kill(pid, signal.SIGCONT)
    await asyncio.gather(*waiting)
    assert inside == [0] * 6


@pytest.mark.usefixtures("apart")
async def test_defect_of_ours_is_no_verdict(verifier: Verifier) -> None:
    """What nobody expected ends as such, with its traceback, and the process goes on."""
    with pytest.raises(RuntimeError, match="AttributeError"):
        await verifier.verify(job(pins=None), Source(published()).fetch)
    assert (await verifier.verify(job(), Source(published()).fetch)).is_new


@pytest.mark.usefixtures("apart")
async def test_process_rests_when_nothing_large_came_for_a_while(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory is freed; the next large collection starts it again."""
    monkeypatch.setattr("proxy.verifier.verifier.VERIFIER_IDLE_SECONDS", 0.0)
    await verifier.verify(job(), Source(published()).fetch)
    await asyncio.sleep(0)
    while verifier._process:  # noqa: ASYNC110  (nobody tells of it: it is nobody's concern)
        await asyncio.sleep(0.01)
    assert (await verifier.verify(job(), Source(published()).fetch)).is_new


@pytest.mark.usefixtures("apart")
async def test_who_comes_as_the_process_goes_to_rest_has_another(verifier: Verifier) -> None:
    """Nobody takes up work with one that is about to be ended."""
    first = await verifier.verify(job(), Source(published()).fetch)
    resting = await pid_of(verifier)
    verifier._retire()
    assert (await verifier.recall(job(first))).files == first.files
    assert await pid_of(verifier) != resting


@pytest.mark.usefixtures("apart")
async def test_process_that_cannot_start_is_undecided(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is tried again by whoever comes next."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/no/such/python")
        with pytest.raises(Undecided, match="started"):
            await verifier.verify(job(), Source(published()).fetch)
    assert (await verifier.verify(job(), Source(published()).fetch)).is_new


@pytest.mark.usefixtures("apart")
async def test_answer_that_cannot_be_read_is_none(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a process of another version: nothing is believed of it, and the next starts anew."""
    with monkeypatch.context() as patch:
        patch.setattr("proxy.verifier.frames.value_of", lambda *_: 1 / 0)
        with pytest.raises(Undecided):
            await verifier.verify(job(), Source(published()).fetch)
    assert (await verifier.verify(job(), Source(published()).fetch)).is_new


@pytest.mark.usefixtures("apart")
async def test_closing_ends_what_is_under_way() -> None:
    """Nobody is left waiting, and no process stays behind."""
    async with Verifier() as verifier:
        source = Source(published())
        flight = await begun(verifier, source)
        pid = await pid_of(verifier)
    source.hold.set()
    with pytest.raises(Undecided):
        await flight
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
