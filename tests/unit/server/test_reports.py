"""What goes over the line to a worker and back: short, always, and not believed where it cannot be meant."""

import asyncio
import socket
from datetime import datetime, timedelta
from typing import Any

import pytest

from proxy.names import Gun
from proxy.server.channel import Broken, Channel
from proxy.server.hearsay import listen
from proxy.server.words import FROM_SUPERVISOR, Asked, Doubted, FromSupervisor, Hinted, Rebind
from tests.support.resolving import NAME
from tests.unit.server.test_hearsay import begun
from tests.unit.server.wired import GUN, Worker, house


def hears(worker: Worker, words: list[FromSupervisor]) -> Any:
    """Note what a worker takes in."""

    def hear(word: FromSupervisor) -> None:
        words.append(word)
        worker.hear(word)

    return hear


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x00\xff\n", id="rubbish"),
        pytest.param(Doubted(kind=9, gun=GUN).line(), id="kind-that-is-not"),
        pytest.param(Asked(of=[]).line(), id="word-of-a-worker"),
    ],
)
async def test_worker_that_does_not_understand_ends(events: list[Any], said: bytes) -> None:
    """What it missed could be a revocation: it says so, hears no more, and another one begins from nothing."""
    async with house(1) as at:
        await begun(at)
        [worker], words = at.workers, list[FromSupervisor]()
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await Channel.open(ours, FROM_SUPERVISOR)
            theirs.sendall(Hinted(notary="corp", guns=None, at=0.0).line() + said + said)
            theirs.sendall(Doubted(kind=0, gun=GUN).line())
            async with asyncio.timeout(10):
                assert not await listen(channel, hears(worker, words), nothing_new)
        channel.close()
        assert [type(word) for word in words if not isinstance(word, Doubted) or not word.kind] == [Hinted]
    told = "the supervisor cannot be understood: this worker ends, and another one takes its place"
    assert [each["event"] for each in events].count(told) == 1


async def nothing_new(_: Rebind) -> None:
    """Nobody hands over a configuration here."""
    raise AssertionError("there is a new configuration")


async def test_defect_of_ours_ends_a_worker_in_order(events: list[Any]) -> None:
    """Whatever goes wrong with what is heard, requests under way are answered before it ends."""

    def fail(_: FromSupervisor) -> None:
        raise ZeroDivisionError

    ours, theirs = socket.socketpair()
    with theirs:
        channel = await Channel.open(ours, FROM_SUPERVISOR)
        theirs.sendall(Hinted(notary="corp", guns=None, at=0.0).line() * 2)
        async with asyncio.timeout(10):
            await listen(channel, fail, nothing_new)
    channel.close()
    assert len(events) == 1


async def test_reports_are_short_and_come_always() -> None:
    """An empty one is a sign of life, and a hundred pulls are one word."""
    async with house(1) as at:
        [worker] = at.workers
        worker.reports.tell()
        for _ in range(100):
            await worker.decide()
        worker.reports.tell()
        worker.reports.tell()
        assert worker.said == [Asked(of=[]), Asked(of=[(0, GUN, 1)]), Asked(of=[])]


async def test_many_are_reported_in_several_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer than the other end takes."""
    monkeypatch.setattr("proxy.server.reports.CHANNEL_COLLECTIONS", 2)
    async with house(1) as at:
        [worker] = at.workers
        await worker.decide()
        notary, _, pins, grace = worker.key
        for number in range(4):
            key = (notary, Gun(f"{NAME}/{number}"), pins, grace)
            worker.renewal.checks.contradict(key)
            worker.reports._note(key)
        worker.reports.tell()
        sizes = [len(each.of) for each in worker.said if isinstance(each, Asked)]
        assert sizes == [2, 2, 1]


async def test_no_more_is_reported_than_anybody_can_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of names takes no memory, and a name that is too long is checked when it is asked for."""
    monkeypatch.setattr("proxy.server.reports.CHANNEL_REPORT", 1)
    monkeypatch.setattr("proxy.server.reports.CHANNEL_GUN_LENGTH", 5)
    async with house(1) as at:
        [worker] = at.workers
        await worker.decide()
        worker.reports._note(("corp", Gun("other"), worker.key[2], worker.key[3]))
        assert worker.reports._asked == {worker.key}
        worker.reports.tell()
        assert worker.said == [Asked(of=[])]


async def test_worker_of_another_configuration_is_not_understood() -> None:
    """A supervisor ends one that speaks of what is not there."""
    async with house(1) as at:
        with pytest.raises(Broken):
            at.keeper.want(Asked(of=[(1, GUN, 1)]))


async def test_age_is_told_as_the_check_was_made() -> None:
    """A confirmation makes evidence as young as the check that it tells of."""
    async with house(1) as at:
        await begun(at)
        await at.turn(27)
        [worker] = at.workers
        standing = worker.renewal.cache.standing(worker.key)
        assert standing
        assert standing.checked == 27
        assert standing.checked_at == datetime.fromisoformat("2026-11-21T12:00:00Z") + timedelta(seconds=27)
