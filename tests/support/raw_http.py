"""A client that sends bytes as they are, right or wrong, and keeps everything that comes back."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

PATIENCE: Final = 10.0
_STATUS_LINE: Final = re.compile(rb"(?=HTTP/\d\.\d \d{3}[ \r])")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n")


@dataclass(frozen=True)
class RawAnswer:
    """One answer; `status` is 0 for bytes without a status line, such as HTTP/0.9, HTTP/2 or plain rubbish."""

    status: int
    head: bytes
    body: bytes

    @classmethod
    def read(cls, piece: bytes) -> Self:
        """Read what begins with a status line and ends before the next one."""
        if not _STATUS_LINE.match(piece):
            return cls(0, b"", piece)
        head, _, body = piece.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head.lower():
            body = b"".join(_chunks(body))
        return cls(int(head.split(b" ", 2)[1][:3]), head, body)


def converse(host: str, sent: bytes, patience: float = PATIENCE) -> list[RawAnswer]:
    """Send bytes on a new connection and return every answer on it.

    It is read until the server closes it. A server that was quiet for too long is waiting for us: then our half is
    closed, and what that brings is read too.

    Args:
        host: `address:port`.
        sent: All that is ever sent.
        patience: How many seconds of quiet are too long.

    Raises:
        OSError: No connection.
    """
    address, _, port = host.rpartition(":")
    with socket.create_connection((address, int(port)), patience) as connection:
        received = b"".join(_all_of(connection, sent))
    return [RawAnswer.read(piece) for piece in _STATUS_LINE.split(received) if piece]


def _all_of(connection: socket.socket, sent: bytes) -> Iterator[bytes]:
    try:
        connection.sendall(sent)
        while chunk := connection.recv(1 << 16):
            yield chunk
    except TimeoutError:
        pass
    except ConnectionError:
        return  # a server may hang up on what it will not read
    else:
        return
    try:
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(1 << 16):
            yield chunk
    except OSError:
        return


def _chunks(body: bytes) -> Iterator[bytes]:
    """What a chunked body says, as far as it came; from the first thing that is no chunk on, all there is."""
    while chunk := _CHUNK.match(body):
        end = chunk.end() + int(chunk[1], 16)
        yield body[chunk.end() : end]
        body = body[end:].removeprefix(b"\r\n")
    yield body
