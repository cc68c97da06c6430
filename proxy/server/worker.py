"""A worker: it decides and serves like a proxy that is alone, and its supervisor does the rest.

It stops when its supervisor hangs up, also where that is because the supervisor died: nobody goes on serving an old
configuration. Signals are the supervisor's concern: a service manager sends them to all processes.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
import uvloop

from proxy import telemetry
from proxy.errors import UserError
from proxy.server.channel import Channel
from proxy.server.front import Front
from proxy.server.garbage import settle
from proxy.server.handing import Handed
from proxy.server.hearsay import Hearsay, listen
from proxy.server.keeping import opened
from proxy.server.reports import Reports
from proxy.server.words import FROM_SUPERVISOR, Kinds, Rebind, Rebound, Serving
from proxy.tasks import spawn
from proxy.telemetry import shared, traces

_log = structlog.get_logger()

_CANNOT: Final = 2
_SETTINGS: Final = 0  # standard input


def main(descriptor: int, number: int) -> None:
    """Serve until the supervisor at the other end of a socket hangs up; its settings are on standard input."""
    telemetry.configure()
    settle()
    structlog.contextvars.bind_contextvars(worker=number)
    handed = Handed.read(_SETTINGS)
    try:
        telemetry.configure(handed.settings.log.format, audit_file=handed.settings.log.audit_file)
        shared.begin(str(number))
        with traces.tracing(handed.settings.tracing, handed.settings.name):
            uvloop.run(serve(handed, socket.socket(fileno=descriptor)))
    except UserError as error:
        _log.error("this worker cannot serve", why=str(error))
        sys.exit(_CANNOT)


async def serve(handed: Handed, line: socket.socket, descriptor: int = _SETTINGS) -> None:
    """Once told what is in doubt, serve until the line ends, and drain. Raises `UserError` for what keeps it from that.

    What it is told of later is in the file behind `descriptor`, and is served from the next request on. Whatever keeps
    it from that ends it: nobody serves an old configuration where there is a new one.
    """
    settings = handed.settings
    channel = await Channel.open(line, FROM_SUPERVISOR)
    async with AsyncExitStack() as stack:
        stack.callback(channel.close)
        _, assembly = await stack.enter_async_context(opened(settings))
        kinds, renewal = Kinds(settings.policy, handed.number), assembly.parts.upkeep.renewal
        reports, hearsay = Reports(renewal, kinds, channel.say), Hearsay(renewal, kinds)
        await stack.enter_async_context(_beside(reports.run(), "reports"))
        bound = handed.take()
        for each in bound:
            stack.callback(each.close)
        front = Front(settings, assembly, bound)

        async def rebind(word: Rebind) -> None:
            try:
                fresh = Handed.read(descriptor, word.length)
                await front.rebind(fresh.settings)
            except Exception as defect:  # noqa: BLE001  (whatever it is: it must not go on with the old one)
                _log.exception("unexpected error")
                raise UserError(f"the configuration cannot be taken ({defect!r})") from None
            reports.kinds = kinds = Kinds(fresh.settings.policy, word.number)
            hearsay.rebind(kinds)
            channel.say(Rebound(number=word.number))

        # With nothing in memory, and a trust store that may have missed it, nobody here knows what is in doubt.
        if await listen(channel, hearsay.hear, rebind):
            await stack.enter_async_context(front.serving())
            channel.say(Serving())
            await listen(channel, hearsay.hear, rebind)
        _log.info("draining")


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Do something for as long as the context lasts."""
    task = spawn(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
