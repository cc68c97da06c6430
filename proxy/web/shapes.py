"""The one shape in which a decision is told: in the error body's `detail`, in `verify --json` and in the log."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from proxy.errors import Refusal, SignerMissing
from proxy.names import Reference, Repository
from proxy.policy.decisions import Allowed, Decision, Unenforced
from proxy.policy.entries import Mode
from proxy.refusals import row_of

_KEYS: Final = (
    *("reference", "gun", "rule", "mode", "decision", "refusal", "digest", "length"),
    *("signers", "missing", "roles", "evidence_age", "stale", "expiry_grace", "request_id"),
)


class Verdict(StrEnum):
    """What became of a request (design: Answers)."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    WOULD_REFUSE = "would-refuse"
    NOT_ENFORCED = "not-enforced"


def passes(decision: Decision) -> bool:
    """Whether the client gets what it asked for: there is a permission, and no refusal stands beside it.

    Under `protect` alone both may be set: what nobody ever signed passes although it would be refused.
    """
    if decision.refusal is None:
        return decision.permission is not None
    return isinstance(decision.permission, Unenforced) and decision.permission.mode is Mode.PROTECT


def verdict_of(decision: Decision) -> Verdict:
    """The word for a decision; what is neither permission nor refusal counts as refused."""
    if not passes(decision):
        return Verdict.WOULD_REFUSE if decision.mode is Mode.AUDIT else Verdict.REFUSED
    if decision.refusal is not None:
        return Verdict.WOULD_REFUSE
    enforced = isinstance(decision.permission, Allowed) and decision.permission.enforced
    return Verdict.ALLOWED if enforced else Verdict.NOT_ENFORCED


def drifts(decision: Decision, announced: str | None) -> bool:
    """Whether a manifest that the registry itself announces is not the one that was allowed, or may not be.

    Args:
        decision: about the reference that was asked for.
        announced: the digest that comes with the registry's own answer; None where it says none, or several.
    """
    permission = decision.permission
    return (
        verdict_of(decision) is Verdict.ALLOWED and isinstance(permission, Allowed) and permission.digest != announced
    )


def signers_of(decision: Decision) -> tuple[str, ...]:
    """Who signed what was decided about, sorted."""
    if isinstance(decision.refusal, SignerMissing):
        return tuple(sorted(decision.refusal.signed))
    return decision.permission.signers if isinstance(decision.permission, Allowed) else ()


def shape(decision: Decision, *, request_id: str | None, now: datetime) -> dict[str, Any]:
    """Everything about a decision, ready for JSON; every key is always there, null where nothing is known.

    `length` is bytes, `evidence_age` seconds since Notary last confirmed the evidence, `stale` the same where it serves
    only because it could not be confirmed, `expiry_grace` the roles that count only by it, `expires` RFC 3339.
    """
    allowed = decision.permission if isinstance(decision.permission, Allowed) else None
    return {
        "reference": str(decision.reference),
        "gun": decision.gun,
        "rule": decision.rule or None,
        "mode": decision.mode,
        "decision": verdict_of(decision),
        "refusal": None if decision.refusal is None else row_of(decision.refusal).code,
        "digest": None if allowed is None else allowed.digest,
        "length": None if allowed is None else allowed.length,
        "signers": list(signers_of(decision)),
        "missing": list(decision.missing),
        "roles": _roles(decision),
        "evidence_age": None if decision.checked_at is None else round((now - decision.checked_at).total_seconds(), 3),
        "stale": decision.stale,
        "expiry_grace": list(decision.by_grace(now)),
        "request_id": request_id,
    }


def shape_of_refusal(
    refusal: Refusal, reference: Reference | Repository | None, *, request_id: str | None
) -> dict[str, Any]:
    """The same shape for a refusal that no decision stands behind: a path, a method, a registry that is away."""
    known: dict[str, Any] = {
        "reference": None if reference is None else str(reference),
        "decision": Verdict.REFUSED,
        "refusal": row_of(refusal).code,
        "signers": [],
        "missing": [],
        "roles": {},
        "expiry_grace": [],
        "request_id": request_id,
    }
    return dict.fromkeys(_KEYS) | known


def _roles(decision: Decision) -> Mapping[str, Mapping[str, Any]]:
    return {
        str(name): {"version": role.version, "expires": role.expires.isoformat()}
        for name, role in sorted(decision.roles.items())
    }
