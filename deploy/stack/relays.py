"""Leads connections on to a loopback port, also out of another network namespace, without any device between them."""

import ctypes
import os
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

_CLONE_NEWNET: Final = 0x40000000
_PIECE: Final = 65536


@contextmanager
def relayed(listening: socket.socket, port: int) -> Iterator[None]:
    """Lead what connects to a listening socket on to a port on 127.0.0.1, for as long as the block lasts.

    Then every connection ends, those too that their clients would have kept.

    Args:
        listening: Wherever it is; closed in the end.
        port: Where a connection goes on.
    """
    address, open_ones = listening.getsockname(), set[socket.socket]()
    relay = partial(_Relay, port, open_ones)
    with socketserver.ThreadingTCPServer(address, relay, bind_and_activate=False) as server:
        server.daemon_threads = True
        server.socket.close()
        server.socket = listening
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()
            for connection in tuple(open_ones):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def ports_reach_out(pid: int, ports: Sequence[int]) -> Iterator[None]:
    """Let a process in a network namespace of its own reach loopback ports of ours under their own numbers.

    Args:
        pid: The process; its loopback is up.
        ports: On 127.0.0.1, both here and there.

    Raises:
        OSError: The namespace cannot be entered, or a port is taken in it.
    """
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(relayed(_listen_there(pid, port), port))
        yield


class _Relay(socketserver.BaseRequestHandler):
    """One connection, continued."""

    def __init__(
        self,
        port: int,
        open_ones: set[socket.socket],
        request: socket.socket,
        client: object,
        server: socketserver.BaseServer,
    ) -> None:
        self._port = port
        self._open_ones = open_ones
        super().__init__(request, client, server)

    def handle(self) -> None:
        """Copy both ways until both sides have said all."""
        self._open_ones.add(self.request)
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self._port)) as onward:
            answering = threading.Thread(target=_copy, args=(onward, self.request), daemon=True)
            answering.start()
            _copy(self.request, onward)
            answering.join()
        self._open_ones.discard(self.request)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _listen_there(pid: int, port: int) -> socket.socket:
    """A socket belongs to the namespace of the thread that makes it, wherever it is used later."""

    def listen() -> socket.socket:
        namespace = os.open(Path(f"/proc/{pid}/ns/net"), os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(namespace)
        return socket.create_server(("127.0.0.1", port))

    with ThreadPoolExecutor(max_workers=1) as entering:  # its thread ends here, and with it its stay there
        return entering.submit(listen).result()
