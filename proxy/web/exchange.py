"""One request from its first byte to its log line: what is known about it, filled in on the way."""

import time
import uuid
from asyncio import Task
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import structlog
from aiohttp import web

from proxy.errors import Refusal
from proxy.names import Reference
from proxy.policy.decisions import Decision
from proxy.refusals import Level, row_of
from proxy.tasks import spawn
from proxy.telemetry import client_text
from proxy.web.shapes import shape, shape_of_refusal

log = structlog.get_logger()


@dataclass(slots=True)
class Exchange:
    """What is known about one request.

    `deciding` is a decision that runs beside an answer, which does not wait for it (audit). `authorised` says that
    the registry let this client in, so that it may hear what was decided. `status` is set once the status line
    is out: from then on only the end of the connection can tell the client of a failure.
    """

    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    begun: float = field(default_factory=time.monotonic)
    reference: Reference | None = None
    decision: Decision | None = None
    deciding: "Task[Decision] | None" = None
    refusal: Refusal | None = None
    allow: frozenset[str] = frozenset()
    authorised: bool = False
    status: int | None = None
    trouble: str | None = None

    def told(self, now: datetime) -> dict[str, Any]:
        """The shape of what was decided, or of why nothing could be; empty for what needs no decision."""
        if self.decision is not None:
            decision = self.decision if self.refusal is None else replace(self.decision, refusal=self.refusal)
            return shape(decision, request_id=self.request_id, now=now)
        return self.told_to_strangers()

    def told_to_strangers(self) -> dict[str, Any]:
        """The same without any decision: what may be said before the registry let the client in."""
        if self.refusal is None:
            return {"request_id": self.request_id}
        return shape_of_refusal(self.refusal, self.reference, request_id=self.request_id)


EXCHANGE: Final = web.RequestKey("exchange", Exchange)


def record(request: web.Request, status: int | None, now: Callable[[], datetime]) -> None:
    """Write the one line of a request; where its decision is still under way, as soon as that is made.

    Args:
        request: the one that was answered.
        status: what the client got; None where it left before the status line.
        now: tells the time, for the age of evidence.
    """
    exchange = request[EXCHANGE]
    facts = {
        "method": request.method,
        "path": client_text(request.raw_path.partition("?")[0]),  # the state of an upload is not for the log
        "status": status,
        "duration": round(time.monotonic() - exchange.begun, 6),
        "client": request.remote,
        "user_agent": client_text(request.headers.get("User-Agent")),
    }
    if exchange.deciding is None:
        _write(exchange, facts, now)
    else:
        spawn(_write_when_decided(exchange, exchange.deciding, facts, now), name=f"log {exchange.request_id}")


async def _write_when_decided(
    exchange: Exchange, deciding: "Task[Decision]", facts: dict[str, Any], now: Callable[[], datetime]
) -> None:
    exchange.decision = await deciding
    _write(exchange, facts, now)


def _write(exchange: Exchange, facts: dict[str, Any], now: Callable[[], datetime]) -> None:
    event = "request" if exchange.decision is None else "decision"
    if exchange.trouble is not None:
        facts["trouble"] = exchange.trouble
    getattr(log, _level(exchange))(event, **exchange.told(now()), **facts)


def _level(exchange: Exchange) -> Level:
    refusal = exchange.refusal or (None if exchange.decision is None else exchange.decision.refusal)
    return "info" if refusal is None else row_of(refusal).level
