"""Answers that the proxy itself gives: refusals, the registry's own errors, and the headers of decisions."""

from datetime import datetime
from typing import Final

import orjson
from aiohttp import web

from proxy.errors import Refusal, RegistryLoop
from proxy.policy.decisions import Allowed, Decision
from proxy.refusals import row_of
from proxy.registry.failures import Relayed
from proxy.registry.loops import LOOP
from proxy.web.error_bodies import JSON, rebuild
from proxy.web.exchange import Exchange
from proxy.web.shapes import Verdict, drifts, signers_of, verdict_of

BANNER: Final = "tagwarden"
API_VERSION: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}


def decision_headers(exchange: Exchange, decision: Decision) -> dict[str, str]:
    """The headers of a decided answer; for those who may read alone, so never beside the registry's own 401 or 403."""
    headers = {"X-Tagwarden-Decision": str(verdict_of(decision)), **_named(exchange)}
    if decision.refusal is not None:
        headers["X-Tagwarden-Refusal"] = row_of(decision.refusal).code
    return headers | _evidence_headers(decision)


def manifest_headers(exchange: Exchange, decision: Decision, announced: str | None) -> dict[str, str]:
    """The same for a manifest, with the digest that was decided.

    Only that digest is called allowed. An audit lets the registry answer as it is, and where its tag was moved the
    answer has other bytes than those that were signed: they are nobody's, and not enforced.

    Args:
        exchange: the request.
        decision: about its reference.
        announced: the digest that comes with the answer; None where it says none, or several.
    """
    headers = decision_headers(exchange, decision)
    if isinstance(decision.permission, Allowed) and decision.refusal is None:
        headers["X-Tagwarden-Digest"] = decision.permission.digest
    if drifts(decision, announced):
        headers["X-Tagwarden-Decision"] = str(Verdict.NOT_ENFORCED)
        headers.pop("X-Tagwarden-Signers", None)
    return headers


def refused(exchange: Exchange, refusal: Refusal, now: datetime) -> web.Response:
    """Say no in the words of the table, so that every client prints them (design: Answers; clients 2.1).

    Under HEAD the body stays behind, with its length announced, and the reason phrase carries the sentence. A client
    that the registry has not let in hears nothing of a decision that was made meanwhile.
    """
    exchange.refusal = refusal
    decision = exchange.decision if exchange.authorised else None
    presented = exchange.present(refusal, decision)
    headers = {
        **API_VERSION,
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Tagwarden-Decision": str(Verdict.REFUSED),
        "X-Tagwarden-Refusal": presented.code,
        **_named(exchange),
    }
    if decision is not None:
        headers |= _evidence_headers(decision)
    if presented.retry_after is not None:
        headers["Retry-After"] = str(presented.retry_after)
    if isinstance(refusal, RegistryLoop):
        headers[LOOP] = "registry.url"
    if presented.status == 405:
        headers["Allow"] = ", ".join(sorted(exchange.allow))
    detail = exchange.told(now) if exchange.authorised else exchange.told_to_strangers()
    error = {"code": presented.oci_code, "message": presented.message, "detail": detail}
    return web.Response(
        status=presented.status,
        reason=presented.reason_phrase,
        headers=headers,
        body=orjson.dumps({"errors": [error]}),
    )


def _evidence_headers(decision: Decision) -> dict[str, str]:
    """Who signed, and in an outage how many seconds ago Notary last confirmed it."""
    headers = {}
    if signers := signers_of(decision):
        headers["X-Tagwarden-Signers"] = ",".join(signers)
    if decision.stale is not None:
        headers["X-Tagwarden-Stale"] = str(decision.stale)
    return headers


def relayed(answer: Relayed) -> web.Response:
    """The registry's own no, with every challenge that it makes."""
    headers = answer.headers.copy()
    headers.extend(API_VERSION)
    headers["Content-Type"] = JSON
    return web.Response(status=answer.status, headers=headers, body=rebuild(answer.status, answer.body))


def _named(exchange: Exchange) -> dict[str, str]:
    """For which registry was decided; a name is checked where it is configured, so it is fit for a header."""
    return {"X-Tagwarden-Name": exchange.name} if exchange.name else {}
