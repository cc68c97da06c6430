"""How large blobs end on every way that they go: alike, and with nothing left behind."""

import asyncio
import gc
import os
import resource
import socket
import struct
from itertools import pairwise
from typing import Any

import pytest

from proxy.registry import streams
from proxy.registry.streams import Watch
from proxy.tasks import spawn
from tests.unit.registry.material import eventually
from tests.unit.web.straight.conftest import Between
from tests.unit.web.straight.material import (
    BODY,
    GET,
    HALF,
    LENGTH,
    SMALL,
    WAYS,
    WHOLE,
    Way,
    and_then,
    close,
    head,
    open_files,
    read_answer,
    sending,
    silent,
)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rudely", [pytest.param(False, id="in good order"), pytest.param(True, id="with a reset")])
async def test_a_registry_that_breaks_off_breaks_the_clients_connection(
    run: Between, events: list[Any], way: Way, *, rudely: bool
) -> None:
    """The client sees a broken connection, never an end in good order."""
    received = asyncio.Event()

    async def cut(writer: asyncio.StreamWriter) -> None:
        await sending(head(LENGTH), BODY[:HALF])(writer)
        await received.wait()
        reset(writer) if rudely else writer.close()

    async with run(way, cut) as place, place.call() as (reader, writer):
        writer.write(GET + GET)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(HALF) == BODY[:HALF]
        received.set()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(1)
        await eventually(lambda: events)
    assert (events[0]["status"], events[0]["refusal"]) == (200, "registry_unreachable")
    assert events[0]["trouble"] == "the answer broke off"
    assert len(place.registry.asked) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("speaks", [pytest.param(True, id="that sends"), pytest.param(False, id="that is silent")])
async def test_a_client_that_leaves_ends_the_registrys_work(
    run: Between, events: list[Any], way: Way, *, speaks: bool
) -> None:
    """The registry is not read on for nobody."""
    rest = sending(*[BODY] * 400) if speaks else silent
    async with run(way, and_then(sending(head(LENGTH * 400), BODY[:HALF]), rest)) as place:
        async with place.call() as (reader, writer):
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(HALF)
        await eventually(lambda: events)
        if speaks:
            await eventually(lambda: place.registry.left)
    assert (events[0]["status"], events[0]["trouble"]) == (200, "the client left")


