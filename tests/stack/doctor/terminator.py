"""TLS before a real server, for clients that show a certificate; it says what it thinks of others, as servers do."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

from certs.authority import Certificate

_PIECE = 65536
_SECONDS = 10.0


@contextmanager
def terminator(server: str, certificate: Certificate, client_ca_file: Path) -> Iterator[str]:
    """Lead connections on to `server` (https) while the block lasts; yields `127.0.0.1:port`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca_file)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    onward = ssl.create_default_context()
    onward.check_hostname, onward.verify_mode = False, ssl.CERT_NONE
    parts = urlsplit(server)
    address = (parts.hostname or "", parts.port or 443)

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(_SECONDS)
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as client,
                onward.wrap_socket(socket.create_connection(address, _SECONDS)) as behind,
            ):
                back = Thread(target=_copy, args=(behind, client), daemon=True)
                back.start()
                _copy(client, behind)
                back.join(_SECONDS)

    class Listener(ThreadingTCPServer):
        daemon_threads = True

    with Listener(("127.0.0.1", 0), Handler) as listener:
        thread = Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
