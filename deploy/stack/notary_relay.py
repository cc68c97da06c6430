"""A relay in front of Notary servers that writes down what is asked of them, and answers otherwise where it is told to.

It speaks plain HTTP to the proxy, and TLS to the servers, over connections that it keeps.
"""

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Thread
from typing import Final
from urllib.parse import urlsplit

from deploy.stack.notary import Notary

_SECONDS: Final = 30.0
_PIECE: Final = b" " * 65536
_TRICKLE_SECONDS: Final = 0.2
_CHANGEFEED: Final = "/v2/_trust/changefeed"


class Trouble(Enum):
    """What a server may do instead of answering."""

    HANGS = auto()
    """It says nothing."""
    TRICKLES = auto()
    """It says one byte after the other, and never all of them."""
    NEVER_ENDS = auto()
    """It sends on and on."""
    RESETS = auto()
    """It ends the connection."""
    FAILS = auto()
    """It answers 503."""
    FLAPS = auto()
    """It ends every other connection, and answers well in between."""


@dataclass
class NotaryRelay:
    """A running relay; `url` is what a configuration names.

    `asked` are the paths that it was asked for, `answered` counts the statuses of the servers. `trouble` strikes what
    `strikes` says, at first every path. While `gate` is clear nothing is answered.
    """

    url: str
    asked: list[str] = field(default_factory=list)
    trouble: Trouble | None = None
    strikes: Callable[[str], bool] = lambda _: True
    gate: Event = field(default_factory=Event)
    answered: Counter[int] = field(default_factory=Counter)
    _numbers: "count[int]" = field(default_factory=count)

    def files(self) -> list[str]:
        """What it was asked for but the changefeed: `HOST/REPOSITORY/_trust/tuf/ROLE.json`, in that order."""
        return [path.removeprefix("/v2/") for path in self.asked if not path.startswith(_CHANGEFEED)]

    def polls(self) -> int:
        """How often it was asked for the changefeed of all collections."""
        return sum(path.startswith(_CHANGEFEED) for path in self.asked)

    def number(self) -> int:
        """The next number, for taking turns."""
        return next(self._numbers)


@contextmanager
def notary_relay(*servers: Notary) -> Iterator[NotaryRelay]:
    """Run a relay in front of replicas, which it asks in turn, for as long as the block lasts."""
    upstream = [(each.url, ssl.create_default_context(cafile=each.ca_file)) for each in servers]

    class Handler(_Handler):
        relay: NotaryRelay

        def connect(self) -> HTTPConnection:
            """Connect to the server whose turn it is."""
            url, context = upstream[self.relay.number() % len(upstream)]
            parts = urlsplit(url)
            return HTTPSConnection(parts.hostname or "", parts.port, timeout=_SECONDS, context=context)

    with _serving(Handler) as listener:
        Handler.relay = running = NotaryRelay(f"http://127.0.0.1:{listener.server_port}")
        running.gate.set()
        try:
            yield running
        finally:
            running.trouble = None
            running.gate.set()


class _Handler(BaseHTTPRequestHandler):
    """One connection of the proxy, and one to a server for it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    relay: NotaryRelay
    _onward: HTTPConnection | None = None

    def connect(self) -> HTTPConnection:
        """Connect to a server."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer, or be troubled."""
        relay = self.relay
        relay.asked.append(self.path)
        relay.gate.wait(_SECONDS)
        trouble = relay.trouble if relay.strikes(self.path) else None
        if trouble is None or (trouble is Trouble.FLAPS and relay.number() % 2):
            self._carry()
            return
        self.close_connection = True
        with suppress(OSError):
            self._suffer(trouble)

    def log_message(self, *_: object) -> None:
        """What was asked is in `NotaryRelay.asked`."""

    def finish(self) -> None:
        """Close both connections."""
        with suppress(OSError):
            super().finish()
        if self._onward:
            self._onward.close()

    def _carry(self) -> None:
        try:
            try:
                status, body = self._ask(self._onward or self.connect())
            except (OSError, HTTPException):  # a kept connection may have ended meanwhile
                status, body = self._ask(self.connect())
        except (OSError, HTTPException):
            self.close_connection = True
            return
        self.relay.answered[status] += 1
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _ask(self, onward: HTTPConnection) -> tuple[int, bytes]:
        self._onward = onward
        onward.request("GET", self.path)
        answer = onward.getresponse()
        return answer.status, answer.read()

    def _suffer(self, trouble: Trouble) -> None:
        match trouble:
            case Trouble.HANGS:
                self._wait(_SECONDS)
            case Trouble.TRICKLES:
                self._begin("Content-Length: 4096")
                for _ in range(4000):
                    self.wfile.write(b" ")
                    self._wait(_TRICKLE_SECONDS)
                    if self.relay.trouble is None:
                        return
            case Trouble.NEVER_ENDS:
                self._begin("Connection: close")
                while self.relay.trouble is not None:
                    self.wfile.write(_PIECE)
            case Trouble.FAILS:
                self.send_response_only(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
            case Trouble.RESETS | Trouble.FLAPS:
                return

    def _begin(self, header: str) -> None:
        self.wfile.write(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode())

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.relay.trouble is not None and time.monotonic() < end:
            time.sleep(0.05)


@contextmanager
def _serving(handler: type[_Handler]) -> Iterator[ThreadingHTTPServer]:
    class Listener(ThreadingHTTPServer):
        request_queue_size = 1024

        def handle_error(self, *_: object) -> None:
            """A client that went away is none of the relay's business."""

    with Listener(("127.0.0.1", 0), handler) as listener:
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="notary relay", daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()
