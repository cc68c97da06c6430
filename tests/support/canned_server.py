"""An HTTP server that says what it is told to, in a thread of its own, for commands that run an event loop."""

import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Canned:
    """One answer; `headers` are its complete headers, each a line, besides the length."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class CannedServer:
    """A running server. It gives `answers` in turn, the last one for ever; `asked` are path and Authorization."""

    host: str
    answers: list[Canned]
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}"

    def next(self) -> Canned:
        """The answer to the newest request."""
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@contextmanager
def canned_server(*answers: Canned, tls: ssl.SSLContext | None = None) -> Iterator[CannedServer]:
    """Run a server on a free loopback port for as long as the block lasts; with `tls`, over that."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append((self.path, self.headers.get("Authorization")))
            answer = running.next()
            self.send_response_only(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """What was asked is in `CannedServer.asked`."""

    class Listener(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that speaks no TLS, or does not like ours, is what some tests are about."""
            if not isinstance(sys.exception(), ssl.SSLError):
                super().handle_error(request, client_address)  # type: ignore[arg-type]  # whatever was accepted

    with Listener(("127.0.0.1", 0), Handler) as listener:
        if tls:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        running = CannedServer(f"127.0.0.1:{listener.server_port}", list(answers))
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="canned server", daemon=True)
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown()
            thread.join()
