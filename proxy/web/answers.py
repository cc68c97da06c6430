"""Answers that the proxy itself gives: refusals, the registry's own errors, and the headers of decisions."""

from datetime import datetime
from typing import Final

import orjson
from aiohttp import web

from proxy.errors import Refusal
from proxy.policy.decisions import Decision
from proxy.refusals import row_of
from proxy.registry.failures import Relayed
from proxy.web.error_bodies import JSON, rebuild
from proxy.web.exchange import Exchange
from proxy.web.shapes import Verdict, signers_of, verdict_of

BANNER: Final = "tagwarden"
API_VERSION: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}


def decision_headers(decision: Decision) -> dict[str, str]:
    """The headers of a decided answer; for those who may read alone, so never beside the registry's own 401 or 403."""
    headers = {"X-Tagwarden-Decision": str(verdict_of(decision))}
    if decision.refusal is not None:
        headers["X-Tagwarden-Refusal"] = row_of(decision.refusal).code
    if signers := signers_of(decision):
        headers["X-Tagwarden-Signers"] = ",".join(signers)
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
    }
    if decision is not None and (signers := signers_of(decision)):
        headers["X-Tagwarden-Signers"] = ",".join(signers)
    if presented.retry_after is not None:
        headers["Retry-After"] = str(presented.retry_after)
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


def relayed(answer: Relayed) -> web.Response:
    """The registry's own no, with every challenge that it makes."""
    headers = answer.headers.copy()
    headers.extend(API_VERSION)
    headers["Content-Type"] = JSON
    return web.Response(status=answer.status, headers=headers, body=rebuild(answer.status, answer.body))
