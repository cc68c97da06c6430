"""A relay between a client and a server that breaks connections in the middle of what the client sends."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread

_CHUNK = 16 << 10
_SECONDS = 30.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends a reset


class Relay:
    """A running relay; `host` is `127.0.0.1:port`."""

    def __init__(self, server: str, after: int, cuts: int) -> None:
        self.host = ""
        self.cut = 0
        self._cuts = cuts
        self._after = after
        name, _, port = server.rpartition(":")
        self._server = (name, int(port))
        self._lock = Lock()

    def carry(self, client: socket.socket) -> None:
        """Carry one connection to its end."""
        with socket.create_connection(self._server, _SECONDS) as server:
            client.settimeout(_SECONDS)
            back = Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            if not self._forth(client, server):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.close()
                server.shutdown(socket.SHUT_RDWR)  # wakes the other thread, which would keep it open
            back.join(_SECONDS)

    def _forth(self, client: socket.socket, server: socket.socket) -> bool:
        """Carry what the client sends; say whether it came to its end by itself."""
        sent = 0
        with suppress(OSError):
            while chunk := client.recv(_CHUNK):
                sent += len(chunk)
                if sent > self._after and self._may_cut():
                    return False
                server.sendall(chunk)
            server.shutdown(socket.SHUT_WR)
        return True

    def _may_cut(self) -> bool:
        with self._lock:
            if self.cut == self._cuts:
                return False
            self.cut += 1
            return True


@contextmanager
def cutting_relay(server: str, *, after: int, cuts: int = 1) -> Iterator[Relay]:
    """Relay connections, and reset the first over which a client sends more than so much; its server sees it end.

    Args:
        server: Where they lead, `host:port`.
        after: Bytes from the client on one connection.
        cuts: How many connections to break; `cut` counts them.
    """
    relay = Relay(server, after, cuts)

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            relay.carry(self.request)

    class Listener(ThreadingTCPServer):
        daemon_threads = True

        def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
            """Close it without a polite end: whether that is a reset, the relay has decided."""
            self.close_request(request)

    with Listener(("127.0.0.1", 0), Handler) as listener:
        relay.host = f"127.0.0.1:{listener.server_address[1]}"
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="relay", daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            listener.shutdown()
            thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
