"""Sends spans to a collector: in batches, by a thread of its own, as OTLP over HTTP.

Nobody waits for a collector. What it does not take in time is lost, and the log says so now and then. Imported only
where something is traced.
"""

import logging
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_CERTIFICATE,
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from yarl import URL

from proxy import __version__
from proxy.limits import TRACES_SAID_SECONDS, TRACES_SEND_SECONDS, TRACES_STOP_SECONDS
from proxy.telemetry.sending import Session
from proxy.telemetry.spans import Spans
from proxy.telemetry.text import client_text

_log = structlog.get_logger()

_LIBRARY: Final = "opentelemetry"


@contextmanager
def exporting(endpoint: URL, name: str) -> Iterator[Spans]:
    """Send spans to a collector for as long as the context lasts, and what is left of them at its end."""
    session = Session()
    complaints = _Complaints(session)
    provider = TracerProvider(resource=_resource(name), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Sender(endpoint, session, complaints)))
    with complaints.heard():
        try:
            yield Spans(provider.get_tracer("tagwarden", __version__))
        finally:
            closing = threading.Thread(target=provider.shutdown, name="end of traces", daemon=True)
            closing.start()
            closing.join(TRACES_STOP_SECONDS)


class _Complaints(logging.Handler):
    """Hears what OpenTelemetry logs, all of which means that something is not sent, and says it once in a while."""

    def __init__(self, session: Session) -> None:
        super().__init__(logging.WARNING)
        self._session = session
        self._said = -math.inf
        self._is_said = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Be the only one who hears it."""
        logger = logging.getLogger(_LIBRARY)
        logger.addHandler(self)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Say why, unless that was said lately."""
        if time.monotonic() - self._said >= TRACES_SAID_SECONDS:
            self._said, self._is_said = time.monotonic(), True
            _log.warning("traces cannot be sent", why=self._session.why or client_text(record.getMessage()))

    def note_sent(self) -> None:
        """Say that it is well again."""
        if self._is_said:
            self._is_said = False
            _log.info("traces are sent again")


class _Sender(SpanExporter):
    """Sends spans, and tells whoever complains when that works."""

    def __init__(self, endpoint: URL, session: Session, complaints: _Complaints) -> None:
        self._complaints = complaints
        self._exporter = OTLPSpanExporter(
            str(endpoint), certificate_file=_authorities(), session=session, timeout=TRACES_SEND_SECONDS
        )

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._complaints.note_sent()
        return result

    def shutdown(self) -> None:
        """Send nothing more."""
        end: Callable[[], object] = self._exporter.shutdown
        end()


def _authorities() -> str | None:
    """The system's, which the library does not take by itself; None where its own variables name others."""
    if any(name in os.environ for name in (OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE)):
        return None
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath


def _resource(name: str) -> Resource:
    """Who sends these spans; the variables of OpenTelemetry may say otherwise."""
    ours = {
        "service.name": "tagwarden",
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
        "tagwarden.name": name,
    }
    return Resource(ours).merge(OTELResourceDetector().detect())
