"""Notary servers of every kind: honest, broken and hostile ones, on free ports of this machine."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from aiohttp import web
from yarl import URL

from proxy.config.pem import PemFile
from proxy.config.settings import NotarySettings
from tests.unit.notary.authority import Authority, Pair

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The proxy runs on uvloop, the command line may run on either: every test does on both."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority that the settings of a test believe."""
    return Authority(tmp_path, "authority")


def settings_for(url: URL | str, **more: object) -> NotarySettings:
    """Settings for a server; everything else is absent unless it is given."""
    fields: dict[str, object] = {
        "name": "corp",
        "url": URL(url),
        "ca_file": None,
        "client_certificate_file": None,
        "client_key_file": None,
        "credentials": None,
        "timeout": 5.0,
    }
    files = {key: PemFile.read(each) for key, each in more.items() if isinstance(each, Path)}
    return NotarySettings(**(fields | more | files))  # type: ignore[arg-type]  # the names are those of the settings


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[URL]:
    """An HTTP server that gives every request to `handler`."""
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    scheme = "https" if tls else "http"
    try:
        yield URL(f"{scheme}://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


@asynccontextmanager
async def answering(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[URL]:
    """A server below HTTP: it reads the head of one request, then `converse` writes what it likes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


def server_tls(pair: Pair, client_authority: Authority | None = None) -> ssl.SSLContext:
    """TLS for a server, which asks for client certificates if it is told whose."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority.file)
    return context
