"""Traces: where the time of a request goes, for a collector of OpenTelemetry (design: Configuration, `tracing`).

One span is a request, one a check of a collection, one a file from Notary or a manifest from the registry. The last
three are told only as parts of a request: what the proxy does of its own accord is in the metrics, and would be most
of what a collector got.

Where nothing is traced nothing of OpenTelemetry is imported, and a span is the same one that does nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, Protocol, Self, TypeAlias

from proxy.config.extras import NO_TRACING, can_trace
from proxy.config.settings import TracingSettings
from proxy.errors import UserError

Attribute: TypeAlias = str | int | bool
Attributes: TypeAlias = Mapping[str, Attribute | None]
"""By names of OpenTelemetry's conventions; what is None is left out."""


class Span(Protocol):
    """Something that takes time: from when it was made until its context ends. An exception that leaves it is noted."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None: ...

    def note(self, **facts: Attribute | None) -> None:
        """Say something of it: `status` is that of HTTP, `error` what went wrong in a word, all else is our own."""


class Request(Protocol):
    """A request. What begins within its context is a part of it; it ends when it is told."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def tell(self, form: str, told: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """End it with what its line in the log says; `form` is the route that it took, empty for none."""


class Tracer(Protocol):
    """Makes spans."""

    def request(self, method: str, traceparent: str | None, *, is_tls: bool) -> Request:
        """One that a client began; see `request`."""
        ...

    def part(self, name: str, facts: Attributes, *, asks: bool) -> Span | None:
        """A part of the request in whose context this is; None where there is none."""
        ...


class _Untraced:
    """A span of which nobody hears."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, **_: Attribute | None) -> None:
        pass

    def tell(self, *_: object) -> None:
        pass


UNTRACED: Final = _Untraced()
_TRACERS: Final[list[Tracer]] = []  # the one in use, if any


def request(method: str, traceparent: str | None, *, is_tls: bool) -> Request:
    """Begin the span of a request: a trace of its own, linked to the one that the client says it is in.

    It is no part of that one, because anybody can claim to be in any: a client could have its pulls not recorded, and
    write into traces of others.
    """
    return _TRACERS[0].request(method, traceparent, is_tls=is_tls) if _TRACERS else UNTRACED


def verification(notary: str, gun: str) -> Span:
    """Begin the span of a check of a collection, for those who wait for it; it is a part of the first one's request."""
    if not _TRACERS:
        return UNTRACED
    return _TRACERS[0].part("verify", {"tagwarden.notary": notary, "tagwarden.gun": gun}, asks=False) or UNTRACED


def notary_file(notary: str, gun: str, file: str, host: str | None) -> Span:
    """Begin the span of a file that is fetched from Notary, with the wait for a free connection."""
    if not _TRACERS:
        return UNTRACED
    facts = {"tagwarden.notary": notary, "tagwarden.gun": gun, "tagwarden.file": file, "server.address": host}
    return _TRACERS[0].part("fetch file", facts, asks=True) or UNTRACED


def manifest(repository: str, digest: str, host: str | None) -> Span:
    """Begin the span of a manifest that is fetched from the registry."""
    if not _TRACERS:
        return UNTRACED
    facts = {"tagwarden.repository": repository, "tagwarden.digest": digest, "server.address": host}
    return _TRACERS[0].part("fetch manifest", facts, asks=True) or UNTRACED


def check_installed(settings: TracingSettings | None) -> None:
    """Raise `UserError` where traces are wanted, and OpenTelemetry is not installed."""
    if settings is not None and not can_trace():
        raise UserError(f"tracing: {NO_TRACING}")


@contextmanager
def tracing(settings: TracingSettings | None, name: str) -> Iterator[None]:
    """Trace what this process serves as `name`, for as long as the context lasts.

    At its end what was not sent yet is, if that takes no longer than `TRACES_STOP_SECONDS`. See `check_installed`.
    """
    if settings is None:
        yield
        return
    collector = import_module("proxy.telemetry.collector")
    with collector.exporting(settings.endpoint, name) as tracer:
        _TRACERS.append(tracer)
        try:
            yield
        finally:
            _TRACERS.remove(tracer)
