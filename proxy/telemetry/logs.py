"""Logging: one JSON object a line, or lines for people on a terminal; and what belongs to the audit stream, there too.

Everything goes to standard error, so that what commands print stays theirs. Messages of libraries, which come
through `logging`, end up in the same lines.
"""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from proxy.telemetry.audit import AuditFile, Trouble
from proxy.telemetry.metrics import AUDIT_EVENTS
from proxy.telemetry.text import client_text, plain, printable, without_secrets

Format: TypeAlias = Literal["json", "text"]

_log = structlog.get_logger()

_TIME: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)
_SHARED: Final[Sequence[Processor]] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _TIME,
)
_AUDIT: Final[list[AuditFile]] = []  # the one in use, if any
_JSON: Final[list[TextIO]] = []  # where lines go, if each is an object


def configure(
    form: Format | None = None,
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
    audit_file: Path | None = None,
) -> None:
    """Set up logging for the whole process; `structlog.get_logger()` anywhere uses it from then on.

    Args:
        form: `json`, `text`, or None for what fits the stream: `text` on a terminal.
        level: the least important one that is shown, as in `logging`.
        stream: where to; standard error by default.
        audit_file: where the audit stream goes besides, `-` being standard output; None for nowhere.

    Raises:
        UserError: the audit file cannot be written; then everything stays as it was.
    """
    stream = stream or sys.stderr
    form = form or ("text" if stream.isatty() else "json")
    audit = AuditFile(audit_file, _note_trouble) if audit_file else None
    rendering = _rendering(form, colours=stream.isatty())
    structlog.configure(
        processors=[*_SHARED, _counted, *((partial(_copied, audit),) if audit else ()), *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_Lines, stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _foreign, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every start as if something had changed
    _JSON[:] = [stream] if form == "json" and level <= logging.INFO else []
    before, _AUDIT[:] = _AUDIT[:], [audit] if audit else []
    for each in before:
        each.close()


def reopen() -> None:
    """Begin the audit file anew where its name leads to another file by now, as after `logrotate`; never raises."""
    for audit in _AUDIT:
        audit.reopen()


def takes_lines() -> bool:
    """Whether `write` has somewhere to write to: people at a terminal see each line at once, and in other words."""
    return bool(_JSON)


def line(event: EventDict) -> str:
    """An event as one line of JSON, with what every line of this process says, and no time."""
    return _as_text(None, "", structlog.contextvars.merge_contextvars(None, "", event))


def write(lines: Sequence[str]) -> None:
    """Write lines that `line` made, at once."""
    for stream in _JSON:
        _Lines(stream).msg("\n".join(lines))


class _Lines:
    """Writes lines; what cannot be written is nobody's failure, for want of a place to say so."""

    def __init__(self, stream: TextIO, *_: object) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write one."""
        with suppress(OSError, ValueError):  # the second where it was closed
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def _note_trouble(trouble: Trouble | None) -> None:
    if trouble is None:
        _log.info("the audit file is written again")
    elif trouble.is_lost:
        _log.error("the audit file cannot be written: its lines stand in this log alone", why=trouble.why)
    else:
        _log.error("the audit file cannot be begun anew: its lines go on into the one moved away", why=trouble.why)


def _rendering(form: Format, *, colours: bool) -> list[Processor]:
    if form == "text":
        console = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
        return [structlog.processors.format_exc_info, _for_people, console]
    return [structlog.processors.format_exc_info, _as_text]


def _foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A message of a library, which may quote what it was given."""
    event["event"] = without_secrets(str(event["event"]))
    return event


def _counted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Count what belongs to the audit stream, by its kind."""
    if "audit" in event:
        AUDIT_EVENTS.inc(event["audit"])
    return event


def _copied(audit: AuditFile, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Write what belongs to the audit stream there, too."""
    if "audit" in event:
        audit.write(_as_text(logger, method, event).encode())
    return event


def _for_people(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Nothing in a value may move the cursor or pass for another line; a traceback has several, which are its own."""
    for name, value in event.items():
        event[name] = printable(plain(value), lines=name == "exception")
    if "exception" in event:
        event["exception"] = without_secrets(event["exception"])
    return event


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line of JSON; what a terminal would obey stands in it as escapes, which mean the same."""
    if "exception" in event:
        event["exception"] = without_secrets(event["exception"])
    line = _as_json(event)
    if line.isascii():
        return line.decode("ascii")
    return "".join(each if each.isprintable() else _json_escape(each) for each in line.decode("utf-8"))


def _as_json(event: EventDict) -> bytes:
    """One line; a value that JSON cannot hold becomes text, because a log line must never be lost to one."""
    try:
        return orjson.dumps(event, default=str)
    except TypeError:
        return orjson.dumps({name: client_text(str(value)) for name, value in event.items()})


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
