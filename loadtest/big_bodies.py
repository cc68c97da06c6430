"""Bodies of any size that are nowhere as a whole, sent to a registry and received from one."""

import hashlib
import random
import select
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from socket import socket
from typing import Final, Self
from urllib.parse import quote

from deploy.stack.proxy import Proxy

MIB: Final = 1 << 20
HELD_SECONDS: Final = 1.0  # without a move, somebody is held back

_SECONDS: Final = 300.0  # also for a registry that reads ten gigabytes again before it answers
_BINARY: Final = {"Content-Type": "application/octet-stream"}


class UnexpectedAnswer(RuntimeError):
    """The registry did not do what it was asked; the text has its answer."""


@dataclass(frozen=True)
class Moved:
    """A blob that went through: its digest, its bytes, and the seconds that it took."""

    digest: str
    size: int
    seconds: float

    @property
    def rate(self) -> float:
        """MiB a second."""
        return self.size / MIB / self.seconds


def pieces(mebibytes: int) -> Iterator[bytes]:
    """Make a body in pieces of one MiB, no two of them the same."""
    block = random.Random(mebibytes).randbytes(MIB - 8)  # noqa: S311 - any bytes will do
    for number in range(mebibytes):
        yield number.to_bytes(8) + block


class _Counted:
    """What has gone through so far."""

    def __init__(self, at: Proxy) -> None:
        name, _, port = at.host.rpartition(":")
        self.size = 0
        self._connection = HTTPConnection(name, int(port), timeout=_SECONDS)
        if at.ca_file:
            context = ssl.create_default_context(cafile=at.ca_file)
            self._connection = HTTPSConnection(name, int(port), timeout=_SECONDS, context=context)
        self._hash = hashlib.sha256()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def digest(self) -> str:
        """Of what has gone through so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def _count(self, piece: bytes) -> None:
        self.size += len(piece)
        self._hash.update(piece)

    def _moved(self) -> Moved:
        return Moved(self.digest, self.size, time.monotonic() - self._began)

    def _answer(self, expected: int) -> HTTPResponse:
        answer = self._connection.getresponse()
        if answer.status != expected:
            said = answer.read(500)
            raise UnexpectedAnswer(f"{answer.status} {answer.reason} instead of {expected}: {said!r}")
        return answer


class Upload(_Counted):
    """An upload as docker does it: POST, one chunked PATCH, PUT."""

    def __init__(self, at: Proxy, repository: str) -> None:
        """Begin one.

        Raises:
            UnexpectedAnswer: The registry does not want it.
        """
        super().__init__(at)
        self._connection.request("POST", f"/v2/{repository}/blobs/uploads/")
        location = self._location()
        self._connection.putrequest("PATCH", location)
        for name, value in {**_BINARY, "Transfer-Encoding": "chunked"}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()

    def send(self, piece: bytes, held_back: Callable[[], None] | None = None) -> None:
        """Send a piece, and wait for as long as the other side does not take it.

        Args:
            piece: Any bytes.
            held_back: Called, once, if the other side takes nothing for a while.
        """
        self._count(piece)
        frame = memoryview(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection: socket = self._connection.sock
        while frame:
            if held_back and not select.select([], [connection], [], HELD_SECONDS)[1]:
                held_back()
                held_back = None
            frame = frame[connection.send(frame) :]

    def finish(self) -> Moved:
        """Make a blob of what was sent.

        Raises:
            UnexpectedAnswer: The registry does not take it.
        """
        self._connection.send(b"0\r\n\r\n")
        location = self._location()
        self._connection.request("PUT", f"{location}&digest={quote(self.digest)}", headers=_BINARY)
        self._answer(201).read()
        return self._moved()

    def _location(self) -> str:
        answer = self._answer(202)
        answer.read()
        return str(answer.headers["Location"])


class Download(_Counted):
    """A blob on its way here."""

    def __init__(self, at: Proxy, repository: str, digest: str) -> None:
        """Ask for it.

        Raises:
            UnexpectedAnswer: It is not there.
        """
        super().__init__(at)
        self._connection.request("GET", f"/v2/{repository}/blobs/{digest}")
        self._body = self._answer(200)

    def read(self) -> int:
        """Take one MiB of it, or less at its end; return how much.

        Raises:
            IncompleteRead: It broke off.
        """
        piece = self._body.read(MIB)
        self._count(piece)
        return len(piece)

    def finish(self) -> Moved:
        """Take all that is left. Raises `IncompleteRead`."""
        while self.read():
            pass
        return self._moved()
