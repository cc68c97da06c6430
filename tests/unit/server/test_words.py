"""What is said between a worker and its supervisor arrives as it was said, and nothing else is understood."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proxy.limits import (
    CHANNEL_COLLECTIONS,
    CHANNEL_GUN_LENGTH,
    CHANNEL_HINTED_BYTES,
    CHANNEL_LINE_BYTES,
    CHANNEL_UNSENT_BYTES,
    LARGEST_INTEGER,
)
from proxy.names import Gun
from proxy.policy.entries import Policy
from proxy.server.channel import Broken, Channel
from proxy.server.words import (
    FROM_SUPERVISOR,
    FROM_WORKER,
    Asked,
    Confirmed,
    Doubted,
    FromSupervisor,
    FromWorker,
    Greeted,
    Hinted,
    Kinds,
    Serving,
    Unconfirmed,
    Word,
)
from proxy.tuf.pins import Pins, RootPin
from tests.support.resolving import entry
from tests.unit.registry.material import eventually

GUN = Gun("registry.example.com/shop/api")
THEN = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
CONFIRMED = Confirmed(kind=0, gun=GUN, generation=3, timestamp="ab" * 32, is_whole=True, checked_at=THEN, checked=12.5)


@asynccontextmanager
async def line() -> AsyncIterator[tuple[Channel[FromSupervisor], Channel[FromWorker]]]:
    """Both ends: the worker's first."""
    ours, theirs = socket.socketpair()
    worker, supervisor = await Channel.open(ours, FROM_SUPERVISOR), await Channel.open(theirs, FROM_WORKER)
    try:
        yield worker, supervisor
    finally:
        worker.close()
        supervisor.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def raw() -> AsyncIterator[tuple[Channel[FromSupervisor], asyncio.StreamWriter]]:
    """A worker's end, and one that says what it likes."""
    ours, theirs = socket.socketpair()
    worker = await Channel.open(ours, FROM_SUPERVISOR)
    _, writer = await asyncio.open_unix_connection(sock=theirs)
    try:
        yield worker, writer
    finally:
        worker.close()
        writer.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(CONFIRMED, id="confirmed"),
        pytest.param(Doubted(kind=1, gun=GUN), id="doubted"),
        pytest.param(Hinted(notary="corp", guns=[GUN], at=12.5), id="hinted"),
        pytest.param(Hinted(notary="corp", guns=None, at=12.5), id="anything-changed"),
        pytest.param(Unconfirmed(kind=1, gun=GUN, at=12.5), id="unconfirmed"),
        pytest.param(Greeted(), id="greeted"),
    ],
)
async def test_what_a_supervisor_says_arrives(word: Word) -> None:
    """With the same types."""
    async with line() as (worker, supervisor):
        assert supervisor.say(word)
        heard = await worker.hear()
        assert heard == word
        assert not isinstance(heard, Confirmed | Doubted) or type(heard.gun) is Gun


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(Serving(), id="serving"),
        pytest.param(Asked(of=[]), id="alive"),
        pytest.param(Asked(of=[(0, GUN, 3), (1, GUN, None)]), id="asked"),
    ],
)
async def test_what_a_worker_says_arrives(word: Word) -> None:
    """With the same types."""
    async with line() as (worker, supervisor):
        assert worker.say(word)
        assert await supervisor.hear() == word


def changed(**others: Any) -> bytes:
    """A confirmation with something else in it."""
    return json.dumps({**json.loads(CONFIRMED.line()), **others}).encode()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="no-json"),
        pytest.param(b"[]", id="no-object"),
        pytest.param(b"{}", id="no-word"),
        pytest.param(b'{"say": "serving"}', id="word-of-the-other-end"),
        pytest.param(b'{"say": "hinted", "notary": "corp"}', id="part-missing"),
        pytest.param(changed(more=1), id="part-too-many"),
        pytest.param(changed(kind=-1), id="negative-kind"),
        pytest.param(changed(kind="0"), id="kind-in-words"),
        pytest.param(changed(kind=True), id="kind-true"),
        pytest.param(changed(gun="../../etc"), id="no-gun"),
        pytest.param(changed(gun=7), id="gun-a-number"),
        pytest.param(changed(generation=0), id="no-generation"),
        pytest.param(changed(timestamp="ab" * 31), id="short-hash"),
        pytest.param(changed(is_whole="yes"), id="flag-in-words"),
        pytest.param(changed(checked="soon"), id="seconds-in-words"),
        pytest.param(changed(checked_at="2026-11-22T08:00:00"), id="instant-without-offset"),
        pytest.param(CONFIRMED.line().strip().replace(b"12.5", b"NaN"), id="no-number"),
        pytest.param(CONFIRMED.line().strip().replace(b"12.5", b"1e999"), id="endless-number"),
        pytest.param(b'{"say": "hinted", "notary": "corp", "guns": [' + b'"a",' * 500 + b'"a"]}', id="too-many"),
        pytest.param(b"x" * (CHANNEL_LINE_BYTES + 1), id="too-long"),
    ],
)
async def test_anything_else_is_not_understood(said: bytes) -> None:
    """And the next line is, for whoever still wants to hear it."""
    async with raw() as (worker, writer):
        writer.write(said + b"\n" + CONFIRMED.line())
        with pytest.raises(Broken):
            await worker.hear()
        heard = None
        while heard is None:  # of a line that is too long the rest comes in pieces
            try:
                heard = await worker.hear()
            except Broken:
                continue
        assert heard == CONFIRMED


