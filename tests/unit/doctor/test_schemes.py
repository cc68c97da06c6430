"""One letter too many or too few in an address: which scheme is spoken is found out, and the right address is said."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from yarl import URL

from deploy.stack.ports import free_port
from proxy.clock import Clock
from proxy.config.settings import RegistrySettings
from proxy.doctor import notary, registry
from proxy.doctor.findings import Hop, Level
from proxy.doctor.schemes import other_scheme
from tests.support.canned_server import Canned, canned_server
from tests.unit.doctor.reading import read
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import server_tls, settings_for

OK: Final = Canned(200, body=b"{}")
_HELLO: Final = b"\x16"  # the first byte of TLS
_NOT_OVER_HTTP: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


@contextmanager
def like_go(tls: ssl.SSLContext) -> Iterator[str]:
    """A server of TLS that tells whoever speaks plain HTTP that this is wrong, as registries and Notary do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    _converse(connection, tls)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _converse(connection: socket.socket, tls: ssl.SSLContext) -> None:
    try:
        if connection.recv(1, socket.MSG_PEEK) == _HELLO:
            tls.wrap_socket(connection, server_side=True).close()
        elif connection.recv(1 << 16):
            connection.sendall(_NOT_OVER_HTTP)
    except OSError:
        return  # whoever only looks hangs up soon


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """What a server with TLS shows."""
    return server_tls(Authority(tmp_path, "authority").issue("server"))


async def test_a_server_of_plain_http() -> None:
    """It is told from one that speaks something else altogether, and from nobody at all."""
    with canned_server(OK) as server:
        assert await other_scheme(URL(f"https://{server.host}/base")) == URL(f"{server.url}/base")
        assert await other_scheme(URL(server.url)) is None
    assert await other_scheme(URL(f"https://127.0.0.1:{free_port()}")) is None


async def test_a_server_of_tls(tls: ssl.SSLContext) -> None:
    """Also one that answers plain HTTP, if only to say that it wants TLS."""
    with canned_server(OK, tls=tls) as server:
        assert await other_scheme(URL(server.url)) == URL(f"https://{server.host}")
        assert await other_scheme(URL(f"https://{server.host}")) is None
    with like_go(tls) as host:
        assert await other_scheme(URL(f"http://{host}")) == URL(f"https://{host}")
        assert await other_scheme(URL(f"https://{host}")) is None


@pytest.mark.parametrize("kind", [pytest.param("registry", id="registry"), pytest.param("notary", id="notary")])
async def test_the_doctor_says_which_address_is_right(kind: str, tls: ssl.SSLContext) -> None:
    """In both directions, and for servers that say why they do not answer as for those that say nothing."""
    with canned_server(OK) as plain, canned_server(OK, tls=tls) as safe, like_go(tls) as polite:
        for url, right in (
            (f"https://{plain.host}", f"it speaks plain HTTP: write {plain.url}"),
            (safe.url, f"it wants TLS: write https://{safe.host}"),
            (f"http://{polite}", f"it wants TLS: write https://{polite}"),
        ):
            hop = Hop("notary corp" if kind == "notary" else kind)
            if kind == "registry":
                await registry.examine(hop, RegistrySettings(URL(url), None, None), (), Clock())
            else:
                await notary.examine(hop, settings_for(url), None, Clock())
            read(hop.findings)
            [failed] = [each for each in hop.findings if each.level is Level.FAILED]
            assert failed.name == f"{kind}-tls"
            assert f"{failed.sentence}: {failed.remedy}".startswith(f"{right} as ")
