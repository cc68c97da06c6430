"""One request from its first byte to its log line: what is known about it, filled in on the way."""

import asyncio
import time
from asyncio import Task
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import structlog
from aiohttp import web

from proxy.admissions import Admissions, Refused
from proxy.errors import Refusal
from proxy.names import Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Decision
from proxy.policy.entries import Mode
from proxy.refusals import Level, Presented, present, row_of
from proxy.registry.manifests import VerifiedManifest
from proxy.store.protocol import Tagged
from proxy.tasks import spawn
from proxy.telemetry import Audit, client_text, traces
from proxy.telemetry.metrics import DECISIONS, GRACE_SERVED, NO_RULE, REFUSALS, STALE_SERVED
from proxy.web.deciding import source_of
from proxy.web.forwarded import client
from proxy.web.request_ids import request_id
from proxy.web.shapes import Verdict, drifts, shape, shape_of_refusal, verdict_of

log = structlog.get_logger()


@dataclass(slots=True)
class Exchange:
    """What is known about one request.

    `deciding` is a decision that runs beside an answer, which does not wait for it (audit). `authorised` says that
    the registry let this client in, so that it may hear what was decided. `status` is set once the status line
    is out: from then on only the end of the connection can tell the client of a failure.

    `client_certificate` is the subject of the one that the client showed. `whereabouts` are GUN, Notary and owner for
    the sentence of a refusal without a decision. `name` is the registry that is decided for: the configured one, or
    another that `?ns=` may name. `relayed` says that the registry answered with a manifest of its own, and `served`
    is the digest of that, as far as it is known; `verified` is what was answered from verified bytes. `route` is the
    form of the path, empty for none of the registry's.
    """

    request_id: str = field(default_factory=request_id)
    begun: float = field(default_factory=time.monotonic)
    reference: Reference | Repository | None = None
    decision: Decision | None = None
    deciding: "Task[Decision] | None" = None
    refusal: Refusal | None = None
    allow: frozenset[str] = frozenset()
    authorised: bool = False
    status: int | None = None
    trouble: str | None = None
    client_certificate: str | None = None
    whereabouts: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    relayed: bool = False
    served: str | None = None
    verified: VerifiedManifest | None = None
    route: str = ""
    span: traces.Request = traces.UNTRACED

    @property
    def drifted(self) -> bool:
        """Whether the client got what the registry has, and something else is signed."""
        return self.relayed and self.decision is not None and drifts(self.decision, self.served)

    def told(self, now: datetime) -> dict[str, Any]:
        """The shape of what was decided, or of why nothing could be; empty for what needs no decision."""
        if self.decision is not None and self.refusal is not None:
            told = shape(replace(self.decision, refusal=self.refusal), request_id=self.request_id, now=now)
            return told | {"decision": Verdict.REFUSED}  # whatever was decided, this is what the client got
        if self.decision is not None:
            told = shape(self.decision, request_id=self.request_id, now=now)
            return told | {"decision": Verdict.NOT_ENFORCED} if self.drifted else told
        return self.told_to_strangers()

    def told_to_strangers(self) -> dict[str, Any]:
        """The same without any decision: what may be said before the registry let the client in."""
        if self.refusal is None:
            return {"request_id": self.request_id}
        return shape_of_refusal(self.refusal, self.reference, request_id=self.request_id)

    def present(self, refusal: Refusal, decision: Decision | None) -> Presented:
        """The words for a refusal, with what a decision knows about it; None for what strangers may hear."""
        known = self.whereabouts if decision is None else decision.whereabouts
        return present(refusal, reference="" if self.reference is None else str(self.reference), **known)


EXCHANGE: Final = web.RequestKey("exchange", Exchange)
_DRIFT: Final = "drift: the tag was moved in the registry, which serves another digest than the signed one"
_DRIFT_UNSAID: Final = "drift: the registry does not say which digest it serves, so it may not be the signed one"
LISTENER: Final = web.AppKey("listener", str)  # its section of the configuration: `listen`, `candidates`
ADMISSIONS: Final = web.AppKey[Admissions | None]("admissions")
_BINDING: Final = frozenset({Mode.ENFORCE, Mode.PROTECT})


def record(request: web.Request, status: int | None, now: Callable[[], datetime]) -> None:
    """Write the one line of a request; where its decision is still under way, as soon as that is made.

    Args:
        request: the one that was answered.
        status: what the client got; None where it left before the status line.
        now: tells the time, for the age of evidence.
    """
    exchange = request[EXCHANGE]
    facts = facts_of(request, status)
    admissions = request.app[ADMISSIONS]
    if exchange.deciding is None:
        _write(exchange, facts, now, admissions)
    else:
        deciding = _write_when_decided(exchange, exchange.deciding, facts, now, admissions)
        spawn(deciding, name=f"log {exchange.request_id}")