@pytest.mark.parametrize("said", [b"", b'{"say": "hin'], ids=["in-good-order", "in-the-middle-of-a-word"])
async def test_the_end_is_no_word(said: bytes) -> None:
    """A supervisor that died says nothing more."""
    async with raw() as (worker, writer):
        writer.write(said)
        writer.close()
        assert await worker.hear() is None
        await eventually(lambda: not worker.say(Serving()))


async def test_who_hangs_up_still_listens() -> None:
    """A worker that drains has things to say, and nobody to hear them is no defect either."""
    async with line() as (worker, supervisor):
        supervisor.hang_up()
        supervisor.hang_up()
        assert await worker.hear() is None
        worker.say(Serving())
        assert await supervisor.hear() == Serving()


async def test_nobody_waits_for_an_end_that_does_not_listen() -> None:
    """What it does not take is lost, and takes no memory."""
    async with line() as (_, supervisor):
        said = 0
        while supervisor.say(CONFIRMED):
            said += len(CONFIRMED.line())
        assert said < 2 * CHANNEL_UNSENT_BYTES


def test_hints_are_dealt_out() -> None:
    """However many a changefeed names, no line is longer than the other end takes."""
    guns = frozenset(Gun(f"registry.example.com/shop/{number}") for number in range(CHANNEL_COLLECTIONS + 1))
    words = list(Hinted.all_of("corp", guns, 2.5))
    assert [len(each.guns or ()) for each in words] == [CHANNEL_COLLECTIONS, 1]
    assert {gun for each in words for gun in each.guns or ()} == guns
    assert {each.at for each in words} == {2.5}
    assert list(Hinted.all_of("corp", None, 2.5)) == [Hinted(notary="corp", guns=None, at=2.5)]


def test_hint_about_too_many_is_one_about_all() -> None:
    """It is a check too many, and no hint that is lost; a name is as long as it is in a line."""
    size = len(Hinted(notary="corp", guns=[Gun('"/9999'), Gun('"/9998')], at=2.5).line())
    size -= len(Hinted(notary="corp", guns=[Gun('"/9999')], at=2.5).line())
    names = [Gun(f'"/{number}') for number in range(10_000, 10_000 + CHANNEL_HINTED_BYTES // (size + 1))]
    words = list(Hinted.all_of("corp", frozenset(names), 2.5))
    assert {gun for each in words for gun in each.guns or ()} == frozenset(names)
    everything = [Hinted(notary="corp", guns=None, at=2.5)]
    assert list(Hinted.all_of("corp", frozenset([*names, Gun("h/one-more")]), 2.5)) == everything


def test_longest_lines_are_not_too_long() -> None:
    """Whatever is said of names that may be spoken of, the other end takes; and so much of it as is said in one go."""
    gun = Gun('"' * CHANNEL_GUN_LENGTH)
    number = LARGEST_INTEGER
    assert len(Asked(number=number, of=[(number, gun, number)] * CHANNEL_COLLECTIONS).line()) <= CHANNEL_LINE_BYTES
    assert len(Hinted(notary="n" * 255, guns=[gun] * CHANNEL_COLLECTIONS, at=1 / 3).line()) <= CHANNEL_LINE_BYTES
    in_one_go = CHANNEL_COLLECTIONS * len(Doubted(kind=number, gun=gun).line())
    assert 2 * in_one_go <= CHANNEL_UNSENT_BYTES


def test_kinds_are_numbered_alike() -> None:
    """Entries that share evidence have one number, and both ends count the same."""
    pinned = Pins((RootPin("corp", public_key_ids=frozenset({"0" * 64})),))
    entries = (entry(), entry(pins=pinned), entry(), entry(expiry_grace=timedelta(hours=1)))
    here, there = Kinds(Policy("registry", entries, ())), Kinds(Policy("registry", entries, ()))
    keys = [(each.notary, GUN, each.pins, each.expiry_grace) for each in entries]
    assert [here.number(key) for key in keys] == [0, 1, 0, 2]
    assert [there.key(here.number(key) or 0, GUN) for key in keys] == keys
    assert list(here.keys("corp", [GUN])) == list(dict.fromkeys(keys))
    assert list(here.keys("another", [GUN])) == []
    with pytest.raises(IndexError):
        here.key(3, GUN)
