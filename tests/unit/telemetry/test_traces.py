"""Spans: what they say, when they end, and that nobody pays for those that nobody wants."""

import asyncio
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs
from yarl import URL

from proxy.checks import Away
from proxy.config.settings import TracingSettings
from proxy.errors import NotaryUnreachable, TagNotSigned
from proxy.registry.failures import Relayed
from proxy.tasks import spawn
from proxy.telemetry import collector, traces
from proxy.telemetry.sending import Session
from proxy.telemetry.spans import Spans
from tests.support.collector import collector as run_collector

CLAIMED = "0af7651916cd43dd8448eb211c80319c"
TOLD = {"request_id": "1", "reference": "shop/api:1.0", "gun": None, "decision": "allowed", "refusal": None, "stale": 3}
FACTS = {
    "path": "/v2/shop/api/manifests/1.0",
    "status": 200,
    "duration": 0.25,
    "client": "10.0.0.7",
    "listener": "listen",
}
FORM = "/v2/{0.reference.repository}/manifests/{0.reference.target}"


class Kept:
    """What was traced."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = Spans(self.provider.get_tracer("test"))

    def all(self) -> tuple[ReadableSpan, ...]:
        """All that ended, in that order."""
        return self._exporter.get_finished_spans()


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Spans are made, and kept."""
    kept = Kept()
    traces._TRACERS.append(kept.spans)
    yield kept
    traces._TRACERS.clear()


def words(span: ReadableSpan) -> dict[str, Any]:
    """What it says."""
    return dict(span.attributes or {})


def test_serving_imports_nothing_of_it() -> None:
    """Who does not want traces needs no OpenTelemetry."""
    code = "import sys, proxy.server, proxy.server.worker; print(any('opentelemetry' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_is_not_traced_does_nothing() -> None:
    """The same object each time, which lets every exception through."""
    spans = [
        traces.request("GET", None, is_tls=True),
        traces.verification("corp", "r/a"),
        traces.notary_file("corp", "r/a", "root", "notary"),
        traces.manifest("a", "sha256:0", "registry"),
    ]
    assert all(span is traces.UNTRACED for span in spans)
    traces.UNTRACED.note(status=200, error="none")
    with pytest.raises(KeyError), traces.verification("corp", "r/a"):
        raise KeyError
    traces.UNTRACED.tell(FORM, {}, {})


def test_a_request_says_what_its_line_says(kept: Kept) -> None:
    """In the names of the conventions, with the route in the place of the path; what is unknown is left out."""
    with traces.request("GET", None, is_tls=True) as span:
        pass
    assert kept.all() == ()
    span.tell(FORM, TOLD, FACTS)
    [told] = kept.all()
    assert (told.name, told.kind, told.status.status_code) == (
        "GET /v2/{repository}/manifests/{target}",
        SpanKind.SERVER,
        StatusCode.UNSET,
    )
    assert words(told) == {
        "http.request.method": "GET",
        "http.route": "/v2/{repository}/manifests/{target}",
        "http.response.status_code": 200,
        "url.scheme": "https",
        "url.path": "/v2/shop/api/manifests/1.0",
        "client.address": "10.0.0.7",
        "tagwarden.listener": "listen",
        "tagwarden.request_id": "1",
        "tagwarden.reference": "shop/api:1.0",
        "tagwarden.decision": "allowed",
        "tagwarden.stale": 3,
    }
    assert told.start_time is not None
    assert told.end_time == told.start_time + 250_000_000


@pytest.mark.parametrize(
    ("status", "refusal", "error"),
    [
        pytest.param(403, "tag_not_signed", None, id="refused"),
        pytest.param(404, None, None, id="not-there"),
        pytest.param(503, "notary_unreachable", "notary_unreachable", id="away"),
        pytest.param(502, None, "502", id="registry-broken"),
        pytest.param(None, None, "cancelled", id="client-left"),
    ],
)
def test_an_error_is_what_went_wrong_here(
    kept: Kept, status: int | None, refusal: str | None, error: str | None
) -> None:
    """A refusal is an answer like any other."""
    with traces.request("GET", None, is_tls=False) as span:
        pass
    span.tell("", TOLD | {"refusal": refusal}, FACTS | {"status": status})
    [told] = kept.all()
    assert words(told).get("error.type") == error
    assert (told.status.status_code is StatusCode.ERROR) is (error is not None)
    assert told.name == "GET"


def test_methods_that_nobody_knows_are_one(kept: Kept) -> None:
    """Clients can think of any."""
    with traces.request("BREW", None, is_tls=False) as span:
        pass
    span.tell("", TOLD, FACTS)
    [told] = kept.all()
    assert (told.name, words(told)["http.request.method"]) == ("HTTP", "_OTHER")


@pytest.mark.parametrize(
    ("traceparent", "linked"),
    [
        pytest.param(f"00-{CLAIMED}-b7ad6b7169203331-01", True, id="sampled"),
        pytest.param(f"00-{CLAIMED}-b7ad6b7169203331-00", True, id="not-sampled"),
        pytest.param(f"00-{'0' * 32}-b7ad6b7169203331-01", False, id="no-trace"),
        pytest.param("00-rubbish", False, id="rubbish"),
        pytest.param("\udcff" * 10_000, False, id="no-text"),
        pytest.param(None, False, id="none"),
    ],
)
def test_whoever_asks_is_linked_and_no_parent(kept: Kept, traceparent: str | None, *, linked: bool) -> None:
    """Nobody outside says which traces there are, nor whether one is recorded."""
    with traces.request("GET", traceparent, is_tls=False) as span:
        pass
    span.tell(FORM, TOLD, FACTS)
    [told] = kept.all()
    assert told.parent is None
    assert [f"{link.context.trace_id:032x}" for link in told.links] == ([CLAIMED] if linked else [])


