"""A simulated Notary behind HTTP, for what the real one cannot be made to do: short lives, and going back in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from tests.support.changefeed import PATH, ChangefeedSimulator
from tests.support.notary_simulator import NOT_FOUND_BODY, NotarySimulator

_TUF = "/_trust/tuf/"


@dataclass
class SimulatedNotary:
    """A running one, with collections by GUN; while it `is_away` it ends every connection without an answer."""

    url: str
    sims: dict[str, NotarySimulator] = field(default_factory=dict)
    feed: ChangefeedSimulator = field(default_factory=ChangefeedSimulator)
    is_away: bool = False

    def answer(self, target: str) -> tuple[int, bytes]:
        """Status and body for what was asked."""
        parts = urlsplit(target)
        if parts.path == PATH:
            return self.feed.answer(dict(parse_qsl(parts.query)))
        gun, found, name = parts.path.removeprefix("/v2/").partition(_TUF)
        sim = self.sims.get(gun)
        if not found or sim is None:
            return 404, NOT_FOUND_BODY
        answer = sim.answer(name.removesuffix(".json"))
        return answer.status, answer.body


@contextmanager
def simulated_notary() -> Iterator[SimulatedNotary]:
    """Run one on a free loopback port for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if running.is_away:
                self.close_connection = True
                return
            status, body = running.answer(self.path)
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """What was asked is in each simulator's `requests`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        running = SimulatedNotary(f"http://127.0.0.1:{listener.server_port}")
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="simulated notary", daemon=True)
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown()
            thread.join()
