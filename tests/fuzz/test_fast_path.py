"""Whatever bytes arrive, however they are cut, and whatever changes: with and without it, a client reads the same."""

import asyncio
import os
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Final

import pytest
from aiohttp import web

from proxy.tasks import spawn
from proxy.web.followers import Wake
from tests.unit.registry.material import digest
from tests.unit.web.warm import MANIFEST, OTHER, TARGET, Warm, request, warm_proxy

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "150"))
SILENCE_SECONDS: Final = 0.15
ALICE: Final = ("Authorization", "Basic YWxpY2U6c2VjcmV0")
BY_DIGEST: Final = TARGET.replace("1.0", digest(MANIFEST))
LAST: Final = b"GET /v2/ HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"
ITS_OWN: Final = re.compile(rb"(?<=\r\nDate: )[^\r]+|[0-9a-f]{32}|(?<=\"evidence_age\":)[0-9.]+")

KNOWN: Final = ("If-None-Match", f'"{digest(MANIFEST)}"')
WARM: Final = (
    request(),
    request("HEAD"),
    request("GET", BY_DIGEST),
    request("GET", TARGET, ALICE),
    request("GET", TARGET, KNOWN),
)
PIECES: Final = (
    *WARM,
    request("GET", TARGET.replace("1.0", "2.0")),
    request("GET", TARGET.replace("/manifests", "%2Fmanifests")),
    request("GET", f"{TARGET}?ns=registry.example.com"),
    request("GET", "/v2/"),
    request("GET", TARGET, ("Connection", "close")),
    request("GET", TARGET, ("Connection", "Upgrade"), ("Upgrade", "websocket")),
    request("GET", TARGET, ("Content-Length", "0")),
    request("GET", TARGET, ("Content-Length", "5")) + b"hello",
    request("GET", TARGET, ("Content-Length", str(len(request())))) + request(),
    request("GET", TARGET, ("Transfer-Encoding", "chunked")) + b"5\r\nhello\r\n0\r\n\r\n",
    request("GET", TARGET, ("Transfer-Encoding", "chunked")) + b"0\r\n\r\n",
    request("GET", TARGET, ("Content-Length", "4"), ("Transfer-Encoding", "chunked")) + b"0\r\n\r\n",
    request("GET", TARGET, ("Transfer-Encoding", " chunked")) + b"0\r\n\r\n" + request(),
    request("GET", TARGET, ("Expect", "100-continue")),
    request("POST", "/v2/shop/api/blobs/uploads/", ("Content-Length", "0")),
    request("PUT", TARGET, ("Content-Length", "2")) + b"{}",
    request("get"),
    request("GET", f"http://registry.example.com{TARGET}"),
    request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    request().replace(b"HTTP/1.1", b"HTTP/1.2"),
    request().replace(b"\r\n", b"\n"),
    request().replace(b"\r\n", b"\n", 1),
    request().replace(b"\r\n", b"\r\n\x00", 1),
    request().replace(b"Host: ", b"Host : "),
    request().replace(b"\r\nUser", b"\r\n User"),
    request().replace(b"GET ", b"GET  "),
    request().replace(b"Host", b"hOsT"),
    b"\r\n" + request(),
    b"\r\n\r\n" + request(),
    request() + b"\r\n",
    request()[:-2],
    request()[:-4] + b"\n\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """The same with one thing changed."""
    at = chance.randrange(len(data))
    upto = min(len(data), at + chance.randrange(1, 9))
    match chance.randrange(5):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at] + data[upto:]
        case 2:
            return data[:upto] + data[at:]
        case 3:
            return data[:at] + chance.choice([b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00"]) + data[at:]
        case _:
            return data[:at] + data[at:].swapcase()


def script(chance: random.Random) -> list[bytes]:
    """What a client sends, in the pieces in which it arrives; mostly warm requests, so that there are hits."""
    pieces = [chance.choice(WARM) for _ in range(chance.randrange(4))]
    for _ in range(chance.randrange(1, 7)):
        piece = chance.choice(WARM) if chance.random() < 0.6 else chance.choice(PIECES)
        if chance.random() < 0.15:
            piece = mutated(chance, piece)
        if pieces and chance.random() < 0.2:
            pieces[-1] += piece  # pipelined
        elif chance.random() < 0.2:
            cuts = sorted({0, *(chance.randrange(len(piece)) for _ in range(chance.randrange(1, 4))), len(piece)})
            pieces += [piece[one:other] for one, other in pairwise(cuts)]
        else:
            pieces.append(piece)
    return [*pieces, LAST]


async def slow(_request: web.Request) -> web.StreamResponse:
    """What the registry says of itself, after a while in which others may overtake it."""
    await asyncio.sleep(0.01)
    return web.json_response({})


def change(chance: random.Random, *proxies: Warm) -> None:
    """Let something happen to all of them that counts for the next request, or nothing."""
    kind, manifest = chance.randrange(20), chance.choice([MANIFEST, OTHER])
    asked_for = chance.choice([ALICE[1], None, None])
    for proxy in proxies:
        sim = proxy.bench.sim
        match kind:
            case 0 | 1:
                sim.sign("1.0", manifest)
            case 2:
                sim.targets.tags.pop("1.0", None)
            case 3:
                proxy.registry.asks_for = asked_for
                proxy.client.permissions._known.clear()
            case 4:
                proxy.closure._knowledge.children.clear()
            case _:
                continue
        sim.bump()
        sim.publish()
        proxy.bench.clock.pass_by(30)


async def play(
    proxy: Warm, pieces: Sequence[bytes], pauses: Sequence[float], silence: float = SILENCE_SECONDS
) -> bytes:
    """Send the pieces, read until the proxy hangs up or says nothing any more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    heard = bytearray()

    async def listen() -> None:
        with suppress(TimeoutError, ConnectionError):
            while data := await asyncio.wait_for(reader.read(65536), silence + sum(pauses)):
                heard.extend(data)

    listening = spawn(listen(), name="listen")
    with suppress(ConnectionError):
        for piece, pause in zip(pieces, pauses, strict=True):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    await listening
    writer.close()
    return ITS_OWN.sub(b"-", bytes(heard))


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed-{seed}") for seed in range(2)])
async def test_fast_path_and_everybodys_path_answer_alike(seed: int) -> None:
    """Splits, pipelining, smuggling, odd headers, broken ones: a script of pieces at a time, on both.

    Several clients at once send nothing broken: who is hung up on in the middle of a word may lose what was said.
    """
    async with warm_proxy() as fast, warm_proxy(is_fast=False) as usual:
        fast.registry.scripted["GET /v2/"] = usual.registry.scripted["GET /v2/"] = slow
        hits = waits = 0
        answer, follow = fast.fast_path.answer, fast.fast_path.followers.follow

        def counted(data: bytes, peer: str | None, since: float | None = None) -> bytes | None:
            nonlocal hits
            answered = answer(data, peer, since)
            hits += answered is not None
            return answered

        def followed(data: bytes, wake: Wake) -> bool:
            nonlocal waits
            waits += (is_held := follow(data, wake))
            return is_held

        # to see that there is something to compare
        fast.fast_path.answer = counted  # type: ignore[method-assign]
        fast.fast_path.followers.follow = followed  # type: ignore[method-assign]
        for number in range(EXAMPLES // 2):
            chance = random.Random(f"{seed}-{number}")  # noqa: S311  (an example that can be repeated)
            change(chance, fast, usual)
            clients = chance.choice([1, 1, 3])
            pieces = script(chance) if clients == 1 else [*chance.choices(WARM, k=3), LAST]
            pauses = [chance.choice([0.0, 0.005, 0.005, 0.005]) for _ in pieces]
            silence = SILENCE_SECONDS if clients == 1 else 10.0  # the last piece makes the proxy hang up
            everybody = [proxy for proxy in (fast, usual) for _ in range(clients)]
            heard = await asyncio.gather(*(play(proxy, pieces, pauses, silence) for proxy in everybody))
            assert heard[:clients] == heard[clients:], (seed, number, clients, pieces)
    assert hits > EXAMPLES // 16
    assert waits > 0
