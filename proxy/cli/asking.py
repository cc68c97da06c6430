"""What commands that only ask stand on: the parts of the proxy over a store that they cannot change."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.assembly import Parts, assemble
from proxy.config.settings import Settings
from proxy.store.opening import open_reader
from proxy.store.overlay import Overlay


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[tuple[Parts, bool]]:
    """The parts, and whether anything was remembered to start from. Raises `UserError`."""
    below = await open_reader(settings.trust_store)
    store = Overlay(below)
    try:
        async with assemble(settings, store) as parts:
            yield parts, below is not None
    finally:
        await store.close()


def say(sentence: str) -> None:
    """Tell the person something beside the command's output."""
    print(f"tagwarden: {sentence}", file=sys.stderr)
