"""However a registry cuts its bodies and a client its reads: on every way the same bytes arrive, and no others."""

import asyncio
import os
import random
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
import uvloop

from certs.authority import Authority
from proxy.registry import streams
from tests.unit.web.straight.material import BLOB, BODY, WAYS, Answer, Way, between, head

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "150")) // 5
BOUND: Final = 4096
LARGE: Final = 2 << 20  # aiohttp stops long before it has read that much
FORGED: Final = head(6) + b"forged"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom clients and the proxy trust."""
    return Authority.open(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_delivers_the_same(monkeypatch: pytest.MonkeyPatch, authority: Authority, way: Way) -> None:
    """Bodies of all sizes one after the other on kept connections, some asked for before the last one has ended."""
    for name in ("STRAIGHT_BYTES", "STRAIGHT_TLS_BYTES"):
        monkeypatch.setattr(streams, name, BOUND)
    monkeypatch.setattr(streams, "GATHER_SECONDS", 0.01)
    dice = random.Random(f"straight {way}")  # noqa: S311  (a seed that repeats)
    uvloop.run(_deliver(monkeypatch, authority, way, dice))


async def _deliver(monkeypatch: pytest.MonkeyPatch, authority: Authority, way: Way, dice: random.Random) -> None:
    bodies = [_body(dice) for _ in range(EXAMPLES)]
    more = b"" if way is Way.PLAIN else FORGED
    answers = [_answer(random.Random(dice.random()), body, more) for body in bodies]  # noqa: S311  (as above)
    async with between(monkeypatch, authority, way, *answers) as place, place.call() as (reader, writer):
        waiting = list(bodies)
        while waiting:
            together = [waiting.pop(0) for _ in range(min(len(waiting), dice.choice((1, 1, 2, 3))))]
            for _ in together:
                writer.write(f"GET {BLOB} HTTP/1.1\r\nHost: r\r\n\r\n".encode())
            for body in together:
                await reader.readuntil(b"\r\n\r\n")
                assert await _read(dice, reader, len(body)) == body
        writer.write_eof() if writer.can_write_eof() else writer.close()
        assert await reader.read() == b""
        assert len(place.registry.asked) == EXAMPLES
        assert bool(place.straight) == (way is not Way.PLAIN)


def _body(dice: random.Random) -> bytes:
    """Empty, around the bound, or large; from anywhere, so that no two are alike."""
    any_size = dice.randrange(1 << 17), dice.randrange(1 << 20), dice.randrange(LARGE, len(BODY))
    size = dice.choice((0, 1, BOUND - 1, BOUND, BOUND + 1, *any_size))
    begin = dice.randrange(len(BODY) - size)
    return BODY[begin : begin + size]


def _answer(dice: random.Random, body: bytes, more: bytes) -> Answer:
    """An answer cut anywhere, with pauses or without; behind a large one comes more than it says."""
    whole = head(len(body)) + body + (more if len(body) >= LARGE else b"")
    cuts = sorted({0, *(dice.randrange(len(whole)) for _ in range(dice.randrange(6))), len(whole)})
    pauses = [dice.choice((None, None, 0.0, 0.002)) for _ in cuts]

    async def send(writer: asyncio.StreamWriter) -> None:
        for (begin, end), pause in zip(pairwise(cuts), pauses, strict=False):
            writer.write(whole[begin:end])
            await writer.drain()
            if pause is not None:
                await asyncio.sleep(pause)

    return send


async def _read(dice: random.Random, reader: asyncio.StreamReader, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = await reader.read(min(length - len(received), dice.choice((1 << 10, 1 << 16, 1 << 20))))
        if not piece:
            break
        received += piece
        if dice.random() < 0.1:
            await asyncio.sleep(0.001)
    return bytes(received)
