"""What a server says, byte by byte, and one fetch from it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.tuf.messages import Fetch, Reply
from tests.unit.notary.conftest import answering, settings_for

GUN: Final = Gun("registry.example.com:5000/shop/api")
WISH: Final = Fetch("timestamp", 1000)

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(*parts: bytes) -> Converse:
    """A conversation that writes all parts and closes."""

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return converse


def repeating(head: bytes, part: bytes, pause: float = 0) -> Converse:
    """A conversation that never ends."""

    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return converse


async def ask(converse: Converse, timeout: float = 5.0) -> Reply:  # noqa: ASYNC109 (the setting under test)
    """Fetch the wish once from a server that converses so."""
    async with answering(converse) as url, NotarySource(settings_for(url, timeout=timeout)) as source:
        return await source.fetch(GUN, WISH)