def facts_of(request: web.Request, status: int | None) -> dict[str, Any]:
    """What is told of a request beside the decision about it."""
    exchange = request[EXCHANGE]
    facts = {
        "method": request.method,
        "path": client_text(request.raw_path.partition("?")[0]),  # the state of an upload is not for the log
        "status": status,
        "duration": round(time.monotonic() - exchange.begun, 6),
        "listener": request.app[LISTENER],
        "client": client(request),
        "user_agent": client_text(request.headers.get("User-Agent")),
    }
    if exchange.client_certificate is not None:
        facts["client_certificate"] = client_text(exchange.client_certificate)
    if exchange.served is not None:
        facts["served"] = client_text(exchange.served)
    return facts


async def _write_when_decided(
    exchange: Exchange,
    deciding: "Task[Decision]",
    facts: dict[str, Any],
    now: Callable[[], datetime],
    admissions: Admissions | None,
) -> None:
    try:
        exchange.decision = await deciding
    except asyncio.CancelledError:  # at the end of the process; what the client got is told all the same
        exchange.trouble = exchange.trouble or "never decided"
        raise
    finally:
        _write(exchange, facts, now, admissions)


def _write(
    exchange: Exchange, facts: dict[str, Any], now: Callable[[], datetime], admissions: Admissions | None
) -> None:
    event, told = "request", exchange.told(now())
    if exchange.decision is not None:
        event, facts["cache"] = "decision", source_of(exchange.decision)
    if exchange.trouble is not None:
        facts["trouble"] = exchange.trouble
    if kind := _kind(exchange, told, facts["status"]):
        facts["audit"] = kind
    _count(told, kind)
    getattr(log, _level(exchange))(event, **told, **facts, **_why(exchange))
    exchange.span.tell(exchange.route, told, facts)
    if admissions is not None and exchange.decision is not None:
        _tell(admissions, exchange.name, exchange.decision, told, facts["status"])


def _tell(admissions: Admissions, name: str, decision: Decision, told: Mapping[str, Any], status: int | None) -> None:
    """Tell what became of a tag: it was served as signed, or refused for what is signed or configured."""
    repository, tag = decision.reference.repository, decision.reference.target
    if not isinstance(tag, Tag) or status is None:
        return
    key = Tagged(name, repository, tag)
    if told["decision"] == Verdict.ALLOWED and status < 400:
        admissions.admit(key, told["digest"])
    elif told["decision"] == Verdict.REFUSED and status == 403 and decision.mode in _BINDING:
        admissions.refuse(key, Refused(told["rule"], decision.mode, told["refusal"], told["gun"], told["request_id"]))


def _kind(exchange: Exchange, told: Mapping[str, Any], status: int | None) -> Audit | None:
    """What a request is to the audit stream, if anything; what the registry or we refused was not served."""
    if "decision" not in told:
        return None
    if told["refusal"] is not None:
        return Audit.REFUSAL
    if status is None or status >= 400:
        return None
    if exchange.drifted:
        return Audit.DRIFT
    if told["stale"] is not None:
        return Audit.STALE_SERVED
    return Audit.GRACE_SERVED if told["expiry_grace"] else None


def _count(told: Mapping[str, Any], kind: Audit | None) -> None:
    if "decision" not in told:
        return
    DECISIONS.inc(told["rule"] or NO_RULE, told["mode"] or "none", told["decision"], told["refusal"] or "none")
    if told["decision"] == Verdict.REFUSED:
        REFUSALS.inc(told["refusal"] or "none")
    if kind is Audit.STALE_SERVED:
        STALE_SERVED.inc()
    elif kind is Audit.GRACE_SERVED:
        GRACE_SERVED.inc()


def _why(exchange: Exchange) -> dict[str, str]:
    """The sentence of a refusal, whether it was binding or not, or what let through what nobody had to sign."""
    refusal, decision = _refusal(exchange), exchange.decision
    if refusal is not None:
        return {"message": exchange.present(refusal, decision).message}
    if exchange.drifted:
        return {"because": _DRIFT if exchange.served else _DRIFT_UNSAID}
    if decision is None or decision.permission is None or verdict_of(decision) is not Verdict.NOT_ENFORCED:
        return {}
    permission = decision.permission
    return {"because": permission.rule if isinstance(permission, Allowed) else permission.reason}


def _refusal(exchange: Exchange) -> Refusal | None:
    return exchange.refusal or (None if exchange.decision is None else exchange.decision.refusal)


def _level(exchange: Exchange) -> Level:
    refusal = _refusal(exchange)
    if refusal is None:
        return "warning" if exchange.drifted else "info"
    return row_of(refusal).level
