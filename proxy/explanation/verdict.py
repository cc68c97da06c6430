"""The verdict, and what the repository's mode makes of it now."""

from typing import Final

from proxy.errors import Blocked, CannotDecide, Refusal, RegistryUnreachable, TrustStoreUnavailable
from proxy.explanation.known import Known
from proxy.explanation.story import Conclusion
from proxy.explanation.words import sentence, when
from proxy.names import Digest
from proxy.policy.decisions import Allowed, Unenforced
from proxy.policy.entries import Mode, Relaxation
from proxy.refusals import row_of

_NOW: Final = {
    # mode, allowed
    (Mode.ENFORCE, True): "enforce: clients get this digest",
    (Mode.ENFORCE, False): "enforce: clients are refused",
    (Mode.PROTECT, True): "protect: clients get this digest",
    (Mode.PROTECT, False): "protect: clients are refused, because {why}",
    (Mode.AUDIT, True): "audit: clients get what the registry has, whatever is signed",
    (Mode.AUDIT, False): "audit: it would be refused, and is served as the registry has it",
    (Mode.DISABLED, True): "disabled: clients get what the registry has, Notary is not asked",
    (Mode.DISABLED, False): "disabled: it is served as the registry has it, Notary is not asked",
}
_UNPROTECTED: Final = "protect: it was never signed, so it would be refused and is served as the registry has it"


def conclude(known: Known) -> Conclusion:
    """The verdict as under `enforce`, in the words that clients hear, and what is made of it now."""
    decision, code, text = _verdict(known)
    allowed = known.decision.permission
    relaxed = known.policy.relaxation_for(known.reference.repository)
    return Conclusion(
        decision=decision,
        code=code,
        sentence=text,
        digest=allowed.digest if isinstance(allowed, Allowed) else "",
        signers=allowed.signers if isinstance(allowed, Allowed) else (),
        mode=known.decision.mode,
        now=_now(known, relaxed),
        until=relaxed.until if relaxed else None,
        reason=(relaxed.reason or "") if relaxed else "",
        place=relaxed.place if relaxed else "",
    )


def _verdict(known: Known) -> tuple[str, str, str]:
    """Decision, code, sentence."""
    refusal, permission = known.decision.refusal, known.decision.permission
    if refusal:
        word = "undecided" if isinstance(refusal, CannotDecide | RegistryUnreachable) else "refused"
        return word, row_of(refusal).code, sentence(refusal, known)
    if isinstance(permission, Allowed) and permission.enforced:
        signers = ", ".join(permission.signers) or "nobody by name"
        which = "" if isinstance(known.reference.target, Digest) else f"{permission.digest}, "
        return "allowed", "", f"{known.reference} is {which}signed by {signers}"
    rule = permission.rule if isinstance(permission, Allowed) else getattr(permission, "reason", "nothing")
    return "not-enforced", "", f"{known.reference} is served without a signature, by {rule}"


def _why_protected(known: Known, refusal: Refusal) -> str:
    """Why `protect` does not let it pass (design: Configuration, Modes)."""
    if isinstance(refusal, Blocked):
        return "it is blocked"
    if isinstance(refusal, TrustStoreUnavailable) or not known.has_store:
        return "it cannot be told whether it was signed before"
    return "it was signed before"


def _now(known: Known, relaxed: Relaxation | None) -> str:
    """What clients get at this moment."""
    mode, refusal = known.decision.mode, known.decision.refusal
    words = _NOW[mode, refusal is None]
    if mode is Mode.PROTECT and refusal:
        passes = isinstance(known.decision.permission, Unenforced)
        words = _UNPROTECTED if passes else words.format(why=_why_protected(known, refusal))
    if relaxed is None or relaxed.until is None:
        return words
    if known.now >= relaxed.until:
        return f"{words}; {relaxed.mode} ended at {when(relaxed.until, known.now)}"
    return f"{words}; until {when(relaxed.until, known.now)}, then it is enforced"
