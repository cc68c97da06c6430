"""A collector of OpenTelemetry that keeps what it is sent, for tests of traces."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent


@dataclass(frozen=True)
class Seen:
    """One span: ids as hexadecimal digits, `parent` empty for the first of a trace; `links` are traces."""

    name: str
    trace: str
    span: str
    parent: str
    kind: int
    is_error: bool
    attributes: dict[str, str | int]
    links: tuple[str, ...]
    sender: dict[str, str | int]
    nanoseconds: int

    @classmethod
    def of(cls, sent: Sent, sender: dict[str, str | int]) -> "Seen":
        """As it was sent."""
        return cls(
            sent.name,
            sent.trace_id.hex(),
            sent.span_id.hex(),
            sent.parent_span_id.hex(),
            sent.kind,
            sent.status.code == 2,
            _plain(sent.attributes),
            tuple(link.trace_id.hex() for link in sent.links),
            sender,
            sent.end_time_unix_nano - sent.start_time_unix_nano,
        )


@dataclass
class Collector:
    """What was sent to `url` so far; it answers `status`."""

    url: str
    status: int = 200
    spans: list[Seen] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def named(self, name: str) -> list[Seen]:
        """The spans of one name."""
        return [each for each in self.spans if each.name == name]

    def below(self, parent: Seen) -> list[Seen]:
        """The parts of a span, by when they came."""
        return [each for each in self.spans if each.parent == parent.span]

    def take(self, path: str, body: bytes) -> None:
        """Keep what was sent."""
        self.asked.append(path)
        if self.status != 200:
            return
        self.raw.append(body)
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            sender = _plain(each.resource.attributes)
            self.spans += [Seen.of(span, sender) for scope in each.scope_spans for span in scope.spans]


def _plain(attributes: object) -> dict[str, str | int]:
    found = {}
    for each in attributes:  # type: ignore[attr-defined]  # a list of protobuf's own kind
        assert isinstance(each, KeyValue)
        value = each.value
        found[each.key] = value.string_value if value.WhichOneof("value") == "string_value" else value.int_value
    return found


@contextmanager
def collector(port: int = 0) -> Iterator[Collector]:
    """Run one on loopback for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            running.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response_only(running.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """What was sent is kept."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as listener:
        running = Collector(f"http://127.0.0.1:{listener.server_port}")
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="collector", daemon=True)
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown()
            thread.join()