@pytest.mark.parametrize("way", WAYS)
async def test_a_slow_reader_pauses_the_registry(run: Between, way: Way) -> None:
    """A blob that nobody takes is not collected in the proxy; read on, it arrives whole."""
    pieces, sent = 24, 0

    async def send(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(head(LENGTH * pieces))
        for _ in range(pieces):
            await sending(BODY)(writer)
            sent += 1

    async with run(way, send) as place, place.call() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        seen, unchanged = 0, 0
        while unchanged < 20:
            await asyncio.sleep(0.01)
            unchanged, seen = (unchanged + 1 if sent == seen else 0), sent
        assert seen < pieces // 2  # what fits into sockets and buffers on the way is far less
        for _ in range(pieces):
            assert await reader.readexactly(LENGTH) == BODY
        assert len(place.straight) == (way is not Way.PLAIN)


@pytest.mark.parametrize("way", WAYS)
async def test_a_registry_that_stalls_is_cut(
    run: Between, monkeypatch: pytest.MonkeyPatch, events: list[Any], way: Way
) -> None:
    """A body may take any time, but not without moving."""
    hurry = asyncio.Event()
    stalling = and_then(sending(head(LENGTH), BODY[:HALF]), lambda _: hurry.wait(), sending(b"1"), silent)
    async with run(way, stalling) as place, place.call() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(HALF) == BODY[:HALF]
        monkeypatch.setattr(streams, "STREAM_IDLE_SECONDS", 0.2)
        hurry.set()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(2)
        await eventually(lambda: events)
        assert place.registry.asked
    assert (events[0]["status"], events[0]["refusal"]) == (200, "registry_unreachable")


@pytest.mark.parametrize("way", WAYS)
async def test_a_reader_that_stalls_is_cut(
    run: Between, monkeypatch: pytest.MonkeyPatch, events: list[Any], way: Way
) -> None:
    """A client that takes nothing may not hold a connection of the registry for ever."""
    hurry = asyncio.Event()
    answer = and_then(sending(head(LENGTH * 400), b"1"), lambda _: hurry.wait(), sending(*[BODY] * 400))
    async with run(way, answer) as place, place.call() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        monkeypatch.setattr(streams, "STREAM_IDLE_SECONDS", 0.2)
        hurry.set()
        await eventually(lambda: events and place.registry.left)
    assert (events[0]["status"], events[0]["refusal"]) == (200, "registry_unreachable")


async def put_off(ends: list[float], end: float) -> None:
    """Wait until the last end is a later one."""
    await eventually(lambda: ends[-1] > end)


@pytest.mark.parametrize("way", WAYS)
async def test_a_steady_trickle_is_not_cut(run: Between, monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    """Slow is not still: whatever arrives puts the end off, so all may take far longer than nothing may move."""
    ends, moved, pieces = [0.0], Watch.moved, asyncio.Semaphore(0)
    bounds = list(pairwise((*range(HALF, LENGTH, (LENGTH - HALF) // 10), LENGTH)))

    def noted(watch: Watch) -> None:
        moved(watch)
        ends.append(watch._patience.when() or 0.0)

    async def trickle(writer: asyncio.StreamWriter) -> None:
        await sending(head(LENGTH), BODY[:HALF])(writer)
        for begin, end in bounds:
            await pieces.acquire()
            await sending(BODY[begin:end])(writer)

    monkeypatch.setattr(Watch, "moved", noted)
    async with run(way, trickle) as place, place.call() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(HALF) == BODY[:HALF]
        for begin, end in bounds:
            await asyncio.sleep(0.05)  # the last piece has been noted, and uvloop's clock goes in milliseconds
            before = ends[-1]
            pieces.release()
            assert await reader.readexactly(end - begin) == BODY[begin:end]
            await put_off(ends, before)
        assert place.registry.asked


@pytest.mark.parametrize("way", WAYS)
async def test_a_drain_lets_it_arrive(run: Between, way: Way) -> None:
    """Who has a blob under way when the proxy stops gets it whole."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(writer: asyncio.StreamWriter) -> None:
        await sending(head(LENGTH), BODY[:HALF])(writer)
        begun.set()
        await go_on.wait()
        await sending(BODY[HALF:])(writer)

    async with run(way, send, drain_seconds=20) as place, place.call() as (reader, writer):
        writer.write(GET)
        await begun.wait()
        stopping = spawn(place.runner.cleanup(), name="drain")
        await eventually(lambda: not place.runner.sites)
        go_on.set()
        assert (await read_answer(reader))[1] == BODY
        assert await reader.read() == b""
        await stopping


@pytest.mark.parametrize("way", WAYS)
async def test_a_drain_cuts_off_what_does_not_end(run: Between, events: list[Any], way: Way) -> None:
    """When the time is up it is broken off, and has ended by the time the drain does."""
    stuck = and_then(sending(head(LENGTH), BODY[:HALF]), silent)
    async with run(way, stuck, drain_seconds=1.2) as place, place.call() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(HALF)
        await place.runner.cleanup()
        assert [each["event"] for each in events] == ["request"]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(1)


async def standing_still() -> int:
    """How many files are open once the last ones of before are closed."""
    seen, unchanged = 0, 0
    while unchanged < 5:
        await asyncio.sleep(0.01)
        unchanged, seen = (unchanged + 1 if open_files() == seen else 0), open_files()
    return seen


@pytest.mark.parametrize("way", WAYS)
async def test_no_file_is_left_open(run: Between, way: Way) -> None:
    """Whole, broken off by the registry, or left by the client: what was opened for it is closed."""
    cut = and_then(sending(head(LENGTH), BODY[:HALF]), close)
    over = asyncio.Event()
    hung = and_then(sending(head(LENGTH), BODY[:HALF]), lambda _: over.wait())
    answers = [WHOLE, cut, hung] * 3
    async with run(way, SMALL, *answers) as place:
        async with place.call() as (reader, writer):
            writer.write(GET)
            await read_answer(reader)
        gc.collect()
        before = await standing_still()
        for number in range(len(answers)):
            async with place.call() as (reader, writer):
                writer.write(GET)
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(LENGTH if number % 3 == 0 else 1)
        over.set()
        await eventually(lambda: open_files() <= before)


@pytest.mark.parametrize("short", ["dup", "pipe2"])
async def test_where_files_are_short_it_goes_another_way(
    run: Between, monkeypatch: pytest.MonkeyPatch, short: str
) -> None:
    """A pipe that cannot be had costs some speed, not the blob."""

    def none_left(*_: Any) -> Any:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(os, short, none_left)
    async with run(Way.SPLICED, WHOLE) as place, place.call() as (reader, writer):
        writer.write(GET)
        assert (await read_answer(reader))[1] == BODY
        await eventually(lambda: place.straight == ["poured"])


async def test_clients_have_the_last_files(run: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a good part of all files is open, none is opened for a blob that can do without."""
    few = 4 * open_files()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (few, few))
    async with run(Way.SPLICED, WHOLE) as place, place.call() as (reader, writer):
        writer.write(GET)
        assert (await read_answer(reader))[1] == BODY
        await eventually(lambda: place.straight == ["poured"])
