"""Being told to stop: the first signal asks for a drain, the second one does not want to wait for it.

And being told to read the configuration anew, which is heard only while somebody can.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

_log = structlog.get_logger()


def _nothing() -> None:
    """Nobody else has to end."""


def told_to_stop(before_the_end: Callable[[], None] = _nothing) -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; asked once more, the process ends at once, after `before_the_end`."""
    stopping = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        if stopping.is_set():
            _log.warning("ended at once: told to stop a second time", signal=number.name)
            before_the_end()
            os._exit(128 + number)  # the trust store survives that, as it survives losing power
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return stopping


def survive_hangups() -> None:
    """Let nobody end this process by SIGHUP, which comes before it can be heard, or when nothing is read any more."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def told_to_reload(ask: Callable[[], None]) -> Iterator[None]:
    """Ask for that at each SIGHUP for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, ask)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        survive_hangups()
