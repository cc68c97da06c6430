"""What is logged beneath a command: it prints to a person, and needs no part of the proxy for that."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import EventDict, WrappedLogger

from proxy import telemetry


@contextmanager
def quiet() -> Iterator[None]:
    """Log warnings alone, and to standard error: what commands print stays theirs.

    What belongs to the audit stream is a proxy's to tell: here nobody was refused.
    """
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    telemetry.configure(level=logging.WARNING)
    structlog.configure(processors=[_without_audit, *structlog.get_config()["processors"]])
    try:
        yield
    finally:
        structlog.configure(**configured)
        root.handlers[:] = handlers
        root.setLevel(level)


def _without_audit(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if "audit" in event:
        raise structlog.DropEvent
    return event
