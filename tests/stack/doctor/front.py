"""Something that stands before a real server and changes one thing: its certificate, its clock, its pace, an answer."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
from aiohttp import web

from certs.authority import Certificate
from deploy.stack.ports import free_port

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "content-encoding"}


@asynccontextmanager
async def front(
    server: str,
    *,
    certificate: Certificate | None = None,
    clock_off: timedelta = timedelta(),
    slow: Mapping[str, float] | None = None,
    redirects: Mapping[str, str] | None = None,
) -> AsyncIterator[str]:
    """Answer what a server answers, for as long as the block lasts; yields `127.0.0.1:port`.

    Args:
        server: its address with scheme.
        certificate: to show, for TLS.
        clock_off: is added to every `Date`.
        slow: seconds to wait before the answer, by path.
        redirects: hosts to which everything under a part of a path is redirected.
    """
    port = free_port()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False), auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep((slow or {}).get(request.path, 0))
            date = {"Date": format_datetime(datetime.now(UTC) + clock_off, usegmt=True)}
            for part, host in (redirects or {}).items():
                if part in request.path:
                    return web.Response(status=307, headers={**date, "Location": f"http://{host}{request.path}"})
            sent = {name: value for name, value in request.headers.items() if name.lower() != "host"}
            async with session.request(
                request.method, f"{server}{request.raw_path}", headers=sent, allow_redirects=False
            ) as got:
                kept = {name: value for name, value in got.headers.items() if name.lower() not in _HOP_BY_HOP}
                return web.Response(status=got.status, headers={**kept, **date}, body=await got.read())

        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=_tls(certificate)).start()
            yield f"127.0.0.1:{port}"
        finally:
            await runner.cleanup()


def _tls(certificate: Certificate | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    return context
