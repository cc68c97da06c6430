"""What a configuration needs that is not a part of every installation."""

from importlib.util import find_spec
from typing import Final

from proxy.config.document import Document
from proxy.config.settings import Settings

NO_TRACING: Final = (
    "OpenTelemetry is not installed; run pip install --require-hashes -r requirements-otel.lock in the source of this "
    "version, or remove this section"
)

_OPENTELEMETRY: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def check_extras(document: Document, settings: Settings) -> None:
    """Raise `ConfigProblems` for what is configured and not installed here: nothing can start with it."""
    if settings.tracing is not None and not can_trace():
        document.problem(("tracing",), NO_TRACING)
    document.raise_problems()


def can_trace() -> bool:
    """Whether all that traces need is installed."""
    return all(map(_is_installed, _OPENTELEMETRY))


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:  # what it is in is not there
        return False
