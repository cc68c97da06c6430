"""The raw client sees everything that comes back, in whatever pieces and however the connection ends."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.raw_http import PATIENCE, converse


@contextmanager
def _server(*said: bytes, hangs: bool) -> Iterator[str]:
    """Say some bytes to whoever comes; then hang up, or wait for the other end to do so."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            for piece in said:
                connection.sendall(piece)
            while hangs and connection.recv(1 << 16):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        serving.join()


_PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
_HEAD = b"HTTP/1.0 304 Not Modified\r\nETag: x\r\n\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "statuses", "bodies"),
    [
        pytest.param((_PLAIN,), [200], [b"body"], id="one-answer"),
        pytest.param((_PLAIN, _HEAD, _PLAIN), [200, 304, 200], [b"body", b"", b"body"], id="pipelined"),
        pytest.param((_CHUNKED, _PLAIN), [200, 200], [b"body", b"body"], id="chunks-are-joined"),
        pytest.param((_CHUNKED[:-12],), [200], [b"bo2;x="], id="chunks-break-off"),
        pytest.param((b"not HTTP", _PLAIN), [0, 200], [b"not HTTP", b"body"], id="no-http"),
    ],
)
@pytest.mark.parametrize("hangs", [pytest.param(False, id="closed"), pytest.param(True, id="kept-open")])
def test_every_answer_is_seen(
    said: tuple[bytes, ...], statuses: list[int], bodies: list[bytes], *, hangs: bool
) -> None:
    """All answers of a connection are read to the end, whether the server closes it or not."""
    with _server(*said, hangs=hangs) as host:
        answers = converse(host, b"GET / HTTP/1.1\r\n\r\n", patience=0.3 if hangs else PATIENCE)
    assert [answer.status for answer in answers] == statuses
    assert [answer.body for answer in answers] == bodies