async def test_parts_are_those_of_the_request_that_began_them(kept: Kept) -> None:
    """Also what goes on beside it, and after its end; what belongs to no request is not told."""
    assert traces.verification("corp", "r/a") is traces.UNTRACED

    async def check() -> None:
        with traces.verification("corp", "r/a"):
            with traces.notary_file("corp", "r/a", "root", "notary") as file:
                file.note(status=200)
            await asyncio.sleep(0)

    with traces.request("GET", None, is_tls=False) as request:
        flight = spawn(check(), name="check")
    request.tell(FORM, TOLD, FACTS)
    await flight
    pull, file, verify = kept.all()
    assert (file.name, verify.name) == ("fetch file", "verify")
    assert pull.context is not None
    assert verify.parent is not None
    assert file.parent is not None
    assert verify.context is not None
    assert (verify.parent.span_id, file.parent.span_id) == (pull.context.span_id, verify.context.span_id)
    assert words(file) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "notary",
        "tagwarden.notary": "corp",
        "tagwarden.gun": "r/a",
        "tagwarden.file": "root",
    }


@pytest.mark.parametrize(
    ("raised", "word"),
    [
        pytest.param(TagNotSigned("1.0", unreleased=False), "tag_not_signed", id="refusal"),
        pytest.param(Away(NotaryUnreachable("refused")), "notary_unreachable", id="outage"),
        pytest.param(Relayed(401, {}, b""), "401", id="registry-says-no"),  # type: ignore[arg-type]  # no headers
        pytest.param(asyncio.CancelledError(), "cancelled", id="cancelled"),
        pytest.param(ValueError("secret"), "ValueError", id="defect"),
    ],
)
def test_what_went_wrong_is_a_word(kept: Kept, raised: BaseException, word: str) -> None:
    """Sentences and tracebacks stay in the log."""
    request = traces.request("GET", None, is_tls=False)
    with request, pytest.raises(type(raised)), traces.manifest("a", "sha256:0", None):
        raise raised
    request.tell(FORM, TOLD, FACTS)
    part, _ = kept.all()
    assert words(part)["error.type"] == word
    assert (part.status.status_code, part.events) == (StatusCode.ERROR, ())


def test_what_is_not_sampled_has_no_parts(kept: Kept) -> None:
    """Whoever wants one of a hundred pays for one of a hundred."""
    kept.provider.sampler = ALWAYS_OFF
    traces._TRACERS[:] = [Spans(kept.provider.get_tracer("unsampled"))]
    with traces.request("GET", None, is_tls=False) as request:
        assert traces.manifest("a", "sha256:0", None) is traces.UNTRACED
    request.tell(FORM, TOLD, FACTS)
    assert kept.all() == ()


def pull() -> None:
    """One request."""
    with traces.request("GET", None, is_tls=False) as request:
        pass
    request.tell(FORM, TOLD, FACTS)


def test_what_is_left_is_sent_at_the_end() -> None:
    """And who sent it."""
    with run_collector() as seen:
        with traces.tracing(TracingSettings(URL(f"{seen.url}/custom")), "registry.example.com"):
            pull()
        assert traces._TRACERS == []
    assert seen.asked == ["/custom"]
    [span] = seen.spans
    assert span.sender["service.name"] == "tagwarden"
    assert span.sender["tagwarden.name"] == "registry.example.com"


def test_the_variables_of_opentelemetry_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """For who it is that sends."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod")
    with run_collector() as seen:
        with traces.tracing(TracingSettings(URL(seen.url)), "registry.example.com"):
            pull()
        [span] = seen.spans
    assert (span.sender["service.name"], span.sender["deployment.environment.name"]) == ("edge", "prod")


def test_a_collector_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end comes while what is left is still being sent."""
    monkeypatch.setattr(collector, "TRACES_STOP_SECONDS", 0.05)
    monkeypatch.setattr(collector, "TRACES_SEND_SECONDS", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as hangs, capture_logs():
        with traces.tracing(TracingSettings(URL(f"http://127.0.0.1:{hangs.getsockname()[1]}")), "r"):
            pull()
        [closing] = [thread for thread in threading.enumerate() if thread.name == "end of traces"]
        assert closing.is_alive()
        assert closing.daemon
        connection, _ = hangs.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            closing.join()


def test_trouble_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, until there was time enough for another; that it is over is said where it was said."""
    complaints = collector._Complaints(Session())
    logger = logging.getLogger("opentelemetry.exporter")
    with capture_logs() as said, complaints.heard():
        complaints.note_sent()
        for _ in range(100):
            logger.error("no answer from https://ci:geheim@collector")
        complaints.note_sent()
        complaints.note_sent()
        logger.error("again")
        complaints.note_sent()
        monkeypatch.setattr(collector, "TRACES_SAID_SECONDS", 0.0)
        logger.error("later")
    assert [(each["event"], each.get("why")) for each in said] == [
        ("traces cannot be sent", "no answer from https://***@collector"),
        ("traces are sent again", None),
        ("traces cannot be sent", "later"),
    ]
    assert logging.getLogger("opentelemetry").propagate
