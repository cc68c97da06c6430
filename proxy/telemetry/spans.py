"""Spans as OpenTelemetry has them: what is known of a request, in the names of its conventions.

Imported only where something is traced.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextvars import Token
from functools import lru_cache
from typing import Any, Final, Self

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from proxy.errors import Refusal
from proxy.refusals import TABLE
from proxy.telemetry.traces import Attribute, Attributes

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_PLACE: Final = re.compile(r"\{0\.(?:\w+\.)*(\w+)\}")
_TRACEPARENT: Final = TraceContextTextMapPropagator()
_FACTS: Final = {
    "path": "url.path",
    "status": "http.response.status_code",
    "client": "client.address",
    "user_agent": "user_agent.original",
    "listener": "tagwarden.listener",
    "cache": "tagwarden.cache",
    "served": "tagwarden.served",
}
_TOLD: Final = ("request_id", "reference", "gun", "rule", "mode", "decision", "refusal", "digest", "stale")


class _Part:
    """A part of a request; see `traces.Span`."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace_: object) -> None:
        if self._token is not None:
            context.detach(self._token)
        if error is not None:
            self.note(error=_word(error))
        self._span.end()

    def note(self, **facts: Attribute | None) -> None:
        """Say something of it."""
        for name, value in facts.items():
            if value is None:
                continue
            if name == "error":
                self._span.set_attribute("error.type", value)
                self._span.set_status(Status(StatusCode.ERROR))
            else:
                self._span.set_attribute(
                    "http.response.status_code" if name == "status" else f"tagwarden.{name}", value
                )


class _Request:
    """A request; see `traces.Request`."""

    __slots__ = ("_begun", "_method", "_span", "_token")

    def __init__(self, span: trace.Span, method: str, begun: int) -> None:
        self._span, self._method, self._begun = span, method, begun
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            context.detach(self._token)

    def tell(self, form: str, told: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """End it, when it ended: a decision may have been made later."""
        span = self._span
        if span.is_recording():
            span.set_attributes(_attributes(told, facts))
            if form:
                route = _route(form)
                span.update_name(f"{self._method} {route}")
                span.set_attribute("http.route", route)
            status = facts["status"]
            if status is None or status >= 500:
                span.set_attribute(
                    "error.type", told.get("refusal") or ("cancelled" if status is None else str(status))
                )
                span.set_status(Status(StatusCode.ERROR))
        span.end(self._begun + int(facts["duration"] * 1e9))


class Spans:
    """Makes spans; see `traces.Tracer`."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def request(self, method: str, traceparent: str | None, *, is_tls: bool) -> _Request:
        """A trace of its own."""
        begun, name = time.time_ns(), method if method in _METHODS else "HTTP"
        facts = {
            "http.request.method": method if method in _METHODS else "_OTHER",
            "url.scheme": "https" if is_tls else "http",
        }
        links = _links(traceparent) if traceparent else ()
        span = self._tracer.start_span(name, Context(), SpanKind.SERVER, facts, links, begun)
        return _Request(span, name, begun)

    def part(self, name: str, facts: Attributes, *, asks: bool) -> _Part | None:
        """A part of what is under way in this context."""
        if not trace.get_current_span().get_span_context().trace_flags.sampled:
            return None
        known = {name: value for name, value in facts.items() if value is not None}
        if asks:
            known["http.request.method"] = "GET"
        return _Part(self._tracer.start_span(name, None, SpanKind.CLIENT if asks else SpanKind.INTERNAL, known))


def _links(traceparent: str) -> Sequence[Link]:
    claimed = _TRACEPARENT.extract({"traceparent": traceparent}, Context())
    span = trace.get_current_span(claimed).get_span_context()
    return (Link(span),) if span.is_valid else ()


def _attributes(told: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Attribute]:
    known = {name: facts.get(key) for key, name in _FACTS.items()}
    known |= {f"tagwarden.{key}": told.get(key) for key in _TOLD}
    return {name: value if isinstance(value, int) else str(value) for name, value in known.items() if value is not None}


@lru_cache(64)
def _route(form: str) -> str:
    """A route as the conventions have it, from the form by which its path is made."""
    return _PLACE.sub(r"{\1}", form)


def _word(error: BaseException) -> str:
    """What went wrong, in a word that few things have in common."""
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    refusal = getattr(error, "refusal", error)
    if isinstance(refusal, Refusal) and type(refusal) in TABLE:
        return TABLE[type(refusal)].code
    return str(getattr(error, "status", type(error).__name__))
