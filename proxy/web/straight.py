"""Large blobs, straight from the registry's connection to the client's, once both heads are sent.

Only how the bytes of a body move is decided here, never whether: it is a blob's, its length is known to both ends, and
exactly that length is moved. Where neither end has TLS the bytes stay in the kernel (`proxy.web.splice`); anywhere
else they pass through one buffer (`proxy.web.pour`).
"""

import asyncio

from aiohttp import web

from proxy.registry.streams import Rest
from proxy.web.pour import pour
from proxy.web.splice import splice


async def forward(request: web.Request, rest: Rest) -> None:
    """Send the rest of a body on, by the cheapest way that these connections have.

    Raises:
        RegistryUnreachable: it broke off; the client must then see a broken connection, never a short body.
        ConnectionError: the client left.
    """
    if not rest.left:  # then aiohttp may have the connection again
        return
    target = request.transport
    if target is None or target.is_closing():
        raise ConnectionResetError("the client left")
    if _is_plain(rest.transport) and _is_plain(target):
        await _sent(request, target)
        if await splice(rest, target):
            return
    await pour(rest, request, target)


def _is_plain(transport: asyncio.Transport) -> bool:
    return transport.get_extra_info("ssl_object") is None


async def _sent(request: web.Request, target: asyncio.Transport) -> None:
    """Wait until the kernel has all that was written: what passes it by must not overtake it."""
    low, high = target.get_write_buffer_limits()
    target.set_write_buffer_limits(0)
    await request.writer.drain()
    target.set_write_buffer_limits(high, low)
