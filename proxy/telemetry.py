"""Logging: one JSON object a line, or lines for people on a terminal; and text from clients made safe for both.

Everything goes to standard error, so that what commands print stays theirs. Messages of libraries, which come
through `logging`, end up in the same lines.
"""

import logging
import sys
from typing import Final, Literal, TextIO, TypeAlias

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format: TypeAlias = Literal["json", "text"]

_CLIENT_TEXT_LENGTH: Final = 512


def configure(form: Format | None = None, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Set up logging for the whole process; `structlog.get_logger()` anywhere uses it from then on.

    Args:
        form: `json`, `text`, or None for what fits the stream: `text` on a terminal.
        level: the least important one that is shown, as in `logging`.
        stream: where to; standard error by default.
    """
    stream = stream or sys.stderr
    form = form or ("text" if stream.isatty() else "json")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(form, colours=stream.isatty()),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every start as if something had changed


def client_text(text: str | None) -> str | None:
    """Text from a client as it may be logged: bounded, and valid Unicode whatever bytes it came from."""
    if text is None:
        return None
    return text[:_CLIENT_TEXT_LENGTH].encode("utf-8", "backslashreplace").decode("utf-8")


def _rendering(form: Format, *, colours: bool) -> list[Processor]:
    if form == "text":
        return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, _as_json]


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line; a value that JSON cannot hold becomes text, because a log line must never be lost to one."""
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:
        return orjson.dumps({name: client_text(str(value)) for name, value in event.items()}).decode()
